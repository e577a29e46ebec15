"""Pilots as pods of a real Kubernetes: submitted, drained, deleted, out of memory; and every key once, on both servers.

`DJPROJECT_CLUSTER_JOBS=1000` makes more jobs in the test that breaks things.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from djproject.stack.image import put_wheel
from tests.conftest import Run, missing_service
from tests.integration.conftest import MySQL, PostgreSQL
from tests.integration.lab_clusters import ClusterProject, add_target, wait_until, write_module
from tests.integration.stacks import require_engine

JOBS = int(os.environ.get("DJPROJECT_CLUSTER_JOBS", "60"))
DELETED = max(3, JOBS // 20)
pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.docker,
    pytest.mark.timeout(1500 + 3 * JOBS),
]
ROOT = Path(__file__).parents[2]
PASSWORD = "hush-9f"
LONG = 5000
HUNGRY = (
    "x = bytearray(900_000_000) if key['item_id'] == 7 else time.sleep(240 if key['item_id'] == "
    + str(LONG)
    + " else 0.3)"
)


def kubectl(*arguments: str, check: bool = True) -> str:
    return subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=check, timeout=120).stdout


def docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True, timeout=600
    ).stdout.strip()


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, MySQL | PostgreSQL]]:
    """A MySQL and a PostgreSQL in containers, at addresses that pods reach."""
    require_engine()
    wait_for_kubernetes()
    if (
        shutil.which("kubectl") is None
        or subprocess.run(["kubectl", "get", "nodes"], capture_output=True, check=False).returncode
    ):
        missing_service("no Kubernetes here: kubectl get nodes does not answer")
    names = [f"djproject-tests-{kind}-{uuid.uuid4().hex[:8]}" for kind in ("mysql", "postgresql")]
    docker("run", "-d", "--name", names[0], "-e", f"MYSQL_ROOT_PASSWORD={PASSWORD}", "mysql:8.4")
    docker("run", "-d", "--name", names[1], "-e", f"POSTGRES_PASSWORD={PASSWORD}", "postgres:17")
    try:
        address = "{{.NetworkSettings.IPAddress}}"
        first, second = (docker("inspect", "-f", address, name) for name in names)
        found: dict[str, MySQL | PostgreSQL] = {
            "mysql": MySQL(first, 3306, "root", PASSWORD), "postgresql": PostgreSQL(second, 5432, "postgres", PASSWORD)
        }  # fmt: skip
        for place in found.values():
            wait_until(lambda place=place: answers(place))
        yield found
    finally:
        docker("rm", "-f", "-v", *names)


def wait_for_kubernetes(seconds: float = 900) -> None:
    """Wait for a file that KUBECONFIG names and that is not there yet: somebody is about to write it."""
    path = os.environ.get("KUBECONFIG", "")
    deadline = time.monotonic() + seconds
    while path and not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(2)


def answers(place: MySQL | PostgreSQL) -> bool:
    try:
        place.execute("SELECT 1")
    except Exception:
        return False
    return True


@pytest.fixture(scope="module")
def root(servers: dict[str, MySQL | PostgreSQL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with both servers as targets, and its image."""
    name = f"k8s{uuid.uuid4().hex[:8]}"
    folder = tmp_path_factory.mktemp("k8s") / name
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-m", "djproject", "init", str(folder), "--yes", "--no-git"], env=environment, check=True
    )
    write_module(folder, name, seconds=0.3, make=HUNGRY)
    for target, place in servers.items():
        add_target(folder, target, place)
        with (folder / "pyproject.toml").open("a") as file:
            file.write(
                f'\n[tool.djproject.clusters.{target}]\nkind = "kubernetes"\ntarget = "{target}"\nimage = "{name}:1"\n'
                'max = 2\nmemory = "400M"\n'
            )
    put_wheel(folder)
    docker("build", "--quiet", "--file", str(folder / "docker/Dockerfile"), "--tag", f"{name}:1", str(folder))
    yield folder
    docker("rmi", "--force", f"{name}:1")


@pytest.fixture(params=["mysql", "postgresql"])
def project(
    request: pytest.FixtureRequest, root: Path, servers: dict[str, MySQL | PostgreSQL], run: Run
) -> Iterator[ClusterProject]:
    target: str = request.param
    run("deploy", "-t", target, cwd=root)
    found = ClusterProject(root, run, target, target, servers[target], root.name)
    found.run("run", "-t", target, "--", *empty(), cwd=root)
    yield found
    instance = f"djproject-{root.name}-{target}"
    kubectl(
        "delete",
        "jobs,pods,secrets",
        f"--selector=app.kubernetes.io/instance={instance}",
        "--grace-period=0",
        "--force",
        check=False,
    )


def empty() -> list[str]:
    code = "from workflow import work; q = work.schema.connection.query; " + "; ".join(
        f"q('DELETE FROM ' + work.{name}().full_table_name)" for name in ("Child", "Other", "Result", "Item")
    )
    jobs = "; ".join(f"q('DELETE FROM ' + work.{name}().jobs.full_table_name)" for name in ("Child", "Other", "Result"))
    return [sys.executable, "-W", "ignore", "-c", f"{code}; {jobs}"]


