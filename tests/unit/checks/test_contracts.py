"""What depends on the project's settings: layers between packages, servers that differ, default stores."""

from pathlib import Path

import pytest

from tests.checking import codes_in, findings_in, module, table, write_project
from tests.unit.checks.cases import KEY

LAYERS = '[tool.djproject.check]\nlayers = [["low"], ["high"]]\n'
STORES = """
[tool.datajoint.stores]
default = "second"
filepath_default = "third"
[tool.datajoint.stores.first]
protocol = "file"
location = "/1"
[tool.datajoint.stores.second]
protocol = "file"
location = "/2"
[tool.datajoint.stores.third]
protocol = "file"
location = "/3"
"""
MYSQL = '\n[tool.djproject.targets.lab]\nhost = "db"\nuser = "u"\nbackend = "mysql"\n'


def test_layers_hold_for_modules_inside_packages(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "src/workflow/low/__init__.py": "",
        "src/workflow/high/__init__.py": "",
        "src/workflow/high/b.py": module("b", table("B", *KEY)),
        "src/workflow/low/a.py": module("a", table("A", "-> b.B"), imports="from ..high import b"),
    }
    write_project(tmp_path, files, pyproject=LAYERS)
    assert codes_in(tmp_path, "DJP120") == ["DJP120"]
    (tmp_path / "pyproject.toml").write_text(
        (tmp_path / "pyproject.toml").read_text().replace('[["low"], ["high"]]', '[["high"], ["low"]]')
    )
    assert codes_in(tmp_path, "DJP120") == []


def test_a_type_that_means_something_else_on_each_server_has_no_fix(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.py": module("a", table("A", *KEY, "---", "x : float", "y : int"))}
    write_project(tmp_path, files, pyproject=MYSQL)
    fixes = {f.message.split()[0]: [edit.text for edit in f.edits] for f in findings_in(tmp_path, ["DJP213"])}
    assert fixes == {"A.x": [], "A.y": ["int32"]}


@pytest.mark.parametrize(("codec", "store"), [("blob", "second"), ("attach", "second"), ("filepath", "third")])
def test_a_codec_is_given_the_default_store(tmp_path: Path, codec: str, store: str) -> None:
    files: dict[str, str | bytes] = {"a.py": module("a", table("A", *KEY, "---", f"x : <{codec}@>"))}
    write_project(tmp_path, files, pyproject=STORES)
    (found,) = findings_in(tmp_path, ["DJP217"])
    assert [edit.text for edit in found.edits] == [f"<{codec}@{store}>"]


def test_without_a_default_no_store_is_chosen(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.py": module("a", table("A", *KEY, "---", "x : <blob@>"))}
    write_project(tmp_path, files, pyproject=STORES.replace('default = "second"', ""))
    (found,) = findings_in(tmp_path, ["DJP217"])
    assert found.edits == ()
