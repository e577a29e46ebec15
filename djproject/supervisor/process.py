"""One worker process as its pool sees it: how it is started, and what it has reported."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from djproject.supervisor.memory import WATCH
from djproject.worker.assignment import ABANDON, Assignment, Post
from djproject.worker.events import (
    Alive,
    Begins,
    Counted,
    Ended,
    Event,
    Idle,
    Lost,
    Refused,
    Retired,
    Started,
    read_event,
)

LONGEST_SILENCE_SECONDS = 60.0
EXIT_SECONDS = 10.0  # for a worker that reports no more
POLL_SECONDS = 0.02
REMINDER_SECONDS = 0.5
LONGEST_START_SECONDS = 600.0  # imports on a network disk, by many processes at once


@dataclass(slots=True)
class WorkerProcess:
    """One worker process and what it has reported.

    Attributes
    ----------
    post
        Its place in the pool.
    events, control
        What it reports is read from the one, and the end of the other lets it stop.
    began
        When it was started (monotonic clock); so are the other times.
    is_open
        Whether it runs and its events are read.
    idle_since
        When its last pass without work began; -1 while it works.
    making, job_began
        The table and key of its running job, empty where there is none, and since when.
    timeout
        The limit that its job exceeded; 0 where it did not.
    refused, retired, started, finished
        Whether it cannot work, makes room for a fresh process, has imported the pipeline, ended of its own accord.
    heard
        When it last reported anything.
    killed, abandoned
        When it was first sent SIGKILL, and last the signal to give its job back; 0 where it was not.
    """

    post: Post
    process: subprocess.Popen[bytes]
    events: BinaryIO
    control: BinaryIO
    began: float
    heard: float
    is_open: bool = True
    idle_since: float = -1.0
    making: tuple[str, str] = ("", "")
    job_began: float = 0.0
    timeout: float = 0.0
    refused: bool = False
    retired: bool = False
    started: bool = False
    finished: bool = False
    killed: float = 0.0
    abandoned: float = 0.0
    _buffer: bytes = b""

    @property
    def number(self) -> int:
        """Its slot."""
        return self.post.assignment.slot

    def is_silent(self, now: float) -> bool:
        """Whether it should have reported something by now."""
        longest = LONGEST_SILENCE_SECONDS if self.started else LONGEST_START_SECONDS
        return self.is_open and not self.making[0] and now - self.heard > longest

    def read(self) -> Iterator[Event]:
        """What it reports now. At its end `is_open` turns false, and `Lost` comes back unless it said why it ends."""
        ended = self.has_ended  # asked first: what it reported before is read below
        while data := self.events.read(65536):  # None where there is nothing now
            yield from self._read_events(data)
            if not ended:
                return
        if data is None and not ended:
            return
        self.events.close()
        self.is_open = False
        code = self._wait()
        stuck = code is None
        code = -signal.SIGKILL if code is None else code
        if stuck or not (self.finished or self.refused):  # also with exit code 0: a make may call os._exit
            why = WATCH.claim() if code == -signal.SIGKILL and not self.killed else ""
            yield Lost(self.number, code, self.process.pid, *self.making, self.timeout, stuck, why)

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended, no matter who else holds its pipe, or cannot be made to end."""
        return self.process.poll() is not None or self._is_stuck

    @property
    def _is_stuck(self) -> bool:
        return bool(self.killed) and time.monotonic() - self.killed > EXIT_SECONDS

    def _wait(self, seconds: float | None = EXIT_SECONDS) -> int | None:
        """Its exit code; what it has started and left behind is ended with it.

        None where it does not end: the kernel finishes a process only after its access to a disk that does not answer.
        """
        code = self._exit_code(seconds)
        if code is None:
            self.send_signal(signal.SIGKILL)
            code = self._exit_code(EXIT_SECONDS)
        _signal_group(self.process.pid, signal.SIGKILL if code or self.abandoned else signal.SIGTERM)
        return code

    def _exit_code(self, seconds: float | None) -> int | None:
        """Its exit code, waited for by `select`: sleeping fails where a clock is set under this process."""
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline and not self._is_stuck:
            select.select([], [], [], POLL_SECONDS)
        return self.process.poll()

    def _read_events(self, data: bytes) -> Iterator[Event]:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self.heard = time.monotonic()
        for line in lines:
            try:
                event = read_event(line)
            except ValueError:  # not the worker's: a make has written to its pipe
                continue
            if isinstance(event, Alive | Ended):
                self.finished = isinstance(event, Ended)
                continue
            if not isinstance(event, Counted):  # reported while a job runs
                self._see(event)
            yield event

    def stop(self) -> None:
        """Let it finish its running job and end."""
        if not self.control.closed:
            self.control.close()

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        if self.process.poll() is not None:
            return
        if number == signal.SIGKILL:
            self.killed = self.killed or time.monotonic()
            _signal_group(self.process.pid, number)
        if number == ABANDON:
            self.abandoned = time.monotonic()
        self.process.send_signal(number)

    def remind(self, now: float) -> None:
        """Send the signal to give its job back again.

        Of two signals that come together, the kernel may give one to another thread; the first thread, in which
        Python handles signals, then sleeps on.
        """
        if self.abandoned and now - self.abandoned > REMINDER_SECONDS:
            self.send_signal(ABANDON)

    def time_out(self, now: float) -> None:
        """End it if its job takes longer than it may."""
        limit = self.post.job_seconds
        if limit is not None and self.making[0] and now - self.job_began > limit and not self.timeout:
            self.timeout = limit
            self.send_signal(signal.SIGKILL)

    def close(self, seconds: float | None) -> None:
        """Wait for its end, unless that was seen; after so many seconds it is killed."""
        if not self.is_open:
            return
        self._wait(seconds)
        self.events.close()

    def _see(self, event: Event) -> None:
        self.making = (event.table, event.key) if isinstance(event, Begins) else ("", "")
        self.job_began = time.monotonic()
        self.started = self.started or isinstance(event, Started)
        self.retired = self.retired or isinstance(event, Retired)
        self.refused = self.refused or isinstance(event, Refused)
        self.idle_since = event.began if isinstance(event, Idle) else -1.0


