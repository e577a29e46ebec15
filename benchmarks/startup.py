"""How long commands that need no database take, against Python itself and DataJoint's own command line."""

import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import best, seconds, table

PYTHON = sys.executable
COMMAND = str(Path(PYTHON).parent / "djproject")
BUDGETS = {"--version": 60, "--help": 110, "init": 300, "add-schema": 200, "stores add": 200}


def measure() -> None:
    """Print milliseconds, and how often `python -c pass` fits into each."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "p"
        seconds([COMMAND, "init", str(root), "--yes", "--no-git"])
        times = best(
            {
                "python -c pass": [PYTHON, "-c", "pass"],
                "python -c 'import typer'": [PYTHON, "-c", "import typer"],
                "python -c 'import datajoint'": [PYTHON, "-W", "ignore", "-c", "import datajoint"],
                "--version": [COMMAND, "--version"],
                "--help": [COMMAND, "--help"],
            },
            cwd=root,
        )
        for name, command in {
            "init": ["init", str(root.parent / "new"), "--yes", "--no-git"],
            "add-schema": ["add-schema", "subject", "--table", "Subject:manual"],
            "stores add": ["stores", "add", "main", "--protocol", "file", "--location", "x"],
        }.items():
            found = []
            for _ in range(7):
                shutil.rmtree(root.parent / "new", ignore_errors=True)
                (root / "src/workflow/subject.py").unlink(missing_ok=True)
                for path in ("tests/test_subject.py", "docs/api/subject.md"):
                    (root / path).unlink(missing_ok=True)
                found.append(seconds([COMMAND, *command], cwd=root))
            times[name] = min(found)
        unit = times["python -c pass"]
        rows = []
        for name, value in times.items():
            budget = BUDGETS.get(name)
            allowed = f"{budget / 10:.0f} × `python -c pass`" if budget else ""
            rows.append((f"`{name}`", f"{value * 1000:.0f} ms", f"{value / unit:.1f}", allowed))
        table(("command", "best", "× `python -c pass`", "budget, where that takes 10 ms"), rows)
