"""`drift`, `migrate` and `import-schema` of a large pipeline on both servers, beside DataJoint's `describe()`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.generated import write_pipeline
from benchmarks.lab import backends, use_mysql
from benchmarks.schema_tools import alembic_seconds, django_seconds
from benchmarks.timing import seconds, table
from djproject.targets.embedded import EmbeddedServer

MODULES, TABLES = 30, 10
LOOK = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from djproject.database.agreement import look, source_places
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.targets.choice import load_target
from djproject.targets.connection import connect
project = load_project()
target, pipeline = load_target(project, None), load_pipeline(project)
connection = connect(target)
real, asked, times = connection.query, [], []
connection.query = lambda *a, **k: (asked.append(a), real(*a, **k))[1]
for _ in range(5):
    asked.clear()
    began = time.perf_counter()
    seen = look(target, pipeline, {table.full_name for table in pipeline.tables})
    times.append(time.perf_counter() - began)
queries = len(asked)
assert not seen.differences, seen.differences[:3]
import datajoint as dj
asked.clear()
began = time.perf_counter()
for schema, name in source_places(pipeline, str).values():
    dj.FreeTable(connection, connection.adapter.make_full_table_name(schema, name)).describe()
described = time.perf_counter() - began, len(asked)
from djproject.database.catalogue import read_catalogue
from djproject.migration.planning import Wishes
from djproject.migration.running import Migrator
from djproject.scaffold.from_database import Importer
names = {schema for schema, _ in source_places(pipeline, str).values()}
began = time.perf_counter()
written = Importer(read_catalogue(connection, names), {n: n for n in names}, {}, connection.adapter.backend).modules()
imported = time.perf_counter() - began
began = time.perf_counter()
plan = Migrator(project, target, pipeline).plan(Wishes(frozenset(seen.tables), {}))
planned = time.perf_counter() - began
assert not plan.steps and len(written) == len(names)
print(json.dumps([min(times), queries, *described, len(seen.tables), imported, planned]))
"""
DROP = f"""
import datajoint as dj
for number in reversed(range({MODULES})):
    dj.conn().query(f"DROP DATABASE IF EXISTS m{{number:04}}")
"""


def _others(server: str, root: Path) -> tuple[float, float]:
    """Seconds of `alembic check` and `makemigrations --check` for as many tables in the same server."""
    name = f"bench_{os.getpid()}"
    if server == "mysql":
        host, port, user, password = os.environ["DJPROJECT_TEST_MYSQL"].split(":")
        url = f"mysql+pymysql://{user}:{password}@{host}:{port}/{name}"
    else:
        socket = EmbeddedServer(root / ".djproject").socket_directory
        url = f"postgresql+psycopg2://postgres@/{name}?host={socket}"
    statement = "import datajoint as dj; dj.conn().query('{} DATABASE " + name + "')"
    if server != "mysql":
        statement = (
            "import datajoint as dj; c = dj.conn(); c._conn.autocommit = True; c.query('{} DATABASE " + name + "')"
        )
    run = [sys.executable, "-m", "djproject", "run", "--", sys.executable, "-W", "ignore", "-c"]
    holder = subprocess.Popen([*run, "import time; time.sleep(600)"], cwd=root, stderr=subprocess.DEVNULL)
    seconds([*run, statement.format("CREATE")], cwd=root)
    try:
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}  # it looks at files only
            count = MODULES * TABLES
            return alembic_seconds(Path(first), url, count), django_seconds(Path(second), engine, count)
    finally:
        seconds([*run, statement.format("DROP")], cwd=root)
        holder.terminate()
        holder.wait()


def measure() -> None:
    """Print the seconds and queries of one comparison, and of the whole command."""
    rows = []
    for server in backends():
        with tempfile.TemporaryDirectory(prefix="djproject-bench-") as folder:
            root = Path(folder)
            root.chmod(0o755)
            write_pipeline(root, modules=MODULES, tables_per_module=TABLES, lines=3600)
            command = [sys.executable, "-m", "djproject", "drift"]
            if server == "mysql":
                use_mysql(root)
                seconds([*command[:-1], "use", "lab"], cwd=root)
            seconds([*command[:-1], "deploy"], cwd=root)
            whole = min(seconds(command, cwd=root) for _ in range(5))
            answer = subprocess.run(
                [sys.executable, "-c", LOOK], cwd=root, capture_output=True, text=True, check=True
            ).stdout
            ours, queries, theirs, others, count, imported, planned = json.loads(answer.splitlines()[-1])
            alembic, django = _others(server, root)
            rows.append(
                (server, str(count), f"{ours:.2f} s, {queries} queries", f"{whole:.1f} s",
                 f"{theirs:.1f} s, {others} queries", f"{ours / theirs:.3f}", f"{imported:.2f} s", f"{planned:.2f} s",
                 f"{alembic:.1f} s", f"{django:.1f} s")
            )  # fmt: skip
            if server == "postgresql":
                seconds([*command[:-1], "down"], cwd=root)
            else:
                seconds([*command[:-1], "run", "--", sys.executable, "-W", "ignore", "-c", DROP], cwd=root)
    table(("server", "tables", "comparison", "whole `drift`", "DataJoint's `describe()`", "ratio",
           "`import-schema`", "`migrate`, planned",
           "`alembic check`", "`makemigrations --check`"), rows)  # fmt: skip
