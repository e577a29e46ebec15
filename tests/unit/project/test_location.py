"""Where a project and its package are."""

from pathlib import Path

import pytest

from djproject.errors import ConfigError, ProjectError
from djproject.project.checking import CheckTable
from djproject.project.location import (
    NO_PACKAGES,
    NO_PROJECT_HINT,
    Project,
    find_root,
    load_project,
    read_document,
    read_leniently,
    read_project,
)
from djproject.project.schema import EDIT, SettingProblem
from djproject.project.tables import DataJointTable

ROOT = Path("/projects/lab")


@pytest.mark.parametrize(
    ("settings", "folders", "import_root", "source_path"),
    [
        ({"package": "workflow"}, [], "src", "src/workflow"),
        ({"package": "lab.workflow"}, [], "src", "src/lab/workflow"),
        ({"package": "lab.workflow"}, ["lab"], "", "lab/workflow"),
        ({"package": "lab.workflow"}, ["workflow"], "src", "src/lab/workflow"),
        ({"package": "lab"}, ["lab", "src/lab"], "src", "src/lab"),
        ({"package": "lab"}, ["lab", "src/other"], "", "lab"),
        ({"package": "lab", "source": "code/py"}, ["lab", "src/lab"], "code/py", "code/py/lab"),
    ],
)
def test_the_source_is_below_the_folder_that_python_imports_from(
    tmp_path: Path, settings: dict[str, str], folders: list[str], import_root: str, source_path: str
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    project = read_project(tmp_path, {"tool": {"djproject": settings}})
    assert project.import_root == tmp_path / import_root
    assert project.source == tmp_path / source_path
    assert project.source_path == source_path


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        ([], "workflow"),
        (["src/lab"], "lab"),
        (["src/lab", "src/tests"], "lab"),
        (["src/lab", "src/other"], "workflow"),
        (["lab", *sorted(NO_PACKAGES)], "lab"),
        (["lab", "other"], "workflow"),
        (["lab", "src/own"], "own"),
        (["lab", "src/tests"], "lab"),
    ],
)
def test_a_package_that_no_setting_names_is_the_only_one_there(tmp_path: Path, packages: list[str], found: str) -> None:
    for package in packages:
        (tmp_path / package).mkdir(parents=True, exist_ok=True)
        (tmp_path / package / "__init__.py").touch()
    assert read_project(tmp_path, {}).package == found


def test_a_project_without_settings_has_defaults() -> None:
    expected = Project(ROOT, "lab", "workflow", DataJointTable(), "embedded", {})
    for document in ({}, {"project": {"name": 5}}, {"project": 5, "tool": 5}, {"tool": {"djproject": {}}}):
        assert read_leniently(ROOT, document) == (expected, ())
    assert expected[6:] == (CheckTable(), {}, {}, {}, "", "")
    named = read_project(ROOT, {"project": {"name": "demo"}, "tool": {"djproject": {"target": "lab"}}})
    assert (named.name, named.target) == ("demo", "lab")


def test_tables_that_are_none_leave_the_defaults_and_are_told_in_order() -> None:
    project, problems = read_leniently(ROOT, {"tool": {"djproject": 1, "datajoint": 2}})
    assert project == Project(ROOT, "lab", "workflow", DataJointTable(), "embedded", {})
    assert problems == (
        SettingProblem(("tool", "datajoint"), "[tool.datajoint] is not a table.", EDIT),
        SettingProblem(("tool", "djproject"), "[tool.djproject] is not a table.", EDIT),
    )
    with pytest.raises(ConfigError, match=r"^\[tool.datajoint\] is not a table.$"):
        read_project(ROOT, {"tool": {"djproject": 1, "datajoint": 2}})


def test_targets_of_our_own_are_told_from_the_others() -> None:
    targets = {"lab": {"host": "h"}, "stack": {"schema_prefix": "a"}, "embedded": {}}
    project = read_project(ROOT, {"tool": {"djproject": {"targets": targets}}})
    assert (list(project.targets), list(project.managed)) == (["lab"], ["stack", "embedded"])


