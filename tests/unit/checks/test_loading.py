"""Everything a finding can depend on is read, and the digest of it changes with it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from djproject.checks import loading
from djproject.checks.loading import Inputs, load_inputs
from djproject.errors import ConfigError, ProjectError
from djproject.project.schema import SettingProblem
from tests.checking import PYPROJECT, module, write_project

CHANGES: dict[str, Callable[[Inputs], Inputs]] = {
    "a byte of a file": lambda inputs: inputs._replace(
        files={path: data.replace(b"datajoint", b"datajoinT") for path, data in inputs.files.items()}
    ),
    "a file's name": lambda inputs: inputs._replace(
        files={path.with_name(f"x{path.name}"): data for path, data in inputs.files.items()}
    ),
    "one file less": lambda inputs: inputs._replace(files=dict(list(inputs.files.items())[1:])),
    "the names in the root": lambda inputs: inputs._replace(names=inputs.names | {"new"}),
    "what git tracks": lambda inputs: inputs._replace(tracked=frozenset({".env"})),
    "what git does not ignore": lambda inputs: inputs._replace(unignored=frozenset({".env"})),
    "whether it is a repository": lambda inputs: inputs._replace(in_git=not inputs.in_git),
    "settings that cannot be read": lambda inputs: inputs._replace(
        setting_problems=(SettingProblem(("tool",), "no", ""),)
    ),
}


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return load_inputs(write_project(tmp_path, {"a.py": module("a"), "b.py": module("b")}, git=False))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_digest_changes_with(inputs: Inputs, change: Callable[[Inputs], Inputs]) -> None:
    assert inputs.digest() == inputs._replace(files=dict(inputs.files)).digest()
    assert change(inputs).digest() != inputs.digest()


def test_tracked_and_not_ignored_are_told_apart(inputs: Inputs) -> None:
    one, other = inputs._replace(tracked=frozenset({".env"})), inputs._replace(unignored=frozenset({".env"}))
    assert one.digest() != other.digest()


def test_the_digest_changes_with_the_version_and_what_is_installed(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = inputs.digest()
    monkeypatch.setattr(loading, "__version__", "999")
    assert inputs.digest() != before
    monkeypatch.undo()
    (tmp_path / "dist-packages").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "dist-packages"))
    assert inputs.digest() != before


def test_the_digest_is_kept_apart_from_the_order_of_names(inputs: Inputs) -> None:
    assert inputs._replace(names=frozenset(sorted(inputs.names, reverse=True))).digest() == inputs.digest()


def test_the_digest_changes_with_the_code_of_the_rules(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, installed = tmp_path / "code", tmp_path / "site-packages"
    for folder in (code, installed):
        folder.mkdir()
    (code / "rules.py").touch()
    monkeypatch.setattr(loading, "_CODE", (code,))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "none-packages"), str(installed), str(tmp_path)])
    seen = [inputs.digest(), inputs.digest()]
    for changed in (code / "rules.py", installed):
        os.utime(changed, (1, 1))
        seen.append(inputs.digest())
    os.utime(tmp_path, (1, 1))
    seen.append(inputs.digest())
    (code / "more.py").touch()
    seen.append(inputs.digest())
    monkeypatch.setattr(sys, "version", "3.99")
    seen.append(inputs.digest())
    seen.append(inputs._replace(project=inputs.project._replace(root=tmp_path / "other")).digest())
    assert [seen.index(each) for each in seen] == [0, 0, 2, 3, 3, 5, 6, 7]
    assert {len(each) for each in seen} == {40}


def test_the_digest_tells_where_names_and_files_begin(inputs: Inputs) -> None:
    a, b = Path("a"), Path("b")
    several = [
        inputs._replace(names=frozenset({"a", "b"}), files={}),
        inputs._replace(names=frozenset({"ab"}), files={}),
        inputs._replace(names=frozenset(), tracked=frozenset({"a", "b"}), files={}),
        inputs._replace(files={a: b"xy"}),
        inputs._replace(files={a: b"x", b: b"y"}),
        inputs._replace(files={a: b"", b: b"xy"}),
        inputs._replace(files={a: b"xy", b: b""}),
        inputs._replace(names=frozenset({"\udcff"}), files={}),
        inputs._replace(files={Path("\udcff"): b""}),
    ]
    assert len({each.digest() for each in several}) == len(several)


def test_a_project_is_found_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_project(tmp_path / "p", {"a.py": module("a")})
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(root / "src/workflow")
    for start, environ in (
        (None, {}),
        (None, {"DJPROJECT_ROOT": ""}),
        (root / "docs", {"DJPROJECT_ROOT": str(tmp_path)}),
        (tmp_path / "link/docs", {}),
    ):
        assert load_inputs(start, environ).project.root == root
    monkeypatch.chdir(tmp_path)
    assert load_inputs(None, {"DJPROJECT_ROOT": str(root)}).project.root == root
    monkeypatch.setenv("DJPROJECT_ROOT", str(root))
    assert load_inputs().project.root == root
    with pytest.raises(ProjectError) as refused:
        load_inputs(tmp_path)
    assert refused.value.message == f"{tmp_path} is not in a djproject project."
    assert refused.value.hint == "djproject init my_pipeline  (or: djproject init . --adopt)"


def test_everything_that_is_looked_at_is_read(tmp_path: Path) -> None:
    others = [
        "Dockerfile", "Dockerfile.gpu", "compose.yaml", "docker/Dockerfile.dev", "docker/compose.yml",
        "docker/docker-compose.yaml", "docker-compose.override.yml", "notebooks/a.ipynb",
    ]  # fmt: skip
    ignored = ["notebooks/a.py", "docs/Dockerfile", "docker/notes.txt", "compose.txt", "notebooks/deep/b.ipynb"]
    root = write_project(tmp_path / "p", {}, git=False)
    for name in (*others, *ignored):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(name)
    for name in (".djproject", ".git.bak", "Dockerfile.a"):
        (root / name).mkdir()
    (root / "Dockerfile.none").symlink_to(root / "nowhere")
    (root / "src/workflow/a.py").write_text("x = 1\n")
    found = load_inputs(root)
    assert found.folder == root / "src/workflow"
    assert [str(path.relative_to(root)) for path in found.files] == [
        "src/workflow/__init__.py", "src/workflow/a.py", *others, "pyproject.toml",
    ]  # fmt: skip
    assert {str(path.relative_to(root)): data.decode() for path, data in found.files.items()} == {
        "src/workflow/__init__.py": "", "src/workflow/a.py": "x = 1\n", "pyproject.toml": PYPROJECT,
        **{name: name for name in others},
    }  # fmt: skip
    assert found.document["project"] == {"name": "p", "dependencies": ["datajoint>=2.3.5"]}
    assert found.names == {
        "README.md", "LICENSE", ".gitignore", "pyproject.toml", "src", "notebooks", "docs", "docker", "tests",
        ".git.bak", "Dockerfile", "Dockerfile.gpu", "Dockerfile.a", "Dockerfile.none", "compose.yaml", "compose.txt",
        "docker-compose.override.yml",
    }  # fmt: skip
    assert (found.tracked, found.unignored, found.in_git, found.setting_problems) == (set(), set(), False, ())


def test_settings_of_the_check_itself_are_refused_and_others_are_kept(tmp_path: Path) -> None:
    wrong = "[tool.datajoint.database]\nhots = 1\n[tool.djproject.targets]\nlab = 3\n"
    found = load_inputs(write_project(tmp_path, {}, pyproject=wrong))
    assert [problem.path for problem in found.setting_problems] == [
        ("tool", "datajoint", "database", "hots"),
        ("tool", "djproject", "targets", "lab"),
    ]
    write_project(tmp_path, {}, pyproject=f"{wrong}[tool.djproject.check]\nchosen = []\n")
    with pytest.raises(ConfigError, match="chosen"):
        load_inputs(tmp_path)
    write_project(tmp_path, {}, pyproject="[tool.djproject]\nx = [\n")
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "pyproject.toml"))):
        load_inputs(tmp_path)


PRIVATE = {
    ".env", "docker/.env", "dj_local_conf.json", ".dj_local_conf.json", "a.local.toml", "b.local.toml",
    ".secrets/password", ".secrets/stores.main.token",
}  # fmt: skip


def test_git_is_asked_about_private_files(tmp_path: Path) -> None:
    root = write_project(tmp_path / "p", {f"./{name}": "x" for name in (*PRIVATE, ".secrets/.gitignore", "notes.toml")})
    assert (load_inputs(root).tracked, load_inputs(root).unignored) == (set(), PRIVATE)
    (root / ".gitignore").write_text("*.env\nb.local.toml\n.secrets/\n")
    subprocess.run(["git", "add", "-f", "a.local.toml", "b.local.toml", "notes.toml"], cwd=root, check=True)
    found = load_inputs(root)
    assert found.in_git
    assert found.tracked == {"a.local.toml", "b.local.toml"}
    assert found.unignored == {"a.local.toml", "dj_local_conf.json", ".dj_local_conf.json"}


def test_a_repository_above_counts_and_one_that_is_broken_says_nothing(tmp_path: Path) -> None:
    root = write_project(tmp_path / "above/p", {".env": "x"}, git=False)
    assert not load_inputs(root).in_git
    (tmp_path / "above/.git").write_text("nonsense")
    found = load_inputs(root)
    assert (found.in_git, found.tracked, found.unignored) == (True, set(), set())
    shutil.rmtree(root)
    (tmp_path / "above/.git").unlink()
    subprocess.run(["git", "init", "-q", str(tmp_path / "above")], check=True)
    found = load_inputs(write_project(root, {".env": "x", ".secrets": "a file"}, git=False))
    assert (found.in_git, found.tracked, found.unignored) == (True, set(), {".env"})


def test_git_is_not_asked_without_a_private_file_or_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_git(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(loading, "_asked_git", no_git)
    assert load_inputs(write_project(tmp_path / "a", {})).in_git
    assert not load_inputs(write_project(tmp_path / "b", {".env": "x"}, git=False)).in_git
