"""Jobs of workers that are gone: back to the queue, or errors where they killed too many workers.

A job that is reserved goes back only where its owner is provably gone: its lease ran out, or it was a process of this
machine that is gone. Jobs of workers without a lease (DataJoint's own `populate`) are never touched.
"""

import json
import platform
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from djproject.database.history import History
from djproject.database.job_tables import job_table, record_error
from djproject.database.keys import Condition, key_columns
from djproject.database.leases import TABLE, Lease, read_leases
from djproject.database.loading import LoadedTable
from djproject.worker.events import TOOK_LONGER
from djproject.worker.passing import is_passing
from djproject.worker.queue import LONGEST_MESSAGE

MOST_KILLS = 3
MOST_VANISHED = 5  # pilots that were gone without a word while they made a job: it may be why
VANISHED = "vanished"
_NO_SUCH_SESSION = (1094,), (1095,)  # MySQL: gone by itself, or somebody else's
NO_TRACEBACK = "The process ended without a Python traceback."


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


def accuse(tables: Sequence[LoadedTable], killed: Killed, history: History) -> str:
    """Record that a job's worker died while it made the job, which waits again; from the third time on it is an error.

    The message of that error comes back; empty where there is none. Another worker may have given the job back
    meanwhile, and another one may have taken it.
    """
    loaded = next((loaded for loaded in tables if loaded.name == killed.table), None)
    if loaded is None:
        return ""
    jobs, cause = job_table(loaded.instance), killed.causes[-1]
    columns = key_columns(jobs)
    key = columns.read(killed.key)
    same, query = columns.equal(key), loaded.instance.connection.query
    held = Condition("status='reserved' AND host=%s AND pid=%s", (platform.node(), killed.pid))
    open_ = same & Condition("status IN ('pending', 'reserved')")
    if not query(f"SELECT 1 FROM {jobs.full_table_name} WHERE {open_.sql}", args=open_.args).rowcount:
        return ""  # it was finished, and the worker died before it could say so
    history.add(loaded, key, "killed", 0.0, cause)
    causes = max(history.messages(loaded, key, "killed"), list(killed.causes), key=len)
    if cause.startswith(TOOK_LONGER):
        message = f"stopped after{cause.removeprefix(TOOK_LONGER)} (job timeout)"
    elif len(causes) < MOST_KILLS:
        condition = same & held
        query(f"UPDATE {jobs.full_table_name} SET status='pending' WHERE {condition.sql}", args=condition.args)
        return ""
    else:
        message = _killed(causes)
    waiting = Condition("status='pending' OR status='reserved' AND pid=%s", (killed.pid,))
    if not record_error(jobs, same & waiting, message, NO_TRACEBACK):
        return ""  # another worker makes it now: its pool will have more to say
    history.add(loaded, key, "error", 0.0, message)
    return message


def recover(tables: Sequence[LoadedTable], history: History) -> Recovery:
    """Give the jobs of workers that are gone back to the queue, but for those that killed too many workers.

    What such a worker had in other tables is left to the workers that fill them: until then its lease says whose it is.
    """
    if not tables:
        return Recovery()
    connection = tables[0].instance.connection
    count = undecided = 0
    deadly: list[tuple[str, dict[str, Any], str]] = []
    ours = {job_table(loaded.instance).full_table_name for loaded in tables}
    gone = [lease for lease in read_leases(connection) if lease.is_gone and ours & lease.job_tables]
    for lease in gone:  # all of them first: on MySQL the jobs of one wait for what another one has locked
        _end_session(connection, lease)
    for lease in gone:
        mine = [loaded for loaded in tables if job_table(loaded.instance).full_table_name in lease.job_tables]
        left = set(lease.job_tables)
        for loaded in mine:
            condemned, suspects = _judge(loaded, lease, history)
            deadly += condemned
            undecided += len(suspects)
            count += _give_back(loaded, lease, but=suspects)
            if not suspects:
                left.remove(job_table(loaded.instance).full_table_name)
        if not left:
            connection.query(f"DELETE FROM {TABLE} WHERE worker=%s", args=(lease.worker,))
        elif left != lease.job_tables:
            names = json.dumps(sorted(left))
            connection.query(f"UPDATE {TABLE} SET job_tables=%s WHERE worker=%s", args=(names, lease.worker))
    return Recovery(count, tuple(deadly), undecided)


