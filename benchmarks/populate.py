"""Workers against DataJoint's own `populate`: trivial jobs per second, and looking for new keys."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import table
from djproject.targets.embedded import EmbeddedServer, stop

JOBS = 3000
KEYS = 20_000
ROUNDS = 1
THEIRS = """
import warnings; warnings.simplefilter("ignore")
from workflow import work
work.Result.populate(reserve_jobs=True, processes={processes}, suppress_errors=True)
"""
RESET = """
from workflow import work
work.Result.delete(prompt=False); work.Result.jobs.delete(); work.Item.delete(prompt=False)
work.Item.insert([dict(item_id=i) for i in range({count})], skip_duplicates=True)
"""
COUNT = "from workflow import work; print(len(work.Result()))"
REFRESH = """
import time
from pathlib import Path
from djproject.pipeline.source import load_pipeline
from djproject.population.loading import load_tables
from djproject.population.queue import Queue
from djproject.project.location import load_project
from djproject.targets.choice import load_target

project = load_project(Path.cwd())
tables = load_tables(project, load_target(project), load_pipeline(project))
loaded = next(loaded for loaded in tables if loaded.name == "work.Result")
loaded.instance.jobs.delete()
began = time.perf_counter()
assert Queue(loaded).refresh() == {count}
ours = time.perf_counter() - began
loaded.instance.jobs.delete()
began = time.perf_counter()
assert loaded.instance.jobs.refresh(delay=-1)["added"] == {count}
print(ours, time.perf_counter() - began)
"""


def measure() -> None:
    """Print whole commands on both servers, start-up included, as ratios; MySQL where a server is named."""
    for backend in ("postgresql", *(["mysql"] if os.environ.get("DJPROJECT_TEST_MYSQL") else [])):
        with tempfile.TemporaryDirectory(prefix="djproject-bench-") as folder:
            _measure(Path(folder) / "p", backend)


def _measure(root: Path, backend: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(root / "src")}
    command = str(Path(sys.executable).parent / "djproject")

    def run(*arguments: str) -> tuple[float, str]:
        began = time.perf_counter()
        done = subprocess.run(
            arguments,
            cwd=root if root.exists() else root.parent,
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return time.perf_counter() - began, done.stdout

    def python(code: str) -> str:
        return run(sys.executable, "-c", code)[1].splitlines()[-1] if code else ""

    run(command, "init", str(root), "--yes", "--no-git", "--database", backend)
    run(command, "add-schema", "work", "--table", "Item:manual", "--table", "Result:computed")
    path = root / "src/workflow/work.py"
    lines = path.read_text().replace('dj.Schema("work")', f'dj.Schema("work_bench_{os.getpid()}")').splitlines()
    lines[-1] = '        self.insert1({**key, "value": 1.0})'
    path.write_text("\n".join(lines) + "\n")
    if backend == "mysql":
        _use_mysql(root, command)
    run(command, "deploy")
    holder = subprocess.Popen([command, "run", "--", "sleep", "900"], cwd=root, env=environ, stderr=subprocess.DEVNULL)
    rows = []
    try:
        for ours, theirs in ((1, 1), (2, 2), (8, 8)):
            mine, others = [], []
            for _ in range(ROUNDS):
                run(sys.executable, "-c", RESET.format(count=JOBS))
                mine.append(JOBS / run(command, "populate", "Result", "--workers", str(ours))[0])
                run(sys.executable, "-c", RESET.format(count=JOBS))
                others.append(JOBS / run(sys.executable, "-c", THEIRS.format(processes=theirs))[0])
                assert int(python(COUNT)) == JOBS
            label = f"{JOBS} trivial jobs, {ours} process{'es' if ours > 1 else ''}"
            rows.append([label, f"{max(mine):.0f}/s", f"{max(others):.0f}/s", f"{max(mine) / max(others):.2f}"])
        run(sys.executable, "-c", RESET.format(count=KEYS))
        refreshed, plain = map(float, python(REFRESH.format(count=KEYS)).split())
        rows.append([f"{KEYS:,} new keys found", f"{refreshed:.2f} s", f"{plain:.2f} s", f"{plain / refreshed:.0f}"])
    finally:
        if backend == "mysql":
            run(sys.executable, "-c", "from workflow import work; work.schema.drop(prompt=False)")
        holder.terminate()
        holder.wait()
        stop(EmbeddedServer(root / ".djproject"))
    print()
    table([backend, "djproject", "DataJoint's `populate(reserve_jobs=True)`", "times as fast"], rows)


def _use_mysql(root: Path, command: str) -> None:
    host, port, user, password = os.environ["DJPROJECT_TEST_MYSQL"].split(":")
    with (root / "pyproject.toml").open("a") as file:
        file.write(
            f'\n[tool.djproject.targets.lab]\nbackend = "mysql"\nhost = "{host}"\nport = {port}\nuser = "{user}"\n'
        )
    folder = root / ".secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "targets.lab.password").write_text(password)
    (folder / "targets.lab.password").chmod(0o600)
    subprocess.run([command, "use", "lab"], cwd=root, check=True, capture_output=True)
