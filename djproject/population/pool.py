"""A pool of worker processes on one machine: started, listened to, stopped."""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from djproject.population.events import Event, Idle, Lost, Made, Refused, read_event
from djproject.population.worker import Assignment


@dataclass(slots=True)
class _Slot:
    """One worker process and what was heard of it."""

    number: int
    process: subprocess.Popen[bytes]
    events: BinaryIO
    buffer: bytes = b""
    idle_since: float = -1.0  # when its last pass without work began; -1 while it works
    refused: bool = False
    open: bool = True


@dataclass(slots=True)
class Pool:
    """Workers of one run.

    Attributes
    ----------
    assignment
        What all of them do; each gets a slot of its own.
    logs
        The folder of their output: what a `make` prints, and DataJoint's log.
    """

    assignment: Assignment
    logs: Path
    _slots: list[_Slot] = field(default_factory=list)
    _stopping: bool = False
    _terminated: bool = False

    def start(self) -> None:
        """Start the worker processes, in a session of their own: a Ctrl-C at the terminal is not theirs."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for number in range(1, self.assignment.slots + 1):
            self._slots.append(self._start(number))

    def events(self) -> Iterator[Event]:
        """What the workers tell, until all have ended.

        They are stopped when every one of them passed over all tables without finding work, in a pass that began
        after the last job of any of them was finished, so that no child of that job can be waiting.
        """
        last_finished = 0.0
        with selectors.DefaultSelector() as selector:
            for slot in self._slots:
                selector.register(slot.events, selectors.EVENT_READ, slot)
            while any(slot.open for slot in self._slots):
                for ready, _ in selector.select(timeout=1.0):
                    slot = ready.data
                    for event in self._read(slot, selector):
                        if isinstance(event, Made):
                            last_finished = max(last_finished, event.finished)
                        yield event
                active = [slot for slot in self._slots if slot.open]
                if active and all(slot.idle_since > last_finished for slot in active):
                    self.stop()

    def stop(self) -> None:
        """Let every worker finish the job at hand and end."""
        self._stopping = True
        for slot in self._slots:
            if slot.process.stdin and not slot.process.stdin.closed:
                slot.process.stdin.close()

    def abandon(self) -> None:
        """Let every worker give the job at hand back to the queue and end; the third call kills."""
        self.stop()
        number = signal.SIGKILL if self._terminated else signal.SIGTERM
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

    def _start(self, number: int) -> _Slot:
        reading, writing = os.pipe()
        package_parent = str(Path(__file__).parents[2])
        search = os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH", ""))))
        with (self.logs / f"worker-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "djproject.population.worker", str(writing)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(writing,),
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": search},
            )
        os.close(writing)
        line = json.dumps(asdict(replace(self.assignment, slot=number))) + "\n"
        if process.stdin:
            process.stdin.write(line.encode())
            process.stdin.flush()
        return _Slot(number, process, os.fdopen(reading, "rb", buffering=0))

    def _read(self, slot: _Slot, selector: selectors.BaseSelector) -> Iterator[Event]:
        data = slot.events.read(65536)
        if not data:
            selector.unregister(slot.events)
            slot.events.close()
            slot.open = False
            code = slot.process.wait()
            if code and not slot.refused and not self._terminated:
                yield Lost(slot.number, code)
            return
        *lines, slot.buffer = (slot.buffer + data).split(b"\n")
        for line in lines:
            event = read_event(line)
            slot.idle_since = event.began if isinstance(event, Idle) else -1.0
            slot.refused = slot.refused or isinstance(event, Refused)
            yield event
