"""Git is asked without the programs that a repository names, and its answers are names."""

import subprocess
from pathlib import Path

import pytest

from djproject.project import git
from djproject.project.git import SAFE, ask_git, names_in

CONFIGURATION = """
[filter "Evil"]
    clean = touch ran
    smudge = touch ran
    process = touch ran
    required = true
[diff "Evil"]
    command = touch ran
    textconv = touch ran
    binary = true
[core]
    pager = touch ran
"""
ENVIRONMENT = ("-c", "alias.environment=!env", "environment")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    with (root / ".git/config").open("a") as stream:
        stream.write(CONFIGURATION)
    (root / ".gitignore").write_text("*.log\n")
    return root


def test_names_are_separated_by_nul_characters_and_may_be_any_bytes() -> None:
    assert names_in(b"") == names_in(b"\0") == frozenset()
    assert names_in(b"a\0b c\0\0a\0\xff\0") == {"a", "b c", "\udcff"}


def test_programs_of_the_repository_are_turned_off(repository: Path) -> None:
    for key, value in {
        "filter.Evil.clean": b"\n",
        "filter.Evil.smudge": b"\n",
        "filter.Evil.process": b"\n",
        "filter.Evil.required": b"false\n",
        "diff.Evil.command": b"\n",
        "diff.Evil.textconv": b"\n",
        "diff.Evil.binary": b"true\n",
        **{setting.partition("=")[0]: f"{setting.partition('=')[2]}\n".encode() for setting in SAFE},
    }.items():
        assert ask_git(repository, "config", "--get", key) == value


def test_given_names_reach_git_and_a_code_that_is_expected_is_no_failure(repository: Path) -> None:
    command = ("check-ignore", "--no-index", "-z", "--stdin")
    assert ask_git(repository, *command, given=["a.log", "b.py", "\udcff.log"]) == b"a.log\0\xff.log\0"
    assert ask_git(repository, *command, given=["b.py"], codes=(0, 1)) == b""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        ask_git(repository, *command, given=["b.py"])
    assert failed.value.returncode == 1
    assert failed.value.cmd[:3] == ["git", "-C", str(repository)]
    assert failed.value.cmd[-4:] == list(command)


def test_git_asks_nobody_and_locks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_USER", "kept")
    monkeypatch.setenv("GIT_PAGER", "touch ran")
    lines = ask_git(tmp_path, *ENVIRONMENT).decode().splitlines()
    expected = {"OF_THE_USER=kept", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_PAGER=cat"}
    assert expected <= set(lines)


def test_git_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        ask_git(tmp_path, "-c", "alias.wait=!sleep 3", "wait")
