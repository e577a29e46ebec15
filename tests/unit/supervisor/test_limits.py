"""When a run is over."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from djproject.supervisor.limits import Limits, RunClock
from djproject.worker.events import Event, LostJob, Made, Postponed, Recovered
from djproject.worker.pilot import HANDOVER_SECONDS


def idle_since(*moments: float) -> list[Any]:
    return [SimpleNamespace(idle_since=moment) for moment in moments]


def made(finished: float) -> Made:
    return Made(1, "a.B", 0.1, finished)


def test_a_run_ends_when_all_workers_found_nothing_after_the_last_job() -> None:
    now = time.monotonic()
    clock = RunClock(Limits())
    clock.see(made(now + 5))
    assert not clock.is_over(idle_since(now + 6, now + 4)), "one of them looked before the last job was finished"
    assert clock.is_over(idle_since(now + 6, now + 7))
    clock.see(made(now + 3))
    assert not clock.is_over(idle_since(now + 4)), "an older job changes nothing"
    assert not clock.is_over([]), "all are being replaced"


@pytest.mark.parametrize(
    "event", [Postponed(1, "a.B", "k=1", "away", 60.0), LostJob(1, "a.B", "k=1"), Recovered(1, 1)], ids=repr
)
def test_a_job_that_is_pending_again_is_waited_for(event: Event) -> None:
    clock = RunClock(Limits())
    now = time.monotonic()
    clock.see(event)
    assert not clock.is_over(idle_since(now)), "a worker looked before the job was pending again"
    assert clock.is_over(idle_since(time.monotonic() + 1)), "a worker says that it is idle when no job is due soon"


def test_watching_ends_only_after_being_idle_for_long() -> None:
    now = time.monotonic()
    assert not RunClock(Limits(watch=True)).is_over(idle_since(now + 10**6))
    clock = RunClock(Limits(watch=True, idle_seconds=1000))
    assert not clock.is_over(idle_since(now + 1))
    clock._began -= 1001
    assert clock.is_over(idle_since(now + 1))
    clock.see(made(now))
    assert not clock.is_over(idle_since(now + 1))


def test_a_time_limit_ends_a_run_that_has_work() -> None:
    clock = RunClock(Limits(seconds=100))
    assert not clock.is_over(idle_since(0))
    clock._began -= 101
    assert clock.is_over(idle_since(0))


def test_grace_begins_with_the_stop() -> None:
    clock = RunClock(Limits(grace_seconds=10))
    assert not clock.grace_is_over
    clock.stop()
    assert not clock.grace_is_over
    assert clock.stopped is not None
    clock.stopped -= 11
    assert clock.grace_is_over
    first = clock.stopped
    clock.stop()
    assert clock.stopped == first, "a second stop does not begin again"
    endless = RunClock(Limits())
    endless.stop()
    endless.stopped = 0.0
    assert not endless.grace_is_over


def test_the_end_of_the_machine_ends_the_grace_whoever_asked() -> None:
    assert RunClock(Limits(ends=time.time() + HANDOVER_SECONDS - 1)).grace_is_over
    clock = RunClock(Limits(ends=time.time() + HANDOVER_SECONDS + 60))
    assert not clock.grace_is_over
    clock.stop()
    assert not clock.grace_is_over, "running jobs may use the time that is left"


def test_who_does_not_wait_long_is_given_less_time() -> None:
    clock = RunClock(Limits(grace_seconds=1000))
    clock.stop(within=10)
    assert clock.stopped is not None
    assert not clock.grace_is_over
    clock.stopped -= 11
    assert clock.grace_is_over
