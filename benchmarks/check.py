"""`djproject check` on generated pipelines, beside parsing alone and beside what checks the imports of packages."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.generated import write_pipeline
from benchmarks.timing import best, table

BIN = Path(sys.executable).parent
PARSE = """
import ast, sys
from pathlib import Path
for path in sorted(Path(sys.argv[1]).rglob("*.py")):
    ast.parse(path.read_bytes())
"""
SIZES = {"20 modules": (20, 10, 2_400), "1,001 modules": (1001, 10, 120_000)}


def measure() -> None:
    """Print one table for each size; in each, all commands took turns."""
    for name, (modules, tables, lines) in SIZES.items():
        folder = Path(tempfile.mkdtemp())
        root = folder / "project"
        written = write_pipeline(root, modules=modules, tables_per_module=tables, lines=lines)
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        print(f"\n{name}, {modules * tables:,} tables, {written:,} lines\n")
        _measure(root, rounds=9)
        shutil.rmtree(folder)


def _measure(root: Path, rounds: int) -> None:
    source = root / "src"
    (root / ".importlinter").write_text(
        "[importlinter]\nroot_package = workflow\n[importlinter:contract:1]\nname = acyclic\ntype = acyclic_siblings\n"
        "ancestors = workflow\n"
    )
    (root / "tach.toml").write_text('source_roots = ["src"]\nforbid_circular_dependencies = true\nmodules = []\n')
    djproject = [str(BIN / "djproject"), "check", "--quiet"]
    commands = {
        "`ast.parse` of the same files": [sys.executable, "-c", PARSE, str(source)],
        "`djproject check`, cold": [*djproject, "--no-cache"],
        "`djproject check`, nothing changed": djproject,
    }
    others = {
        "`lint-imports`": [str(BIN / "lint-imports"), "--no-cache"],
        "`tach check`": [str(BIN / "tach"), "check"],
        "`pydeps --show-cycles`": [str(BIN / "pydeps"), "src/workflow", "--show-cycles", "--no-show", "--no-output"],
    }
    commands |= {name: command for name, command in others.items() if Path(command[0]).exists()}
    subprocess.run(djproject, cwd=root, check=False, stdout=subprocess.DEVNULL)
    os.environ["PYTHONPATH"] = str(source)
    runnable = {name: command for name, command in commands.items() if _runs(command, root)}
    for name in commands.keys() - runnable.keys():
        print(f"{name} does not run here.", file=sys.stderr)
    times = best(runnable, rounds=rounds, cwd=root)
    parse = times["`ast.parse` of the same files"]
    rows = [[name, f"{seconds * 1000:.0f} ms", f"{seconds / parse:.2f}"] for name, seconds in times.items()]
    table(["whole process", "best", "× `ast.parse`"], rows)
    peak = _peak_megabytes(commands["`djproject check`, cold"], root)
    print(f"\nLargest memory of `djproject check`, cold: {peak:.0f} MB")


def _runs(command: list[str], root: Path) -> bool:
    began = time.monotonic()
    code = subprocess.run(command, cwd=root, capture_output=True, check=False).returncode
    return code in {0, 1} and time.monotonic() - began < 120


def _peak_megabytes(command: list[str], root: Path) -> float:
    code = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    inner = [sys.executable, "-c", code, *command]
    answer = subprocess.run(inner, cwd=root, capture_output=True, text=True, check=True)
    return int(answer.stdout) / 1024
