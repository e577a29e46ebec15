"""The bars and worker lines of a run on a terminal."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from djproject.cli import _render

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MOST_WORKER_LINES = 16


@contextmanager
def progress_display(making: Callable[[], Mapping[int, tuple[str, str, float]]]) -> Iterator["PopulateProgress"]:
    """Bars per table and a line per worker while they fill them: on a terminal only.

    `making` gives, by worker, the table and key at hand and since how many seconds.
    """
    from rich.console import Group
    from rich.constrain import Constrain
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Table

    from djproject.worker.events import job_text

    console = _render.stderr_console()
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        auto_refresh=False,
    )
    if not _render.is_live():
        yield PopulateProgress(bars, is_live=False)
        return

    def picture() -> Group:
        lines = Table.grid(padding=(0, 2), expand=True)
        lines.add_column(style="dim", no_wrap=True)
        lines.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        lines.add_column(justify="right", no_wrap=True)
        for slot, (table, key, seconds) in list(making().items())[:MOST_WORKER_LINES]:
            job, time_so_far = (job_text(table, key), _render.duration(seconds)) if table else ("", "")
            lines.add_row(f"worker {slot}", job, time_so_far)
        # Room for the "^C" that a terminal writes: a line more would confuse what is drawn over what.
        return Group(bars, Constrain(lines, max(console.width - 6, 20)))

    with Live(get_renderable=picture, console=console, refresh_per_second=4):
        yield PopulateProgress(bars, is_live=True)


@dataclass(slots=True)
class _Bar:
    """The numbers of one table's bar: as counted in the database, and what came after that."""

    task: "TaskID"
    done: int = 0
    total: int = 0
    added: int = 0
    made: list[float] = field(default_factory=list)  # when, on the monotonic clock
    failed: int = 0
    failed_before: int | None = None  # in earlier runs
    own: int = 0
    began: float = 0.0

    @property
    def completed(self) -> int:
        return self.done + len(self.made) + self.failed


class PopulateProgress:
    """One bar per table: done of total, jobs per second of this run, time left.

    What other runs make is seen when the keys are counted again.

    Attributes
    ----------
    is_live
        Whether it is seen: on a terminal.
    """

    def __init__(self, display: "Progress", *, is_live: bool) -> None:
        self._display, self.is_live = display, is_live
        self._bars: dict[str, _Bar] = {}

    def expect(self, table: str, counts: tuple[int, int, int], at: float) -> None:
        """A table had so many keys done, failed, and in all at some time (monotonic clock)."""
        bar = self._bar(table)
        bar.done, failed, bar.total = counts
        bar.added = 0
        if bar.failed_before is None:
            bar.failed_before = max(failed - bar.failed, 0)
        bar.failed = max(bar.failed, failed - bar.failed_before)
        bar.made = [finished for finished in bar.made if finished > at]
        self._show(bar)

    def add(self, table: str, count: int) -> None:
        """`count` new jobs were found for a table; keys that were counted may be among them."""
        bar = self._bar(table)
        bar.added += count
        bar.total = max(bar.total, bar.done + bar.added)
        self._show(bar)

    def advance(self, table: str, finished: float | None = None) -> None:
        """One more key of a table was made, finished at a time, or failed."""
        bar, now = self._bar(table), time.monotonic()
        if finished is None:
            bar.failed += 1
        else:
            bar.made.append(finished)
        bar.own += 1
        bar.began = bar.began or now
        self._show(bar)

    def _bar(self, table: str) -> _Bar:
        if table not in self._bars:
            self._bars[table] = _Bar(self._display.add_task(table, total=None, rate=""))
        return self._bars[table]

    def _show(self, bar: _Bar) -> None:
        elapsed = time.monotonic() - bar.began if bar.began else 0.0
        rate = f"{(bar.own - 1) / elapsed:.1f}/s" if elapsed > 0.2 else ""
        total = max(bar.total, bar.completed)
        self._display.update(bar.task, total=total, completed=bar.completed, rate=rate)
