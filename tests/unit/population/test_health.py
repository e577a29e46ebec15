"""The file that says a worker is alive."""

import os
import time
from pathlib import Path

import pytest

from djproject.population import health
from djproject.population.health import Health


def test_the_file_is_touched_while_the_loop_turns_or_a_job_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TOUCH_SECONDS", 0.02)
    monkeypatch.setattr(health, "LONGEST_TURN_SECONDS", 0.1)
    path = tmp_path / "alive"
    alive = Health.from_environment({"DJPROJECT_HEALTH_FILE": str(path)})

    def is_touched_again() -> bool:
        os.utime(path, (0, 0))
        time.sleep(0.2)
        return path.stat().st_mtime > 0

    with alive.job():
        time.sleep(0.2)
        assert alive.is_good
        assert is_touched_again(), "a job may take longer than a turn"
    time.sleep(0.2)
    assert not alive.is_good
    assert not is_touched_again(), "a loop that hangs is not alive"
    alive.turn()
    assert alive.is_good
    alive.end()


def test_nobody_looks_where_no_file_is_named() -> None:
    assert Health.from_environment({}).is_good
