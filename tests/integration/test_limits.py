"""When a run ends, and when a job: the options of `populate`."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import insert_items, write_make
from tests.integration.test_populate import start, status_of, wait_for

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def ready(jobs_project: Path, run: Run, python: Run) -> Path:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 30)
    return jobs_project


def test_a_number_of_jobs_is_kept_exactly(ready: Path, run: Run) -> None:
    assert "7 jobs done" in run("populate", "Result", "--workers", "3", "--max-jobs", "7", cwd=ready).stderr
    assert status_of(run, ready)["done"] == 7
    assert "1 job done" in run("populate", "Result", "--workers", "3", "--max-jobs", "1", cwd=ready).stderr


def test_a_run_of_some_time_finishes_its_jobs(ready: Path, run: Run) -> None:
    write_make(ready, 'import time; time.sleep(0.8); self.insert1({**key, "value": 1.0})')
    run("populate", "Result", "--for", "12s", cwd=ready)
    status = status_of(run, ready)
    assert 0 < status["done"] < 30
    assert (status["reserved"], status["errors"]) == (0, 0)
    assert "is not a valid duration" in run("populate", "--for", "soon", cwd=ready, code=2).stderr


def test_watching_takes_new_keys_until_nothing_was_left_for_a_while(ready: Path, run: Run, python: Run) -> None:
    process = start(ready, "populate", "--watch", "--idle-exit", "15s")
    deadline = time.monotonic() + 60
    while status_of(run, ready, "work.Child")["done"] < 30 and time.monotonic() < deadline:
        time.sleep(0.3)
    insert_items(python, ready, 33)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert status_of(run, ready, "work.Child")["done"] == 33


def test_a_job_that_takes_too_long_is_ended(ready: Path, run: Run) -> None:
    write_make(ready, 'import time; time.sleep(60 if key["item_id"] == 3 else 0); self.insert1({**key, "value": 1.0})')
    result = run("populate", "Result", "--job-timeout", "2s", cwd=ready, code=1)
    assert "stopped after 2 s (job timeout)" in result.stderr
    status = status_of(run, ready)
    assert (status["done"], status["errors"], status["reserved"]) == (29, 1, 0)
    assert "stopped after N s (job timeout)" in run("jobs", "list", cwd=ready).stdout


def test_processes_are_replaced_after_so_many_jobs(ready: Path, run: Run) -> None:
    pids = ready / "pids"
    pids.mkdir()
    write_make(ready, f'import os; open(f"{pids}/{{os.getpid()}}", "w").close(); self.insert1({{**key, "value": 1.0}})')
    assert "30 jobs done" in run("populate", "Result", "--max-jobs-per-process", "10", cwd=ready).stderr
    assert len(list(pids.iterdir())) == 3
    write_make(
        ready,
        'self.insert1({**key, "value": 1.0})',
        f'import os; open(f"{pids}/{{os.getpid()}}", "w").close(); self.insert1({{**key, "value": 1.0}})',
    )
    run("populate", "work.Child", "--max-rss", "1", "--max-jobs", "3", cwd=ready)
    assert len(list(pids.iterdir())) == 6


def test_grace_gives_the_jobs_back_when_it_is_over(ready: Path, run: Run) -> None:
    marks = ready / "marks"
    marks.mkdir()
    write_make(ready, f'import time; open(f"{marks}/{{key[\'item_id\']}}", "w").close(); time.sleep(60)')
    process = start(ready, "populate", "Result", "--grace", "1s")
    wait_for(marks)
    os.kill(process.pid, signal.SIGTERM)
    began = time.monotonic()
    _, errors = process.communicate(timeout=40)
    assert time.monotonic() - began < 20
    status = status_of(run, ready)
    assert (status["pending"], status["reserved"], status["errors"]) == (30, 0, 0), errors


def test_a_plan_says_what_there_is_to_do_and_how_long_it_will_take(ready: Path, run: Run) -> None:
    write_make(ready, 'import time; time.sleep(0.05); self.insert1({**key, "value": 1.0})')
    run("populate", "Result", "--max-jobs", "10", cwd=ready)
    result = run("populate", "--dry-run", "--workers", "2", cwd=ready)
    row = next(line.split() for line in result.stdout.splitlines() if line.startswith("work.Result"))
    assert row[1:5] == ["30", "10", "20", "0"]
    assert 0.05 <= float(row[5]) < 5
    child = next(line for line in result.stdout.splitlines() if line.startswith("work.Child"))
    assert child.rstrip().endswith("work.Result")
    assert "with 2 workers, estimated from past jobs" in result.stderr
    assert status_of(run, ready)["done"] == 10
