"""The table `djproject.migration`: which migrations were run, and which one is running now, so that workers wait."""

import getpass
import json
import os
import platform
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from djproject.database.connections import keep_alive, second_connection
from djproject.database.leases import NOW, is_missing
from djproject.database.own_tables import OwnTable, declare
from djproject.errors import EnvironmentUnavailableError

TABLE = "djproject.migration"
COLUMNS = {
    "mysql": "migration BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, plan MEDIUMTEXT NOT NULL, ",
    "postgresql": "migration BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY, plan TEXT NOT NULL, ",
}
COMMON = """
    pipeline VARCHAR(255) NOT NULL,
    state VARCHAR(16) NOT NULL,
    table_names TEXT NOT NULL,
    user_name VARCHAR(255) NOT NULL,
    host VARCHAR(255) NOT NULL,
    pid INT NOT NULL,
    version VARCHAR(64) NOT NULL,
    steps_done INT NOT NULL,
    started TIMESTAMP(3) NULL,
    beat TIMESTAMP(3) NULL,
    ended TIMESTAMP(3) NULL
"""
AGE = {
    "mysql": "UNIX_TIMESTAMP() - UNIX_TIMESTAMP(beat)",
    "postgresql": f"EXTRACT(EPOCH FROM {NOW['postgresql']} - beat)",
}
UTC = {"mysql": "CONVERT_TZ({}, @@session.time_zone, '+00:00')", "postgresql": "{}"}
LAST_NUMBER = {"mysql": "LAST_INSERT_ID()", "postgresql": "lastval()"}  # of this session
RUNNING, DONE, FAILED = "running", "done", "failed"
BEAT_SECONDS = 5.0
DEAD_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration.

    Attributes
    ----------
    number
        They are counted from 1.
    pipeline
        The project's name.
    state
        running, done or failed; interrupted where its process is gone.
    tables
        The names in SQL of the tables that it changes.
    user, host, version
        Who ran it, where, with which version of the code.
    started, ended
        UTC, by the server's clock; empty where it has not ended.
    steps_done
        How many of its steps are done.
    steps
        What they were: table, words, grade, SQL and rows.
    """

    number: int
    pipeline: str
    state: str
    tables: tuple[str, ...]
    user: str
    host: str
    version: str
    started: str
    ended: str
    steps_done: int
    steps: tuple[dict[str, Any], ...] = ()


class RunningMigration:
    """A migration of this process, on a connection of its own, which others see at once."""

    def __init__(self, connection: Any, number: int) -> None:
        self._connection, self._number = connection, number
        self._lock = threading.Lock()

    def note(self, steps_done: int) -> None:
        """Say that so many steps are done."""
        self.change(f"steps_done={int(steps_done)}")

    def change(self, values: str, *arguments: object) -> None:
        """Change the row; one thread at a time."""
        with self._lock:
            self._connection.query(f"UPDATE {TABLE} SET {values} WHERE migration=%s", args=(*arguments, self._number))


MIGRATION = OwnTable(
    "migration", {name: (f"CREATE TABLE {{table}} ({columns}{COMMON})",) for name, columns in COLUMNS.items()}
)


@contextmanager
def recorded(
    connection: Any, pipeline: str, tables: Sequence[str], steps: Sequence[dict[str, Any]], version: str
) -> Iterator[RunningMigration]:
    """Record a migration while it runs; workers keep away from its tables as long as it is renewed."""
    try:
        declare(connection, MIGRATION)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise EnvironmentUnavailableError(
            f"The table {TABLE}, where migrations are recorded, cannot be made: {reason.rstrip('.')}.",
            hint="ask an administrator for the right to make the schema djproject",
        ) from error
    own = second_connection(connection)
    keep_alive(own)
    now = NOW[own.adapter.backend]
    values = (pipeline, RUNNING, json.dumps(list(tables)), _user(), platform.node(), os.getpid(), version[:64],
              json.dumps(list(steps)))  # fmt: skip
    own.query(
        f"INSERT INTO {TABLE} (pipeline, state, table_names, user_name, host, pid, version, plan, steps_done, started, "
        f"beat) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 0, {now}, {now})",
        args=values,
    )
    (number,) = own.query(f"SELECT {LAST_NUMBER[own.adapter.backend]}").fetchone()
    migration = RunningMigration(own, int(number))
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(migration, now, ended), daemon=True)
    thread.start()
    state = FAILED
    try:
        yield migration
        state = DONE
    finally:
        ended.set()
        thread.join(timeout=5)
        with suppress(Exception):  # the database is away: the row grows old by itself
            migration.change(f"state=%s, ended={now}", state)
            own.close()


def _beat(migration: RunningMigration, now: str, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        with suppress(Exception):  # the database is away
            migration.change(f"beat={now}")


def read_migrations(connection: Any, since: int = 0) -> list[Migration]:
    """The migrations after a number, the oldest first; none where there is no table of them."""
    backend = str(connection.adapter.backend)
    started, ended = UTC[backend].format("started"), UTC[backend].format("ended")
    columns = "migration, pipeline, state, table_names, user_name, host, version, steps_done, plan"
    query = f"SELECT {columns}, {started}, {ended}, {AGE[backend]} FROM {TABLE} WHERE migration > %s ORDER BY migration"
    try:
        rows = connection.query(query, args=(since,)).fetchall()
    except Exception as error:
        if is_missing(error):
            return []
        raise
    return [
        Migration(
            int(number), str(pipeline), "interrupted" if state == RUNNING and float(age) > DEAD_SECONDS else str(state),
            tuple(json.loads(tables)), str(user), str(host), str(version), str(began)[:19],
            str(over)[:19] if over else "", int(done), tuple(json.loads(plan)),
        )
        for number, pipeline, state, tables, user, host, version, done, plan, began, over, age in rows
    ]  # fmt: skip


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return str(os.getuid())
