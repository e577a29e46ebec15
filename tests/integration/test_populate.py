"""Workers: errors are told, children follow parents, Ctrl-C drains, a SIGKILL costs one job."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import PYTHON_ENVIRONMENT, Run
from tests.integration.conftest import insert_items, write_make


def status_of(run: Run, root: Path, table: str = "work.Result") -> dict[str, int]:
    tables = json.loads(run("status", "--format", "json", cwd=root).stdout)["tables"]
    return next(entry for entry in tables if entry["name"] == table)


class Started(subprocess.Popen[str]):
    """A command that runs beside the test; what it writes goes into files, so that it never waits for a reader."""

    def __init__(self, root: Path, *command: str) -> None:
        self._files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115 (until communicate)
        path = os.pathsep.join((PYTHON_ENVIRONMENT["PYTHONPATH"], str(root / "src")))
        super().__init__(
            command, cwd=root, text=True, stdin=subprocess.DEVNULL, stdout=self._files[0], stderr=self._files[1],
            env={**os.environ, **PYTHON_ENVIRONMENT, "PYTHONPATH": path}, start_new_session=True,
        )  # fmt: skip

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end and return stdout and stderr."""
        self.wait(timeout)
        texts = []
        for file in self._files:
            file.seek(0)
            texts.append(file.read())
            file.close()
        return texts[0], texts[1]


def start(root: Path, *arguments: str) -> Started:
    return Started(root, sys.executable, "-m", "djproject", *arguments)


def wait_for(path: Path, count: int = 1, seconds: float = 60) -> list[Path]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = sorted(path.glob("*"))
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{path} has {len(sorted(path.glob('*')))} files, not {count}")


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [child.pid] if "djproject.worker" in child.cmdline() else []
    return found


def test_failed_jobs_are_told_and_tried_again_on_request(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 6)
    write_make(jobs_project, 'assert key["item_id"] % 3, "three\\nlines\\nlong"; self.insert1({**key, "value": 1.0})')
    result = run("populate", "--workers", "2", cwd=jobs_project, code=1)
    assert "8 jobs done, 2 failed." in result.stderr
    assert "error work.Result (item_id=0) and 1 other job\n      AssertionError: three lines long" in result.stdout
    assert status_of(run, jobs_project)["errors"] == 2
    again = run("populate", cwd=jobs_project)
    assert "2 jobs that failed in earlier runs were not retried" in again.stderr
    write_make(jobs_project, 'self.insert1({**key, "value": 1.0})')
    assert "4 jobs done, 0 failed." in run("populate", "--retry", cwd=jobs_project).stderr
    assert status_of(run, jobs_project)["errors"] == 0
    assert status_of(run, jobs_project, "work.Child")["done"] == 6