def start_worker(post: Post, assignment: Assignment, log: BinaryIO | None) -> WorkerProcess:
    """Start a worker process in the project's root, in a session of its own: a Ctrl-C at the terminal is not for it.

    Parameters
    ----------
    post
        Its place in the pool.
    assignment
        What it is to do: that of the post, as far as it is still to be done.
    log
        Where its output goes; None for this process's stderr.
    """
    WATCH.begin()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    assigned, control = os.pipe()
    package_parent = str(Path(__file__).parents[2])
    given = [str(Path(folder).absolute()) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    search = os.pathsep.join((package_parent, *given))
    root = Path(assignment.root)
    process = subprocess.Popen(
        [sys.executable, "-m", "djproject.worker", str(writing), str(assigned)],
        stdin=subprocess.DEVNULL,
        stdout=log or sys.stderr,
        stderr=log or sys.stderr,
        pass_fds=(writing, assigned),
        start_new_session=True,
        cwd=root if root.is_dir() else None,  # relative paths in a make
        env={**os.environ, **post.environment, "PYTHONPATH": search},
    )
    os.close(writing)
    os.close(assigned)
    with suppress(BrokenPipeError):  # it has ended already: its exit code says why
        os.write(control, json.dumps(asdict(assignment)).encode() + b"\n")
    now = time.monotonic()
    events, orders = os.fdopen(reading, "rb", buffering=0), os.fdopen(control, "wb", buffering=0)
    return WorkerProcess(post, process, events, orders, began=now, heard=now)


def _signal_group(leader: int, number: int) -> None:
    """Signal a worker's process group: what its `make` started, unless that began a session of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
