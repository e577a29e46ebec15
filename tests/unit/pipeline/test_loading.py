"""From the files of a folder to a pipeline, many files in two processes; what cannot be read is said."""

from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.pipeline import source
from djproject.pipeline.definition import read_definition
from djproject.pipeline.files import load_files
from djproject.pipeline.source import (
    FIRST_HALF,
    MANY_FILES,
    Unreadable,
    load_package,
    load_pipeline,
    load_readable,
    read_files,
    unreadable,
    unreadable_error,
)
from djproject.project.location import load_project
from tests.checking import pipeline_in, write_project
from tests.unit.pipeline.test_linking import ONE, TABLE, A

PART = "    class P(dj.Part):\n        definition = 'p : int32'\n"


def folder_of(root: Path, **files: str) -> Path:
    for name, text in files.items():
        (root / f"{name}.py").write_text(text)
    return root


def test_files_are_read_as_modules_with_their_definitions(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, one=A + PART, two=f"{ONE}@schema\nclass B(dj.Manual): definition = f()\nclass C: pass\n"
    )
    calls: list[int] = []
    found = read_files(folder, "workflow", load_files(folder), lambda: calls.append(1))
    assert list(found.modules) == ["one", "two"]
    assert [module.path for module in found.modules.values()] == [folder / "one.py", folder / "two.py"]
    assert found.definitions == {text: read_definition(text) for text in ("a : int32", "p : int32")}
    assert calls == [1]
    assert read_files(folder, "workflow", load_files(folder)) == found


def test_many_files_are_read_by_two_processes_as_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (MANY_FILES, FIRST_HALF) == (300, 0.58)
    names = [f"m{number}" for number in range(5)]
    folder = folder_of(tmp_path, **{name: ONE + TABLE.format("T", "Manual", f"{name} : int32") for name in names})
    files = load_files(folder)
    whole = read_files(folder, "workflow", files)
    halves: list[list[str]] = []

    def both(mine: object, others: object) -> tuple[object, object]:
        parts = (mine(), others())  # type: ignore[operator]
        halves.extend(list(part.modules) for part in parts)
        return parts

    monkeypatch.setattr(source, "both", both)
    monkeypatch.setattr(source, "MANY_FILES", 6)
    assert read_files(folder, "workflow", files) == whole
    assert halves == []
    monkeypatch.setattr(source, "MANY_FILES", 5)
    calls: list[int] = []
    split = read_files(folder, "workflow", files, lambda: calls.append(1))
    assert halves == [["m0", "m1"], ["m2", "m3", "m4"]]
    assert (dict(split.modules), dict(split.definitions)) == (dict(whole.modules), dict(whole.definitions))
    assert list(split.modules) == names
    assert calls == [1]


BAD = "x = 1\nclass (\n"
MESSAGE = "is not valid Python: invalid syntax"


def test_a_file_that_is_needed_and_not_python_is_told_with_its_line(tmp_path: Path) -> None:
    write_project(tmp_path, {"one.py": f"from . import bad\n{A}", "bad.py": BAD, "other.py": BAD}, git=False)
    folder = tmp_path / "src/workflow"
    project = load_project(tmp_path)
    bad = folder / "bad.py"
    for load in (lambda: load_package(folder, "workflow"), lambda: load_pipeline(project)):
        with pytest.raises(ProjectError) as refused:
            load()
        assert (refused.value.message, refused.value.hint) == (f"{bad}:2 {MESSAGE}.", f"$EDITOR {bad}")
    pipeline = load_readable(project)
    assert pipeline.package == "workflow"
    assert [table.full_name for table in pipeline.tables] == ["one.A"]
    assert unreadable(pipeline) == [Unreadable("bad", bad, 2, MESSAGE)]


def test_a_file_that_is_not_python_is_told_where_it_may_have_tables(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"bad.py": BAD, "tables.py": f"{BAD}@schema\n", "worse.py": f"{BAD}@schema\n"}
    write_project(tmp_path, files, git=False)
    folder = tmp_path / "src/workflow"
    pipeline = load_readable(load_project(tmp_path))
    assert [found.module for found in unreadable(pipeline)] == ["tables", "worse"]
    with pytest.raises(ProjectError) as refused:
        load_package(folder, "workflow")
    assert refused.value.message == f"{folder / 'tables.py'}:2 {MESSAGE}."


def test_a_sound_package_is_loaded_whole(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        {
            "one.py": f"import workflow.deep.two\n{A}",
            "src/workflow/deep/__init__.py": "",
            "src/workflow/deep/two.py": A,
        },
        git=False,
    )
    project = load_project(tmp_path)
    for pipeline in (pipeline_in(tmp_path), load_pipeline(project), load_readable(project)):
        assert pipeline.package == "workflow"
        assert sorted(pipeline.sources) == ["", "deep", "deep.two", "one"]
        assert [table.full_name for table in pipeline.tables] == ["deep.two.A", "one.A"]
        assert [module.imports for module in pipeline.modules] == [(), ("deep.two",)]
        assert unreadable(pipeline) == []


def test_a_missing_folder_is_an_empty_pipeline(tmp_path: Path) -> None:
    pipeline = load_package(tmp_path / "missing", "workflow")
    assert (pipeline.package, pipeline.modules, pipeline.sources) == ("workflow", (), {})


def test_the_sentence_for_a_file_that_cannot_be_read() -> None:
    error = unreadable_error(Unreadable("a.b", Path("a/b.py"), 7, "is nested too deeply"))
    assert (error.message, error.hint) == ("a/b.py:7 is nested too deeply.", "$EDITOR a/b.py")