def test_pods_make_every_key_once_and_end(project: ClusterProject) -> None:
    tested = project.type("test")
    for word in ("node ", "database ", "package ", "clock ", "free space ", "GPUs "):
        assert f"ok      {word}" in tested
    assert "no jobs are waiting" in project.type("submit")
    project.insert(*range(7))
    assert waiting(project) == 14, "Result and Other; Child has no key yet"
    assert "Submitted 2 pilots: job djproject-k8s" in project.type("submit", "--workers", "9")
    assert "which is the cluster's max" in project.type("submit")
    wait_until(lambda: project.done() == 21)
    wait_until(lambda: any(pilot["made"] for pilot in project.pilots()))
    running = [pilot for pilot in project.pilots() if pilot["state"] == "running"]
    assert all(pilot["node"] and pilot["ready"] for pilot in running)
    assert running[0]["job"] in project.run("workers", "-t", project.target, cwd=project.root).stdout
    assert "made work." in project.type("logs", running[0]["job"])
    shown = kubectl("describe", "pods,jobs,secrets") + kubectl("get", "events", "-o", "json") + project.type("render")
    assert PASSWORD not in shown
    assert "aHVzaC05Z" not in shown, "nor its base64"
    assert "and exit" in project.type("drain")
    wait_until(lambda: not project.alive())
    project.require_all_made(7)
    assert {pilot["reason"] for pilot in project.pilots()} == {"no jobs left"}


def waiting(project: ClusterProject) -> int:
    """What the query of KEDA's ScaledJob says."""
    yaml = pytest.importorskip("yaml")
    rendered = project.run("cluster", "render", project.cluster, "--keda", cwd=project.root).stdout
    _, job = yaml.safe_load_all(rendered)
    query = job["spec"]["triggers"][0]["metadata"]["query"].replace("%", "%%")
    code = f"from workflow import work; print(work.schema.connection.query({query!r}).fetchone()[0])"
    told = project.run("run", "-t", project.target, "--", sys.executable, "-W", "ignore", "-c", code, cwd=project.root)
    return int(told.stdout.splitlines()[-1])


def test_jobs_survive_pods_that_are_deleted(project: ClusterProject) -> None:
    chance, began, deleted = random.Random(5), time.monotonic(), 0
    project.insert(*range(7))
    project.insert(*range(8, JOBS + 1))  # without 7, which takes too much memory
    jobs = JOBS
    while deleted < DELETED or project.done() < 3 * jobs:
        assert time.monotonic() - began < 300 + 3 * JOBS
        project.type("submit", "--anyway")
        alive = project.alive()
        # One that is being deleted finishes its job, while a Job of before Kubernetes 1.28 makes another one.
        assert sum(pilot["reason"] != "terminating" for pilot in alive) <= 2
        running = [pilot for pilot in alive if pilot["state"] == "running"]
        if running and deleted < DELETED:
            project.insert(*range(jobs + 1, jobs + 6))  # on a fast machine nothing would be left to break
            jobs += 5
            deleted += 1
            force = ["--grace-period=0", "--force"] if deleted % 2 else ["--wait=false"]
            kubectl("delete", "pod", chance.choice(running)["job"], *force, check=False)
        time.sleep(2)
    project.type("cancel")
    wait_until(lambda: not project.alive())
    project.require_all_made(jobs)


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_the_job_of_a_pod_that_is_gone_is_taken_by_another_within_45_seconds(project: ClusterProject) -> None:
    project.insert(LONG, LONG + 1)

    def makers() -> list[str]:
        return [pilot["job"] for pilot in project.pilots() if f"item_id={LONG}" in " ".join(pilot["making"])]

    project.type("submit", "Result", "--workers", "2")
    wait_until(lambda: len(makers()) == 1 and sum(pilot["ready"] for pilot in project.alive()) == 2)
    (gone,) = makers()
    kubectl("delete", "pod", gone, "--grace-period=0", "--force")
    wait_until(lambda: any(job != gone for job in makers()), seconds=45)
    wait_until(lambda: sum(pilot["ready"] and pilot["state"] == "running" for pilot in project.alive()) == 2)
    project.type("cancel")
    wait_until(lambda: project.status()["work.Result"]["pending"] == 1, seconds=20)
    assert project.status()["work.Result"]["reserved"] == 0, "given back, not lost"
    wait_until(lambda: not project.alive())


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_a_job_that_needs_too_much_memory_is_an_error_that_says_so(project: ClusterProject) -> None:
    project.insert(6, 7, 8)
    project.type("submit", "Result", "--workers", "1")
    wait_until(lambda: project.status()["work.Result"]["errors"] == 1, seconds=120)
    told = project.run("jobs", "show", "Result", "-t", project.target, cwd=project.root).stdout
    assert told.count("out of memory, 0.39") == 3, told
    status = project.status()["work.Result"]
    assert (status["done"], status["errors"]) == (2, 1)


@pytest.mark.parametrize("project", ["mysql"], indirect=True)
def test_an_image_that_is_not_there(project: ClusterProject) -> None:
    path = project.root / "pyproject.toml"
    before = path.read_text()
    path.write_text(before.replace(f'image = "{project.root.name}:1"', 'image = "nowhere.invalid/lab:1"'))
    try:
        project.insert(*range(7))
        project.type("submit", "--workers", "1")
        wait_until(lambda: any(pilot["failed"] for pilot in project.pilots()))
        told = project.type("status")
        assert "the image cannot be pulled" in told
        assert "Next: djproject cluster cancel mysql" in told
        project.type("cancel")
        wait_until(lambda: not project.alive())
    finally:
        path.write_text(before)
    assert (
        json.loads(
            kubectl(
                "get",
                "jobs",
                "-o",
                "json",
                f"--selector=app.kubernetes.io/instance=djproject-{project.root.name}-mysql",
            )
        )["items"]
        == []
    )
