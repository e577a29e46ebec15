"""What pilots have made and are making, from the database: leases, attempts and reserved jobs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from djproject.database.history import TABLE
from djproject.database.keys import key_text
from djproject.database.leases import Lease, is_missing


class Progress(NamedTuple):
    """One pilot's work.

    Attributes
    ----------
    made
        Jobs made by the processes that it has now.
    making
        Their running jobs, as text.
    """

    made: int = 0
    making: tuple[str, ...] = ()


def progress(connection: Any, leases: Sequence[Lease], cluster: str, names: Mapping[str, str]) -> dict[str, Progress]:
    """By pilot: what the workers of a cluster made and are making. One query, and one for each job table.

    Parameters
    ----------
    connection, leases
        To the database, and all leases there.
    cluster
        Whose pilots are wanted.
    names
        By `schema.table` of a job table, without signs of tiers: `module.Table`.
    """
    mine = [lease for lease in leases if lease.cluster == cluster and lease.pilot and not lease.is_gone]
    made = _made(connection) if mine else {}
    making = _making(connection, mine, names)
    found: dict[str, Progress] = {}
    for lease in mine:
        before = found.get(lease.pilot, Progress())
        running = making.get((lease.host, lease.pid, lease.connection_id))
        count = made.get((lease.host, lease.pid), 0)
        found[lease.pilot] = Progress(before.made + count, (*before.making, *([running] if running else [])))
    return found


def _made(connection: Any) -> dict[tuple[str, int], int]:
    """By host and process of a lease: the jobs made since it was taken."""
    ended = "a.ended" if connection.adapter.backend == "mysql" else "a.ended::timestamptz AT TIME ZONE 'UTC'"
    since = f"l.started <= {ended}"
    query = (
        f"SELECT a.host, a.pid, COUNT(*) FROM {TABLE} a JOIN djproject.worker_lease l "
        f"ON a.host = l.host AND a.pid = l.pid AND {since} WHERE a.outcome = 'made' GROUP BY a.host, a.pid"
    )
    try:
        return {(str(host), int(pid)): int(count) for host, pid, count in connection.query(query).fetchall()}
    except Exception as error:
        if is_missing(error):
            return {}
        raise


def _making(connection: Any, leases: Sequence[Lease], names: Mapping[str, str]) -> dict[tuple[str, int, int], str]:
    """By host, process and connection: the reserved job."""
    found = {}
    for name in sorted({name for lease in leases for name in lease.job_tables}):
        try:
            cursor = connection.query(f"SELECT * FROM {name} WHERE status='reserved'", as_dict=True)
        except Exception as error:
            if is_missing(error):
                continue
            raise
        for row in cursor.fetchall():
            key = {column: row[column] for column in list(row)[: list(row).index("status")]}
            owner = str(row["host"]), int(row["pid"]), int(row["connection_id"])
            found[owner] = (
                f"{names.get(_short(name), _short(name))} ({key_text(json.loads(json.dumps(key, default=str)))})"
            )
    return found


def _short(name: str) -> str:
    """`schema.table` of a job table's name in SQL."""
    return name.replace("`", "").replace('"', "").replace(".~~", ".")
