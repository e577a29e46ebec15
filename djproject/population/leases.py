"""Leases: each worker says every few seconds, on a connection of its own, that it lives.

A job that is reserved goes back to the queue only where its owner is provably gone: its lease ran out, or it was a
process of this machine that is no more. Jobs of workers without a lease (DataJoint's own `populate`) are never touched.
The lease is the row of `djproject.worker_lease` with the owner's host, process and connection, as the job has them.
"""

import contextlib
import json
import os
import platform
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from djproject.population.attempt import AbandonJob
from djproject.population.connections import keep_alive, second_connection
from djproject.population.events import TOOK_LONGER
from djproject.population.history import History, declare_history
from djproject.population.loading import LoadedTable
from djproject.population.queue import LONGEST_MESSAGE

SCHEMA, TABLE = "djproject", "djproject.worker_lease"
BEAT_SECONDS = 8.0
LEASE_SECONDS = 30
MOST_KILLS = 3
NO_TRACEBACK = "The process ended without a Python traceback."
COLUMNS = """
    worker CHAR(32) NOT NULL PRIMARY KEY,
    pipeline VARCHAR(255) NOT NULL,
    host VARCHAR(255) NOT NULL,
    machine VARCHAR(255) NOT NULL,
    pid INT NOT NULL,
    connection_id BIGINT NOT NULL,
    process_started DOUBLE PRECISION NOT NULL,
    job_tables TEXT NOT NULL,
    started TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    beat TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    seconds INT NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """One worker's word that it lives.

    Attributes
    ----------
    worker
        Its id.
    host, pid, connection_id
        What DataJoint writes into the jobs it reserves.
    machine
        Which running system's process numbers `pid` is one of: a host name alone may be that of several containers.
    process_started
        Another process of that number began at another time.
    expired
        Whether its last word is too long ago, by the server's clock.
    pipeline
        The project's name.
    started
        When the lease was taken, by the server's clock.
    age
        Seconds since its last word.
    job_tables
        Names in SQL of the job tables that may hold jobs of it.
    """

    worker: str
    host: str
    pid: int
    connection_id: int
    machine: str
    process_started: float
    expired: bool
    pipeline: str
    started: str
    age: float
    job_tables: frozenset[str]

    @property
    def is_gone(self) -> bool:
        """Whether the worker is provably no more."""
        return self.expired or (self._is_here and _started(self.pid) != self.process_started)

    @property
    def will_be_accused(self) -> bool:
        """Whether the pool of a worker that is gone will say what killed it, or dies before its lease runs out."""
        return self._is_here and not self.expired

    @property
    def _is_here(self) -> bool:
        return self.machine == _machine()


@dataclass(frozen=True, slots=True)
class Killed:
    """A job of this machine whose worker ended while it made the job.

    Attributes
    ----------
    pid
        Of the worker.
    table, key
        The job; the key as JSON.
    causes
        "SIGSEGV", "exit code 3": of all workers of its pool that it killed, the last one last.
    """

    pid: int
    table: str
    key: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of the jobs of workers that are gone.

    Attributes
    ----------
    count
        How many are pending again.
    deadly
        Table, key and message of those that became errors.
    undecided
        How many are still reserved, because somebody else is about to say what they did.
    """

    count: int = 0
    deadly: tuple[tuple[str, dict[str, Any], str], ...] = ()
    undecided: int = 0


def declare_leases(connection: Any) -> None:
    """Make the tables of leases and attempts where they are missing; what the database refuses is raised."""
    connection.query(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.query(f"CREATE TABLE IF NOT EXISTS {TABLE} ({COLUMNS})")
    declare_history(connection)


@contextmanager
def leased(connection: Any, pipeline: str, tables: Sequence[LoadedTable]) -> Iterator[str]:
    """Hold a lease for the process that fills `tables`; its id is yielded, empty where there can be none.

    Where the table cannot be made, the worker works without: its jobs are then as DataJoint's own.
    """
    try:
        own = second_connection(connection)
        keep_alive(own)
        declare_leases(own)
    except Exception:  # no right to make a schema: any database error
        yield ""
        return
    worker = uuid.uuid4().hex
    me = (platform.node(), _machine(), os.getpid(), connection.connection_id, _started(os.getpid()))
    values = (worker, pipeline, *me, json.dumps([loaded.instance.jobs.full_table_name for loaded in tables]))
    _insert(own, values)
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(own, values, ended), daemon=True)
    thread.start()
    clean = False
    try:
        yield worker
        clean = True
    except AbandonJob:
        clean = True
        raise
    finally:
        ended.set()
        thread.join(timeout=5)
        if clean:  # else jobs may still be claimed, and the lease says whose they were
            _forget(own, worker)


