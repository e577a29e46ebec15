"""Pilots on a real Slurm: submitted, counted, drained, and every key once."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import insert_items, write_make
from tests.integration.test_populate import status_of

pytestmark = [pytest.mark.slurm, pytest.mark.mysql, pytest.mark.timeout(300)]


@pytest.fixture
def slurm() -> None:
    if shutil.which("sbatch") is None or subprocess.run(["sinfo"], capture_output=True, check=False).returncode:
        pytest.skip("no Slurm here: sbatch and sinfo do not answer")


@pytest.fixture
def project(server_project: Path) -> Iterator[Path]:
    with (server_project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.djproject.clusters.hpc]\nkind = "slurm"\ntarget = "lab"\ntime = "10m"\nmax = 3\n')
    environment = os.environ.get("PYTHONPATH", "")
    with (server_project / "pyproject.toml").open("a") as file:
        file.write(f'setup = ["export PYTHONPATH={Path(__file__).parents[2]}:{environment}"]\n')
    yield server_project
    subprocess.run(["scancel", "--me"], check=False)


def wait_until(claim: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.parametrize("server_project", ["mysql"], indirect=True)
@pytest.mark.usefixtures("slurm", "mysql")
def test_pilots_make_every_key_once_and_end(project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=project)
    insert_items(python, project, 40)
    write_make(project, 'import time; time.sleep(0.2); self.insert1({**key, "value": 1.0})')
    assert "would submit 3 pilots" in run("cluster", "submit", "hpc", "--workers", "9", "--dry-run", cwd=project).stdout
    submitted = run("cluster", "submit", "hpc", "Result", "--workers", "2", cwd=project)
    assert "Submitted 2 pilots: job " in submitted.stderr
    again = run("cluster", "submit", "hpc", "Result", "--workers", "2", cwd=project)
    assert "Submitted 1 pilot: job " in again.stderr
    assert (
        "Nothing to submit: 3 pilots alive or queued, the most there may be."
        in run("cluster", "submit", "hpc", cwd=project).stderr
    )

    def pilots() -> list[dict[str, object]]:
        found = json.loads(run("cluster", "status", "hpc", "--format", "json", cwd=project).stdout)
        listed: list[dict[str, object]] = found["pilots"]
        return listed

    wait_until(lambda: any(pilot["state"] == "RUNNING" and pilot["node"] for pilot in pilots()))
    wait_until(lambda: status_of(run, project)["done"] == 40)
    assert "Draining" in run("cluster", "drain", "hpc", cwd=project).stderr
    wait_until(lambda: not pilots())
    status = status_of(run, project)
    assert (status["done"], status["reserved"], status["errors"]) == (40, 0, 0)
    logs = list((project / ".djproject/clusters/hpc").glob("*.log"))
    assert logs
    texts = "".join(log.read_text() for log in logs)
    assert "made work.Result" in texts
    assert "Traceback" not in texts
    shown = subprocess.run(["scontrol", "show", "job"], capture_output=True, text=True, check=True).stdout
    assert "PASSWORD" not in (shown + run("cluster", "render", "hpc", cwd=project).stdout).upper()
