"""Trivial jobs per second: `djproject populate --workers 2` against DataJoint's own two processes."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import table
from djproject.targets.embedded import EmbeddedServer, stop

JOBS = 3000
THEIRS = """
import warnings; warnings.simplefilter("ignore")
from workflow import work
work.Result.populate(reserve_jobs=True, processes=2, suppress_errors=True)
"""
RESET = f"""
from workflow import work
work.Result.delete(prompt=False); work.Result.jobs.delete()
work.Item.insert([dict(item_id=i) for i in range({JOBS})], skip_duplicates=True)
"""
COUNT = "from workflow import work; print(len(work.Result()))"


def measure() -> None:
    """Print jobs per second of whole commands, start-up included, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="djproject-bench-") as folder:
        root = Path(folder) / "p"
        environ = {**os.environ, "PYTHONPATH": str(root / "src")}
        command = str(Path(sys.executable).parent / "djproject")

        def run(*arguments: str) -> float:
            began = time.perf_counter()
            subprocess.run(
                arguments, cwd=root if root.exists() else folder, env=environ, check=True, capture_output=True
            )
            return time.perf_counter() - began

        run(command, "init", str(root), "--yes", "--no-git")
        run(command, "add-schema", "work", "--table", "Item:manual", "--table", "Result:computed")
        path = root / "src/workflow/work.py"
        lines = path.read_text().splitlines()
        lines[-1] = '        self.insert1({**key, "value": 1.0})'
        path.write_text("\n".join(lines) + "\n")
        run(command, "deploy")
        holder = subprocess.Popen(
            [command, "run", "--", "sleep", "600"], cwd=root, env=environ, stderr=subprocess.DEVNULL
        )
        ours, theirs = [], []
        try:
            for _ in range(3):
                run(sys.executable, "-c", RESET)
                ours.append(JOBS / run(command, "populate", "Result", "--workers", "2"))
                run(sys.executable, "-c", RESET)
                theirs.append(JOBS / run(sys.executable, "-c", THEIRS))
            done = subprocess.run(
                [sys.executable, "-c", COUNT], cwd=root, env=environ, check=True, capture_output=True, text=True
            )
            assert int(done.stdout.split()[-1]) == JOBS
        finally:
            holder.terminate()
            holder.wait()
            stop(EmbeddedServer(root / ".djproject"))
    row = (f"{JOBS}", f"{max(ours):.0f}/s", f"{max(theirs):.0f}/s", f"{max(ours) / max(theirs):.2f}")
    table(("trivial jobs", "`djproject populate --workers 2`", "DataJoint `processes=2`", "ratio"), [row])
