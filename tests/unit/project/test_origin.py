"""An imported package is proven to be the project's own, or refused before it runs."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.project.location import load_project
from djproject.project.origin import check_origin, package_project, put_first
from tests.unit.project.packages import install, package_file, process, root_for

Make = Callable[..., Path]


def test_a_package_gets_the_settings_of_the_project_it_lies_in(make: Make, tmp_path: Path) -> None:
    a = make("a")
    for folder in (a, a / "src", tmp_path):
        assert root_for(package_file(a), process(folder)) == a
    assert root_for(package_file(a), process(tmp_path, root=a)) == a
    assert root_for(str(a / "src/workflow/subject.py"), process(a)) == a


def test_another_projects_package_of_the_same_name_is_refused(make: Make) -> None:
    a, b = make("a"), make("b")
    for refused in (
        process(b),  # a stranger's first day: python in b
        process(b / "src"),
        process(a.parent, b / "src"),  # a script of b, started elsewhere
        process(a, root=b),
        process(b, root=b),
        process(a, configured=b),
    ):
        with pytest.raises(ProjectError, match=r"/a/src/workflow \(project a\)") as error:
            package_project(package_file(a), refused)
        assert "djproject run" in error.value.hint


def test_two_checkouts_of_one_project_are_two_projects(make: Make, tmp_path: Path) -> None:
    one, two = (make("lab", parent=tmp_path / checkout) for checkout in ("one", "two"))
    with pytest.raises(ProjectError, match="one/lab/src/workflow"):
        package_project(package_file(one), process(two))
    assert root_for(package_file(two), process(two)) == two


def test_members_of_a_workspace_are_told_apart_and_its_root_is_no_rival(make: Make, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.djproject]\n')
    a, b = (make(name, parent=tmp_path / "packages") for name in ("a", "b"))
    assert root_for(package_file(a), process(tmp_path)) == a
    with pytest.raises(ProjectError, match="packages/a/src/workflow"):
        package_project(package_file(a), process(b))


def test_a_project_found_through_a_link_is_the_same_project(make: Make, tmp_path: Path) -> None:
    a = make("a")
    (tmp_path / "link").symlink_to(a)
    assert root_for(package_file(tmp_path / "link"), process(a)) == a
    (tmp_path / "shared").mkdir()
    (a / "src/workflow").rename(tmp_path / "shared/workflow")
    (a / "src/workflow").symlink_to(tmp_path / "shared/workflow")
    assert root_for(str(tmp_path / "shared/workflow/__init__.py"), process(a)) == a


@pytest.mark.parametrize("site", ["venv/lib/python3.11/site-packages", "a/.venv/lib/python3.11/site-packages", "lib"])
def test_an_installed_copy_counts_where_it_is_the_same_as_the_source(make: Make, tmp_path: Path, site: str) -> None:
    a = make("a")
    folder = tmp_path / site
    copy = install(a, folder)
    for here in (process(a, path=(folder,)), process(tmp_path, path=(folder,), root=a)):
        assert root_for(copy, here) == a
    (a / "src/workflow/subject.py").write_text("name = 'changed since'\n")
    with pytest.raises(ProjectError, match="not the same as src/workflow of") as error:
        package_project(copy, process(a, path=(folder,)))
    assert error.value.hint == "pip install -e ."


def test_an_installed_copy_of_another_project_is_refused(make: Make, tmp_path: Path) -> None:
    a, b = make("a"), make("b")
    site = b / ".venv/lib/python3.11/site-packages"
    copy = install(a, site)
    with pytest.raises(ProjectError, match=r"site-packages/workflow \(project a\), which is not the same"):
        package_project(copy, process(b, path=(site,)))


def test_where_there_are_only_settings_the_installed_package_must_be_the_projects(make: Make, tmp_path: Path) -> None:
    a, b = make("a"), make("b-pipeline")
    site = tmp_path / "site-packages"
    copy = install(a, site)
    for root in (a, b):
        (root / "src").rename(root / "elsewhere")
    assert root_for(copy, process(a, path=(site,))) == a
    with pytest.raises(ProjectError, match="was installed by a, not by b-pipeline"):
        package_project(copy, process(b, path=(site,)))


def test_an_installed_pipeline_is_not_given_the_settings_of_an_unrelated_folder(make: Make, tmp_path: Path) -> None:
    a, c = make("a", "lab"), make("c")
    site = tmp_path / "site-packages"
    copy = install(a, site, "lab")
    assert root_for(copy, process(c, path=(site,))) is None
    with pytest.raises(ProjectError, match=r"DJPROJECT_ROOT says so.*site-packages/lab \(project a\)") as error:
        package_project(copy, process(tmp_path, path=(site,), root=c))
    assert error.value.hint.startswith('unset DJPROJECT_ROOT; or add "a" to dependencies')


@pytest.mark.parametrize(
    "more",
    [
        "dependencies = [\"Lab_A>=1; python_version > '3'\"]",
        'dependencies = []\n[project.optional-dependencies]\nx = ["lab.a[x]"]',
        '[dependency-groups]\ndev = [{include-group = "x"}, "lab-a @ file:///x"]',
    ],
)
def test_a_pipeline_that_a_project_builds_on_works_at_its_database(make: Make, tmp_path: Path, more: str) -> None:
    a, c = make("lab-a", "lab"), make("c", more=more)
    for works in (process(tmp_path, root=c), process(tmp_path, configured=c)):
        assert root_for(package_file(a, "lab"), works) == c


def test_a_pipeline_that_the_projects_own_code_imports_works_at_its_database(make: Make, tmp_path: Path) -> None:
    a, c = make("a", "lab"), make("c")
    caller = str(c / "src/workflow/subject.py")
    assert root_for(package_file(a, "lab"), process(tmp_path, configured=c, callers=(caller,))) == c
    installed = str(c / ".venv/lib/site-packages/IPython/core.py")
    for reason, stranger in {
        "workflow was imported first": process(tmp_path, configured=c, callers=(installed,)),
        "DJPROJECT_ROOT says so": process(tmp_path, root=c),
    }.items():
        with pytest.raises(ProjectError, match=rf"works for .*/c \({reason}\), and .*/a/src/lab \(project a\)"):
            package_project(package_file(a, "lab"), stranger)


def test_a_second_package_of_the_repository_gets_its_settings(make: Make) -> None:
    a = make("a")
    (a / "src/tools").mkdir()
    (a / "src/tools/__init__.py").write_text("")
    assert root_for(package_file(a, "tools"), process(a, path=(a / "src",))) == a


def test_the_source_goes_in_front_of_everything_once(make: Make) -> None:
    project = load_project(make("a"), {})
    path = ["", "/other", str(project.import_root), "/end"]
    put_first(project, path)
    assert path == [str(project.import_root), "", "/other", "/end"]


def test_a_module_is_refused_before_it_runs(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make("a", "origin_twin"), make("b", "origin_twin")
    (a / "src/origin_twin/__init__.py").write_text("raise RuntimeError('it ran')\n")
    project = load_project(b, {})
    monkeypatch.setattr(sys, "path", [str(a / "src"), str(b / "src"), *sys.path])
    with pytest.raises(ProjectError, match="Python imports origin_twin from .*/a/src/origin_twin"):
        check_origin(project, "origin_twin")
    put_first(project, sys.path)
    check_origin(project, "origin_twin")
    check_origin(project, "origin_twin.subject")
    del sys.modules["origin_twin"]
    (b / "src/origin_twin/__init__.py").unlink()
    importlib.invalidate_caches()
    with pytest.raises(ProjectError) as error:
        check_origin(project, "origin_twin")
    assert error.value.hint == "touch src/origin_twin/__init__.py"


def test_a_module_that_was_imported_before_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make("a", "origin_early"), make("b", "origin_early")
    monkeypatch.setattr(sys, "path", [str(a / "src"), *sys.path])
    import origin_early.subject  # noqa: F401

    project = load_project(b, {})
    put_first(project, sys.path)
    for module in ("origin_early", "origin_early.subject"):
        with pytest.raises(ProjectError, match=f"imports {module} from .*/a/src/origin_early"):
            check_origin(project, module)
    del sys.modules["origin_early"], sys.modules["origin_early.subject"]


def test_modules_of_a_shared_namespace_are_each_proven(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make("a", "origin_space"), make("b", "origin_space")
    for root in (a, b):
        (root / "src/origin_space/__init__.py").unlink()
    (a / "src/origin_space/other.py").write_text("")
    project = load_project(b, {})
    monkeypatch.setattr(sys, "path", [str(a / "src"), *sys.path])
    put_first(project, sys.path)
    check_origin(project, "origin_space")
    check_origin(project, "origin_space.subject")
    with pytest.raises(ProjectError, match="imports origin_space.other from .*/a/src/origin_space/other.py"):
        check_origin(project, "origin_space.other")
    sys.modules.pop("origin_space")
