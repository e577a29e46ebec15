"""The lease of this process, renewed every few seconds on a connection of its own."""

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from djproject.database.connections import keep_alive, second_connection
from djproject.database.job_tables import job_table
from djproject.database.leases import NOW, TABLE, declare_leases
from djproject.database.loading import LoadedTable
from djproject.targets.machine import machine_id, process_start
from djproject.worker.attempt import AbandonJob
from djproject.worker.passing import is_passing
from djproject.worker.pilot import PilotPlace, pilot_place

HEARTBEAT_SECONDS = 8.0
LEASE_SECONDS = 30
MOST_TRIES, RETRY_SECONDS = 10, 1.0  # as where the server has no connection left at the moment


@contextmanager
def leased(connection: Any, pipeline: str, tables: Sequence[LoadedTable]) -> Iterator[str]:
    """Hold a lease for the process that fills `tables`; its id is yielded, empty where there can be none.

    Where the table cannot be made, the worker works without: its jobs are then as DataJoint's own.
    """
    own = _connect(connection)
    if own is None:
        yield ""
        return
    worker = uuid.uuid4().hex
    me = (platform.node(), machine_id(), os.getpid(), connection.connection_id, process_start(os.getpid()))
    values = (worker, pipeline, *me, json.dumps([job_table(loaded.instance).full_table_name for loaded in tables]))
    place = pilot_place(os.environ)
    _insert(own, values, place)
    (began,) = own.query(f"SELECT started FROM {TABLE} WHERE worker=%s", args=(worker,)).fetchone()
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(own, values, place, began, ended), daemon=True)
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


def _connect(connection: Any) -> Any | None:
    """A connection of the lease's own; None where there can be no lease, as without the right to make a schema."""
    for _ in range(MOST_TRIES):
        own = None
        try:
            own = second_connection(connection)
            keep_alive(own)
            declare_leases(own)
        except Exception as error:
            if own is not None:
                own.close()
            if not is_passing(error):
                return None
            time.sleep(RETRY_SECONDS)
        else:
            return own
    return None


def _beat(own: Any, values: tuple[Any, ...], place: PilotPlace, began: object, ended: threading.Event) -> None:
    """Renew the lease every few seconds; after an outage, on a new connection; write it again where it was removed.

    It keeps the time of the first one: a session with this number that began later is another program's.
    """
    while not ended.wait(HEARTBEAT_SECONDS):
        try:
            renewal = f"UPDATE {TABLE} SET beat={NOW[own.adapter.backend]}, job_tables=%s WHERE worker=%s"
            cursor = own.query(renewal, args=(values[-1], values[0]))
            if cursor.rowcount == 0:
                _insert(own, values, place, began)
        except Exception:  # the database is away; the next beat tries again
            try:
                own.connect()
                keep_alive(own)
            except Exception:  # noqa: S112 (still away)
                continue


def _insert(own: Any, values: tuple[Any, ...], place: PilotPlace, began: object = None) -> None:
    now = NOW[own.adapter.backend]
    own.query(
        f"INSERT INTO {TABLE} "
        "(worker, pipeline, host, machine, pid, connection_id, process_started, job_tables, seconds, started, beat) "
        f"VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, COALESCE(%s, {now}), {now})",
        args=(*values, LEASE_SECONDS, began),
    )
    if place.job:
        with suppress(Exception):  # the table may still be as an older version made it
            of_pilot = (place.cluster, place.job, place.node, values[0])
            own.query(f"UPDATE {TABLE} SET cluster=%s, pilot=%s, node=%s WHERE worker=%s", args=of_pilot)


def _forget(own: Any, worker: str) -> None:
    try:
        own.query(f"DELETE FROM {TABLE} WHERE worker=%s", args=(worker,))
        own.close()
    except Exception:  # noqa: S110 (the lease runs out by itself)
        pass
