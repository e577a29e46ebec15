"""The table `djproject.worker_lease`: which workers live, by their own heartbeats.

A lease is the row with its owner's host, process and connection, as the jobs it reserved have them.
"""

import json
from dataclasses import dataclass
from typing import Any

from djproject.database.history import ATTEMPT
from djproject.database.own_tables import OwnTable, declare
from djproject.targets.machine import machine_id, process_start

TABLE = "djproject.worker_lease"
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
# Now, and seconds since a heartbeat, by the server's clock and whatever the session's time zone is: MySQL keeps a
# TIMESTAMP in UTC, PostgreSQL keeps what it is given. So no change to summer time ends a lease.
NOW = {"mysql": "CURRENT_TIMESTAMP(3)", "postgresql": "(CURRENT_TIMESTAMP(3) AT TIME ZONE 'UTC')"}
AGE = {
    "mysql": "UNIX_TIMESTAMP() - UNIX_TIMESTAMP(beat)",
    "postgresql": f"EXTRACT(EPOCH FROM {NOW['postgresql']} - beat)",
}
STARTED = {"mysql": "CONVERT_TZ(started, @@session.time_zone, '+00:00')", "postgresql": "started"}


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
        Whether its last heartbeat is too long ago, by the server's clock.
    pipeline
        The project's name.
    started
        When the lease was taken: UTC, by the server's clock.
    age
        Seconds since its last heartbeat.
    job_tables
        Names in SQL of the job tables that may hold jobs of it.
    cluster, pilot, node
        Where it runs for a cluster: as in `[tool.djproject.clusters]`, what the cluster calls it, and its machine.
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
    cluster: str = ""
    pilot: str = ""
    node: str = ""

    @property
    def is_gone(self) -> bool:
        """Whether the worker is provably no more."""
        return self.expired or (self._is_here and process_start(self.pid) != self.process_started)

    @property
    def will_be_accused(self) -> bool:
        """Whether the pool of a worker that is gone will say what killed it, or dies before its lease runs out."""
        return self._is_here and not self.expired

    @property
    def _is_here(self) -> bool:
        return self.machine == machine_id()


_OF_PILOTS = ("cluster", "pilot", "node")
_ADDED = tuple(f"{name} VARCHAR(255) NOT NULL DEFAULT ''" for name in _OF_PILOTS)
_CREATE = (f"CREATE TABLE {{table}} ({COLUMNS}, {', '.join(_ADDED)})",)
_SECOND = (f"ALTER TABLE {{table}} {', '.join(f'ADD COLUMN {column}' for column in _ADDED)}",)
WORKER_LEASE = OwnTable(
    "worker_lease",
    {"mysql": _CREATE, "postgresql": _CREATE},
    forward=({"mysql": _SECOND, "postgresql": _SECOND},),
)


def declare_leases(connection: Any) -> None:
    """Make the tables of leases and attempts where they are missing; what the database refuses is raised."""
    declare(connection, WORKER_LEASE)
    declare(connection, ATTEMPT)


def read_leases(connection: Any) -> list[Lease]:
    """The leases of all workers; none where there is no table of them."""
    backend = connection.adapter.backend
    started, age = STARTED[backend], AGE[backend]
    columns = f"worker, host, pid, connection_id, machine, process_started, seconds, pipeline, {started}, job_tables"
    query = f"SELECT {columns}, {age}, {{}} FROM {TABLE} ORDER BY started"
    try:
        try:
            rows = connection.query(query.format(", ".join(_OF_PILOTS))).fetchall()
        except Exception as error:
            if "column" not in str(error).lower():
                raise
            rows = connection.query(query.format("'', '', ''")).fetchall()  # as an older version made it
    except Exception as error:
        if is_missing(error):
            return []
        raise
    return [
        Lease(
            str(worker), str(host), int(pid), int(connection_id), str(machine), float(began), float(age) > seconds,
            str(pipeline), str(started), float(age), frozenset(json.loads(names)), *map(str, place),
        )
        for worker, host, pid, connection_id, machine, began, seconds, pipeline, started, names, age, *place in rows
    ]  # fmt: skip


def is_missing(error: BaseException) -> bool:
    """Whether a query failed because there is no such table."""
    text = f"{type(error).__name__} {error}".lower()
    return any(
        word in text
        for word in ("missingtable", "doesn't exist", "does not exist", "undefinedtable", "unknown database")
    )