def test_a_store_that_is_refused_is_not_told_once_more_where_a_target_moves_it() -> None:
    targets = {"lab": {"host": "h", "stores": {"m": {"location": "x"}, "n": {"location": "y"}}}}
    document = {"tool": {"djproject": {"targets": targets}, "datajoint": {"stores": {"m": "file"}}}}
    _, problems = read_leniently(ROOT, document)
    assert [problem.message for problem in problems] == [
        "[tool.datajoint.stores.m] is not a table.",
        "[tool.djproject.targets.lab.stores.n]: there is no store called 'n'.",
    ]


@pytest.mark.parametrize("text", ["[tool.djproject]\n", "[tool.datajoint.stores]\n", "[tool.djproject\nbroken = "])
def test_the_root_is_the_nearest_folder_whose_settings_are_of_a_pipeline(tmp_path: Path, text: str) -> None:
    inner = tmp_path / "a/b/c"
    inner.mkdir(parents=True)
    assert find_root(inner) is None
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "a/b/pyproject.toml").write_text("[tool.ruff]\n")
    assert find_root(inner) == tmp_path
    (tmp_path / "a/pyproject.toml").write_text(text)
    assert find_root(inner) == tmp_path / "a"
    assert find_root(tmp_path) == tmp_path


def test_settings_that_are_no_file_are_refused_where_they_were_meant_and_passed_over_above(tmp_path: Path) -> None:
    place = tmp_path / "a/pyproject.toml"
    (place.parent / "b").mkdir(parents=True)
    place.mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.djproject]\n")
    assert find_root(tmp_path / "a/b") == tmp_path
    with pytest.raises(ConfigError) as refused:
        find_root(tmp_path / "a")
    assert (refused.value.message, refused.value.hint) == (f"{place} is not a regular file.", f"ls -l {place}")


def test_a_project_is_that_of_the_variable_else_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "pyproject.toml").write_text(f'[project]\nname = "the-{name}"\n[tool.djproject]\n')
    monkeypatch.chdir(tmp_path / "a/inner")
    assert (load_project(environ={}).root, load_project(environ={}).name) == (tmp_path / "a", "the-a")
    assert load_project(environ={"DJPROJECT_ROOT": ""}).name == "the-a"
    assert load_project(environ={"DJPROJECT_ROOT": "../../b"}).root == tmp_path / "b"
    assert load_project(tmp_path / "b/inner", {"DJPROJECT_ROOT": str(tmp_path / "a")}).name == "the-b"
    monkeypatch.setenv("DJPROJECT_ROOT", str(tmp_path / "b"))
    assert load_project().name == "the-b"
    with pytest.raises(ProjectError) as refused:
        load_project(Path("../.."), {})
    assert refused.value.message == f"{tmp_path} is not in a djproject project."
    assert refused.value.hint == NO_PROJECT_HINT


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = 1\nb = ", "is not valid TOML: Invalid value (at line 2, column 5)."),
        ("a = 1\nb = \n", "is not valid TOML: Invalid value (at line 2, column 5)."),
        ("a = ", "is not valid TOML: Invalid value (at line 1, column 5)."),
        ("a = 1\na = 2\n", "is not valid TOML: Cannot overwrite a value (at line 2, column 6)."),
        ("a = " + "[" * 20_000, "is nested too deeply to be read."),
        ("a = " + "1" * 5000, "has a number that is too long."),
    ],
)
def test_malformed_toml_is_refused_with_its_place(text: str, reason: str) -> None:
    path = Path("/lab/pyproject.toml")
    with pytest.raises(ConfigError) as refused:
        read_document(text, path)
    assert (refused.value.message, refused.value.hint) == (f"{path} {reason}", f"$EDITOR {path}")
    assert read_document("a = 1", path) == {"a": 1}
