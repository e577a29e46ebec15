"""`djproject init` as a user types it."""

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def test_a_project_is_a_repository_with_one_clean_commit(cli: Cli, tmp_path: Path) -> None:
    result = cli("init", "p", "--yes", cwd=tmp_path)
    assert result.exit_code == 0
    assert git(tmp_path / "p", "status", "--porcelain") == ""
    assert git(tmp_path / "p", "log", "--format=%an <%ae> %s") == "Ada Lovelace <ada@example.org> Start the pipeline"
    assert git(tmp_path / "p", "branch", "--show-current") == "main"
    assert 'name = "Ada Lovelace"' in (tmp_path / "p/pyproject.toml").read_text()


def test_without_a_git_identity_there_is_a_message_and_still_a_project(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(empty))
    result = cli("init", "p", "--yes", cwd=tmp_path)
    assert result.exit_code == 0
    assert "git does not know who you are" in result.stderr
    assert "git config --global user.name" in result.stderr
    assert (tmp_path / "p/pyproject.toml").exists()
    assert git(tmp_path / "p", "diff", "--cached", "--name-only")


def test_an_author_is_enough_where_git_has_none(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    cli("init", "p", "--yes", "--author", "Grace Hopper <grace@example.org>", cwd=tmp_path)
    assert git(tmp_path / "p", "log", "--format=%cn %ce") == "Grace Hopper grace@example.org"


def test_a_folder_inside_a_repository_gets_no_repository_of_its_own(cli: Cli, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    result = cli("init", "p", "--yes", cwd=tmp_path)
    assert not (tmp_path / "p/.git").exists()
    assert "not committed to your existing repository" in result.stderr


def test_a_dry_run_lists_all_files_and_writes_none(cli: Cli, tmp_path: Path) -> None:
    result = cli("init", "p", "--dry-run", "--example", cwd=tmp_path)
    assert result.exit_code == 0
    assert "create    src/workflow/acquisition.py" in result.stdout
    assert not (tmp_path / "p").exists()


def test_adopting_lists_create_identical_and_conflict(cli: Cli, tmp_path: Path) -> None:
    cli("init", "p", "--yes", "--no-git", cwd=tmp_path)
    (tmp_path / "p/README.md").write_text("mine")
    (tmp_path / "p/LICENSE").unlink()
    assert cli("init", "p", "--yes", "--no-git", cwd=tmp_path).exit_code == 2
    result = cli("init", "p", "--yes", "--no-git", "--adopt", cwd=tmp_path)
    lines = dict(reversed(line.split()) for line in result.stdout.splitlines())
    assert (lines["README.md"], lines["LICENSE"], lines[".gitignore"]) == ("conflict", "create", "identical")
    assert (tmp_path / "p/README.md").read_text() == "mine"


OLD = 'import datajoint as dj\n\ndb = dj.Schema("lab")\n\n\n@db\nclass T(dj.Manual):\n    definition = "t : int32"\n'


@pytest.mark.parametrize("place", ["src/lab", "lab"])
def test_adopting_finds_the_package_and_ends_in_a_check_that_passes(cli: Cli, tmp_path: Path, place: str) -> None:
    package = tmp_path / "p" / place
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "mine.py").write_text(OLD)
    (tmp_path / "p/pyproject.toml").write_text(
        '[project]\nname = "mine"  # a comment\ndependencies = ["datajoint>=2.3.5"]'
    )
    result = cli("init", "p", "--adopt", "--yes", "--no-git", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "change    pyproject.toml" in result.stdout
    assert f"create    {place}/worker.py" in result.stdout
    text = (tmp_path / "p/pyproject.toml").read_text()
    assert text.startswith('[project]\nname = "mine"  # a comment\n')
    assert tomllib.loads(text)["tool"] == {"djproject": {"package": "lab", "check": {"convention": "advise"}}}
    assert sorted(path.name for path in (tmp_path / "p").rglob("lab")) == ["lab"]
    checked = cli("check", cwd=tmp_path / "p")
    assert checked.exit_code == 0
    assert "DJP102 warning (convention)" in checked.stdout
    again = cli("init", "p", "--adopt", "--yes", "--no-git", cwd=tmp_path)
    assert "change" not in again.stdout


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_adopting_keeps_line_ends_and_byte_order_marks(cli: Cli, tmp_path: Path, newline: str, mark: str) -> None:
    (tmp_path / "p/lab").mkdir(parents=True)
    package, pyproject = tmp_path / "p/lab/__init__.py", tmp_path / "p/pyproject.toml"
    package.write_bytes(f'{mark}"""Lab."""\n\nX = "datajoint"\n'.replace("\n", newline).encode())
    pyproject.write_bytes(f"[build-system]{newline}".encode())
    assert cli("init", "p", "--adopt", "--minimal", "--yes", "--no-git", cwd=tmp_path).exit_code == 0
    call = "from djproject.runtime import configure\n\nconfigure(__file__)\n"
    made = f'{mark}"""Lab."""\n\n{call}\nX = "datajoint"\n'
    assert package.read_bytes().decode() == made.replace("\n", newline)
    lines = pyproject.read_bytes().decode().split(newline)
    assert lines[:3] == ["[build-system]", "", "[tool.djproject]"]
    assert not any("\n" in line or "\r" in line for line in lines)


def test_adopting_asks_for_the_package_where_several_use_datajoint(cli: Cli, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "p/src" / name).mkdir(parents=True)
        (tmp_path / "p/src" / name / "__init__.py").write_text("import datajoint")
    refused = cli("init", "p", "--adopt", "--yes", "--no-git", cwd=tmp_path)
    assert refused.exit_code == 2
    assert "Several packages use DataJoint: one, two." in refused.stderr
    assert "--adopt --package one" in refused.stderr
    assert cli("init", "p", "--adopt", "--yes", "--no-git", "--package", "two", cwd=tmp_path).exit_code == 0


@pytest.mark.parametrize("data", [b"[project\n", b"\xff\xfe"])
def test_adopting_refuses_a_pyproject_that_cannot_be_read(cli: Cli, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/pyproject.toml").write_bytes(data)
    refused = cli("init", "p", "--adopt", "--yes", "--no-git", cwd=tmp_path)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: ")
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["pyproject.toml"]


def test_a_new_project_keeps_to_the_convention_strictly(cli: Cli, tmp_path: Path) -> None:
    cli("init", "p", "--yes", "--no-git", cwd=tmp_path)
    assert "convention" not in (tmp_path / "p/pyproject.toml").read_text()


@pytest.mark.parametrize(
    "arguments",
    [["a b"], ["p", "--package", "class"], ["p", "--package", "json"], ["p", "--license", "GPL"],
     ["p", "--database", "oracle"], ["p", "--author", "<>"], ["datajoint"]],
)  # fmt: skip
def test_bad_answers_are_one_sentence_and_leave_nothing(cli: Cli, tmp_path: Path, arguments: list[str]) -> None:
    result = cli("init", *arguments, "--yes", cwd=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "\nNext: " in result.stderr
    assert not (tmp_path / arguments[0]).exists()


def test_init_opens_no_socket(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert cli("init", "p", "--yes", "--example", cwd=tmp_path).exit_code == 0


LAYOUTS = {
    "src/mine": ("src/mine", "", True),
    "mine": ("mine", "", True),
    "python/mine": ("python/mine", "python", True),
    "mine, without __init__.py": ("mine", "", False),
}


@pytest.mark.parametrize("minimal", [True, False])
@pytest.mark.parametrize(("folder", "source", "has_init"), LAYOUTS.values(), ids=LAYOUTS)
def test_an_old_pipeline_is_adopted_where_it_is(
    cli: Cli, tmp_path: Path, folder: str, source: str, has_init: bool, minimal: bool
) -> None:
    from tests.styles import PLAIN

    package = tmp_path / folder
    package.mkdir(parents=True)
    for name, text in PLAIN.items():
        (package / f"{name}.py").write_text(text)
    if has_init:
        (package / "__init__.py").write_text('"""Ours."""\nfrom __future__ import annotations\nfrom . import lab\n')
    before = {"setup.py": "from setuptools import setup\nsetup()\n", "LICENSE.md": "Ours.", "README.rst": "Ours"}
    before |= {".gitlab-ci.yml": "a: b", "docs/conf.py": "", "test/test_lab.py": ""}
    for name, text in before.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    words = ("init", ".", "--adopt", "--yes", "--no-git", *(["--minimal"] if minimal else []))
    tried = cli(*words, "--dry-run", cwd=tmp_path)
    assert tried.exit_code == 0
    assert not (tmp_path / "pyproject.toml").exists()
    result = cli(*words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "Next: djproject check\n" in result.stderr
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert settings.keys() == {"tool"}  # setup.py has the metadata
    assert settings["tool"]["djproject"].get("source", "") == source
    init = (package / "__init__.py").read_text()
    assert init.count("configure(__file__)") == 1
    if has_init:
        assert init.index("__future__") < init.index("configure(") < init.index("from . import lab")
    assert {name: (tmp_path / name).read_text() for name in before} == before
    for name in ("LICENSE", "README.md", ".github", "mkdocs.yml", "docs/index.md", "tests"):
        assert not (tmp_path / name).exists(), name
    assert (tmp_path / "docker/Dockerfile").exists() is not minimal
    assert cli("check", cwd=tmp_path).exit_code == 0
    assert "scan.Fit  (computed)" in cli("graph", cwd=tmp_path).stdout
    again = cli(*words, cwd=tmp_path)
    assert "change" not in again.stdout
    assert (package / "__init__.py").read_text() == init


def test_modules_without_a_package_and_minimal_without_adopt_are_refused(cli: Cli, tmp_path: Path) -> None:
    from tests.styles import PLAIN

    for name, text in PLAIN.items():
        (tmp_path / f"{name}.py").write_text(text)
    refused = cli("init", ".", "--adopt", "--yes", "--no-git", cwd=tmp_path)
    assert refused.exit_code == 2
    assert "The schema modules are in no package: lab.py, scan.py, subject.py." in refused.stderr
    assert "git mv lab.py scan.py subject.py my_pipeline/" in refused.stderr
    refused = cli("init", "new", "--minimal", "--yes", cwd=tmp_path)
    assert refused.exit_code == 2
    assert "djproject init new --adopt --minimal" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


def test_metadata_that_a_repository_has_are_not_written_again(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/__init__.py").write_text("import datajoint\n")
    for name in ("LICENCE.txt", "README.rst"):
        (tmp_path / name).write_text("Ours.")
    assert cli("init", ".", "--adopt", "--yes", "--no-git", cwd=tmp_path).exit_code == 0
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert settings["project"]["readme"] == "README.rst"
    assert "license" not in settings["project"]
    assert settings["tool"]["setuptools"]["packages"]["find"] == {"where": ["."], "include": ["mine*"]}
