"""Pilots on a real Slurm beside what users write by hand: an array with one key per element, and `srun populate`.

Needs a Slurm whose nodes see the temporary folder, and `$DJPROJECT_TEST_MYSQL`.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.lab import Lab, lab, wait_until
from benchmarks.timing import seconds, table

JOBS, ELEMENTS, PILOTS, QUEUED = 1000, 40, 4, 200
ARRAY = """
import os
from workflow import work
work.Result.populate("item_id=" + os.environ["SLURM_ARRAY_TASK_ID"], reserve_jobs=True)
"""
TOGETHER = "from workflow import work; work.Result.populate(reserve_jobs=True)"


def measure() -> None:
    """Print jobs per minute of each way, the time to the first row, and what `status` takes with many pilots."""
    if shutil.which("sbatch") is None or not os.environ.get("DJPROJECT_TEST_MYSQL"):
        print("No Slurm here, or no DJPROJECT_TEST_MYSQL.")
        return
    with lab("mysql") as place:
        path = place.root / "pyproject.toml"
        setup = f"export PYTHONPATH={Path(__file__).parents[1]}:{place.root / 'src'}"
        settings = f'kind = "slurm"\ntarget = "lab"\ntime = "10m"\nmax = {QUEUED}\nsetup = ["{setup}"]\n'
        path.write_text(f"{path.read_text()}\n[tool.djproject.clusters.hpc]\n{settings}")
        rows = [_pilots(place), _together(place), _array(place)]
        best = rows[0][2]
        table(
            ("way", "jobs", "first row", "jobs per minute", "ratio"),
            [
                (way, str(jobs), f"{first:.1f} s", f"{rate:.0f}", f"{rate / best:.3f}")
                for way, jobs, rate, first in rows
            ],
        )
        print()
        table(("command", "best of 5"), [("`cluster status`, 200 pilots", f"{_status(place):.2f} s"),
                                         ("`squeue --json`", f"{_squeue():.2f} s")])  # fmt: skip
        place.run(place.command, "cluster", "cancel", "hpc")


def _timed(place: Lab, count: int, start: list[str], given: str = "") -> tuple[float, float]:
    """Jobs per minute, and seconds to the first row."""
    place.fill(count)
    counter = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", COUNT.format(count=count)], cwd=place.root, env=place.environ, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert counter.stdout is not None
    while "ready" not in counter.stdout.readline():
        pass
    began = time.time()
    subprocess.run(start, cwd=place.root, env=place.environ, input=given, text=True, check=True, capture_output=True)
    first, last = (float(number) for number in counter.communicate()[0].split())
    return count / (last - began) * 60, first - began


COUNT = """
import time
from workflow import work
connection, table = work.schema.connection, work.Result().full_table_name
print("ready", flush=True)
first = 0.0
while True:
    number = connection.query("SELECT COUNT(*) FROM " + table).fetchone()[0]
    first = first or (time.time() if number else 0.0)
    if number >= {count}:
        break
    time.sleep(0.05)
print(first, time.time())
"""


def _pilots(place: Lab) -> tuple[str, int, float, float]:
    rate, first = _timed(place, JOBS, [place.command, "cluster", "submit", "hpc", "--workers", str(PILOTS)])
    place.run(place.command, "cluster", "drain", "hpc")
    _until_empty()
    return f"`cluster submit`, {PILOTS} pilots", JOBS, rate, first


def _together(place: Lab) -> tuple[str, int, float, float]:
    command = ["srun", f"--ntasks={PILOTS}", "--cpus-per-task=1", sys.executable, "-W", "ignore", "-c", TOGETHER]
    rate, first = _timed(place, JOBS, command)
    return f"`srun populate(reserve_jobs=True)`, {PILOTS} tasks", JOBS, rate, first


def _array(place: Lab) -> tuple[str, int, float, float]:
    script = f"#!/bin/bash\n#SBATCH --output=/dev/null\nexec {sys.executable} -W ignore -c '{ARRAY}'\n"
    rate, first = _timed(place, ELEMENTS, ["sbatch", f"--array=0-{ELEMENTS - 1}", f"--chdir={place.root}"], script)
    _until_empty()
    return "an array, one key per element", ELEMENTS, rate, first


def _status(place: Lab) -> float:
    place.run(place.command, "cluster", "submit", "hpc", "--workers", str(QUEUED))
    running = ["squeue", "--noheader", "--me", "--states=RUNNING"]
    wait_until(lambda: subprocess.run(running, capture_output=True, check=True).stdout.strip())
    time.sleep(5)  # they are at work, and the database is asked what they make
    command = [place.command, "cluster", "status", "hpc"]
    return min(seconds(command, cwd=place.root, env=place.environ) for _ in range(5))


def _squeue() -> float:
    return min(seconds(["squeue", "--me", "--array", "--json"]) for _ in range(5))


def _until_empty() -> None:
    wait_until(lambda: not subprocess.run(["squeue", "-h", "--me"], capture_output=True, check=True).stdout.strip())
