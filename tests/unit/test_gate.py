"""Which modules a command works without, and when it stops."""

from pathlib import Path

import pytest

from djproject.cli._gate import LeftOut, readable_pipeline, without_broken
from djproject.errors import ProjectError
from djproject.pipeline.source import load_readable
from djproject.project.location import load_project
from tests.checking import module, table, write_project

GOOD = table("T", "k : int32")
BAD = table("T", "k : int32", "---", "x : uint8")


def left(root: Path, files: dict[str, str], pyproject: str = "") -> tuple[list[str], tuple[LeftOut, ...]]:
    write_project(root, files, pyproject=pyproject, git=False)
    project = load_project(root)
    pipeline, out = without_broken(project, load_readable(project))
    return [each.name for each in pipeline.modules], out


def test_what_needs_a_broken_module_is_left_out_with_it(tmp_path: Path) -> None:
    kept, out = left(
        tmp_path,
        {
            "a.py": module("a", GOOD),
            "b.py": module("b", BAD, imports="from . import a"),
            "tools.py": "from . import b\n",
            "c.py": module("c", GOOD, imports="from . import tools"),
            "d.py": module("d", table("D", "-> c.T"), imports="from . import c"),
            "e.py": module("e", table("E", "-> a.T"), imports="from . import a"),
            "f.py": module("f", GOOD) + "def late():\n    from . import b\n    return b\n",
        },
    )
    assert kept == ["a", "e", "f"]
    assert [each.module for each in out] == ["b", "c", "d"]
    assert out[0].reason.startswith("src/workflow/b.py:10 DJP211 ")
    assert [each.reason for each in out[1:]] == ["c needs b", "d needs b"]


def test_a_broken_file_that_is_no_schema_module_takes_those_that_import_it(tmp_path: Path) -> None:
    texts = 'TEXT = "k : int32\\n---\\nx : uint8"\n'
    user = "@schema\nclass T(dj.Manual):\n    definition = texts.TEXT"
    kept, out = left(
        tmp_path,
        {"a.py": module("a", GOOD), "texts.py": texts, "b.py": module("b", user, imports="from . import texts")},
    )
    assert kept == ["a"]
    assert [each.module for each in out] == ["b"]


@pytest.mark.parametrize(
    ("files", "pyproject"),
    [
        ({"a.py": module("a", BAD)}, ""),
        ({"a.py": module("a", GOOD), "b.py": module("b", BAD), "__init__.py": "from . import a, b\n"}, ""),
        ({"a.py": module("a", GOOD)}, '\n[tool.datajoint.stores.main]\nprotocol = "s3"\nbucket = "b"\n'),
    ],
)
def test_it_stops_where_nothing_is_left_or_a_store_is_broken(
    tmp_path: Path, files: dict[str, str], pyproject: str
) -> None:
    with pytest.raises(ProjectError, match="DJP"):
        left(tmp_path, files, pyproject)


def test_nothing_is_left_out_of_what_works_or_is_ignored(tmp_path: Path) -> None:
    kept, out = left(tmp_path / "works", {"a.py": module("a", GOOD).replace("schema =", "db =")})
    assert (kept, out) == (["a"], ())
    ignoring = '\n[tool.djproject.check]\nignore = ["DJP211"]\n'
    assert left(tmp_path / "ignored", {"a.py": module("a", BAD)}, ignoring) == (["a"], ())


NO_PYTHON = "import datajoint as dj\n\nschema = dj.Schema('b')\n\n\nclass B(dj.Manual:\n"


def test_a_file_that_is_no_python_is_left_out_with_what_needs_it(tmp_path: Path) -> None:
    files = {
        "a.py": module("a", GOOD),
        "b.py": NO_PYTHON,
        "c.py": module("c", table("C", "-> b.B"), imports="from . import b"),
        "old.py": "print 'a script that nothing imports'\n",
    }
    kept, out = left(tmp_path, files)
    assert kept == ["a"]
    assert [each.module for each in out] == ["b", "c"]
    assert [each.reason for each in out] == [
        "src/workflow/b.py:6 is not valid Python: invalid syntax",
        "c needs b",
    ]


def test_reading_commands_go_on_without_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(tmp_path, {"a.py": module("a", GOOD), "b.py": NO_PYTHON}, git=False)
    assert [table.full_name for table in readable_pipeline(load_project(tmp_path)).tables] == ["a.T"]
    assert capsys.readouterr().err == "Skipping b: src/workflow/b.py:6 is not valid Python: invalid syntax\n"


@pytest.mark.parametrize(
    "files", [{"b.py": NO_PYTHON}, {"a.py": module("a", GOOD), "b.py": NO_PYTHON, "__init__.py": "from . import b\n"}]
)
def test_it_stops_where_nothing_is_left_that_is_python(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(ProjectError, match=r"b\.py:6 is not valid Python"):
        left(tmp_path, files)
