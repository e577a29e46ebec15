"""Every attempt at a job, and how it ended: the table `djproject.attempt`."""

import hashlib
import os
import platform
from collections.abc import Sequence
from typing import Any

from djproject.database.keys import key_json
from djproject.database.loading import LoadedTable
from djproject.database.own_tables import OwnTable

TABLE = "djproject.attempt"
COLUMNS = {
    "mysql": "attempt BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, ",
    "postgresql": "attempt BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ",
}
COMMON = """
    pipeline VARCHAR(255) NOT NULL,
    schema_name VARCHAR(255) NOT NULL,
    table_name VARCHAR(255) NOT NULL,
    key_hash CHAR(32) NOT NULL,
    key_text VARCHAR(2047) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    ended TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    seconds DOUBLE PRECISION NOT NULL,
    host VARCHAR(255) NOT NULL,
    pid INT NOT NULL,
    version VARCHAR(64) NOT NULL,
    message VARCHAR(2047) NOT NULL
"""
WRITTEN = "pipeline, schema_name, table_name, key_hash, key_text, outcome, seconds, message, host, pid, version"
MARKS = ", ".join(["%s"] * len(WRITTEN.split(",")))
OF_TABLE = "schema_name=%s AND table_name=%s"  # two projects of one name may be at one server


_COLUMNS = {backend: f"CREATE TABLE {{table}} ({columns}{COMMON}" for backend, columns in COLUMNS.items()}
ATTEMPT = OwnTable(
    "attempt",
    {
        "mysql": (f"{_COLUMNS['mysql']}, INDEX (schema_name, table_name, key_hash))",),
        "postgresql": (
            f"{_COLUMNS['postgresql']})",
            "CREATE INDEX IF NOT EXISTS attempt_key ON {table} (schema_name, table_name, key_hash)",
        ),
    },
)


class History:
    """What a worker writes about its attempts.

    Parameters
    ----------
    connection
        The worker's own, so that an attempt is recorded in the transaction of its rows; None where there is no table.
    pipeline
        The project's name.
    version
        Of the code, as far as it is known.
    """

    def __init__(self, connection: Any | None, pipeline: str, version: str = "") -> None:
        self._connection = connection
        self._fixed = (platform.node(), os.getpid(), version[:64])
        self._pipeline = pipeline

    def add(self, loaded: LoadedTable, key: dict[str, Any], outcome: str, seconds: float, message: str) -> None:
        """Record one attempt: made, nothing, error, passing, lost, gone or killed."""
        record = self.insertion(loaded, key, outcome, seconds, message)
        if self._connection is not None and record is not None:
            insert, values = record
            self._connection.query(f"{insert} SELECT {MARKS}", args=values)

    def insertion(
        self, loaded: LoadedTable, key: dict[str, Any], outcome: str, seconds: float, message: str
    ) -> tuple[str, tuple[object, ...]] | None:
        """`INSERT INTO … (…)`, to be followed by `SELECT` of `MARKS`, and the values; None where there is no table."""
        if self._connection is None:
            return None
        digest, text = _hashed(key)
        values = (
            self._pipeline,
            loaded.schema,
            loaded.name,
            digest,
            text,
            outcome,
            seconds,
            message[:2047],
            *self._fixed,
        )
        return f"INSERT INTO {TABLE} ({WRITTEN})", values

    def count(self, loaded: LoadedTable, key: dict[str, Any], outcome: str) -> int:
        """How many attempts at a job ended so since it was last made or failed for good."""
        return len(self.messages(loaded, key, outcome))

    def with_outcome(self, loaded: LoadedTable, keys: Sequence[dict[str, Any]], outcome: str) -> list[dict[str, Any]]:
        """Those of some keys that have an attempt of this outcome, ever."""
        by_hash = {_hashed(key)[0]: key for key in keys}
        if self._connection is None or not by_hash:
            return []
        marks = ", ".join(["%s"] * len(by_hash))
        same = f"{OF_TABLE} AND outcome=%s AND key_hash IN ({marks})"
        query = f"SELECT DISTINCT key_hash FROM {TABLE} WHERE {same}"
        rows = self._connection.query(query, args=(loaded.schema, loaded.name, outcome, *by_hash)).fetchall()
        return [by_hash[str(digest)] for (digest,) in rows]

    def messages(self, loaded: LoadedTable, key: dict[str, Any], outcome: str) -> list[str]:
        """What was said of those attempts, the first one first."""
        if self._connection is None:
            return []
        digest, _ = _hashed(key)
        same, values = f"{OF_TABLE} AND key_hash=%s", (loaded.schema, loaded.name, digest)
        settled = f"SELECT MAX(attempt) FROM {TABLE} WHERE {same} AND outcome IN ('made', 'error')"
        query = f"SELECT message FROM {TABLE} WHERE {same} AND outcome=%s AND attempt > COALESCE(({settled}), 0)"
        rows = self._connection.query(f"{query} ORDER BY attempt", args=(*values, outcome, *values))
        return [str(message) for (message,) in rows.fetchall()]


def _hashed(key: dict[str, Any]) -> tuple[str, str]:
    text = key_json(key)
    return hashlib.sha256(text.encode()).hexdigest()[:32], text[:2047]
