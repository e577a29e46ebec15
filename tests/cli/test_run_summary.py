"""The end of a run: failures by cause, totals last; bars that know of other runs."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from djproject.cli._progress import PopulateProgress
from djproject.cli._run_summary import FailureGroup, Tally, failure_groups, summarize
from djproject.supervisor.placement import ALL, posts_of
from djproject.supervisor.pool import Pool
from djproject.worker.assignment import Assignment
from djproject.worker.events import Counted, Event, Failed, Lost, Made, MadeNothing

FAILED = [
    *(Failed(1, "a.B", f"x={x}, y=1", f"ValueError: row {x} of 'f{x}.csv' is empty") for x in range(30)),
    Failed(1, "a.C", "x=1", "ValueError: row 1 of 'f.csv' is empty"),
    *(Failed(2, "a.B", f"x={x}", "KeyError: 'channel 7'") for x in (40, 41)),
]


def test_failures_of_one_cause_are_one_group_and_the_largest_comes_first() -> None:
    assert failure_groups(FAILED) == [
        FailureGroup("a.B", "ValueError: row N of '…' is empty", "x=0, y=1", 30),
        FailureGroup("a.B", "KeyError: 'channel 7'", "x=40", 2),
        FailureGroup("a.C", "ValueError: row 1 of 'f.csv' is empty", "x=1", 1),
    ]
    assert failure_groups([]) == []


def test_the_totals_come_last_and_then_what_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool = Pool(posts_of([(ALL, Assignment(str(tmp_path), "embedded"))]), tmp_path / "logs")
    tally = Tally()
    events: list[Event] = [
        Counted(1, {"a.B": (0, 40, 7, 0), "a.C": (0, 5, 0, 0)}),
        Made(1, "a.C", 0.5, 1.0),
        *FAILED,
        MadeNothing(1, "a.C", "x=2"),
        MadeNothing(1, "a.C", "x=3"),
        Lost(1, -11, 7, "a.B", '{"x": 1}'),
        Lost(1, -11, 8, "a.B", '{"x": 2}'),
        Counted(1, {"a.B": (0, 40, 37, 0), "a.C": (1, 5, 0, 2)}),
    ]
    for event in events:
        tally.see(event)
    assert sum(tally.failed_before.values()) == 7, "what failed in this run did not fail before"
    summarize(pool, tally)
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "",
        "error a.B (x=0, y=1) and 29 other jobs",
        "      ValueError: row N of '…' is empty",
        "error a.B (x=40) and 1 other job",
        "      KeyError: 'channel 7'",
        "error a.C (x=1)",
        "      ValueError: row 1 of 'f.csv' is empty",
    ]
    assert shown.err.splitlines() == [
        "a.C (x=2) and 1 other key: make inserted nothing; kept out of the queue (djproject jobs list).",
        f"A worker was stopped by SIGSEGV while making a.B (x=1) (2 times in all); see {tmp_path}/logs.",
        "1 job done, 33 failed, 2 made nothing.",
        "Next: fix make, then: djproject populate --retry",
    ]


def bar_of(progress: PopulateProgress, display: Progress) -> tuple[float, float | None]:
    (task,) = display.tasks
    return task.completed, task.total


def test_a_bar_knows_what_other_runs_made_and_counts_nothing_twice() -> None:
    display = Progress(console=Console(file=io.StringIO()), auto_refresh=False)
    progress = PopulateProgress(display, is_live=True)
    progress.add("a.B", 10)  # found before the first count
    progress.advance("a.B", 1.0)
    progress.expect("a.B", (1, 3, 13), at=2.0)  # the one at 1.0 is among them; three failed in earlier runs
    assert bar_of(progress, display) == (1, 13)
    progress.advance("a.B", 3.0)
    progress.advance("a.B")  # failed
    assert bar_of(progress, display) == (3, 13)
    progress.advance("a.B", 5.0)
    progress.expect("a.B", (7, 4, 13), at=4.0)  # another run made five; the one at 5.0 came after
    assert bar_of(progress, display) == (9, 13)
    progress.add("a.B", 8)  # new keys
    assert bar_of(progress, display) == (9, 15)
    progress.expect("a.B", (12, 6, 17), at=6.0)
    assert bar_of(progress, display) == (15, 17), "all but what failed in earlier runs, two of them in other runs now"
    progress.expect("a.B", (0, 0, 3), at=7.0)  # rows and keys deleted by hand
    assert bar_of(progress, display) == (3, 3)
