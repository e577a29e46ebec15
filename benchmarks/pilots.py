"""What pilots cost and how fast they react: many that begin at once, idle ones, one that is stopped, one that is gone.

The batch script of `cluster render` is run by bash, as Slurm runs it. Needs `$DJPROJECT_TEST_MYSQL`.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.lab import Lab, lab, wait_until
from benchmarks.timing import table

MANY, IDLE_SECONDS, JOB_SECONDS = 50, 60, 3
READY = "The pilot is ready."
SLOW = 'import time; print("begun", flush=True); time.sleep({seconds}); self.insert1({{**key, "value": 1.0}})'
Ask = Callable[[str], Any]


def measure() -> None:
    """Print four small tables."""
    if not os.environ.get("DJPROJECT_TEST_MYSQL"):
        print("No DJPROJECT_TEST_MYSQL.")
        return
    with lab("mysql") as place:
        path = place.root / "pyproject.toml"
        settings = f'kind = "slurm"\ntarget = "lab"\nmax = {MANY}\n'
        path.write_text(f"{path.read_text()}\n[tool.djproject.clusters.hpc]\n{settings}")
        script = place.run(place.command, "cluster", "render", "hpc")
        ask = place.connect()
        rows = [("begin as the script says", *_begin(place, script, ask, range(1, MANY + 1)))]
        rows.append(("begin at the same moment", *_begin(place, script, ask, [1] * MANY)))
        table((f"{MANY} pilots", "all are ready", "most connections opened in a second", "connections"), rows)
        print()
        watching = [place.command, "populate", "--watch"]
        costs = [("an idle pilot", *_idle(ask, _batch(place, script, 1)))]
        costs.append(("`populate --watch`", *_idle(ask, _started(place, watching))))
        table(("a minute of", "processor", "questions to the server", "resident"), costs)
        print()
        table(("event", "seconds"), [
            (f"SIGTERM in the middle of a job of {JOB_SECONDS} s, until the exit", f"{_stopped(place, script):.1f}"),
            ("SIGKILL of all of a pilot, until its job is pending again", f"{_gone(place, script):.1f}"),
        ])  # fmt: skip


def _batch(place: Lab, script: str, number: int) -> "subprocess.Popen[bytes]":
    """One element of the array, its output in a file."""
    variables = {"SLURM_JOB_ID": str(9000 + number), "SLURM_ARRAY_JOB_ID": "9000", "SLURMD_NODENAME": "node1",
                 "SLURM_ARRAY_TASK_ID": str(number)}  # fmt: skip
    return _started(place, ["bash", "-c", script], variables)


def _started(place: Lab, command: Sequence[str], more: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    with Path(place.root / "pilots.log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=place.root, env=place.environ | (more or {}), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip


@contextmanager
def _running(processes: "Sequence[subprocess.Popen[bytes]]") -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in processes:
            process.wait(60)


def _said(place: Lab, words: str) -> int:
    return (place.root / "pilots.log").read_text().count(words)


def _begin(place: Lab, script: str, ask: Ask, numbers: Sequence[int]) -> tuple[str, str, str]:
    (place.root / "pilots.log").write_text("")
    began, seen, most = time.monotonic(), [], 0
    processes = [_batch(place, script, number) for number in numbers]
    with _running(processes):
        while _said(place, READY) < len(numbers):
            assert time.monotonic() - began < 600
            now = time.monotonic()
            seen.append((now, int(_status(ask, "Connections"))))
            most = max(most, int(_status(ask, "Threads_connected")))
            time.sleep(0.1)
        took = time.monotonic() - began
    rate = max(last - first for at, first in seen for then, last in seen if at <= then <= at + 1.0)
    return f"{took:.1f} s", str(rate), str(most)


def _status(ask: Ask, name: str) -> str:
    return str(ask(f"SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME='{name}'"))


def _idle(ask: Ask, process: "subprocess.Popen[bytes]") -> tuple[str, str, str]:
    with _running([process]):
        time.sleep(15)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        before, asked = _processor(family), int(_status(ask, "Questions"))
        time.sleep(IDLE_SECONDS)
        minutes = IDLE_SECONDS / 60
        used, questions = _processor(family) - before, int(_status(ask, "Questions")) - asked - 1
        resident = sum(each.memory_info().rss for each in family)
    return f"{used / minutes:.2f} s", f"{questions / minutes:.0f}", f"{resident / 1e6:.0f} MB"


def _processor(family: Sequence[psutil.Process]) -> float:
    return sum(each.cpu_times().user + each.cpu_times().system for each in family)


def _stopped(place: Lab, script: str) -> float:
    """Seconds from SIGTERM, sent a second after its job began, until the pilot has ended."""
    place.make(SLOW.format(seconds=JOB_SECONDS))
    place.fill(1)
    (place.root / "pilots.log").write_text("")
    process = _batch(place, script, 1)
    with _running([process]):
        wait_until(lambda: _said(place, "begun"))
        time.sleep(1)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        return time.monotonic() - began


def _gone(place: Lab, script: str) -> float:
    """Seconds from the death of a pilot until its job waits again, with another one alive."""
    place.make(SLOW.format(seconds=120))
    place.fill(1)
    (place.root / "pilots.log").write_text("")
    first = _batch(place, script, 1)
    with _running([first]):
        wait_until(lambda: _said(place, "begun"))
        other = _batch(place, script, 2)
        with _running([other]):
            wait_until(lambda: _said(place, READY) > 1)
            family = [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.pid)]
            began = time.monotonic()
            for each in family:
                each.kill()
            first.wait(10)
            wait_until(lambda: _said(place, "begun") > 1)
            took = time.monotonic() - began
            os.killpg(other.pid, signal.SIGKILL)
        return took
