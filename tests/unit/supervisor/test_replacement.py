"""When workers that end are replaced no more."""

import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest

from djproject.supervisor.replacement import MOST_DEATHS, MOST_KILLED, MOST_LOST, Replacements
from djproject.worker.events import Event, Failed, Lost, Made, MadeNothing, Postponed
from djproject.worker.recovery import MOST_KILLS

KILLED = -signal.SIGKILL


def worker(*, refused: bool = False, age: float = 1000.0) -> Any:
    post = SimpleNamespace(number=1)
    return SimpleNamespace(number=post.number, post=post, refused=refused, began=time.monotonic() - age)


def lost(key: str = "", code: int = 3) -> Lost:
    return Lost(1, code, 17, "a.B" if key else "", key)


def lose(replacements: Replacements, times: int, end: Lost, age: float = 1000.0) -> None:
    for _ in range(times):
        replacements.plan(worker(age=age), end)


@pytest.mark.parametrize("age", [0.1, 3.0, 1000.0])
def test_a_crash_loop_ends_whatever_its_pace(age: float) -> None:
    replacements = Replacements()
    lose(replacements, MOST_LOST, lost(), age)
    assert not replacements.gave_up
    lose(replacements, 1, lost(), age)
    assert replacements.gave_up


def test_it_ends_also_where_the_workers_exit_with_code_0() -> None:
    replacements = Replacements()
    lose(replacements, MOST_LOST + 1, lost(code=0))
    assert replacements.gave_up


@pytest.mark.parametrize(
    "event", [Made(1, "a.B", 0.1, 1.0), MadeNothing(1, "a.B", "k=1"), Failed(1, "a.B", "k=1", "m")]
)
def test_a_job_that_came_to_an_end_gives_hope(event: Event) -> None:
    replacements = Replacements()
    lose(replacements, MOST_LOST, lost())
    replacements.see(event)
    lose(replacements, MOST_LOST, lost())
    assert not replacements.gave_up


def test_a_job_that_was_postponed_gives_none() -> None:
    replacements = Replacements()
    lose(replacements, MOST_LOST, lost())
    replacements.see(Postponed(1, "a.B", "k=1", "away", 1.0))
    lose(replacements, 1, lost())
    assert replacements.gave_up


def test_jobs_that_kill_their_workers_become_errors_and_do_not_count() -> None:
    replacements = Replacements()
    for number in range(4 * MOST_LOST):
        lose(replacements, MOST_KILLS, lost(f'{{"k": {number}}}'))
    assert not replacements.gave_up


def test_a_job_that_kills_its_workers_and_does_not_become_an_error_counts() -> None:
    replacements = Replacements()
    lose(replacements, MOST_KILLS + MOST_LOST + 1, lost('{"k": 1}'))
    assert replacements.gave_up


def test_workers_that_somebody_kills_are_replaced_for_longer() -> None:
    replacements = Replacements()
    lose(replacements, MOST_KILLED, lost(code=KILLED))
    assert not replacements.gave_up
    lose(replacements, 1, lost(code=KILLED))
    assert replacements.gave_up


def test_a_worker_that_made_room_or_waits_for_the_database_does_not_count() -> None:
    replacements = Replacements()
    for _ in range(10 * MOST_KILLED):
        replacements.plan(worker(), None)
        replacements.plan(worker(refused=True), None)
    assert not replacements.gave_up
    assert not list(replacements.take_due()), "one that was refused waits a little"


def test_none_is_replaced_once_it_is_given_up() -> None:
    replacements = Replacements()
    lose(replacements, MOST_LOST + 1, lost())
    replacements._planned.clear()
    lose(replacements, 1, lost())
    assert not replacements


def test_a_table_in_which_many_workers_died_is_left_out_until_one_of_its_jobs_is_made() -> None:
    replacements = Replacements()
    for number in range(MOST_DEATHS - 1):
        lose(replacements, 1, lost(f'{{"k": {number}}}'))
    assert replacements.deadly == ()
    replacements.see(Failed(1, "a.B", "k=1", "the worker process died 3 times"))
    replacements.see(Made(1, "a.C", 0.1, 1.0))
    lose(replacements, 1, lost('{"k": 99}'))
    assert replacements.deadly == ("a.B",)
    replacements.see(Made(1, "a.B", 0.1, 1.0))
    assert replacements.deadly == ()


def test_a_job_that_took_too_long_does_not_count_against_its_table() -> None:
    replacements = Replacements()
    lose(replacements, 2 * MOST_DEATHS, Lost(1, -9, 17, "a.B", '{"k": 1}', timeout=3.0))
    assert replacements.deadly == ()
