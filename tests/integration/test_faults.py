"""Workers that are killed, databases that go away, makes that misbehave: an exact account at the end of each."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import insert_items, write_make
from tests.integration.test_populate import start, status_of, workers_of

# `DJPROJECT_TEST_FAULTS=full`: the numbers a release is held to, which take most of an hour.
FULL = os.environ.get("DJPROJECT_TEST_FAULTS") == "full"
pytestmark = pytest.mark.timeout(1800 if FULL else 400)


def account(run: Run, python: Run, root: Path, count: int) -> None:
    """Rows = keys, no row twice, nothing reserved, no error, nothing left in the queue."""
    for table in ("work.Result", "work.Child"):
        status = status_of(run, root, table)
        numbers = {name: status[name] for name in ("rows", "done", "pending", "reserved", "errors", "ignored")}
        assert numbers == {"rows": count, "done": count, "pending": 0, "reserved": 0, "errors": 0, "ignored": 0}, table
    code = "from workflow import work; print(len(work.Result.jobs), len(work.Child.jobs))"
    assert python(code, cwd=root).stdout.splitlines()[-1] == "0 0"


def wait_for_rows(run: Run, root: Path) -> None:
    """Until the run is in the middle of its work, however slow the machine is."""
    deadline = time.monotonic() + 60
    while not status_of(run, root)["done"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_children_and_the_supervisor_killed_again_and_again(server_project: Path, run: Run, python: Run) -> None:
    root, jobs = server_project, 2000 if FULL else 500
    slots, pause, most_kills, most_supervisors = (4, 0.2, 150, 5) if FULL else (3, 0.4, 20, 2)
    run("deploy", cwd=root)
    insert_items(python, root, jobs)
    write_make(root, 'import time; time.sleep(0.01); self.insert1({**key, "value": 1.0})')
    kills, supervisors = 0, 0
    deadline = time.monotonic() + (1200 if FULL else 240)
    while time.monotonic() < deadline:
        process = start(root, "populate", "--workers", str(slots))
        ends = time.monotonic() + ((8 if FULL else 4) if supervisors < most_supervisors else 1200)
        while process.poll() is None and time.monotonic() < ends:
            time.sleep(pause)
            victims = workers_of(process) if kills < most_kills else []
            if victims:
                try:
                    os.kill(random.choice(victims), signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
        if process.poll() is None:
            process.kill()  # the supervisor: its workers finish the job at hand and end
            supervisors += 1
            process.communicate()
            continue
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        break
    assert kills >= most_kills // 2
    assert supervisors == most_supervisors
    print(f"{kills} workers and {supervisors} supervisors killed")
    # Workers whose supervisor was killed last may still be at their job.
    for _ in range(60):
        if status_of(run, root)["reserved"] == 0:
            break
        time.sleep(0.5)
    run("populate", cwd=root)
    account(run, python, root, jobs)


def test_stops_at_random_moments_leave_no_trace(server_project: Path, run: Run, python: Run) -> None:
    root, rounds = server_project, 200 if FULL else 6
    jobs = 50 * rounds
    run("deploy", cwd=root)
    insert_items(python, root, jobs)
    write_make(root, 'import time; time.sleep(0.02); self.insert1({**key, "value": 1.0})')
    for number in range(rounds):
        process = start(root, "populate", "--workers", "2")
        time.sleep(random.uniform(0.5, 3.0))
        for _ in range(1 + number % 2):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM if number % 3 == 0 else signal.SIGINT)
                time.sleep(random.uniform(0.0, 0.1))
        _, errors = process.communicate(timeout=60)
        assert process.returncode in {0, 130, -15, -2}, errors
        status = status_of(run, root)
        assert (status["reserved"], status["errors"]) == (0, 0), errors
    run("populate", "--workers", "2", cwd=root)
    account(run, python, root, jobs)


MAKES = {
    "segfault": "import ctypes; ctypes.string_at(0)",
    "exit": "import os; os._exit(3)",
    "nothing": "pass",
    "another key": 'self.insert1({**key, "item_id": 1, "value": 1.0}, skip_duplicates=True)',
    "unpicklable": "raise type('Odd', (Exception,), {'__reduce__': None})('x\\x00\\x1b[31m' + 'y' * 5_000_000)",
    "pool": "import multiprocessing as m; p = m.get_context('spawn').Pool(2); p.map(abs, [1, -2]); p.close(); "
    'p.join(); self.insert1({**key, "value": 1.0})',
    "open transaction": "self.connection.cancel_transaction(); self.connection.start_transaction(); "
    'self.insert1({**key, "value": 1.0})',
}
EXPECTED = {
    "segfault": ("error", "the worker process died 3 times: SIGSEGV, SIGSEGV, SIGSEGV"),
    "exit": ("error", "the worker process died 3 times: exit code 3, exit code 3, exit code 3"),
    "nothing": ("ignore", "make returned without inserting a row for this key"),
    "another key": ("ignore", "make returned without inserting a row for this key"),
    "unpicklable": ("error", "Odd: x"),
}


def test_makes_that_misbehave_block_nobody(server_project: Path, run: Run, python: Run) -> None:
    root = server_project
    run("deploy", cwd=root)
    insert_items(python, root, 40)
    branches = "; ".join(f"exec({code!r}, globals() | locals()) if key['item_id'] == {number} else None"
                         for number, code in enumerate(MAKES.values(), start=10))  # fmt: skip
    normal = 'self.insert1({**key, "value": 1.0}) if key["item_id"] not in range(10, 17) else None'
    write_make(root, f"{branches}; {normal}")
    result = run("populate", "Result", "--workers", "2", cwd=root, code=1, timeout=240)
    assert "Traceback" not in result.stderr
    listed = json.loads(run("jobs", "list", "--format", "json", cwd=root).stdout)["jobs"]
    found = {job["key"]["item_id"]: (job["status"], job["message"]) for job in listed}
    assert set(found) == {10 + list(MAKES).index(name) for name in EXPECTED}, result.stderr
    for name, (status, message) in EXPECTED.items():
        got = found[10 + list(MAKES).index(name)]
        assert got[0] == status, name
        assert got[1].startswith(message), name
    status = status_of(run, root)
    assert (status["done"], status["pending"], status["reserved"]) == (35, 0, 0)
    shown = run("jobs", "show", "--error", "Odd", cwd=root).stdout
    assert "Odd" in shown

    # By hand: grouped, tried again after mending, and removed.
    grouped = run("jobs", "list", cwd=root).stdout
    assert "the worker process died N times: SIGSEGV" in grouped
    assert "pending again: 1 of work.Result" in run(
        "jobs", "retry", "--error", "SIGSEGV", "--dry-run", cwd=root
    ).stdout.replace("would be ", "")
    write_make(root, 'self.insert1({**key, "value": 1.0})')
    run("jobs", "retry", cwd=root)
    run("populate", "Result", cwd=root)
    assert status_of(run, root)["done"] == 40
    assert 'No jobs have status "error" or "ignore"' in run("jobs", "list", cwd=root).stderr
    assert "no regular expression" in run("jobs", "list", "--error", "(", cwd=root, code=2).stderr
    assert "does not fit" in run("jobs", "list", "--where", "colour = 3", cwd=root, code=2).stderr


def test_connections_killed_one_by_one(server_project: Path, run: Run, python: Run) -> None:
    root, jobs = server_project, 150
    run("deploy", cwd=root)
    insert_items(python, root, jobs)
    write_make(root, 'import time; time.sleep(0.05); self.insert1({**key, "value": 1.0})')
    code = """