def test_what_is_to_be_done_is_told(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    assert "enter rows in the manual tables first" in run("populate", cwd=jobs_project).stderr
    insert_items(python, jobs_project, 1)
    write_make(jobs_project, "import not_installed_here")
    result = run("populate", cwd=jobs_project, code=1)
    assert "Next: pip install -e . (the project's packages), then: djproject populate --retry" in result.stderr


def test_restrictions_and_table_names_choose_the_jobs(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 6)
    result = run("populate", "Result", "--where", "item_id < 4", "--where", "item_id > 1", cwd=jobs_project)
    assert "2 jobs done" in result.stderr
    assert status_of(run, jobs_project, "work.Child")["done"] == 0
    run("populate", "work.Child", "work.Result", cwd=jobs_project)
    assert status_of(run, jobs_project, "work.Child")["done"] == 6
    for arguments, words in (
        (("Item",), "is not populated automatically"),
        (("Nothing",), "no table called 'Nothing'"),
        (("--where", "colour = 3"), "does not fit work.Result"),
        (("--where", "item_id = = 3"), "does not fit work.Result"),
        (("--workers", "0"), "--workers"),
    ):
        refused = run("populate", *arguments, cwd=jobs_project, code=2)
        assert words in refused.stderr
        assert "Traceback" not in refused.stderr


def test_children_follow_in_the_same_run_even_when_parents_are_slow(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 3)
    write_make(jobs_project, 'import time; time.sleep(1.0); self.insert1({**key, "value": 1.0})')
    assert "6 jobs done" in run("populate", "--workers", "3", cwd=jobs_project).stderr


def test_no_table_waits_until_another_one_is_through(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 80)
    write_make(jobs_project, 'import time; time.sleep(0.05); self.insert1({**key, "value": 1.0})')
    told = run("populate", cwd=jobs_project).stderr.splitlines()
    made = [line.split()[1] for line in told if line.startswith("made ")]
    assert len(made) == 160
    last_parent = 159 - made[::-1].index("work.Result")
    assert made[:last_parent].count("work.Child") > 20


def test_plain_datajoint_workers_and_ours_drain_one_queue_together(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 60)
    marks = jobs_project / "marks"
    marks.mkdir()
    code = (
        f'import os, time; open(f"{marks}/{{key[\'item_id\']}}-{{os.getpid()}}-{{time.time()}}", "w"); time.sleep(0.02); '
        'self.insert1({**key, "value": 1.0})'
    )
    write_make(jobs_project, code)
    ours = start(jobs_project, "populate", "Result", "--workers", "2")
    python("from workflow import work; work.Result.populate(reserve_jobs=True)", cwd=jobs_project)
    _, errors = ours.communicate(timeout=120)
    assert ours.returncode == 0, errors
    made = [int(path.name.split("-")[0]) for path in marks.iterdir()]
    assert sorted(made) == list(range(60)), "a job was lost or made twice"
    assert len({path.name.split("-")[1] for path in marks.iterdir()}) >= 2


def slow_make(root: Path, seconds: float) -> Path:
    marks = root / "marks"
    marks.mkdir(exist_ok=True)
    write_make(
        root,
        f'import time; open(f"{marks}/{{key[\'item_id\']}}", "w").close(); time.sleep({seconds}); '
        'self.insert1({**key, "value": 1.0})',
    )
    return marks


def start_slow_jobs(root: Path, run: Run, python: Run, seconds: float) -> subprocess.Popen[str]:
    """Two workers in the middle of their first jobs, of twenty."""
    run("deploy", cwd=root)
    insert_items(python, root, 20)
    marks = slow_make(root, seconds)
    process = start(root, "populate", "--workers", "2")
    wait_for(marks, 2)
    return process


def test_ctrl_c_lets_the_jobs_at_hand_finish(jobs_project: Path, run: Run, python: Run) -> None:
    process = start_slow_jobs(jobs_project, run, python, 1.0)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "2 jobs done, 0 failed." in errors
    status = status_of(run, jobs_project)
    assert (status["done"], status["reserved"], status["errors"]) == (2, 0, 0)


def test_a_second_ctrl_c_gives_the_jobs_back(jobs_project: Path, run: Run, python: Run) -> None:
    process = start_slow_jobs(jobs_project, run, python, 60)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    status = status_of(run, jobs_project)
    assert (status["done"], status["reserved"], status["errors"], status["pending"]) == (0, 0, 0, 20)


def test_a_killed_worker_is_replaced_and_its_job_done(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 10)
    marks = slow_make(jobs_project, 0.5)
    process = start(jobs_project, "populate", "Result", "--workers", "2")
    wait_for(marks, 2)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "stopped by SIGKILL while making work.Result (item_id=" in errors
    status = status_of(run, jobs_project)
    assert (status["done"], status["reserved"], status["errors"]) == (10, 0, 0)


@pytest.mark.parametrize("victim", ["command", "worker", "postmaster", "backend", "keeper"])
def test_killing_any_process_leaves_a_database_that_starts_with_all_committed_rows(
    jobs_project: Path, run: Run, python: Run, victim: str
) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 400)
    journal = jobs_project / "journal"
    # Each value is noted after DataJoint committed the job before it: what stands there must be in the database.
    write_make(
        jobs_project,
        f'open("{journal}", "a").write(f"{{key[\'item_id\']}}\\n"); self.insert1({{**key, "value": 1.0}})',
    )
    process = start(jobs_project, "populate", "Result", "--workers", "2")
    deadline = time.monotonic() + 60
    while (not journal.exists() or journal.read_text().count("\n") < 60) and time.monotonic() < deadline:
        time.sleep(0.01)
    postmaster = int((jobs_project / ".djproject/postgres/postmaster.pid").read_text().splitlines()[0])
    backends = subprocess.run(
        ["pgrep", "-P", str(postmaster), "-f", "postgres: postgres"], capture_output=True, text=True, check=False
    )
    keeper = subprocess.run(
        ["pgrep", "-f", f"targets.keeper {jobs_project}"], capture_output=True, text=True, check=True
    )
    pid = {
        "command": process.pid,
        "worker": workers_of(process)[0],
        "postmaster": postmaster,
        "backend": int(backends.stdout.split()[0]),
        "keeper": int(keeper.stdout.split()[0]),
    }[victim]
    os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=120)
    deadline = time.monotonic() + 30
    while (
        subprocess.run(["pgrep", "-f", f"djproject.worker.*{jobs_project}"], capture_output=True, check=False).stdout
        and time.monotonic() < deadline
    ):
        time.sleep(0.1)
    begun = [int(line) for line in journal.read_text().split()]
    result = python(
        "from workflow import work; print(*sorted(work.Result.to_arrays('item_id').tolist()))", cwd=jobs_project
    )
    stored = [int(word) for word in result.stdout.splitlines()[-1].split()]
    assert len(stored) == len(set(stored))
    missing = set(begun) - set(stored)
    assert len(missing) <= 2, "more than the two running jobs are gone"
    if victim == "keeper":
        assert len(stored) == 400