def _end_session(connection: Any, lease: Lease) -> None:
    """End the server's side of a dead worker, so that what it had begun there is rolled back and blocks nobody.

    A number that belongs to somebody else by now is left alone: the session has to be older than the lease, and so has
    the server's own start, after which MySQL counts from 1 again.
    """
    from datajoint.errors import AccessError

    number = int(lease.connection_id)
    if number == connection.connection_id:  # this worker's own, which was suspended for longer than its lease
        return
    try:
        if connection.adapter.backend == "mysql":
            uptime = "SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'"
            older = f"SELECT started > CURRENT_TIMESTAMP - INTERVAL ({uptime}) SECOND FROM {TABLE} WHERE worker=%s"
            if connection.query(older, args=(lease.worker,)).fetchone()[0]:
                connection.query(f"KILL {number}")
        else:
            connection.query(
                f"SELECT pg_terminate_backend(session.pid) FROM pg_stat_activity AS session, {TABLE} "
                f"WHERE worker=%s AND session.pid={number} AND backend_start <= started AT TIME ZONE 'UTC'",
                args=(lease.worker,),
            )
    except Exception as error:
        if is_passing(error):
            raise
        if not isinstance(error, AccessError) and error.args[:1] not in _NO_SUCH_SESSION:
            traceback.print_exception(error)  # for the worker's log: the jobs go back all the same


def _judge(
    loaded: LoadedTable, lease: Lease, history: History
) -> tuple[list[tuple[str, dict[str, Any], str]], list[dict[str, Any]]]:
    """Make errors of the jobs of a dead worker that killed as many workers before it as may be.

    Those jobs, and the keys of others that have killed all but one: if this was the last, its pool is about to say so.
    """
    jobs, columns = job_table(loaded.instance), key_columns(job_table(loaded.instance))
    owned = _owned(lease)
    query = f"SELECT {columns.selected} FROM {jobs.full_table_name} WHERE {owned.sql}"
    keys = [columns.key(row) for row in jobs.connection.query(query, args=owned.args).fetchall()]
    condemned, suspects = [], []
    if lease.pilot:
        condemned += _vanished(loaded, lease, keys, history)
    for key in history.with_outcome(loaded, keys, "killed"):
        causes = history.messages(loaded, key, "killed")
        if len(causes) >= MOST_KILLS:
            message = _killed(causes)
            record_error(jobs, columns.equal(key), message, NO_TRACEBACK)
            history.add(loaded, key, "error", 0.0, message)
            condemned.append((loaded.name, key, message))
        elif len(causes) == MOST_KILLS - 1 and lease.will_be_accused:
            suspects.append(key)
    return condemned, suspects


def _vanished(
    loaded: LoadedTable, lease: Lease, keys: Sequence[dict[str, Any]], history: History
) -> list[tuple[str, dict[str, Any], str]]:
    """Make errors of the jobs whose pilots are gone repeatedly, as where all of a pod is killed for its memory.

    Nobody else counts them: a pilot that has to end gives its job back, and no pool is left that could accuse it.
    """
    jobs, columns, condemned = job_table(loaded.instance), key_columns(job_table(loaded.instance)), []
    for key in keys:
        history.add(loaded, key, VANISHED, 0.0, f"{lease.pilot} on {lease.node or lease.host}")
        pilots = history.messages(loaded, key, VANISHED)
        if len(pilots) >= MOST_VANISHED:
            where = ", ".join(pilots)
            gone = f"{len(pilots)} pilots disappeared while running this job"
            message = f"{gone}, possibly because they ran out of memory: {where}"[:LONGEST_MESSAGE]
            record_error(jobs, columns.equal(key), message, NO_TRACEBACK)
            history.add(loaded, key, "error", 0.0, message)
            condemned.append((loaded.name, key, message))
    return condemned


def _killed(causes: Sequence[str]) -> str:
    return f"the worker process died {len(causes)} times: {', '.join(causes)}"[:LONGEST_MESSAGE]


def _give_back(loaded: LoadedTable, lease: Lease, *, but: Sequence[dict[str, Any]]) -> int:
    jobs, condition = job_table(loaded.instance), _owned(lease)
    if but:
        kept = key_columns(jobs).among(but)
        condition &= Condition(f"NOT ({kept.sql})", kept.args)
    query = f"UPDATE {jobs.full_table_name} SET status='pending' WHERE {condition.sql}"
    return max(int(jobs.connection.query(query, args=condition.args).rowcount), 0)


def _owned(lease: Lease) -> Condition:
    owner = (lease.host, lease.pid, lease.connection_id)
    return Condition("status='reserved' AND host=%s AND pid=%s AND connection_id=%s", owner)
