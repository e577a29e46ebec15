"""Other packages of the same name are found without being imported."""

import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path

import pytest

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


class StrictFinder:
    """Answers for one top package, as Python asks: with its name and no path."""

    def __init__(self, name: str, *folders: Path) -> None:
        self.name, self.folders = name, folders

    def find_spec(self, name: str, path: None, target: object = None) -> ModuleSpec | None:
        assert path is None
        assert "." not in name
        if name != self.name:
            return None
        spec = ModuleSpec(name, None, is_package=bool(self.folders))
        if self.folders:
            spec.submodule_search_locations = [str(folder) for folder in self.folders]
        return spec


def test_a_finder_is_asked_for_the_top_package_only(tmp_path: Path) -> None:
    own, inner = package(tmp_path / "b/src/lab/pipeline"), package(tmp_path / "a/lab/pipeline")
    (tmp_path / "c/lab").mkdir(parents=True)
    finders = [
        object(),
        StrictFinder("lab"),
        StrictFinder("other", tmp_path / "a/lab"),
        StrictFinder("lab", tmp_path / "c/lab", tmp_path / "a/lab"),
    ]
    assert namesakes("lab.pipeline", own, [], finders) == (inner,)


def test_what_is_in_the_package_itself_is_no_namesake(tmp_path: Path) -> None:
    own = package(tmp_path / "src/workflow")
    package(own / "workflow")
    (tmp_path / "link").symlink_to(tmp_path / "src")
    assert namesakes("workflow", own, [str(own), str(tmp_path / "src"), str(tmp_path / "link")], []) == ()


def test_pythons_own_finders_are_not_asked_and_its_path_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = package(tmp_path / "src/origin_of_all")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "src")])
    assert namesakes("origin_of_all", tmp_path / "x") == (found,)
    own = [BuiltinImporter, FrozenImporter, PathFinder]
    assert namesakes("origin_of_all", tmp_path / "x", [], own) == ()
    monkeypatch.setattr(sys, "meta_path", [StrictFinder("lab", found)])
    assert namesakes("lab", tmp_path / "x") == (found,)
    assert namesakes("lab", tmp_path / "x", finders=[]) == namesakes("lab", tmp_path / "x", [])[1:] == ()
