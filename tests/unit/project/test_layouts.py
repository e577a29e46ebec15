"""Where the package is, whatever the layout: one answer for every command."""

from pathlib import Path

import pytest

from djproject.checks.loading import load_inputs
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project

MODULE = """import datajoint as dj
schema = dj.Schema("subject")

@schema
class Subject(dj.Manual):
    definition = "subject : int32"
"""


NAMED = [
    ("lab", "src/lab", "src"),
    ("lab", "lab", "."),
    ("lab.pipeline", "src/lab/pipeline", "src"),
    ("lab.pipeline", "lab/pipeline", "."),
]
FOUND = [("", "lab", "."), ("", "src/lab", "src")]


@pytest.mark.parametrize(
    ("setting", "folder", "import_root", "namespace"),
    [*((*layout, False) for layout in (*NAMED, *FOUND)), *((*layout, True) for layout in NAMED)],
)
def test_check_and_every_other_command_find_the_package(
    tmp_path: Path, setting: str, folder: str, import_root: str, namespace: bool
) -> None:
    named = f'package = "{setting}"\n' if setting else ""
    (tmp_path / "pyproject.toml").write_text(f"[tool.djproject]\n{named}")
    for other in ("tests", folder):
        (tmp_path / other).mkdir(parents=True)
        if not (namespace and other == folder):
            (tmp_path / other / "__init__.py").touch()
    (tmp_path / folder / "subject.py").write_text(MODULE)
    project = load_project(tmp_path)
    assert project.source == tmp_path / folder
    assert project.import_root == tmp_path / import_root
    assert load_inputs(tmp_path).folder == project.source
    assert [table.full_name for table in load_pipeline(project).tables] == ["subject.Subject"]


def test_a_package_in_src_goes_before_one_at_the_top(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.djproject]\npackage = "lab"\n')
    for folder in ("lab", "src/lab"):
        (tmp_path / folder).mkdir(parents=True)
    assert load_project(tmp_path).source == tmp_path / "src" / "lab"
