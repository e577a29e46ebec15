"""Where a project and its package are."""

from pathlib import Path

import pytest

from djproject.project.location import read_project

ROOT = Path("/projects/lab")


@pytest.mark.parametrize(
    ("package", "below_root"), [("workflow", "src/workflow"), ("lab.workflow", "src/lab/workflow")]
)
def test_the_source_is_below_the_folder_that_python_imports_from(package, below_root):
    project = read_project(ROOT, {"tool": {"djproject": {"package": package}}})
    assert project.import_root == ROOT / "src"
    assert project.source == ROOT / below_root
    assert project.source_path == below_root
