"""Other packages of the same name are found without being imported."""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

from djproject.project.namesakes import namesakes


def package(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('it ran')\n")
    return folder


class Finder:
    """An editable install's finder, as setuptools writes it where a package is not a plain folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: object = None) -> ModuleSpec | None:
        if name != "workflow":
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(self.folder)]
        return spec


def test_every_other_package_of_the_name_is_found_once_and_none_is_run(tmp_path: Path) -> None:
    own, first = package(tmp_path / "b/src/workflow"), package(tmp_path / "a/src/workflow")
    mapped = package(tmp_path / "c/lib")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/workflow.py").write_text("")
    (tmp_path / "e/workflow").mkdir(parents=True)  # without modules: nothing to import
    path = ["", *(str(tmp_path / folder) for folder in ("a/src", "b/src", "a/src", "d", "e", "none"))]
    found = namesakes("workflow", own, path, [Finder(mapped), Finder(first), Finder(own)])
    assert found == (first, tmp_path / "d/workflow.py", mapped)
    assert "workflow" not in sys.modules


def test_packages_that_share_a_namespace_only_are_no_namesakes(tmp_path: Path) -> None:
    own, other = package(tmp_path / "b/src/lab/pipeline"), package(tmp_path / "a/src/lab/tools")
    path = [str(tmp_path / "a/src"), str(tmp_path / "b/src")]
    assert namesakes("lab.pipeline", own, path, []) == ()
    assert namesakes("lab.tools", own, path, []) == (other,)