import datajoint as dj, random, time
import workflow
connection = dj.conn()
for _ in range(12):
    time.sleep(0.5)
    if connection.adapter.backend == "mysql":
        rows = connection.query("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() "
                                "AND user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1)").fetchall()
        for (number,) in random.sample(list(rows), min(1, len(rows))):
            try:
                connection.query(f"KILL {number}")
            except Exception:
                pass
    else:
        connection.query("SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE pid <> "
                         "pg_backend_pid() AND backend_type = 'client backend' ORDER BY random() LIMIT 1) AS one").fetchall()
"""
    process = start(root, "populate", "--workers", "2")
    time.sleep(2)
    python(code, cwd=root)
    _, errors = process.communicate(timeout=240)
    print(errors)
    assert process.returncode == 0, errors
    account(run, python, root, jobs)


def test_the_database_goes_away_and_comes_back(jobs_project: Path, run: Run, python: Run) -> None:
    """Stopped at once and started again three times, in the middle of the work: it costs waiting, not jobs."""
    root, jobs = jobs_project, 200
    run("deploy", cwd=root)
    insert_items(python, root, jobs)
    write_make(root, 'import time; time.sleep(0.05); self.insert1({**key, "value": 1.0})')
    process = start(root, "populate", "--workers", "2")
    wait_for_rows(run, root)
    pidfile = root / ".djproject/postgres/postmaster.pid"
    for pause in (0.5, 2.5, 2.5):
        time.sleep(pause)
        try:
            os.kill(int(pidfile.read_text().splitlines()[0]), signal.SIGQUIT)
        except (OSError, ValueError, IndexError):
            continue
    _, errors = process.communicate(timeout=240)
    print(errors)
    assert process.returncode == 0, errors
    account(run, python, root, jobs)


def test_leases_are_shown_and_protect_the_jobs_of_the_living(jobs_project: Path, run: Run, python: Run) -> None:
    root = jobs_project
    run("deploy", cwd=root)
    insert_items(python, root, 2)
    go = root / "go"
    write_make(
        root,
        "import pathlib, time\n"
        f"        while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.1)\n"
        '        self.insert1({**key, "value": 1.0})',
    )
    assert "No worker" in run("workers", cwd=root).stderr
    process = start(root, "populate", "Result", "--workers", "2")
    deadline = time.monotonic() + 30
    while status_of(run, root)["reserved"] < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    workers = json.loads(run("workers", "--format", "json", cwd=root).stdout)["workers"]
    assert [worker["gone"] for worker in workers] == [False, False]
    told = run("jobs", "requeue", "--force", cwd=root).stderr
    assert "0 jobs pending again" in told
    assert "2 reserved jobs were not changed: their worker is still running." in told
    go.touch()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert status_of(run, root)["done"] == 2
    # A reservation without a lease, as DataJoint's own populate makes it: only on request.
    insert_items(python, root, 3)
    python("from workflow import work; work.Result.jobs.refresh(); work.Result.jobs.reserve(dict(item_id=2))", cwd=root)
    assert "1 reserved job was not changed" in run("jobs", "requeue", cwd=root).stderr
    assert "1 job pending again" in run("jobs", "requeue", "--force", cwd=root).stderr
