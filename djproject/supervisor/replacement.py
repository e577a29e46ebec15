"""Which workers of a pool are replaced, when, and when it is no use any more."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from djproject.supervisor.process import WorkerProcess
from djproject.worker.events import Event, Failed, Lost, Made, MadeNothing
from djproject.worker.recovery import MOST_KILLS

LONGEST_PAUSE_SECONDS = 2.0
MOST_LOST = 10  # workers in a row, without one job that came to an end
MOST_KILLED = 30  # the same, by SIGKILL: somebody else's doing, or too little memory
MOST_DEATHS = 30  # workers in a row that died in one table, of which no job was made


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
    _lost: int = 0  # since a job came to an end
    _killed: int = 0  # those of them that SIGKILL ended
    _deaths: dict[str, int] = field(default_factory=dict)  # by table, since one of its jobs was made

    def __bool__(self) -> bool:
        """Whether any worker is still to be replaced."""
        return bool(self._planned)

    @property
    def gave_up(self) -> bool:
        """Whether workers kept ending, and no job came to an end between, so that no more are started."""
        return self._lost - self._killed > MOST_LOST or self._killed > MOST_KILLED

    @property
    def deadly(self) -> tuple[str, ...]:
        """The tables in which too many workers in a row died; the workers that are started now leave them out."""
        return tuple(table for table, deaths in self._deaths.items() if deaths >= MOST_DEATHS)

    def see(self, event: Event) -> None:
        """Note that a job came to an end: there is hope."""
        if isinstance(event, Made | MadeNothing):  # a job that killed its workers ends as `Failed`, too
            self._deaths.pop(event.table, None)
        if isinstance(event, Made | MadeNothing | Failed):
            self._lost = self._killed = 0

    def plan(self, worker: WorkerProcess, lost: Lost | None) -> None:
        """Let another worker take the place of one that ended; after a while where none of them makes progress."""
        killed, pause = None, 0.0
        if lost is not None and lost.table:
            causes = self._kills.setdefault((lost.table, lost.key), [])
            causes.append(lost.cause)
            killed = (lost.pid, lost.table, lost.key, tuple(causes))
            self._deaths[lost.table] = self._deaths.get(lost.table, 0) + (not lost.timeout)
        if worker.refused:
            pause = LONGEST_PAUSE_SECONDS
        elif lost is not None and (killed is None or len(killed[3]) > MOST_KILLS):  # else its job will be an error
            self._lost += 1
            self._killed += lost.exit_code == -signal.SIGKILL
            pause = min(0.2 * self._lost, LONGEST_PAUSE_SECONDS)
        if not self.gave_up:
            self._planned[worker.number] = Replacement(worker, time.monotonic() + pause, killed)

    def take_due(self) -> Iterator[Replacement]:
        """Those whose time has come; each comes back once."""
        for number, replacement in list(self._planned.items()):
            if time.monotonic() >= replacement.due:
                del self._planned[number]
                yield replacement
