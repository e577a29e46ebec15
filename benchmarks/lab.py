"""A small pipeline at a real server, for the benchmarks of workers: one manual table, one computed of it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from djproject.targets.embedded import EmbeddedServer, stop

FILL = """
from workflow import work
table, jobs, items = work.Result(), work.Result.jobs, work.Item()
connection = table.connection
for name in (table.full_table_name, jobs.full_table_name, items.full_table_name):
    connection.query("DELETE FROM " + name)
number = "SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n AS i FROM " + ", ".join(
    "(" + " UNION ALL ".join(f"SELECT {{n}} AS n" for n in range(10)) + f") AS {{name}}" for name in "abcdef")
column = connection.adapter.quote_identifier("item_id")
connection.query(
    f"INSERT INTO {{items.full_table_name}} ({{column}}) SELECT i FROM ({{number}}) AS numbers WHERE i < {count}")
"""


class Lab:
    """The pipeline and what is run in it.

    Parameters
    ----------
    root
        Its folder, which is made.
    backend
        "postgresql" (embedded) or "mysql" (`$DJPROJECT_TEST_MYSQL`: host:port:user:password).
    """

    def __init__(self, root: Path, backend: str) -> None:
        self.root, self.backend = root, backend
        self.environ = {**os.environ, "PYTHONPATH": str(root / "src"), "DJ_LOG_LEVEL": "ERROR"}
        self.command = str(Path(sys.executable).parent / "djproject")
        self.run(self.command, "init", str(root), "--yes", "--no-git", "--database", backend)
        self.run(self.command, "add-schema", "work", "--table", "Item:manual", "--table", "Result:computed")
        path = root / "src/workflow/work.py"
        path.write_text(path.read_text().replace('dj.Schema("work")', f'dj.Schema("work_bench_{os.getpid()}")'))
        self.make('self.insert1({**key, "value": 1.0})')
        if backend == "mysql":
            self._use_mysql()
        self.run(self.command, "deploy")

    def run(self, *arguments: str) -> str:
        """Run a command in the project's folder to its end; what it wrote to stdout."""
        folder = self.root if self.root.exists() else self.root.parent
        done = subprocess.run(arguments, cwd=folder, env=self.environ, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)[:200]}: {done.stderr[-2000:]}")
        return done.stdout

    def python(self, code: str) -> str:
        """Run Python code with the pipeline importable; the last line it prints."""
        return (self.run(sys.executable, "-W", "ignore", "-c", code).splitlines() or [""])[-1]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command and leave it."""
        return subprocess.Popen(
            arguments, cwd=self.root, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def make(self, body: str) -> None:
        """Give the computed table this `make`."""
        path = self.root / "src/workflow/work.py"
        lines = path.read_text().splitlines()
        lines[-1] = f"        {body}"
        path.write_text("\n".join(lines) + "\n")

    def fill(self, count: int) -> None:
        """Empty all tables and insert so many items (a million at most)."""
        self.python(FILL.format(count=count))

    def connect(self) -> Any:
        """A function that asks one query and returns the first value."""
        import datajoint as dj

        from djproject.project.location import load_project
        from djproject.targets.choice import load_target
        from djproject.targets.connection import connect

        connect(load_target(load_project(self.root)))
        connection = dj.conn(reset=True)  # a process has one; it may be that of the server before
        return lambda query: connection.query(query).fetchone()[0]

    @property
    def results(self) -> str:
        """The computed table's name in SQL."""
        return f"work_bench_{os.getpid()}.__result"

    @property
    def jobs(self) -> str:
        """Its job table's name in SQL."""
        quote = "`" if self.backend == "mysql" else '"'
        return f"work_bench_{os.getpid()}.{quote}~~result{quote}"

    def _use_mysql(self) -> None:
        use_mysql(self.root)
        self.run(self.command, "use", "lab")


def use_mysql(root: Path) -> None:
    """Make the server of `$DJPROJECT_TEST_MYSQL` the target `lab` of a project."""
    host, port, user, password = os.environ["DJPROJECT_TEST_MYSQL"].split(":")
    with (root / "pyproject.toml").open("a") as file:
        file.write(
            f'\n[tool.djproject.targets.lab]\nbackend = "mysql"\nhost = "{host}"\nport = {port}\nuser = "{user}"\n'
        )
    folder = root / ".secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "targets.lab.password").write_text(password)
    (folder / "targets.lab.password").chmod(0o600)


@contextmanager
def lab(backend: str) -> Iterator[Lab]:
    """A pipeline in a temporary folder, its schema dropped and its server stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="djproject-bench-") as folder:
        place = Lab(Path(folder) / "p", backend)
        holder = place.start(place.command, "run", "--", sys.executable, "-c", "import sys, time; time.sleep(3000)")
        try:
            yield place
        finally:
            if backend == "mysql":
                place.python("from workflow import work; work.schema.drop(prompt=False)")
            os.killpg(holder.pid, 15)
            holder.wait()
            stop(EmbeddedServer(place.root / ".djproject"))


def backends() -> Sequence[str]:
    """PostgreSQL, and MySQL where a server is named."""
    return ("postgresql", *(["mysql"] if os.environ.get("DJPROJECT_TEST_MYSQL") else []))


def wait_until(condition: Any, seconds: float = 120) -> float:
    """Seconds until a condition holds."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > seconds:
            raise TimeoutError
        time.sleep(0.02)
    return time.perf_counter() - began
