"""Pilots on a real Slurm: submitted, counted, drained, cut off, killed; and every key once.

`DJPROJECT_CLUSTER_JOBS=1000` makes more jobs in the test that breaks things.
"""

import contextlib
import fcntl
import os
import random
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Run, missing_service
from tests.integration.lab_clusters import ClusterProject, add_target, wait_until, write_module

JOBS = int(os.environ.get("DJPROJECT_CLUSTER_JOBS", "60"))
BROKEN = max(6, JOBS // 20)  # each of six ways at least once
AWAY = 60 if JOBS >= 1000 else 8  # seconds without the controller
pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600 + 3 * JOBS)]
SETUP = f"export PYTHONPATH={Path(__file__).parents[2]}:{os.environ.get('PYTHONPATH', '')}"


def slurm(*command: str, check: bool = True) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=120).stdout


@pytest.fixture
def engine() -> Iterator[None]:
    """Slurm, for one test at a time."""
    if shutil.which("sinfo") is None or subprocess.run(["sinfo"], capture_output=True, check=False).returncode:
        missing_service("no Slurm here: sbatch and sinfo do not answer")
    with Path(tempfile.gettempdir(), "djproject-tests-slurm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bring_nodes_back()
        yield
        slurm("scancel", "--me", check=False)
        for _ in range(60):
            if not slurm("squeue", "--noheader", "--me").strip():
                break
            time.sleep(0.5)
        bring_nodes_back()


def bring_nodes_back() -> None:
    """Nodes that Slurm itself took out of service, as it does after what these tests do to them."""
    for line in slurm("sinfo", "--noheader", "--Node", "--states=drain,down", "--format=%N|%E").splitlines():
        node, _, reason = line.strip().partition("|")
        if reason in {"Duplicate jobid", "Kill task failed", "Not responding"}:
            slurm("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)


@pytest.fixture(params=["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def project(request: pytest.FixtureRequest, engine: None, tmp_path: Path, run: Run) -> Iterator[ClusterProject]:
    root, name = tmp_path / "p", f"slurm_{uuid.uuid4().hex[:8]}"
    run("init", str(root), "--name", name, "--yes", "--no-git", cwd=tmp_path)
    place: Any = request.getfixturevalue(request.param)
    add_target(root, "lab", place)
    configure(root, time="10m")
    write_module(root, name)
    run("deploy", "-t", "lab", cwd=root)
    found = ClusterProject(root, run, "hpc", "lab", place, name)
    yield found
    slurm("scancel", "--me", check=False)
    place.execute(f"DROP DATABASE {name}" if request.param == "mysql" else f"DROP SCHEMA {name} CASCADE")


def configure(root: Path, **settings: object) -> None:
    """The cluster's settings; others than these are as usual."""
    path = root / "pyproject.toml"
    before = path.read_text().partition("\n[tool.djproject.clusters.hpc]")[0]
    values: dict[str, object] = {"kind": "slurm", "target": "lab", "max": 3, "setup": [SETUP], **settings}
    text = "".join(
        f"{key} = {str(value) if isinstance(value, int | list) else repr(value)}\n" for key, value in values.items()
    )
    path.write_text(f"{before}\n[tool.djproject.clusters.hpc]\n{text.replace(chr(39), chr(34))}")


def test_pilots_make_every_key_once_and_end(project: ClusterProject) -> None:
    assert "no jobs are waiting" in project.type("submit")
    write_module(project.root, schema_of(project), seconds=0.3)
    project.insert(*range(20))
    tested = project.type("test")
    for word in ("node ", "database ", "package ", "clock ", "free space ", "GPUs "):
        assert f"ok      {word}" in tested
    assert "would submit 3 pilots" in project.type("submit", "--workers", "9", "--dry-run")
    assert "Submitted 2 pilots: job " in project.type("submit", "--workers", "2")
    assert "Submitted 1 pilot: job " in project.type("submit", "--workers", "2")
    most = "Nothing to submit: 3 pilots are running or queued, which is the cluster's max."
    assert most in project.type("submit")
    busy: list[dict[str, Any]] = []
    jobs = 20

    def some_are_busy() -> bool:
        nonlocal jobs
        project.insert(*range(jobs, jobs + 5))  # a look at a busy machine may take longer than all jobs
        jobs += 5
        busy.extend(pilot for pilot in project.pilots() if pilot["made"] and pilot["making"] and pilot["node"])
        return bool(busy)

    wait_until(some_are_busy)
    pilot = busy[0]
    assert 500 < pilot["ends"] - time.time() < 601
    assert pilot["making"][0].startswith("work.")
    seen = what_others_see(project.root)
    assert "djproject populate" in seen
    workers = project.run("workers", "-t", "lab", cwd=project.root).stdout
    assert f"hpc {pilot['job']}" in workers
    wait_until(lambda: project.done() == 3 * jobs)
    assert "3 running pilots finish their jobs and exit; 0 queued pilots are cancelled." in project.type("drain")
    wait_until(lambda: not project.alive())
    project.require_all_made(jobs)
    ended = project.pilots()
    assert len(ended) == 3
    assert {pilot["failed"] for pilot in ended} == {False}
    assert all(pilot["reason"].endswith((" job made", " jobs made")) for pilot in ended), ended
    assert "made work.Result" in project.type("logs", ended[0]["job"])
    assert "wrote no log" in project.type("logs", "1_1", code=2)
    password = (project.root / ".secrets/targets.lab.password").read_text()
    assert len(password) > 3
    assert password not in slurm("scontrol", "show", "job") + project.type("render")
    assert password not in seen


def what_others_see(root: Path) -> str:
    """Arguments and environment of all processes of a project, as `ps` shows them."""
    seen = []
    for process in processes_in(root):
        with contextlib.suppress(psutil.Error):
            seen.append(f"{' '.join(process.cmdline())} {process.environ()}")
    return "\n".join(seen)


def processes_in(root: Path) -> Iterator[psutil.Process]:
    """The processes of a project, and not those of other tests."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(root):
                yield process


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_submissions_at_the_same_moment_are_no_more_than_there_may_be(project: ClusterProject) -> None:
    write_module(project.root, schema_of(project), make="time.sleep(60)")
    project.insert(*range(9))
    with ThreadPoolExecutor(4) as pool:
        told = [
            future.result()
            for future in [pool.submit(project.type, "submit", "Result", "--workers", "3") for _ in range(4)]
        ]
    assert sum("Submitted 3 pilots" in each for each in told) == 1, told
    most = "Nothing to submit: 3 pilots are running or queued, which is the cluster's max."
    assert sum(most in each for each in told) == 3
    assert len(slurm("squeue", "--me", "--array", "--noheader", "--format=%i").split()) == 3
    wait_until(lambda: bool(project.status()["work.Result"]["reserved"]))
    project.type("cancel")
    wait_until(lambda: not project.alive(), seconds=15)
    result = project.status()["work.Result"]
    assert (result["pending"], result["reserved"], result["errors"]) == (9, 0, 0), "given back, not lost"


def schema_of(project: ClusterProject) -> str:
    return (project.root / "src/workflow/work.py").read_text().partition('dj.Schema("')[2].partition('"')[0]


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_what_fails_at_its_start_pauses_submission_and_says_why(project: ClusterProject) -> None:
    project.insert(*range(5))
    configure(project.root, python="/nowhere/python", time="10m")
    assert "/nowhere/python" in project.type("test", code=1)
    project.type("submit", "--workers", "3")
    wait_until(lambda: sum(pilot["failed"] for pilot in project.pilots()) == 3)
    told = project.type("status")
    assert "failed" in told
    assert "No such file or directory" in told
    assert "Next: djproject cluster submit hpc" in told
    refused = project.type("submit", code=2)
    assert "The last 3 pilots failed at startup: " in refused
    assert "No such file or directory" in refused
    assert "--anyway" in refused
    configure(project.root, time="10m")
    project.type("submit", code=2)
    assert "Submitted 1 pilot" in project.type("submit", "--workers", "1", "--anyway")
    wait_until(lambda: project.done() == 15)
    assert "Nothing to submit: 1 pilot is running or queued, and no jobs are waiting." in project.type("submit")
    assert "Cancelled 1 running pilot" in project.type("cancel")
    wait_until(lambda: not project.alive())


@pytest.mark.parametrize("project", ["mysql"], indirect=True)
def test_a_pilot_begins_no_job_that_it_cannot_finish(project: ClusterProject) -> None:
    """Pilots of one minute: a job that nobody knows is cut off and counts no attempt; then its length is known."""
    configure(project.root, time="1m", max=2)
    write_module(project.root, schema_of(project), make="time.sleep(90)")
    project.insert(0)
    project.type("submit", "Result", "--workers", "1")
    wait_until(lambda: project.status()["work.Result"]["reserved"] == 1)
    wait_until(lambda: not project.alive(), seconds=120)
    status = project.status()["work.Result"]
    assert (status["done"], status["pending"], status["reserved"], status["errors"]) == (0, 1, 0, 0)
    (cut,) = project.pilots()
    assert (cut["failed"], cut["reason"]) == (False, "0 jobs made")

    write_module(project.root, schema_of(project), make="time.sleep(12)")
    project.run("populate", "Result", "-t", "lab", cwd=project.root)
    project.insert(*range(1, 7))
    project.type("submit", "Result", "--workers", "2")
    wait_until(lambda: len(project.alive()) == 2)
    wait_until(lambda: not project.alive(), seconds=120)
    status = project.status()["work.Result"]
    assert 3 <= status["done"] <= 7
    assert (status["reserved"], status["errors"]) == (0, 0)
    made = [int(pilot["reason"].split()[0]) for pilot in project.pilots() if pilot["job"] != cut["job"]]
    assert sum(made) == status["done"] - 1
    for log in (project.root / ".djproject/clusters/hpc").glob("*.log"):
        assert "SIGKILL" not in log.read_text()


@pytest.mark.parametrize("project", ["mysql"], indirect=True)
def test_pilots_are_renewed_while_jobs_wait(project: ClusterProject) -> None:
    configure(project.root, time="1m", max=1)
    write_module(project.root, schema_of(project), make="time.sleep(2)")
    project.insert(*range(40))
    project.type("submit", "Result", "--workers", "1", "--renew")
    wait_until(lambda: len({pilot["job"] for pilot in project.pilots()}) > 1, seconds=150)
    assert len(project.alive()) <= 1
    wait_until(lambda: any(pilot["state"] == "running" and pilot["ready"] for pilot in project.pilots()))
    before = {pilot["job"] for pilot in project.pilots()}
    project.type("drain")
    wait_until(lambda: not project.alive())
    time.sleep(3)
    assert {pilot["job"] for pilot in project.pilots()} == before, "one that is drained submits no other"


def test_jobs_survive_what_happens_to_a_cluster(project: ClusterProject) -> None:
    """Requeued, cancelled, killed pilots, a node's daemon and the controller away: each key once, never more than max."""
    chance = random.Random(11)
    configure(project.root, time="10m", max=4)
    write_module(project.root, schema_of(project), seconds=0.4)
    project.insert(*range(JOBS))
    began, broken, jobs = time.monotonic(), 0, JOBS
    while broken < BROKEN or project.done() < 3 * jobs:
        assert time.monotonic() - began < 300 + 3 * JOBS
        project.type("submit", "--workers", "4", code=None)
        alive = slurm(
            "squeue", "--me", "--array", "--noheader", "--states=PENDING,RUNNING", "--format=%i", check=False
        ).split()
        assert len(alive) <= 4
        for pilot in alive:  # one that was requeued would wait for two minutes
            slurm("scontrol", "update", f"JobId={pilot}", "StartTime=now", check=False)
        if broken < BROKEN:
            project.insert(*range(jobs, jobs + 5))  # on a fast machine nothing would be left to break
            jobs += 5
            if alive:
                broken += 1
                break_something(broken, chance.choice(alive), project.root)
        time.sleep(2)
    project.type("drain")
    wait_until(lambda: not any(pilot["ready"] for pilot in project.alive()))
    # One that node2 was just told to begin when its daemon was killed never begins, which Slurm notices after minutes.
    project.type("cancel")
    wait_until(lambda: not project.alive())
    project.require_all_made(jobs)


def break_something(number: int, pilot: str, root: Path) -> None:
    match number % 6:
        case 0:
            slurm("scontrol", "requeue", pilot, check=False)
        case 1:
            slurm("scancel", pilot, check=False)
        case 2 | 3:
            for process in processes_in(root):
                with contextlib.suppress(psutil.Error):
                    if "--idle-exit" in process.cmdline():
                        process.kill()
                        break
        case 4:
            slurm("pkill", "-KILL", "-f", "slurmd -N node2", check=False)
            time.sleep(2)
            slurm("slurmd", "-N", "node2")
        case 5:
            slurm("pkill", "-KILL", "-x", "slurmctld", check=False)
            time.sleep(AWAY if number == 5 else 8)
            slurm("slurmctld")
