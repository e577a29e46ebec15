"""`djproject diff` over a thousand tables between two commits, beside parsing the same files twice."""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.generated import write_pipeline
from benchmarks.timing import best, table

MODULES, TABLES, LINES = 100, 10, 12_000
PARSE_TWICE = """
import ast, sys
from pathlib import Path
for path in sorted(Path(sys.argv[1]).rglob("*.py")):
    ast.parse(path.read_bytes())
    ast.parse(path.read_bytes())
"""


def measure() -> None:
    """Print the seconds of `diff` where one table changed, where no file did, and of its parts by other means."""
    with tempfile.TemporaryDirectory(prefix="djproject-bench-") as folder:
        root = Path(folder)
        write_pipeline(root, modules=MODULES, tables_per_module=TABLES, lines=LINES)
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-C", folder]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run([*git, *command], check=True)
        ours = ["sh", "-c", f"{sys.executable} -m djproject diff HEAD || test $? = 1"]  # 1 says that something changed
        rows = [("nothing changed", *_seconds(root, ours))]
        path = root / "src/workflow/m0003.py"
        text = path.read_text()
        path.write_text(text.replace("-> ", "extra_id : int32\n    -> ", 1))
        rows.append(("one table of the first modules changed", *_seconds(root, ours)))
        for number in range(0, MODULES, 2):
            other = root / f"src/workflow/m{number:04}.py"
            other.write_text("# changed\n" + other.read_text())
        rows.append(("a comment in every second file as well", *_seconds(root, ours)))
    table(
        ("1,000 tables in 100 modules", "`diff HEAD`", "`ast.parse` of all files, twice", "ratio"),
        [(what, f"{took:.2f} s", f"{parsed:.2f} s", f"{took / parsed:.1f}") for what, took, parsed in rows],
    )


def _seconds(root: Path, ours: list[str]) -> tuple[float, float]:
    parse = [sys.executable, "-c", PARSE_TWICE, str(root / "src")]
    times = best({"ours": ours, "parse": parse}, rounds=5, cwd=root)
    return times["ours"], times["parse"]
