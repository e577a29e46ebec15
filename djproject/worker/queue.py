"""The queue of one table: DataJoint's own job table, filled and emptied in few statements.

New keys are added by one INSERT … SELECT, jobs are claimed in batches that workers beside each other do not wait for,
and a job ends in the transaction of its rows. What is used of DataJoint beyond its public API is in this module and in
`attempt.py`; `tests/integration/test_datajoint_api.py` fails where DataJoint changes it.
"""

import datetime
import os
import platform
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from djproject.database.history import MARKS, History
from djproject.database.internals import config_of, has_job_metadata
from djproject.database.job_tables import check_job_table, job_table, key_query, record_error
from djproject.database.keys import Condition, key_columns
from djproject.database.loading import LoadedTable
from djproject.database.version import datajoint_version
from djproject.errors import ProjectError
from djproject.worker.passing import is_passing

PENDING = "status='pending' AND scheduled_time <= CURRENT_TIMESTAMP(3)"
LONGEST_MESSAGE = 2047
MANY_KEYS = 10_000  # from here on it matters that the planner knows of them
MADE_NOTHING = "make returned without inserting a row for this key"


class Queue:
    """The jobs of one table.

    Parameters
    ----------
    loaded
        The table.
    restrictions
        SQL conditions on its key source, all of which must hold for the keys that are added and claimed.
    """

    def __init__(self, loaded: LoadedTable, restrictions: Sequence[str] = ()) -> None:
        _check_job_table(loaded)
        self.loaded = loaded
        self.name = loaded.name
        self.table = loaded.instance
        self.jobs = job_table(loaded.instance)
        self.connection = loaded.instance.connection
        self._restrictions = tuple(restrictions)
        self._backend = str(self.connection.adapter.backend)
        self._key = key_columns(self.jobs)
        self._owner = (platform.node(), os.getpid(), self.connection.connection_id)
        self._word = (*self._owner, self.connection.get_user(), datajoint_version(self.connection))

    def refresh(self) -> int:
        """Add a job for every key that has none and no rows; how many they were. Another worker's turn: -1."""
        with _alone(self.connection, self.jobs.full_table_name) as mine:
            return self._add() if mine else -1

    def anything(self) -> str:
        """SQL: whether a job waits, or a key has neither job nor rows."""
        waiting = f"SELECT 1 FROM {self.jobs.full_table_name} WHERE {PENDING}{self._wanted()}"
        return f"EXISTS ({waiting}) OR EXISTS (SELECT 1 {self._new_keys()})"

    def everything(self) -> str:
        """SQL: how many jobs wait, and keys have neither job nor rows."""
        waiting = f"SELECT COUNT(*) FROM {self.jobs.full_table_name} WHERE {PENDING}{self._wanted()}"
        return f"({waiting}) + (SELECT COUNT(*) {self._new_keys()})"

    def waiting(self) -> tuple[int, float]:
        """How many jobs are pending, due or not, and in how many seconds the first one is due; 0 where there is none.

        Also jobs that `claim` passes over, because another session has them locked.
        """
        name = self.jobs.full_table_name
        if self._backend == "mysql":
            due = "TIMESTAMPDIFF(MICROSECOND, CURRENT_TIMESTAMP(3), MIN(scheduled_time)) / 1000000"
        else:
            due = "EXTRACT(EPOCH FROM MIN(scheduled_time) - CURRENT_TIMESTAMP(3))"
        query = f"SELECT COUNT(*), {due} FROM {name} WHERE status='pending'{self._wanted()}"
        count, seconds = self.connection.query(query).fetchone()
        return int(count), float(seconds or 0.0)

    def tidy(self) -> bool:
        """Remove the jobs of keys that are gone; where completed ones are kept, those without rows wait again.

        False where it is another worker's turn.

        Source: `datajoint/jobs.py`, `Job.refresh`, steps 2 and 3.
        """
        with _alone(self.connection, self.jobs.full_table_name) as mine:
            if mine:
                self._tidy()
            return mine

    def claim(self, count: int) -> list[dict[str, Any]]:
        """Reserve up to so many jobs that wait, most urgent first; jobs that others claim now are passed over.

        Those whose rows are there already end here, so that fewer may come back than were claimed.
        """
        mine, name = self._mine(), self.jobs.full_table_name
        made = f"SELECT EXISTS (SELECT 1 FROM {name} WHERE {mine.sql} AND {self._is_made()})"
        claimed = f"SELECT {self._key.selected} FROM {name} WHERE {mine.sql} ORDER BY priority, scheduled_time"
        while self._reserve(count):
            if self.connection.query(made, args=mine.args).fetchone()[0]:  # a DELETE would lock jobs of others on MySQL
                self.drop_made()
            rows = self.connection.query(claimed, args=mine.args).fetchall()
            if rows:
                return [self._key.key(row) for row in rows]
        return []

    def _reserve(self, count: int) -> bool:
        waiting = f"FROM {self.jobs.full_table_name} WHERE {PENDING}{self._wanted()}"
        waiting += f" ORDER BY priority, scheduled_time LIMIT {count} FOR UPDATE SKIP LOCKED"
        quote = self.connection.adapter.quote_identifier
        assigned = ", ".join(f"{quote(name)}=%s" for name in ("host", "pid", "connection_id", "user", "version"))
        values = f"status='reserved', {assigned}, reserved_time=CURRENT_TIMESTAMP(3)"
        name = self.jobs.full_table_name
        if self._backend == "mysql":
            chosen = f"SELECT {self._key.quoted} {waiting}"
            query = f"UPDATE {name} JOIN ({chosen}) AS chosen USING ({self._key.quoted}) SET {values}"
        else:  # an ARRAY is made once; IN (…) is run again for each row while the planner knows nothing of a new table
            query = f"UPDATE {name} SET {values} WHERE ctid = ANY(ARRAY(SELECT ctid {waiting}))"
        return bool(self.connection.query(query, args=self._word).rowcount)

    def give_back(self, *keys: dict[str, Any]) -> None:
        """Let claimed jobs wait again; without keys, all that this process has claimed."""
        condition = self._mine() & self._key.among(keys) if keys else self._mine()
        self._change("status='pending'", condition)

    def finish(self, key: dict[str, Any], seconds: float, history: History) -> bool:
        """End a job in the transaction of its rows, and record it.

        True where this process still has the job and there is a row for it.
        """
        same = self._key.equal(key)
        condition = same & self._mine() & self._has_row(same)
        name = self.jobs.full_table_name
        values: tuple[object, ...] = ()
        if config_of(self.connection).jobs.keep_completed:
            query = f"UPDATE {name} SET status='success', completed_time=CURRENT_TIMESTAMP(3), duration=%s"
            values = (seconds,)
        else:
            query = f"DELETE FROM {name}"
        query, arguments = f"{query} WHERE {condition.sql}", (*values, *condition.args)
        record = history.insertion(self.loaded, key, "made", seconds, "")
        if record is None:
            return bool(self.connection.query(query, args=arguments).rowcount == 1)
        insert, written = record
        if self._backend == "postgresql":  # both in one statement, which a short job notices
            both = f"WITH ended AS ({query} RETURNING 1) {insert} SELECT {MARKS} FROM ended"
            return bool(self.connection.query(both, args=(*arguments, *written)).rowcount == 1)
        if self.connection.query(query, args=arguments).rowcount != 1:
            return False
        self.connection.query(f"{insert} SELECT {MARKS}", args=written)
        return True

    def is_mine(self, key: dict[str, Any]) -> bool:
        """Whether this process still has the job."""
        condition = self._key.equal(key) & self._mine()
        query = f"SELECT EXISTS (SELECT 1 FROM {self.jobs.full_table_name} WHERE {condition.sql})"
        return bool(self.connection.query(query, args=condition.args).fetchone()[0])

    def drop_made(self, key: dict[str, Any] | None = None) -> bool:
        """End a claimed job, or all of them, whose rows are there already; whether there was one."""
        condition = self._mine() & Condition(self._is_made())
        if key is not None:
            condition &= self._key.equal(key)
        query = f"DELETE FROM {self.jobs.full_table_name} WHERE {condition.sql}"
        return bool(self.connection.query(query, args=condition.args).rowcount)

    def drop_without_key(self, key: dict[str, Any]) -> bool:
        """End a claimed job whose key is not in the key source any more; whether it was so."""
        name = self.jobs.full_table_name
        condition = self._key.equal(key) & self._mine()
        query = f"DELETE FROM {name} WHERE {condition.sql} AND NOT {self._in(name, f'({self._keys(())})')}"
        return bool(self.connection.query(query, args=condition.args).rowcount)

    def fail(self, key: dict[str, Any], message: str, stack: str) -> bool:
        """Record that a job failed, with its traceback; whether this process still had it."""
        return record_error(self.jobs, self._key.equal(key) & self._mine(), message, stack)

    def set_aside(self, key: dict[str, Any], message: str) -> None:
        """Keep a job out of the queue for a reason: DataJoint's status `ignore`."""
        condition = self._key.equal(key) & self._mine()
        self._change("status='ignore', error_message=%s", condition, message[:LONGEST_MESSAGE])

    def postpone(self, key: dict[str, Any], seconds: float, message: str) -> bool:
        """Let a job wait and be tried again after so many seconds; whether this process still had it."""
        later = f"CURRENT_TIMESTAMP(3) + {self.connection.adapter.interval_expr(round(seconds, 3), 'second')}"
        values = f"status='pending', scheduled_time={later}, error_message=%s"
        return self._change(values, self._key.equal(key) & self._mine(), message[:LONGEST_MESSAGE])

    def write_metadata(self, key: dict[str, Any], started: datetime.datetime, seconds: float, version: str) -> None:
        """Write DataJoint's hidden columns about the job into the rows of a key, where the table has them."""
        if has_job_metadata(self.table):
            same = self._key.equal(key)
            query = f"UPDATE {self.table.full_table_name} SET _job_start_time=%s, _job_duration=%s, _job_version=%s"
            self.connection.query(f"{query} WHERE {same.sql}", args=(started, seconds, version[:64], *same.args))

    def _change(self, values: str, condition: Condition, *arguments: object) -> bool:
        query = f"UPDATE {self.jobs.full_table_name} SET {values} WHERE {condition.sql}"
        return bool(self.connection.query(query, args=(*arguments, *condition.args)).rowcount)

    def _add(self) -> int:
        priority = int(config_of(self.connection).jobs.default_priority)
        name, columns = self.jobs.full_table_name, f"{self._key.quoted}, status, priority"
        select = f"SELECT {self._key.quoted}, 'pending', {priority} {self._new_keys()}"
        if self._backend == "mysql":
            self.connection.query("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # lock no row of the parents
            query = f"INSERT IGNORE INTO {name} ({columns}) {select}"
        else:
            query = f"INSERT INTO {name} ({columns}) {select} ON CONFLICT DO NOTHING"
        added = max(int(self.connection.query(query).rowcount), 0)
        if added > MANY_KEYS and self._backend == "postgresql":  # its planner would wait for a vacuum, a minute or so
            self.connection.query(f"ANALYZE {name}")
        return added

    def _new_keys(self) -> str:
        known = (self._in("k", self.table.full_table_name), self._in("k", self.jobs.full_table_name))
        return f"FROM ({self._keys(self._restrictions)}) AS k WHERE NOT {known[0]} AND NOT {known[1]}"

    def _is_made(self) -> str:
        return self._in(self.jobs.full_table_name, self.table.full_table_name)

    def _has_row(self, same: Condition) -> Condition:
        return Condition(f"EXISTS (SELECT 1 FROM {self.table.full_table_name} WHERE {same.sql})", same.args)

    def _wanted(self) -> str:
        if not self._restrictions:
            return ""
        return f" AND ({self._key.quoted}) IN ({self._keys(self._restrictions)})"

    def _tidy(self) -> None:
        name = self.jobs.full_table_name
        known = self._in(name, f"({self._keys(())})")
        made = self._in(name, self.table.full_table_name)
        config = config_of(self.connection).jobs
        if config.keep_completed:
            values = "status='pending', scheduled_time=CURRENT_TIMESTAMP(3)"
            self.connection.query(f"UPDATE {name} SET {values} WHERE status='success' AND {known} AND NOT {made}")
        ended = f"status IN ('success', 'error') AND NOT {made}"
        if config.stale_timeout > 0:
            stale = self.connection.adapter.interval_expr(config.stale_timeout, "second")
            ended = f"({ended} OR status <> 'ignore' AND created_time < CURRENT_TIMESTAMP - {stale})"
        self.connection.query(f"DELETE FROM {name} WHERE {ended} AND NOT {known}")

    def _keys(self, restrictions: Sequence[str]) -> str:
        """The query for all keys of the table."""
        return key_query(self.table, self._key.names, restrictions)

    def _in(self, name: str, source: str) -> str:
        """Whether a row of `name` has its key in a source: EXISTS, because NOT IN of many keys takes hours."""
        same = " AND ".join(f"other.{column.quoted} = {name}.{column.quoted}" for column in self._key.columns)
        return f"EXISTS (SELECT 1 FROM {source} AS other WHERE {same})"

    def _mine(self) -> Condition:
        return Condition("status='reserved' AND host=%s AND pid=%s AND connection_id=%s", self._owner)


def _check_job_table(loaded: LoadedTable) -> None:
    """As `check_job_table`; but a database that goes away meanwhile is no fault of the key source.

    What the driver raised ends this process then, and another one begins with a connection of its own: DataJoint does
    not connect to PostgreSQL again.
    """
    try:
        check_job_table(loaded.instance, loaded.name)
    except ProjectError as error:
        if error.__cause__ is not None and is_passing(error.__cause__):
            raise error.__cause__ from None
        raise


@contextmanager
def _alone(connection: Any, name: str) -> Iterator[bool]:
    """Hold the server's lock of a name, or not: one worker at a time, of all machines, looks for new keys."""
    if connection.adapter.backend == "mysql":
        lock = f"djproject-{zlib.crc32(name.encode()):08x}"
        take, leave = f"SELECT GET_LOCK('{lock}', 0)", f"SELECT RELEASE_LOCK('{lock}')"
    else:
        number = zlib.crc32(f"djproject {name}".encode())
        take, leave = f"SELECT pg_try_advisory_lock({number})", f"SELECT pg_advisory_unlock({number})"
    mine = bool(connection.query(take).fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            connection.query(leave)
