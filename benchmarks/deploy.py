"""Commands that read the whole pipeline at the embedded database, beside plain Python doing the same."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.generated import write_pipeline
from benchmarks.timing import seconds, table

MODULES, TABLES = 20, 10
JOBS = 1000
AT_ONCE = 30
PLAIN = """
import importlib, os, sys
os.environ["DJ_CREATE_TABLES"] = "true"
sys.path.insert(0, "src")
from datajoint.user_tables import Computed
from djproject.runtime import configure
configure(os.path.abspath("src/workflow/__init__.py"))
for number in range(int(sys.argv[1])):
    importlib.import_module(f"workflow.m{number:04}")
for cls in Computed.__subclasses__():
    cls().jobs
"""
FAILING = '''
"""Jobs that fail."""
import datajoint as dj

schema = dj.Schema("work")


@schema
class Item(dj.Lookup):
    definition = "item : int32"
    contents = [(number,) for number in range(COUNT)]


@schema
class Result(dj.Computed):
    definition = "-> Item"

    def make(self, key):
        raise ValueError(f"{key} is bad")
'''
IMPORT = [sys.executable, "-W", "ignore", "-c", "import datajoint"]


def measure() -> None:
    """Print the seconds of `deploy`, `jobs list` and of many commands at once."""
    with tempfile.TemporaryDirectory(prefix="djproject-bench-") as folder:
        Path(folder).chmod(0o755)
        rows = [*_deployed(Path(folder)), *_listed(Path(folder))]
    table(("what", "djproject", "plain Python", "", "ratio"), rows)


def _deployed(folder: Path) -> list[tuple[str, ...]]:
    command, plain = _command("deploy"), [sys.executable, "-W", "ignore", "-c", PLAIN, str(MODULES)]
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(3):
        for tool, words in (("djproject", command), ("plain", plain)):
            root = folder / tool
            root.mkdir()
            write_pipeline(root, modules=MODULES, tables_per_module=TABLES, lines=2400)
            seconds(_command("status"), cwd=root)  # the server is there
            for moment in ("first", "again"):
                times.setdefault((tool, moment), []).append(seconds(words, cwd=root))
            seconds(_command("down"), cwd=root)
            shutil.rmtree(root)
    texts = {"first": f"{MODULES * TABLES} tables declared", "again": f"{MODULES * TABLES} tables, nothing to do"}
    return [
        _row(
            text, min(times["djproject", moment]), min(times["plain", moment]), "imports all modules, asks for all jobs"
        )
        for moment, text in texts.items()
    ]


def _listed(folder: Path) -> list[tuple[str, ...]]:
    root = folder / "failing"
    package = root / "src/workflow"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "work.py").write_text(FAILING.replace("COUNT", str(JOBS)))
    (root / "pyproject.toml").write_text('[project]\nname = "failing"\n[tool.djproject]\npackage = "workflow"\n')
    seconds(_command("deploy"), cwd=root)
    subprocess.run(_command("populate"), cwd=root, capture_output=True, check=False)
    listed = min(seconds(_command("jobs", "list"), cwd=root) for _ in range(5))
    alone = min(seconds(IMPORT, cwd=root) for _ in range(5))
    seconds(_command("down"), cwd=root)
    together = _at_once(lambda: _command("status"), root)
    imports = _at_once(lambda: IMPORT, root)
    seconds(_command("down"), cwd=root)
    note = "imports DataJoint, no more"
    return [
        _row(f"`jobs list` of {JOBS:,} errors", listed, alone, note),
        _row(f"{AT_ONCE} × `status` at once, the server is stopped", together, imports, note),
    ]


def _at_once(command: Callable[[], list[str]], root: Path) -> float:
    began = time.perf_counter()
    started = [
        subprocess.Popen(command(), cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
        for _ in range(AT_ONCE)
    ]
    codes = {process.wait() for process in started}
    if codes != {0}:
        raise RuntimeError(f"exit codes {sorted(codes)}")
    return time.perf_counter() - began


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "djproject", *words]


def _row(text: str, ours: float, plain: float, note: str) -> tuple[str, ...]:
    return (text, f"{ours:.1f} s", f"{plain:.1f} s", note, f"{ours / plain:.2f}")
