"""`migrate` of one table with millions of rows on both servers: its estimate, its time, and how long others wait."""

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.lab import Lab, backends, lab
from benchmarks.timing import seconds, table

ROWS = int(os.environ.get("DJPROJECT_BENCHMARK_ROWS", "10000000"))
CHANGES = {
    "a nullable attribute": ("value : float64", "value : float64\n    unit = null : varchar(8)"),
    "a wider key, with the tables below": ("item_id : int32", "item_id : int64"),
}
FILL = """
from workflow import work
table, items = work.Result(), work.Item()
query, quote = table.connection.query, table.connection.adapter.quote_identifier
query(f"DELETE FROM {{table.full_table_name}}")
query(f"DELETE FROM {{items.full_table_name}}")
digits = "(" + " UNION ALL ".join(f"SELECT {{n}} AS n" for n in range(10)) + ")"
names = "abcdefgh"[: len(str({rows} - 1))]
number = " + ".join(f"{{10 ** i}} * {{name}}.n" for i, name in enumerate(names))
numbers = "SELECT " + number + " AS i FROM " + ", ".join(f"{{digits}} AS {{name}}" for name in names)
key, value = quote("item_id"), quote("value")
query(f"INSERT INTO {{items.full_table_name}} ({{key}}) SELECT i FROM ({{numbers}}) AS x WHERE i < {rows}")
query(f"INSERT INTO {{table.full_table_name}} ({{key}}, {{value}}) SELECT {{key}}, 1.5 FROM {{items.full_table_name}}")
"""


READ = """
import sys, threading, time
from workflow import work
ended, longest = threading.Event(), 0.0
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
query = f"SELECT 1 FROM {work.Result().full_table_name} LIMIT 1"
while not ended.is_set():
    began = time.perf_counter()
    work.schema.connection.query(query).fetchone()
    longest = max(longest, time.perf_counter() - began)
    time.sleep(0.01)
print(longest)
"""


class Reader:
    """Somebody who reads one row of a table all the time; how long the longest time was."""

    def __init__(self, place: Lab) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", READ], cwd=place.root, env=place.environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(2)

    def stop(self) -> float:
        output, _ = self._process.communicate("")
        return float(output.splitlines()[-1])


def measure() -> None:
    """Print the plan's estimate, and seconds of the plan, of the whole and of a reader that waits."""
    for server in backends():
        rows = []
        with lab(server) as place:
            place.python(FILL.format(rows=ROWS))
            path = Path(place.root / "src/workflow/work.py")
            text = path.read_text()
            path.write_text(text.replace("value : float64  # replace by what make inserts", "value : float64"))
            seconds([place.command, "migrate", "--yes"], cwd=place.root, env=place.environ)
            for what, (old, new) in CHANGES.items():
                text = path.read_text()
                assert text.count(old) == 1
                path.write_text(text.replace(old, new))
                began = time.perf_counter()
                shown = place.run(place.command, "migrate", "--dry-run")
                planned = time.perf_counter() - began
                estimate = shown.partition("about ")[2].partition(" row")[0] or "-"
                reader = Reader(place)
                took = seconds([place.command, "migrate", "--yes"], cwd=place.root, env=place.environ)
                waited = reader.stop()
                rows.append(
                    (server, what, f"{ROWS:,}", estimate, f"{planned:.1f} s", f"{took:.1f} s", f"{waited:.1f} s")
                )
                path.write_text(text)
                place.run(place.command, "migrate", "--yes", "--allow-loss")
        table(("server", "change", "rows", "estimate", "plan", "whole `migrate`", "a reader waits"), rows)
        print(flush=True)
