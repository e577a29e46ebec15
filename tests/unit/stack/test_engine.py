"""What is missing of Docker is said with its fix; the program on the path is a real one that answers so."""

from pathlib import Path

import pytest

from djproject.errors import EnvironmentUnavailableError
from djproject.stack.engine import check_compose, connect_engine


def put_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_no_docker_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentUnavailableError, match="docker is not installed") as caught:
        connect_engine()
    assert "djproject use embedded" in caught.value.hint


def test_compose_is_missing_or_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_docker(tmp_path, monkeypatch, "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1")
    with pytest.raises(EnvironmentUnavailableError, match="no Compose plugin"):
        check_compose()
    put_docker(tmp_path, monkeypatch, "echo v2.9.1")
    with pytest.raises(EnvironmentUnavailableError, match=r"Compose 2\.9\.1 is too old; the stack needs 2\.24"):
        check_compose()
    put_docker(tmp_path, monkeypatch, "echo v2.40.3-desktop.1")
    assert check_compose() == "2.40.3-desktop.1"
