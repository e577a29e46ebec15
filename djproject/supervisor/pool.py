"""A pool of worker processes on one machine: started, listened to, stopped."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from djproject.worker.assignment import ABANDON, Post
from djproject.worker.events import (
    Alive,
    Begins,
    Counted,
    Event,
    Failed,
    Idle,
    Lost,
    LostJob,
    Made,
    MadeNothing,
    Postponed,
    Refused,
    Retired,
    Started,
    read_event,
)

QUICK_SECONDS = 2.0  # a worker that ends sooner has not made a job yet
MOST_QUICK_ENDS = 10
TICK_SECONDS = 0.5
LONGEST_SILENCE_SECONDS = 60.0
LONGEST_START_SECONDS = 600.0  # imports on a network disk, by many processes at once


@dataclass(slots=True)
class _Slot:
    """One worker process and what was heard of it."""

    post: Post
    process: subprocess.Popen[bytes]
    events: BinaryIO
    buffer: bytes = b""
    idle_since: float = -1.0  # when its last pass without work began; -1 while it works
    refused: bool = False
    open: bool = True
    making: tuple[str, str] = ("", "")  # the table and key of the job at hand
    began: float = 0.0
    job_began: float = 0.0
    timeout: float = 0.0  # the limit that its job passed
    retired: bool = False
    heard: float = 0.0
    started: bool = False  # the pipeline is imported

    @property
    def number(self) -> int:
        return self.post.assignment.slot

    def is_silent(self, now: float) -> bool:
        longest = LONGEST_SILENCE_SECONDS if self.started else LONGEST_START_SECONDS
        return self.open and not self.making[0] and now - self.heard > longest


@dataclass(frozen=True, slots=True)
class _Replacement:
    """The place of a worker that ended: when another one begins, and the job that killed it."""

    slot: _Slot
    due: float
    killed: tuple[int, str, str, tuple[str, ...]] | None


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends.

    Attributes
    ----------
    watch
        Go on when nothing is left, and wait for new keys.
    idle_seconds
        End a run that watches once nothing was left for so long.
    seconds
        Stop after so long; the jobs at hand are finished.
    grace_seconds
        How long they may take once a stop was asked for; then they go back to the queue.
    """

    watch: bool = False
    idle_seconds: float | None = None
    seconds: float | None = None
    grace_seconds: float | None = None


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
    limits: Limits = Limits()
    each_tick: Callable[[], None] = lambda: None
    _slots: list[_Slot] = field(default_factory=list)
    _stopping: bool = False
    _terminated: bool = False
    _started: set[int] = field(default_factory=set)
    _quick: int = 0
    _hopeless: int = 0
    _began: float = 0.0
    _stopped: float = 0.0
    _done: dict[int, int] = field(default_factory=dict)
    _kills: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _replacements: dict[int, _Replacement] = field(default_factory=dict)
    _ticked: float = 0.0
    _working: bool = False

    def start(self) -> None:
        """Start the worker processes, in a session of their own: a Ctrl-C at the terminal is not theirs."""
        self._began = self._ticked = time.monotonic()
        if self.logs is not None:
            self.logs.mkdir(parents=True, exist_ok=True)
        for post in self.posts:
            self._slots.append(self._start(post))

    def events(self) -> Iterator[Event]:
        """What the workers tell, until all have ended.

        They are stopped when every one of them passed over all tables without finding work, in a pass that began
        after the last job of any of them was finished, so that no child of that job can be waiting, and after the last
        one that was postponed is due.
        """
        settled = 0.0
        with selectors.DefaultSelector() as selector:
            for slot in self._slots:
                selector.register(slot.events, selectors.EVENT_READ, slot)
            while any(slot.open for slot in self._slots) or (self._replacements and not self._stopping):
                self._ticked = time.monotonic()
                self.each_tick()
                for ready, _ in selector.select(timeout=TICK_SECONDS):
                    slot = ready.data
                    for event in self._read(slot, selector):
                        self._working = self._working or isinstance(event, Started)
                        if isinstance(event, Refused) and event.may_pass and self._working:
                            slot.retired = True  # others could begin: it is tried again, as after an outage
                            continue
                        if isinstance(event, Made):
                            settled = max(settled, event.finished)
                        if isinstance(event, Postponed):
                            settled = max(settled, time.monotonic() + event.seconds)
                        if isinstance(event, Lost) and not self._stopping:
                            self._plan_replacement(slot, event)
                        yield event
                    if not slot.open and slot.retired and not self._stopping:
                        self._plan_replacement(slot, None)
                self._start_replacements(selector)
                self._mind_the_clock(settled)

    def _mind_the_clock(self, settled: float) -> None:
        """Stop where nothing is left or the time is over; end what takes too long."""
        now, limits = time.monotonic(), self.limits
        active = [slot for slot in self._slots if slot.open]
        if active and not self._replacements and all(slot.idle_since > settled for slot in active):
            idle = now - max(settled, self._began)
            if not limits.watch or (limits.idle_seconds is not None and idle > limits.idle_seconds):
                self.stop()
        if limits.seconds is not None and now - self._began > limits.seconds and not self._stopping:
            self.stop()
        grace = limits.grace_seconds
        if self._stopping and grace is not None and not self._terminated and now - self._stopped > grace:
            self.abandon()
        for slot in active:
            limit = slot.post.job_seconds
            if limit is not None and slot.making[0] and now - slot.job_began > limit and not slot.timeout:
                slot.timeout = limit
                slot.process.kill()

    @property
    def making(self) -> dict[int, tuple[str, str, float]]:
        """By slot: the table and key of the job at hand and its seconds so far; empty texts where there is none."""
        now = time.monotonic()
        return {slot.number: (*slot.making, now - slot.job_began) for slot in self._slots if slot.open}

    @property
    def is_healthy(self) -> bool:
        """Whether this loop turns, and each worker imports, makes a job, or was heard of within the last minute."""
        now = time.monotonic()
        return not any(slot.is_silent(now) for slot in self._slots) and now - self._ticked < LONGEST_SILENCE_SECONDS

    @property
    def gave_up(self) -> bool:
        """Whether workers ended again and again as soon as they had begun, so that none was started any more."""
        return self._hopeless > MOST_QUICK_ENDS

    def stop(self) -> None:
        """Let every worker finish the job at hand and end."""
        if not self._stopping:
            self._stopped = time.monotonic()
        self._stopping = True
        for slot in self._slots:
            if slot.process.stdin and not slot.process.stdin.closed:
                slot.process.stdin.close()

    def abandon(self) -> None:
        """Let every worker give the job at hand back to the queue and end; the third call kills."""
        self.stop()
        number = signal.SIGKILL if self._terminated else ABANDON
        self._terminated = True
        for slot in self._slots:
            if slot.process.poll() is None:
                slot.process.send_signal(number)

    def close(self) -> None:
        """Wait for the processes; those that are still there are killed."""
        self.stop()
        for slot in self._slots:
            try:
                slot.process.wait(timeout=None if not self._terminated else 10)
            except subprocess.TimeoutExpired:
                slot.process.kill()
                slot.process.wait()
            if slot.open:
                slot.events.close()

    def _plan_replacement(self, slot: _Slot, lost: Lost | None) -> None:
        """Let another worker take the place of one that ended; where it did not even begin, after a while."""
        if slot.process.stdin:
            slot.process.stdin.close()
        if self._jobs_left(slot.post) == 0:
            return
        killed, pause = None, 0.0
        if lost is not None and lost.table:
            causes = self._kills.setdefault((lost.table, lost.key), [])
            causes.append(lost.cause)
            killed = (lost.pid, lost.table, lost.key, tuple(causes))
        elif slot.refused:
            pause = QUICK_SECONDS
        elif lost is not None and time.monotonic() - slot.began < QUICK_SECONDS:
            self._quick += 1
            self._hopeless += lost.exit_code != -signal.SIGKILL  # which is somebody else's doing
            pause = min(0.2 * self._quick, 2.0)
        else:
            self._quick = self._hopeless = 0
        if not self.gave_up:
            self._replacements[slot.number] = _Replacement(slot, time.monotonic() + pause, killed)

    def _start_replacements(self, selector: selectors.BaseSelector) -> None:
        for number, replacement in list(self._replacements.items()):
            if time.monotonic() >= replacement.due and not self._stopping:
                del self._replacements[number]
                new = self._start(replacement.slot.post, replacement.killed)
                self._slots[self._slots.index(replacement.slot)] = new
                selector.register(new.events, selectors.EVENT_READ, new)
        if self._stopping:  # a signal may have come between the start of a process and its entry in the list
            self.stop()

    def _jobs_left(self, post: Post) -> int | None:
        """How many of the run's jobs a place may still make; None for any number."""
        jobs = post.assignment.jobs
        return None if jobs is None else max(jobs - self._done.get(post.assignment.slot, 0), 0)

    def _start(self, post: Post, killed: tuple[int, str, str, tuple[str, ...]] | None = None) -> _Slot:
        number = post.assignment.slot
        reading, writing = os.pipe()
        package_parent = str(Path(__file__).parents[2])
        search = os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH", ""))))
        with self._log(number) as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "djproject.worker", str(writing)],
                stdin=subprocess.PIPE,
                stdout=log or sys.stderr,
                stderr=log or sys.stderr,
                pass_fds=(writing,),
                start_new_session=True,
                env={**os.environ, **post.environment, "PYTHONPATH": search},
            )
        os.close(writing)
        again = number in self._started
        assignment = replace(
            post.assignment,
            killed=killed,
            replaces=again,
            retry=post.assignment.retry and not again,
            jobs=self._jobs_left(post),
        )
        line = json.dumps(asdict(assignment)) + "\n"
        self._started.add(number)
        if process.stdin:
            process.stdin.write(line.encode())
            process.stdin.flush()
        now = time.monotonic()
        return _Slot(post, process, os.fdopen(reading, "rb", buffering=0), began=now, heard=now)

    def _log(self, number: int) -> AbstractContextManager[BinaryIO | None]:
        if self.logs is None:
            return nullcontext()
        return (self.logs / f"worker-{number}.log").open("ab" if number in self._started else "wb")

    def _read(self, slot: _Slot, selector: selectors.BaseSelector) -> Iterator[Event]:
        data = slot.events.read(65536)
        if not data:
            selector.unregister(slot.events)
            slot.events.close()
            slot.open = False
            code = slot.process.wait()
            if code and not slot.refused and not self._terminated:
                yield Lost(slot.number, code, slot.process.pid, *slot.making, slot.timeout)
            return
        *lines, slot.buffer = (slot.buffer + data).split(b"\n")
        slot.heard = time.monotonic()
        for line in lines:
            event = read_event(line)
            if isinstance(event, Alive):
                continue
            if isinstance(event, Counted):  # told beside a job
                yield event
                continue
            slot.making = (event.table, event.key) if isinstance(event, Begins) else ("", "")
            slot.job_began = time.monotonic()
            slot.started = slot.started or isinstance(event, Started)
            slot.retired = slot.retired or isinstance(event, Retired)
            if isinstance(event, Made | MadeNothing | Failed | Postponed | LostJob):
                self._done[slot.number] = self._done.get(slot.number, 0) + 1
            slot.idle_since = event.began if isinstance(event, Idle) else -1.0
            slot.refused = slot.refused or isinstance(event, Refused)
            yield event
