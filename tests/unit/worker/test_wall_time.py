"""Which jobs still fit into the time of a pilot."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from djproject.worker import wall_time
from djproject.worker.pilot import HANDOVER_SECONDS, PilotPlace, pilot_place
from djproject.worker.wall_time import WallTime


def fits(monkeypatch: pytest.MonkeyPatch, left: float | None, usual: float | None) -> bool:
    monkeypatch.setattr(wall_time, "longest_usual_seconds", lambda *_: usual)
    ends = None if left is None else time.time() + left + HANDOVER_SECONDS
    table: Any = SimpleNamespace(name="work.Result", schema="work")
    return WallTime(PilotPlace("hpc", "1", "n", ends), None).fits(table)


def test_a_job_fits_where_its_usual_length_and_a_fifth_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits(monkeypatch, 100, 80)
    assert not fits(monkeypatch, 90, 80)
    assert fits(monkeypatch, 5, None), "of a table without a history nothing is expected"
    assert not fits(monkeypatch, -1, None)
    assert fits(monkeypatch, None, 10**9), "no end is known"


def test_the_history_is_read_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(wall_time, "longest_usual_seconds", lambda _c, _s, name: asked.append(name) or 1.0)
    table: Any = SimpleNamespace(name="work.Result", schema="work")
    look = WallTime(PilotPlace(ends=time.time() + 1000), None)
    for _ in range(5):
        assert look.fits(table)
    assert asked == ["work.Result"]


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e9", "9" * 30])
def test_an_end_that_is_none_is_not_known(text: str) -> None:
    assert pilot_place({"DJPROJECT_PILOT": "8_1", "DJPROJECT_ENDS": text}).ends is None
    assert pilot_place({"DJPROJECT_ENDS": "1795880823"}).ends == 1795880823.0
