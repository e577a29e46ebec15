"""When a run ends: nothing is left, its time is over, or it was told to stop."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from djproject.supervisor.process import WorkerProcess
from djproject.worker.events import Event, KeyGone, LostJob, Made, Postponed, Recovered
from djproject.worker.pilot import HANDOVER_SECONDS


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends.

    Attributes
    ----------
    watch
        Keep running when nothing is left, and wait for new keys.
    idle_seconds
        End a run that watches once nothing was left for so long.
    seconds
        Stop after so long; running jobs are finished.
    grace_seconds
        How long they may take once a stop was asked for; then they go back to the queue.
    ends
        When the machine is taken away, in seconds since the epoch: running jobs go back to the queue just before.
    """

    watch: bool = False
    idle_seconds: float | None = None
    seconds: float | None = None
    grace_seconds: float | None = None
    ends: float | None = None


@dataclass(slots=True)
class RunClock:
    """The times of one run, on the monotonic clock.

    Attributes
    ----------
    limits
        When the run ends.
    stopped
        When a stop was first asked for; None before.
    within
        In how many seconds after that the run has to be over, where that is less than the limits say.
    """

    limits: Limits
    stopped: float | None = None
    within: float | None = None
    _began: float = field(default_factory=time.monotonic)
    _settled: float = 0.0  # when the last job was finished, or became pending again

    def see(self, event: Event) -> None:
        """Note when there may be new work."""
        match event:
            case Made(finished=finished):
                self._settled = max(self._settled, finished)
            case Postponed() | LostJob() | KeyGone() | Recovered():
                self._settled = max(self._settled, time.monotonic())

    def stop(self, within: float | None = None) -> None:
        """Note that a stop was asked for."""
        if self.stopped is None:
            self.stopped, self.within = time.monotonic(), within

    def is_over(self, workers: Sequence[WorkerProcess]) -> bool:
        """Whether nothing is left for `workers`, all that run, or the run's time is over.

        Nothing is left when every one of them passed over all tables without finding work, in a pass that began
        after the last job of any of them was finished or postponed, so that no child of that job can be waiting. In
        that pass, the worker also asked the database whether a job is due soon: see `Idle`.
        """
        now, limits = time.monotonic(), self.limits
        if workers and all(worker.idle_since > self._settled for worker in workers):
            idle = now - max(self._settled, self._began)
            if not limits.watch or (limits.idle_seconds is not None and idle > limits.idle_seconds):
                return True
        return limits.seconds is not None and now - self._began > limits.seconds

    @property
    def grace_is_over(self) -> bool:
        """Whether running jobs have had the time they may take: after a stop, or before the machine is taken away."""
        if self.limits.ends is not None and time.time() > self.limits.ends - HANDOVER_SECONDS:
            return True
        grace = self.limits.grace_seconds if self.within is None else self.within
        return grace is not None and self.stopped is not None and time.monotonic() - self.stopped > grace
