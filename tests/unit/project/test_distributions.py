"""A library that is missing is named as pip knows it; what is the project's own is not to be installed."""

from pathlib import Path

import pytest

from djproject.project.distributions import DISTRIBUTION_BY_IMPORT, distribution_of, missing_library
from djproject.project.location import load_project, read_project
from djproject.project.names import normalized


def import_error(statement: str) -> Exception:
    try:
        exec(statement)
    except Exception as error:
        return error
    raise AssertionError(f"{statement} worked")


@pytest.mark.parametrize(
    ("statement", "library", "distribution"),
    [
        ("import no_such_library_x", "no_such_library_x", "no_such_library_x"),
        ("from no_such_library_x.part.piece import thing", "no_such_library_x", "no_such_library_x"),
        ("import sklearn.linear_model", "sklearn", "scikit-learn"),
        ("import cv2", "cv2", "opencv-python"),
        ("import skimage", "skimage", "scikit-image"),
    ],
)
def test_a_library_that_is_not_installed_is_named_as_pip_knows_it(
    project: Path, statement: str, library: str, distribution: str
) -> None:
    found = missing_library(load_project(project, {}), import_error(statement))
    assert (found, distribution_of(found)) == (library, distribution)


@pytest.mark.parametrize(
    "statement",
    ["import workflow.no_such_module", "import json.no_such_part", "from json import no_such_name", "1 / 0",
     "import my_helpers", "import beside", "raise ModuleNotFoundError('by hand')"],
)  # fmt: skip
def test_any_other_error_asks_for_no_installation(project: Path, statement: str) -> None:
    (project / "my_helpers.py").touch()
    (project / "src/workflow/beside.py").touch()
    assert missing_library(load_project(project, {}), import_error(statement)) == ""


def test_a_map_entry_says_what_pip_would_not_find_by_itself() -> None:
    assert all(normalized(name) != normalized(other) for name, other in DISTRIBUTION_BY_IMPORT.items())


@pytest.mark.parametrize(
    ("error", "library"),
    [
        (ModuleNotFoundError("no", name="no_such_library_x.part"), "no_such_library_x"),
        (ModuleNotFoundError("no", name=""), ""),
        (ModuleNotFoundError("no"), ""),
        (ImportError("no", name="no_such_library_x"), ""),
        (ModuleNotFoundError("no", name="json.part"), ""),
        (ModuleNotFoundError("no", name="pytest.part"), ""),
        (ModuleNotFoundError("no", name="elsewhere_x"), ""),
        (ModuleNotFoundError("no", name="folder_x.part"), ""),
        (ModuleNotFoundError("no", name="module_x"), ""),
        (ModuleNotFoundError("no", name="helper_x"), ""),
        (ModuleNotFoundError("no", name="beside_x"), ""),
    ],
)
def test_only_what_is_not_the_projects_own_or_pythons_is_missing(
    tmp_path: Path, error: Exception, library: str
) -> None:
    settings = {"package": "elsewhere_x", "source": "src"}
    for folder in ("folder_x", "src/elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("src/module_x.py", "helper_x.py"):
        (tmp_path / file).touch()
    project = read_project(tmp_path, {"tool": {"djproject": settings}})
    if error.name == "beside_x":  # type: ignore[attr-defined]
        project.source.mkdir()
        (project.source / "beside_x.py").touch()
    assert missing_library(project, error) == library


def test_the_distribution_of_a_name_is_that_of_its_first_part() -> None:
    assert [distribution_of(name) for name in ("yaml", "ruamel.yaml.x", "yaml_x.y", "scipy")] == [
        "PyYAML",
        "ruamel.yaml",
        "yaml_x",
        "scipy",
    ]