def test_the_projects_own_worker_works_until_it_is_stopped(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 3)
    environ = {**os.environ, "PYTHONPATH": f"{PYTHON_ENVIRONMENT['PYTHONPATH']}:{jobs_project / 'src'}"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "workflow.worker"],
        cwd=jobs_project.parent,
        env=environ,
        text=True,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while status_of(run, jobs_project, "work.Child")["done"] < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    insert_items(python, jobs_project, 5)
    while status_of(run, jobs_project, "work.Child")["done"] < 5 and time.monotonic() < deadline:
        time.sleep(0.2)
    worker.terminate()
    _, log = worker.communicate(timeout=20)
    assert worker.returncode == 0, log
    assert "djproject worker: jobs on embedded" in log
    assert log.count("made work.Child") == 5


def test_a_worker_waits_for_tables_that_are_not_declared_yet(jobs_project: Path, run: Run, python: Run) -> None:
    environ = {**os.environ, "PYTHONPATH": f"{PYTHON_ENVIRONMENT['PYTHONPATH']}:{jobs_project / 'src'}"}
    with subprocess.Popen(
        [sys.executable, "-m", "workflow.worker"], cwd=jobs_project, env=environ, text=True, stderr=subprocess.PIPE
    ) as worker:
        assert worker.stderr is not None
        line = next((line for line in worker.stderr if "is not declared" in line), "")
        assert "waiting" in line
        assert "djproject deploy" in line
        run("deploy", cwd=jobs_project)
        insert_items(python, jobs_project, 2)
        assert any("made work.Child" in line for line in worker.stderr)
        worker.terminate()
        log = worker.stderr.read()
    assert worker.returncode == 0, log


def test_selectors_choose_what_is_filled(run: Run, python: Run, jobs_project: Path) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 3)
    run("populate", "+work.Child", "--exclude", "work.Child", cwd=jobs_project)
    tables = json.loads(run("status", "--format", "json", cwd=jobs_project).stdout)["tables"]
    assert {table["name"]: table["done"] for table in tables} == {"work.Item": None, "work.Result": 3, "work.Child": 0}
    tables = json.loads(run("status", "tier:computed", "--format", "json", cwd=jobs_project).stdout)["tables"]
    assert [table["name"] for table in tables] == ["work.Result", "work.Child"]
    refused = run("populate", "work.Item", "work.Item+", "--exclude", "tier:computed", cwd=jobs_project, code=2)
    assert "None of the tables chosen is populated automatically" in refused.stderr