def accuse(tables: Sequence[LoadedTable], killed: Killed, history: History) -> bool:
    """Record that a job's worker died while it made the job, which waits again; from the third time on it is an error.

    Whether it became one. Another worker may have given the job back meanwhile, and another one may have taken it.
    """
    loaded = next((loaded for loaded in tables if loaded.name == killed.table), None)
    if loaded is None:
        return False
    key: dict[str, Any] = json.loads(killed.key)
    jobs, cause = loaded.instance.jobs, killed.causes[-1]
    held = {"status": "reserved", "host": platform.node(), "pid": killed.pid}
    if not jobs & key & "status IN ('pending', 'reserved')":
        return False  # it was finished, and the worker died before it could say so
    history.add(loaded, key, "killed", 0.0, cause)
    causes = max(history.messages(loaded, key, "killed"), list(killed.causes), key=len)
    if cause.startswith(TOOK_LONGER):
        message = f"{cause} and was ended"
    elif len(causes) < MOST_KILLS:
        query = f"UPDATE {jobs.full_table_name} SET status='pending'{(jobs & key & held).where_clause()}"
        loaded.instance.connection.query(query)
        return False
    else:
        message = _killed(causes)
    if not jobs & key & f"status='pending' OR status='reserved' AND pid={killed.pid}":
        return False  # another worker makes it now: its pool will have more to say
    jobs.error(key, message, NO_TRACEBACK)
    history.add(loaded, key, "error", 0.0, message)
    return True


def recover(tables: Sequence[LoadedTable], history: History) -> Recovery:
    """Give the jobs of workers that are gone back to the queue, but for those that killed too many workers.

    What such a worker had in other tables is left to those who fill them: until then its lease says whose it is.
    """
    if not tables:
        return Recovery()
    connection = tables[0].instance.connection
    count = undecided = 0
    deadly: list[tuple[str, dict[str, Any], str]] = []
    for lease in read_leases(connection):
        mine = [loaded for loaded in tables if loaded.instance.jobs.full_table_name in lease.job_tables]
        if not mine or not lease.is_gone:
            continue
        _end_session(connection, lease)
        left = set(lease.job_tables)
        for loaded in mine:
            condemned, suspects = _judge(loaded, lease, history)
            deadly += condemned
            undecided += len(suspects)
            count += _give_back(loaded, lease, but=suspects)
            if not suspects:
                left.remove(loaded.instance.jobs.full_table_name)
        if not left:
            connection.query(f"DELETE FROM {TABLE} WHERE worker=%s", args=(lease.worker,))
        elif left != lease.job_tables:
            names = json.dumps(sorted(left))
            connection.query(f"UPDATE {TABLE} SET job_tables=%s WHERE worker=%s", args=(names, lease.worker))
    return Recovery(count, tuple(deadly), undecided)


def read_leases(connection: Any) -> list[Lease]:
    """The leases of all workers; none where there is no table of them."""
    columns = "worker, host, pid, connection_id, machine, process_started, seconds, pipeline, started, job_tables"
    age = (
        "TIMESTAMPDIFF(MICROSECOND, beat, CURRENT_TIMESTAMP(3)) / 1000000"
        if connection.adapter.backend == "mysql"
        else "EXTRACT(EPOCH FROM CURRENT_TIMESTAMP(3) - beat)"
    )
    try:
        rows = connection.query(f"SELECT {columns}, {age} FROM {TABLE} ORDER BY started").fetchall()
    except Exception as error:
        if is_missing(error):
            return []
        raise
    return [
        Lease(
            str(worker), str(host), int(pid), int(connection_id), str(machine), float(began),
            float(age) > seconds, str(pipeline), str(started), float(age), frozenset(json.loads(names)),
        )
        for worker, host, pid, connection_id, machine, began, seconds, pipeline, started, names, age in rows
    ]  # fmt: skip


