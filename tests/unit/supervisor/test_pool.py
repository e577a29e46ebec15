"""Events survive the way between processes; a pool hears its workers out."""

import os
import signal
import subprocess
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from djproject.supervisor import process, replacement
from djproject.supervisor.placement import ALL, posts_of
from djproject.supervisor.pool import Pool
from djproject.worker.assignment import Assignment, Post
from djproject.worker.events import (
    Added,
    Begins,
    Counted,
    Ended,
    Event,
    Failed,
    Idle,
    Lost,
    Made,
    Refused,
    SetAside,
    Started,
    line_of,
    read_event,
)

EVENTS: list[Event] = [
    Started(1),
    Counted(1, {"a.B": (1, 2, 3, 4)}, 5.5),
    Made(1, "a.B", 0.5, 12.5),
    Failed(2, "a.B", "x=1", "line\nbreaks and ünïcode"),
    Added(1, "a.B", 3),
    Idle(1, 1.5),
    Idle(1, 1.5, {"a.B": (2, 900.5)}),
    SetAside(1, "a.B", "no", "hint"),
    Ended(1),
    Refused(1, "no", "hint", "de\ntails"),
    Lost(1, -9),
]


def _posts(root: Path, processes: int) -> tuple[Post, ...]:
    return posts_of([(ALL._replace(processes=processes), Assignment(str(root), "embedded"))])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_and_comes_back_equal(event: Event) -> None:
    line = line_of(event)
    assert line.count(b"\n") == 1
    assert read_event(line) == event
    assert asdict(read_event(line)) == asdict(event)


def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    pool = Pool(_posts(tmp_path, 2), tmp_path / "logs")
    pool.start()
    events = list(pool.events())
    pool.close()
    assert {type(event) for event in events} == {Refused}
    assert all("not in a djproject project" in event.message for event in events if isinstance(event, Refused))


def test_a_worker_that_is_killed_is_lost_and_replaced(tmp_path: Path, project: Path) -> None:
    import signal

    pool = Pool(_posts(project, 1), tmp_path / "logs")
    pool.start()
    first = pool._workers[1].process
    first.send_signal(signal.SIGKILL)
    lost, refused = pool.events()
    assert lost == Lost(1, -9, first.pid)
    assert isinstance(lost, Lost)
    assert lost.cause == "SIGKILL"
    assert isinstance(refused, Refused)  # the second one got as far as to see that there is nothing to fill
    pool.close()


def test_a_worker_that_imports_for_minutes_is_healthy_and_one_that_falls_silent_is_not(
    tmp_path: Path, project: Path
) -> None:
    pool = Pool(_posts(project, 1), tmp_path / "logs")
    pool.start()
    (slot,) = pool._workers.values()
    slot.heard -= 120
    assert pool.is_healthy
    slot.started = True
    assert not pool.is_healthy
    slot.making = ("work.Result", "{}")
    assert pool.is_healthy
    pool.close()


class Unkillable(subprocess.Popen[bytes]):
    """A process whose end does not come, as where the kernel waits for a disk first."""

    def send_signal(self, sig: int) -> None:
        pass


def test_a_process_that_cannot_be_killed_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "EXIT_SECONDS", 0.3)
    with Unkillable(["sleep", "1000"], stdin=subprocess.PIPE) as sleep:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        assert sleep.stdin is not None
        (post,) = _posts(tmp_path, 1)
        worker = process.WorkerProcess(post, sleep, os.fdopen(reading, "rb", 0), sleep.stdin, began=0.0, heard=0.0)
        worker.making = ("a.B", '{"x": 1}')
        worker.send_signal(signal.SIGKILL)
        assert list(worker.read()) == []
        assert worker.is_open
        time.sleep(0.4)
        (lost,) = worker.read()
        assert isinstance(lost, Lost)
        assert lost.end == (
            f"cannot be killed while making a.B (x=1) (process {sleep.pid}): it is waiting for a disk or network drive"
        )
        assert not worker.is_open
        worker.close(None)
        os.close(writing)
        os.kill(sleep.pid, signal.SIGKILL)


@pytest.mark.parametrize("told", [True, False])
def test_a_worker_that_ends_without_saying_so_is_lost_whatever_its_exit_code(tmp_path: Path, told: bool) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    if told:
        os.write(writing, line_of(Ended(1)))
    os.close(writing)
    with subprocess.Popen(["true"], stdin=subprocess.PIPE, start_new_session=True) as ended:
        assert ended.stdin is not None
        (post,) = _posts(tmp_path, 1)
        worker = process.WorkerProcess(post, ended, os.fdopen(reading, "rb", 0), ended.stdin, began=0.0, heard=0.0)
        while worker.is_open:
            events = list(worker.read())
    assert events == ([] if told else [Lost(1, 0, ended.pid)])


def test_a_table_in_which_many_workers_died_is_left_out_by_those_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignments: list[Assignment] = []

    def start(post: Post, assignment: Assignment, log: object) -> process.WorkerProcess:
        assignments.append(assignment)
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        dies = Begins(1, "a.B", "{}") if "a.B" not in assignment.excluded else Ended(1)
        os.write(writing, line_of(dies))
        os.close(writing)
        ended = subprocess.Popen(["true"], stdin=subprocess.PIPE, start_new_session=True)
        assert ended.stdin is not None
        return process.WorkerProcess(
            post, ended, os.fdopen(reading, "rb", 0), ended.stdin, began=0.0, heard=time.monotonic()
        )

    monkeypatch.setattr("djproject.supervisor.pool.start_worker", start)
    monkeypatch.setattr(replacement, "MOST_DEATHS", 3)
    pool = Pool(_posts(tmp_path, 1), tmp_path / "logs")
    pool.start()
    (aside,) = [event for event in pool.events() if isinstance(event, SetAside)]
    pool.close()
    assert aside.table == "a.B"
    assert "none of its jobs was made" in aside.message
    assert [assignment.excluded for assignment in assignments] == [(), (), (), ("a.B",)]


def test_a_worker_that_did_not_hear_that_it_is_to_give_its_job_back_is_reminded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two signals that come together, the kernel gives one to a thread that does not wake the first thread."""
    script = "trap 'n=$((n + 1)); [ $n -lt 2 ] || exit 7' USR1; echo; while :; do sleep 0.05; done"
    started: list[subprocess.Popen[bytes]] = []

    def start(post: Post, assignment: Assignment, log: object) -> process.WorkerProcess:
        deaf = subprocess.Popen(
            ["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert deaf.stdin is not None
        assert deaf.stdout is not None
        deaf.stdout.readline()
        os.set_blocking(deaf.stdout.fileno(), False)
        started.append(deaf)
        events = os.fdopen(os.dup(deaf.stdout.fileno()), "rb", 0)
        return process.WorkerProcess(post, deaf, events, deaf.stdin, began=0.0, heard=time.monotonic())

    monkeypatch.setattr("djproject.supervisor.pool.start_worker", start)
    pool = Pool(_posts(tmp_path, 1), tmp_path / "logs")
    pool.start()
    in_the_end = threading.Timer(10, started[0].kill)
    in_the_end.start()
    pool.abandon()
    list(pool.events())
    in_the_end.cancel()
    pool.close()
    assert started[0].stdout is not None
    started[0].stdout.close()
    assert [each.returncode for each in started] == [7]
