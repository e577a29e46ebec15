"""Workers against DataJoint's own `populate`: trivial jobs per second, looking for new keys, statements per job."""

import sys
import time

from benchmarks.lab import Lab, backends, lab
from benchmarks.timing import table

JOBS = 4000
KEYS = 100_000
ROUNDS = 2
THEIRS = """
from workflow import work
work.Result.populate(reserve_jobs=True, processes={processes}, suppress_errors=True)
"""
REFRESH = """
import time
from pathlib import Path
from djproject.pipeline.source import load_pipeline
from djproject.database.loading import load_tables
from djproject.worker.queue import Queue
from djproject.project.location import load_project
from djproject.targets.choice import load_target

project = load_project(Path.cwd())
tables = load_tables(project, load_target(project), load_pipeline(project))
loaded = next(loaded for loaded in tables if loaded.name == "work.Result")
began = time.perf_counter()
assert Queue(loaded).refresh() == {count}
ours = time.perf_counter() - began
loaded.instance.connection.query("DELETE FROM " + loaded.instance.jobs.full_table_name)
began = time.perf_counter()
assert loaded.instance.jobs.refresh(delay=-1)["added"] == {count}
print(ours, time.perf_counter() - began)
"""
STATEMENTS = """
from pathlib import Path
from djproject.pipeline.source import load_pipeline
from djproject.worker.wakeup import Bell
from djproject.worker.events import Idle
from djproject.database.history import History
from djproject.database.leases import leased
from djproject.database.loading import load_tables
from djproject.worker.loop import Loop
from djproject.project.location import load_project
from djproject.targets.choice import load_target

project = load_project(Path.cwd())
tables = [t for t in load_tables(project, load_target(project), load_pipeline(project)) if t.name == "work.Result"]
connection = tables[0].instance.connection
seen, real = [], type(connection).query

def query(self, text, *args, **kwargs):
    seen.append(text)
    return real(self, text, *args, **kwargs)

def ours():
    bell = Bell()
    with leased(connection, "bench", tables):
        loop = Loop(tables, (), slot=1, history=History(connection, "bench"), bell=bell,
                    tell=lambda *events: bell.stop() if any(isinstance(event, Idle) for event in events) else None)
        loop.run()

def theirs():
    tables[0].cls.populate(reserve_jobs=True, suppress_errors=True)

type(connection).query = query
{which}()
print(len(seen))
"""


def measure() -> None:
    """Print rates of whole runs on both servers, as ratios; MySQL where a server is named."""
    for backend in backends():
        with lab(backend) as place:
            rows = [_rates(place, count) for count in (1, 2, 8)]
            rows += [_refresh(place), _statements(place)]
        print()
        table([backend, "djproject", "DataJoint's `populate(reserve_jobs=True)`", "times as good"], rows)


def _rates(place: Lab, processes: int) -> list[str]:
    """Jobs per second between the first row and the last: without the start of Python, which is the same for both."""
    ours, theirs = [], []
    one = [sys.executable, "-W", "ignore", "-c", THEIRS.format(processes=min(processes, 2))]
    commands = [one] * (8 if processes == 8 else 1)  # DataJoint starts no more processes than there are processors
    if processes == 8:
        commands = [[*one[:-1], THEIRS.format(processes=1)]] * 8
    for _ in range(ROUNDS):
        place.fill(JOBS)
        ours.append(_drain(place, [[place.command, "populate", "Result", "--workers", str(processes)]]))
        place.fill(JOBS)
        theirs.append(_drain(place, commands))
    how = "8 × `populate()`" if processes == 8 else f"`processes={processes}`"
    mine, other = max(ours), max(theirs)
    label = f"{JOBS:,} trivial jobs, {processes} process{'es' if processes > 1 else ''}; {how}"
    return [label, f"{mine:.0f}/s", f"{other:.0f}/s", f"{mine / other:.2f}"]


def _drain(place: Lab, commands: list[list[str]]) -> float:
    ask = place.connect()
    count = f"SELECT COUNT(*) FROM {place.results}"
    running = [place.start(*command) for command in commands]
    first, done = 0.0, 0
    before = 0
    while done < JOBS:
        done = int(ask(count))
        if done and not first:
            first, before = time.perf_counter(), done
        if done < JOBS and all(process.poll() is not None for process in running) and int(ask(count)) < JOBS:
            raise RuntimeError(f"{done} of {JOBS} jobs were made")
        time.sleep(0.02)
    seconds = time.perf_counter() - first
    for process in running:
        process.wait()
    return (JOBS - before) / seconds


def _refresh(place: Lab) -> list[str]:
    place.fill(KEYS)
    ours, theirs = map(float, place.python(REFRESH.format(count=KEYS)).split())
    return [f"{KEYS:,} new keys found", f"{ours:.2f} s", f"{theirs:.1f} s", f"{theirs / ours:.0f}"]


def _statements(place: Lab) -> list[str]:
    """Statements of a whole run over so many jobs, divided by them: its start, new keys and lease among them."""
    jobs = 1000
    counts = []
    for which in ("ours", "theirs"):
        place.fill(jobs)
        counts.append(int(place.python(STATEMENTS.format(which=which))) / jobs)
    return ["statements per job", f"{counts[0]:.1f}", f"{counts[1]:.1f}", f"{counts[1] / counts[0]:.2f}"]
