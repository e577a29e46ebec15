"""Which workers of a pool are replaced, when, and when it is no use any more."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from djproject.supervisor.process import WorkerProcess
from djproject.worker.events import Lost

QUICK_SECONDS = 2.0  # a worker that ends sooner has not made a job yet
MOST_QUICK_ENDS = 10


@dataclass(frozen=True, slots=True)
class Replacement:
    """The place of a worker that ended.

    Attributes
    ----------
    worker
        The one that ended.
    due
        When another one is started (monotonic clock).
    killed
        The job that killed it, as in `Assignment`.
    """

    worker: WorkerProcess
    due: float
    killed: tuple[int, str, str, tuple[str, ...]] | None


@dataclass(slots=True)
class Replacements:
    """Those that are due, and what is known of the workers that ended."""

    _planned: dict[int, Replacement] = field(default_factory=dict)
    _kills: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _quick: int = 0
    _hopeless: int = 0

    def __bool__(self) -> bool:
        """Whether any worker is still to be replaced."""
        return bool(self._planned)

    @property
    def gave_up(self) -> bool:
        """Whether workers ended again and again as soon as they had begun, so that no more are started."""
        return self._hopeless > MOST_QUICK_ENDS

    def plan(self, worker: WorkerProcess, lost: Lost | None) -> None:
        """Let another worker take the place of one that ended; where it did not even begin, after a while."""
        killed, pause = None, 0.0
        if lost is not None and lost.table:
            causes = self._kills.setdefault((lost.table, lost.key), [])
            causes.append(lost.cause)
            killed = (lost.pid, lost.table, lost.key, tuple(causes))
        elif worker.refused:
            pause = QUICK_SECONDS
        elif lost is not None and time.monotonic() - worker.began < QUICK_SECONDS:
            self._quick += 1
            self._hopeless += lost.exit_code != -signal.SIGKILL  # which is somebody else's doing
            pause = min(0.2 * self._quick, 2.0)
        else:
            self._quick = self._hopeless = 0
        if not self.gave_up:
            self._planned[worker.number] = Replacement(worker, time.monotonic() + pause, killed)

    def take_due(self) -> Iterator[Replacement]:
        """Those whose time has come; each comes back once."""
        for number, replacement in list(self._planned.items()):
            if time.monotonic() >= replacement.due:
                del self._planned[number]
                yield replacement
