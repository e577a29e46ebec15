"""Groups of workers in a real run; logs, metrics and health of a supervisor; inserts that wake."""

import json
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg2
import pytest

from djproject.stack.ports import free_ports
from djproject.worker.wakeup import Wakeup
from tests.conftest import Run
from tests.integration.conftest import insert_items, write_make
from tests.integration.test_populate import Started, status_of, wait_for

pytestmark = pytest.mark.timeout(120)
GROUP = """
[tool.djproject.workers.gpu]
tables = ["work"]
gpus = [3, 5]
concurrency = { "work.Child" = 1 }
environment = { COLOUR = "green" }
threads = 2
"""


@pytest.fixture
def grouped(jobs_project: Path, run: Run, python: Run) -> Path:
    path = jobs_project / "pyproject.toml"
    path.write_text(path.read_text() + GROUP)
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 12)
    marks = jobs_project / "marks"
    marks.mkdir()
    words = "-".join(f"{{os.environ[{name!r}]}}" for name in ("CUDA_VISIBLE_DEVICES", "COLOUR", "OMP_NUM_THREADS"))
    code = f"import os, time; open(f\"{marks}/{{key['item_id']}}-KIND-{words}-{{os.getpid()}}\", 'w').close(); time.sleep(0.2); "
    insert = 'self.insert1({**key, "value": 1.0})'
    write_make(jobs_project, code.replace("KIND", "r") + insert, code.replace("KIND", "c") + insert)
    return jobs_project


def test_a_group_gives_each_process_its_device_and_its_tables(grouped: Path, run: Run) -> None:
    result = run("populate", "--group", "gpu", "--log-format", "json", cwd=grouped)
    made = [path.name.split("-") for path in (grouped / "marks").iterdir()]
    assert {(device, colour, threads) for _, _, device, colour, threads, _ in made} == {
        ("3", "green", "2"),
        ("5", "green", "2"),
    }
    assert len({pid for _, kind, *_, pid in made if kind == "r"}) == 2
    assert len({pid for _, kind, *_, pid in made if kind == "c"}) == 1, "one process at most fills that table"
    events = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert [event["event"] for event in events].count("made") == 24
    assert {event["worker"] for event in events} == {1, 2}
    assert "no group of workers called 'cpu'" in run("populate", "--group", "cpu", cwd=grouped, code=2).stderr


def test_a_supervisor_serves_metrics_and_health_and_touches_its_file(grouped: Path, run: Run) -> None:
    (port,) = free_ports(1)
    alive = grouped / "alive"
    process = Started(
        grouped,
        "env",
        f"DJPROJECT_HEALTH_FILE={alive}",
        sys.executable,
        "-m",
        "workflow.worker",
        "--metrics",
        str(port),
    )
    wait_for(grouped / "marks", 24)
    deadline = time.monotonic() + 30
    while 'outcome="made",table="work.Child"} 12.0' not in _get(port, "/metrics"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert _get(port, "/healthz") == "ok\n"
    assert alive.exists()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "made work.Child" in errors
    assert status_of(run, grouped)["reserved"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--group", "none"), "no group of workers called 'none'"),
        (("--workers", "0"), "no whole number above 0"),
        (("--grace", "soon"), "'soon' is not a valid duration"),
    ],
)
def test_a_supervisor_that_cannot_work_says_so(jobs_project: Path, arguments: tuple[str, ...], words: str) -> None:
    process = Started(jobs_project, sys.executable, "-m", "workflow.worker", *arguments)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert words in errors
    assert "Traceback" not in errors


def test_an_insert_by_hand_is_heard(jobs_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 1)  # the server is up
    address = json.loads(run("config", "show", "--format", "json", cwd=jobs_project).stdout)["settings"]
    values = {entry["name"]: entry["value"] for entry in address}
    wakeup = Wakeup()
    with_server = Started(jobs_project, sys.executable, "-m", "djproject", "run", "--", "sleep", "60")
    try:
        time.sleep(2)
        wakeup.listen(
            lambda: psycopg2.connect(
                host=values["database.host"], port=values["database.port"], user=values["database.user"],
                dbname=values["database.name"] or "postgres",
            )
        )  # fmt: skip
        assert wakeup.hears
        assert not wakeup.wait(0.2), "nothing was inserted yet"
        insert_items(python, jobs_project, 3)
        assert wakeup.wait(20)
        run("deploy", cwd=jobs_project)
        assert wakeup.hears
    finally:
        wakeup.close()
        with_server.terminate()
        with_server.communicate(timeout=20)


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return str(answer.read().decode())
    except urllib.error.URLError:
        return ""
