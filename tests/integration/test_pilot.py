"""A run of `populate` that a batch script or a manifest started: what it does about its end, without any cluster."""

import json
import signal
import time
from pathlib import Path

import pytest

from djproject.worker.pilot import CLUSTER, ENDED, ENDS, JOB, NODE, READY
from tests.conftest import Run
from tests.integration.conftest import insert_items, write_make
from tests.integration.test_populate import start, status_of

pytestmark = pytest.mark.timeout(120)


def place(seconds: float) -> dict[str, str]:
    return {CLUSTER: "hpc", JOB: "8_1", NODE: "node7", ENDS: str(int(time.time() + seconds))}


def outcomes(python: Run, root: Path) -> list[str]:
    code = "from workflow import work; print([r[0] for r in work.schema.connection.query('SELECT outcome FROM djproject.attempt')])"
    return list(eval(python(code, cwd=root).stdout.splitlines()[-1]))


def test_what_is_not_finished_before_the_end_goes_back_and_counts_no_attempt(
    jobs_project: Path, run: Run, python: Run
) -> None:
    root = jobs_project
    run("deploy", cwd=root)
    insert_items(python, root, 2)
    write_make(
        root, 'import time; time.sleep(0.1 if key["item_id"] == 0 else 100); self.insert1({**key, "value": 1.0})'
    )
    began = time.monotonic()
    told = run("populate", "Result", "--watch", cwd=root, env=place(14)).stderr
    assert time.monotonic() - began < 60
    assert READY in told
    assert f"{ENDED} 1 job made." in told
    status = status_of(run, root)
    assert (status["done"], status["pending"], status["reserved"], status["errors"]) == (1, 1, 0, 0)
    assert outcomes(python, root) == ["made"]


def test_no_job_is_begun_that_does_not_fit(jobs_project: Path, run: Run, python: Run) -> None:
    root = jobs_project
    run("deploy", cwd=root)
    insert_items(python, root, 6)
    write_make(root, 'import time; time.sleep(4); self.insert1({**key, "value": 1.0})')
    run("populate", "Result", "--max-jobs", "1", cwd=root)
    told = run("populate", "Result", "--watch", cwd=root, env=place(20)).stderr
    done = status_of(run, root)["done"]
    assert 2 <= done <= 4, told
    assert outcomes(python, root) == ["made"] * done
    assert status_of(run, root)["reserved"] == 0


def test_a_pilot_whose_jobs_fail_has_done_its_work(jobs_project: Path, run: Run, python: Run) -> None:
    root = jobs_project
    run("deploy", cwd=root)
    insert_items(python, root, 2)
    write_make(root, 'raise ValueError("no")')
    run("populate", "Result", cwd=root, code=1)
    run("jobs", "retry", "Result", cwd=root)
    run("populate", "Result", cwd=root, env=place(1000))
    assert status_of(run, root)["errors"] == 2
    write_make(root, "import nowhere_at_all", child="pass")
    text = (root / "src/workflow/work.py").read_text()
    (root / "src/workflow/work.py").write_text(f"import nowhere_at_all\n{text}")
    assert READY not in run("populate", "Result", cwd=root, env=place(1000), code=2).stderr


def test_a_pilot_that_is_taken_away_early_gives_its_job_back(
    jobs_project: Path, run: Run, python: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM long before the end: the cluster will not wait for a long job."""
    root = jobs_project
    run("deploy", cwd=root)
    insert_items(python, root, 1)
    write_make(root, "import time; time.sleep(300)")
    for name, value in place(10_000).items():
        monkeypatch.setenv(name, value)
    pilot = start(root, "populate", "Result", "--watch")
    deadline = time.monotonic() + 60
    while not status_of(run, root)["reserved"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    shown = json.loads(run("workers", "--format", "json", cwd=root).stdout)["workers"]
    assert [(w["cluster"], w["pilot"], w["node"]) for w in shown] == [("hpc", "8_1", "node7")]
    assert "hpc 8_1" in run("workers", cwd=root).stdout
    pilot.send_signal(signal.SIGTERM)
    began = time.monotonic()
    pilot.communicate(timeout=60)
    assert 15 < time.monotonic() - began < 40
    assert pilot.returncode == 0
    status = status_of(run, root)
    assert (status["done"], status["pending"], status["reserved"], status["errors"]) == (0, 1, 0, 0)


def test_the_logs_of_pilots_are_their_own_output(jobs_project: Path, run: Run, python: Run) -> None:
    root = jobs_project
    run("deploy", cwd=root)
    insert_items(python, root, 1)
    write_make(root, 'print("said by make", flush=True); self.insert1({**key, "value": 1.0})')
    done = run("populate", "Result", cwd=root, env=place(1000))
    assert "said by make" in done.stdout + done.stderr
    assert not (root / ".djproject/logs/worker-1.log").exists()
