"""`migrate` of one table with millions of rows on both servers: its estimate, its time, and how long others wait."""

import os
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.lab import backends, lab
from benchmarks.timing import seconds, table

ROWS = int(os.environ.get("DJPROJECT_BENCHMARK_ROWS", "10000000"))
CHANGES = {
    "a nullable attribute": ("value : float64", "value : float64\n    unit = null : varchar(8)"),
    "a wider type": ("value : float64", "value : decimal(30,2)"),
}
FILL = """
from workflow import work
table, items = work.Result(), work.Item()
query, quote = table.connection.query, table.connection.adapter.quote_identifier
query(f"DELETE FROM {{table.full_table_name}}")
query(f"DELETE FROM {{items.full_table_name}}")
digits = "(" + " UNION ALL ".join(f"SELECT {{n}} AS n" for n in range(10)) + ")"
names = "abcdefgh"
number = " + ".join(f"{{10 ** i}} * {{name}}.n" for i, name in enumerate(names))
numbers = "SELECT " + number + " AS i FROM " + ", ".join(f"{{digits}} AS {{name}}" for name in names)
key, value = quote("item_id"), quote("value")
query(f"INSERT INTO {{items.full_table_name}} ({{key}}) SELECT i FROM ({{numbers}}) AS x WHERE i < {rows}")
query(f"INSERT INTO {{table.full_table_name}} ({{key}}, {{value}}) SELECT {{key}}, 1.5 FROM {{items.full_table_name}}")
query(f"ANALYZE {{'TABLE ' if table.connection.adapter.backend == 'mysql' else ''}}{{table.full_table_name}}")
"""


class Reader:
    """Somebody who reads one row of a table all the time; how long the longest time was."""

    def __init__(self, ask: Any, name: str) -> None:
        self.longest, self._going = 0.0, True
        self._thread = threading.Thread(target=self._read, args=(ask, f"SELECT value FROM {name} LIMIT 1"))
        self._thread.start()

    def _read(self, ask: Any, query: str) -> None:
        while self._going:
            began = time.perf_counter()
            ask(query)
            self.longest = max(self.longest, time.perf_counter() - began)
            time.sleep(0.01)

    def stop(self) -> float:
        self._going = False
        self._thread.join()
        return self.longest


def measure() -> None:
    """Print the plan's estimate, and seconds of the plan, of the whole and of a reader that waits."""
    rows = []
    for server in backends():
        with lab(server) as place:
            place.python(FILL.format(rows=ROWS))
            path = Path(place.root / "src/workflow/work.py")
            text = path.read_text()
            path.write_text(text.replace("value : float64  # replace by what make inserts", "value : float64"))
            seconds([place.command, "migrate", "--yes"], cwd=place.root, env=place.environ)
            ask = place.connect()
            for what, (old, new) in CHANGES.items():
                text = path.read_text()
                assert text.count(old) == 1
                path.write_text(text.replace(old, new))
                began = time.perf_counter()
                shown = place.run(place.command, "migrate", "--dry-run")
                planned = time.perf_counter() - began
                estimate = shown.partition("about ")[2].partition(" row")[0] or "-"
                reader = Reader(ask, place.results)
                took = seconds([place.command, "migrate", "--yes"], cwd=place.root, env=place.environ)
                waited = reader.stop()
                rows.append(
                    (server, what, f"{ROWS:,}", estimate, f"{planned:.1f} s", f"{took:.1f} s", f"{waited:.1f} s")
                )
                path.write_text(text)
                place.run(place.command, "migrate", "--yes", "--allow-loss")
    table(("server", "change", "rows", "estimate", "plan", "whole `migrate`", "a reader waits"), rows)
