"""What is said of a package that is not the project's own, word for word, and what counts as its own copy."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from djproject.errors import ProjectError
from djproject.project.location import load_project
from djproject.project.origin import (
    OWN_ENVIRONMENT,
    OWN_SOURCE,
    check_origin,
    described,
    is_own_copy,
    package_project,
    same_source,
    this_process,
)
from tests.unit.project.packages import install, package_file, process, root_for

Make = Callable[..., Path]


def refusal(file: str, *folders: Path, **said: object) -> tuple[str, str]:
    with pytest.raises(ProjectError) as refused:
        package_project(file, process(*folders, **said))  # type: ignore[arg-type]
    return refused.value.message, refused.value.hint


def module(name: str, file: Path | None = None) -> ModuleType:
    made = ModuleType(name)
    if file is not None:
        made.__file__ = str(file)
    return made


def test_another_projects_package_is_named_with_both_places(make: Make) -> None:
    a, b = make("a"), make("b")
    imports = f"Python imports workflow from {a}/src/workflow (project a), "
    rival = f"{imports}but this folder belongs to {b}, whose package has the same name."
    namesake = f"{imports}not from src/workflow of {b}."
    file = package_file(a)
    assert refusal(file, b) == refusal(file, a, b) == (rival, OWN_SOURCE)
    assert refusal(file, a, root=b / "src") == refusal(file, configured=b) == (namesake, OWN_SOURCE)
    assert refusal(str(a / "src/workflow/subject.py"), configured=b)[0] == namesake.replace(
        "workflow (", "workflow/subject.py ("
    )


def test_a_folder_of_another_package_or_of_malformed_settings_is_no_rival(make: Make, tmp_path: Path) -> None:
    a, lab, broken = make("a"), make("lab", "lab"), make("broken")
    (broken / "pyproject.toml").write_text("[tool.djproject\n")
    assert root_for(package_file(a), process(lab, broken)) == a
    assert root_for(package_file(a), process(root=tmp_path)) == a


def test_a_package_on_the_path_of_another_project_is_a_namesake_whatever_that_projects_settings(make: Make) -> None:
    b, c = make("b"), make("c", "lab")
    (c / "src/workflow").mkdir()
    message = f"Python imports workflow from {c}/src/workflow (project c), not from src/workflow of {b}."
    assert refusal(package_file(c), configured=b, path=(c / "src",)) == (message, OWN_SOURCE)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("place", ["lab-a/src/lab", "loose/lab"])
def test_a_stranger_is_refused_with_what_to_change(make: Make, tmp_path: Path, named: bool, place: str) -> None:
    c, _ = make("c"), make("lab-a", "lab")
    said = {"root": c} if named else {"configured": c}
    why = "DJPROJECT_ROOT says so" if named else "workflow was imported first"
    leave = "unset DJPROJECT_ROOT" if named else "use a Python process for each"
    project, name = (" (project lab-a)", "lab-a") if "src" in place else ("", "its name")
    assert refusal(str(tmp_path / place / "__init__.py"), tmp_path, **said) == (
        f"This process works for {c} ({why}), and {tmp_path / place}{project} does not belong to it.",
        f'{leave}; or add "{name}" to dependencies in {c}/pyproject.toml',
    )


@pytest.mark.parametrize("site", ["venv/site-packages", "a/.venv/dist-packages", "a/build/lib"])
def test_a_copy_that_differs_from_the_source_is_refused(make: Make, tmp_path: Path, site: str) -> None:
    a = make("a")
    copy = install(a, tmp_path / site)
    assert root_for(copy, process(a, path=(tmp_path / site,))) == a
    (a / "src/workflow/subject.py").write_text("changed")
    assert refusal(copy, a, path=(tmp_path / site,)) == (
        f"Python imports workflow from {tmp_path / site}/workflow (project a), which is not the same as src/workflow "
        f"of {a}.",
        "pip install -e .",
    )


def test_a_copy_of_a_package_in_a_namespace_is_compared(make: Make, tmp_path: Path) -> None:
    a, site = make("a", "lab.flow"), tmp_path / "site-packages"
    copy = install(a, site, "lab.flow")
    assert root_for(copy, process(a, path=(site,))) == a
    (a / "src/lab/flow/subject.py").write_text("changed")
    assert refusal(copy, a, path=(site,)) == (
        f"Python imports lab.flow from {site}/lab/flow (project a), which is not the same as src/lab/flow of {a}.",
        "pip install -e .",
    )


def test_settings_without_source_take_the_copy_that_their_own_distribution_installed(
    make: Make, tmp_path: Path
) -> None:
    a, b = make("a-pipeline"), make("b")
    for root in (a, b):
        (root / "src").rename(root / "elsewhere")
    site, plain = tmp_path / "site-packages", tmp_path / "plain"
    for folder in (site / "workflow", plain / "workflow"):
        folder.mkdir(parents=True)
    info = site / "a.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: A_Pipeline\nVersion: 1\n")
    (info / "RECORD").write_text("workflow/__init__.py,,\n")
    assert root_for(str(site / "workflow/__init__.py"), process(a, path=(site,))) == a
    assert root_for(str(plain / "workflow/__init__.py"), process(b, path=(plain,))) == b
    assert refusal(str(site / "workflow/__init__.py"), b, path=(site,)) == (
        f"{site}/workflow was installed by A_Pipeline, not by b, whose settings are in {b}.",
        f"pip install {b}",
    )


@pytest.mark.parametrize(
    ("more", "builds_on_it"),
    [
        ("dependencies = [\" lab--A ; os_name == 'posix'\"]", True),
        ('dependencies = ["", "@x", "other", "lab_a"]', True),
        ('dependencies = [3, "lab-a"]', True),
        ('dependencies = ["lab"]', False),
        ('dependencies = "lab-a"', False),
        ('dependencies = ["x"]\n[project.optional-dependencies]\nm = "lab-a"\nn = ["lab-a"]', True),
        ('[project.optional-dependencies]\nm = "lab-a"', False),
        ('[dependency-groups]\nm = ["x"]\nn = ["lab-a"]', True),
        ('[dependency-groups]\nm = "lab-a"', False),
        ('dependencies = ["lab-a"]\n[project.optional-dependencies]\nm = ["x"]\n[dependency-groups]\nm = ["x"]', True),
    ],
)
def test_a_dependency_is_read_from_every_list_of_requirements(make: Make, more: str, builds_on_it: bool) -> None:
    c, file = make("c", more=more), package_file(make("lab-a", "lab"), "lab")
    if builds_on_it:
        assert root_for(file, process(configured=c)) == c
    else:
        assert refusal(file, configured=c)[0].startswith(f"This process works for {c}")


def test_a_module_that_comes_from_elsewhere_is_refused_by_name(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make("a"), make("b")
    project = load_project(b, {})
    monkeypatch.setitem(sys.modules, "workflow.x", module("workflow.x", a / "src/workflow/x.py"))
    message = f"Python imports workflow.x from {a}/src/workflow/x.py (project a), not from src/workflow of {b}."
    for hint in (OWN_ENVIRONMENT, "touch src/workflow/__init__.py"):
        with pytest.raises(ProjectError) as refused:
            check_origin(project, "workflow.x")
        assert (refused.value.message, refused.value.hint) == (message, hint)
        (b / "src/workflow/__init__.py").unlink(missing_ok=True)


def test_a_module_without_a_file_or_behind_a_link_of_the_source_is_accepted(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make("a")
    (tmp_path / "shared.py").touch()
    (a / "src/workflow/linked.py").symlink_to(tmp_path / "shared.py")
    monkeypatch.setitem(sys.modules, "origin_plain", module("origin_plain"))
    monkeypatch.setitem(sys.modules, "origin_linked", module("origin_linked", a / "src/workflow/linked.py"))
    unused = next(name for name in sys.builtin_module_names if name not in sys.modules)
    for name in ("origin_plain", "origin_linked", "no_such_module_at_all", unused):
        check_origin(load_project(a, {}), name)


def test_a_place_is_described_with_the_project_or_distribution_it_belongs_to(make: Make, tmp_path: Path) -> None:
    a, broken = make("a"), make("broken")
    (a / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.djproject]\n')
    (broken / "pyproject.toml").write_text("[tool.djproject\n")
    site = tmp_path / "dist-packages"
    install(a, site, owner="Demo_Lab")
    (site / "unknown.dist-info").mkdir()
    (site / "unknown.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: unknown\nVersion: 1\n")
    for file, words in {
        a / "src/workflow/__init__.py": f"{a}/src/workflow (project demo)",
        a / "src/workflow": f"{a}/src/workflow (project demo)",
        broken / "src/workflow/subject.py": f"{broken}/src/workflow/subject.py (project broken)",
        site / "workflow/deep/module.py": f"{site}/workflow/deep/module.py (project Demo_Lab)",
        site / "alone.py": f"{site}/alone.py",
        tmp_path / "plain/__init__.py": f"{tmp_path}/plain",
    }.items():
        assert described(file) == words


def test_a_copy_is_compared_by_its_modules_in_all_folders(make: Make, tmp_path: Path) -> None:
    a = make("a")
    project = load_project(a, {})
    copy = Path(install(a, tmp_path / "lib")).parent
    (copy / "data.txt").write_text("no module")
    assert same_source(project, copy)
    for folder in (copy, project.source):
        (folder / "inner").mkdir()
    (copy / "inner/part.py").write_text("x = 1\n")
    assert not same_source(project, copy)
    (project.source / "inner/part.py").write_text("x = 1\n")
    assert same_source(project, copy)
    (copy / "inner/part.py").write_text("x = 2\n")
    assert not same_source(project, copy)


def test_an_own_copy_is_known_by_its_distribution(make: Make, tmp_path: Path) -> None:
    one, two = (make("lab.a", parent=tmp_path / checkout) for checkout in ("one", "two"))
    site, linked = tmp_path / "site-packages", tmp_path / "linked/site-packages"
    copy, other = (install(one, site, owner="Lab_A"), install(one, tmp_path / "x/site-packages", owner="other"))
    install(two, linked, owner="lab-a")
    (linked / "workflow").rename(linked / "away")
    (linked / "workflow").symlink_to(two / "src/workflow")
    project = load_project(one, {})
    assert is_own_copy(project, Path(copy).parent)
    assert not is_own_copy(project, Path(other).parent)
    assert not is_own_copy(project, one / "src/workflow")
    assert not is_own_copy(project, linked / "workflow/__init__.py")
    assert is_own_copy(load_project(two, {}), linked / "workflow/__init__.py")


def test_a_process_says_its_folder_its_script_and_who_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    main = sys.modules["__main__"]
    for script, folders in {
        str(tmp_path / "scripts/run.py"): (tmp_path, tmp_path / "scripts"),
        "run.py": (tmp_path, tmp_path),
        str(Path(sys.prefix) / "bin/tool"): (tmp_path,),
        str(tmp_path / "site-packages/tool/__main__.py"): (tmp_path,),
        None: (tmp_path,),
    }.items():
        monkeypatch.setattr(main, "__file__", script, raising=False)
        assert this_process().folders == folders
    names: dict[str, object] = {"this_process": this_process}
    exec("def ask(): return this_process(1)", names)
    found = names["ask"]()  # type: ignore[operator]
    assert (found.environ, found.path, found.configured) == (os.environ, tuple(sys.path), 1)
    assert __file__ in found.callers
    assert not [name for name in found.callers if name.startswith("<")]
    assert this_process().configured is None
    monkeypatch.delitem(sys.modules, "__main__")
    assert this_process().folders == (tmp_path,)