def _end_session(connection: Any, lease: Lease) -> None:
    """End the server's side of a dead worker, so that what it had begun there is rolled back and blocks nobody.

    A number that belongs to somebody else by now is left alone: the session is older than the lease, and so is the
    server's own start, after which MySQL counts from 1 again.
    """
    number = int(lease.connection_id)
    try:
        if connection.adapter.backend == "mysql":
            uptime = "SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'"
            older = f"SELECT started > CURRENT_TIMESTAMP - INTERVAL ({uptime}) SECOND FROM {TABLE} WHERE worker=%s"
            if connection.query(older, args=(lease.worker,)).fetchone()[0]:
                connection.query(f"KILL {number}")
        else:
            connection.query(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity, {TABLE} "
                f"WHERE worker=%s AND pid={number} AND backend_start <= started",
                args=(lease.worker,),
            )
    except Exception:  # not allowed, or gone by itself
        return


def _judge(
    loaded: LoadedTable, lease: Lease, history: History
) -> tuple[list[tuple[str, dict[str, Any], str]], list[dict[str, Any]]]:
    """Make errors of the jobs of a dead worker that killed as many workers before it as may be.

    Those jobs, and the keys of others that have killed all but one: if this was the last, its pool is about to say so.
    """
    jobs = loaded.instance.jobs
    keys: list[dict[str, Any]] = _jobs_of(loaded, lease).keys()
    condemned, suspects = [], []
    for key in history.with_outcome(loaded, keys, "killed"):
        causes = history.messages(loaded, key, "killed")
        if len(causes) >= MOST_KILLS:
            message = _killed(causes)
            jobs.error(key, message, NO_TRACEBACK)
            history.add(loaded, key, "error", 0.0, message)
            condemned.append((loaded.name, key, message))
        elif len(causes) == MOST_KILLS - 1 and lease.will_be_accused:
            suspects.append(key)
    return condemned, suspects


def _killed(causes: Sequence[str]) -> str:
    return f"killed its worker {len(causes)} times: {', '.join(causes)}"[:LONGEST_MESSAGE]


def _give_back(loaded: LoadedTable, lease: Lease, *, but: Sequence[dict[str, Any]]) -> int:
    chosen = _jobs_of(loaded, lease)
    if but:
        chosen -= list(but)
    query = f"UPDATE {loaded.instance.jobs.full_table_name} SET status='pending'{chosen.where_clause()}"
    return max(int(loaded.instance.connection.query(query).rowcount), 0)


def _jobs_of(loaded: LoadedTable, lease: Lease) -> Any:
    owner = {"status": "reserved", "host": lease.host, "pid": lease.pid, "connection_id": lease.connection_id}
    return loaded.instance.jobs & owner


def _beat(own: Any, values: tuple[Any, ...], ended: threading.Event) -> None:
    """Renew the lease every few seconds; after an outage, on a new connection, and anew if it was taken for dead."""
    while not ended.wait(BEAT_SECONDS):
        try:
            renewal = f"UPDATE {TABLE} SET beat=CURRENT_TIMESTAMP(3), job_tables=%s WHERE worker=%s"
            cursor = own.query(renewal, args=(values[-1], values[0]))
            if cursor.rowcount == 0:
                _insert(own, values)
        except Exception:  # the database is away; the next beat tries again
            try:
                own.connect()
                keep_alive(own)
            except Exception:  # noqa: S112 (still away)
                continue


def _insert(own: Any, values: tuple[Any, ...]) -> None:
    own.query(
        f"INSERT INTO {TABLE} "
        "(worker, pipeline, host, machine, pid, connection_id, process_started, job_tables, seconds) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        args=(*values, LEASE_SECONDS),
    )


def _forget(own: Any, worker: str) -> None:
    try:
        own.query(f"DELETE FROM {TABLE} WHERE worker=%s", args=(worker,))
        own.close()
    except Exception:  # noqa: S110 (the lease runs out by itself)
        pass


@lru_cache(maxsize=1)
def _machine() -> str:
    """Which boot of which system, and the namespace of its process numbers; containers have one each."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        import psutil

        return f"{platform.node()} {uuid.getnode():x} {psutil.boot_time():.0f}"


def _started(pid: int) -> float:
    """When a process began, in ticks since the boot (elsewhere, seconds since the epoch); 0 for none."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        # Not psutil's time, which a step of the clock moves.
        return float(Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()[19])
    import psutil

    try:
        return round(float(psutil.Process(pid).create_time()), 2)
    except psutil.Error:
        return 0.0


def is_missing(error: BaseException) -> bool:
    """Whether a query failed because there is no such table."""
    text = f"{type(error).__name__} {error}".lower()
    return any(word in text for word in ("missingtable", "doesn't exist", "does not exist", "undefinedtable"))
