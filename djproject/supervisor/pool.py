"""A pool of worker processes on one machine: started, listened to, replaced, stopped."""

import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from djproject.project.opening import refuse_links
from djproject.supervisor.limits import Limits, RunClock
from djproject.supervisor.process import LONGEST_SILENCE_SECONDS, WorkerProcess, start_worker
from djproject.supervisor.replacement import MOST_DEATHS, Replacement, Replacements
from djproject.worker.assignment import ABANDON, Post
from djproject.worker.events import (
    Event,
    Failed,
    KeyGone,
    Lost,
    LostJob,
    Made,
    MadeNothing,
    Postponed,
    Refused,
    Retired,
    SetAside,
    Started,
)

TICK_SECONDS = 0.5
NO_LIMITS = Limits()


@dataclass(slots=True)
class Pool:
    """Workers of one run.

    Attributes
    ----------
    posts
        One for each worker process.
    logs
        The folder of their output: what a `make` prints, and DataJoint's log; None where it belongs to this process's.
    limits
        When the run ends.
    each_tick
        Called twice a second at least, while the loop turns.
    """

    posts: Sequence[Post]
    logs: Path | None
    limits: Limits = NO_LIMITS
    each_tick: Callable[[], None] = lambda: None
    _workers: dict[int, WorkerProcess] = field(default_factory=dict)
    _replacements: Replacements = field(default_factory=Replacements)
    _clock: RunClock = field(init=False)
    _terminated: bool = False
    _working: bool = False  # some worker could begin
    _ticked: float = 0.0
    _done: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The run begins."""
        self._clock = RunClock(self.limits)

    def start(self) -> None:
        """Start the worker processes."""
        self._clock, self._ticked = RunClock(self.limits), time.monotonic()
        if self.logs is not None:
            self.logs.mkdir(parents=True, exist_ok=True)
        for post in self.posts:
            self._start(post)

    def events(self) -> Iterator[Event]:
        """What the workers report, until all have ended; they are stopped when the run is over."""
        with selectors.DefaultSelector() as selector:
            for worker in self._workers.values():
                selector.register(worker.events, selectors.EVENT_READ, worker)
            while self._open() or (self._replacements and not self._stopping):
                self._ticked = time.monotonic()
                self.each_tick()
                for ready, _ in selector.select(timeout=TICK_SECONDS):
                    yield from self._hear(ready.data, selector)
                for worker in self._open():
                    if worker.has_ended:  # a process it left behind may keep its pipe open forever
                        yield from self._hear(worker, selector)
                for replacement in () if self._stopping else self._replacements.take_due():
                    worker = self._start(replacement.worker.post, replacement)
                    selector.register(worker.events, selectors.EVENT_READ, worker)
                self._watch_the_clock()

    @property
    def making(self) -> dict[int, tuple[str, str, float]]:
        """By slot: the table and key of the running job and its seconds so far; empty texts where there is none."""
        now = time.monotonic()
        return {worker.number: (*worker.making, now - worker.job_began) for worker in self._open()}

    @property
    def is_healthy(self) -> bool:
        """Whether this loop turns, and each worker imports, makes a job, or was heard of within the last minute."""
        now = time.monotonic()
        silent = any(worker.is_silent(now) for worker in list(self._workers.values()))
        return not silent and now - self._ticked < LONGEST_SILENCE_SECONDS

    @property
    def gave_up(self) -> bool:
        """Whether workers kept ending without a job that came to an end, so that no more were started."""
        return self._replacements.gave_up

    def stop(self, within: float | None = None) -> None:
        """Let every worker finish its running job and end; `within` so many seconds, else it gives the job back."""
        self._clock.stop(within)
        for worker in list(self._workers.values()):
            worker.stop()

    def abandon(self) -> None:
        """Let every worker give its running job back to the queue and end; the third call kills."""
        self.stop()
        number = signal.SIGKILL if self._terminated else ABANDON
        self._terminated = True
        for worker in list(self._workers.values()):
            worker.send_signal(number)

    def close(self) -> None:
        """Wait for the processes; those that are still there are killed."""
        self.stop()
        for worker in self._workers.values():
            worker.close(10 if self._terminated else None)

    @property
    def _stopping(self) -> bool:
        return self._clock.stopped is not None

    def _open(self) -> list[WorkerProcess]:
        return [worker for worker in list(self._workers.values()) if worker.is_open]

    def _hear(self, worker: WorkerProcess, selector: selectors.BaseSelector) -> Iterator[Event]:
        """Pass on what a worker reports; replace it where it ended and there is more to do."""
        number = worker.events.fileno()
        for event in worker.read():
            self._working = self._working or isinstance(event, Started)
            if isinstance(event, Refused) and event.may_pass and self._working:
                worker.retired = True  # others could begin: it is tried again, as after an outage
                continue
            if isinstance(event, Lost) and self._terminated and not event.stuck:
                continue
            if isinstance(event, Retired) and self._stopping:
                continue
            if isinstance(event, Lost):
                yield from self._set_aside(worker, event)
            if isinstance(event, Made | MadeNothing | Failed | Postponed | LostJob | KeyGone):
                self._done[worker.number] = self._done.get(worker.number, 0) + 1
            self._clock.see(event)
            self._replacements.see(event)
            yield event
        if not worker.is_open:
            selector.unregister(number)
            if worker.retired:
                self._replace(worker, None)

    def _set_aside(self, worker: WorkerProcess, lost: Lost) -> Iterator[SetAside]:
        """Replace a worker that died; its table is filled no more where that happened too often."""
        before = self._replacements.deadly
        self._replace(worker, lost)
        if lost.table in set(self._replacements.deadly) - set(before):
            reason = f"{MOST_DEATHS} workers in a row died while they made {lost.table}, and none of its jobs was made."
            yield SetAside(worker.number, lost.table, reason, f"djproject jobs show {lost.table}")

    def _replace(self, worker: WorkerProcess, lost: Lost | None) -> None:
        worker.stop()
        if not self._stopping and self._jobs_left(worker.post) != 0:
            self._replacements.plan(worker, lost)

    def _watch_the_clock(self) -> None:
        """Stop where nothing is left or the time is over; end what takes too long."""
        workers = self._open()
        if not self._stopping and self._clock.is_over(() if self._replacements else workers):
            self.stop()
        if self._clock.grace_is_over and not self._terminated:
            self.abandon()
        now = time.monotonic()
        for worker in workers:
            worker.time_out(now)
            worker.remind(now)

    def _start(self, post: Post, replacement: Replacement | None = None) -> WorkerProcess:
        again = replacement is not None
        assignment = replace(
            post.assignment,
            killed=replacement.killed if replacement else None,
            excluded=self._replacements.deadly,
            replaces=again,
            retry=post.assignment.retry and not again,
            jobs=self._jobs_left(post),
        )
        with self._log(assignment.slot, again=again) as log:
            worker = self._workers[assignment.slot] = start_worker(post, assignment, log)
        if self._stopping:  # a signal may have come between the start of the process and its entry
            self.stop()
        return worker

    def _jobs_left(self, post: Post) -> int | None:
        """How many of the run's jobs a place may still make; None for any number."""
        jobs = post.assignment.jobs
        return None if jobs is None else max(jobs - self._done.get(post.assignment.slot, 0), 0)

    def _log(self, number: int, *, again: bool) -> AbstractContextManager[BinaryIO | None]:
        if self.logs is None:
            return nullcontext()
        path = self.logs / f"worker-{number}.log"
        refuse_links(path.absolute())
        return path.open("ab" if again else "wb")
