"""The file that says workers are alive."""

import os
from pathlib import Path

import pytest

from djproject.supervisor import health
from djproject.supervisor.health import HealthFile


def test_the_file_is_made_and_touched_but_not_at_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "alive"
    alive = HealthFile.from_environment({"DJPROJECT_HEALTH_FILE": str(path)})
    assert not path.exists(), "nothing is well yet"
    alive.touch()
    os.utime(path, (0, 0))
    alive.touch()
    assert path.stat().st_mtime == 0
    monkeypatch.setattr(health, "TOUCH_SECONDS", 0.0)
    alive.touch()
    assert path.stat().st_mtime > 0


def test_nobody_looks_where_no_file_is_named() -> None:
    HealthFile.from_environment({}).touch()
