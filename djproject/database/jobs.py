"""Jobs looked at and changed by hand: listed, grouped by cause, tried again, set aside, given back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from djproject.database.internals import keys_to_make
from djproject.database.job_tables import job_table
from djproject.database.keys import AT_ONCE, Condition, key_columns, key_text
from djproject.database.leases import Lease, read_leases
from djproject.database.loading import LoadedTable
from djproject.errors import ProjectError

WRITTEN = "status, error_message, host, pid, completed_time, reserved_time, scheduled_time"
STATUSES = ("pending", "reserved", "error", "ignore", "success")


@dataclass(frozen=True, slots=True)
class Job:
    """One row of a job table.

    Attributes
    ----------
    table
        `module.Table`.
    key
        Its primary key.
    status
        pending, reserved, error, ignore or success.
    message
        Why it failed, waits or is ignored; empty where nothing was said.
    host, pid
        Of the worker that has it, or had it last; empty and 0 where none had.
    when
        When it ended or was reserved, by the server's clock; else when it is due.
    """

    table: str
    key: dict[str, Any]
    status: str
    message: str
    host: str
    pid: int
    when: str

    @property
    def key_text(self) -> str:
        """The key in one line."""
        return key_text(self.key)


@dataclass(frozen=True, slots=True)
class JobChoice:
    """Which jobs are chosen.

    Attributes
    ----------
    statuses
        Any of these.
    where
        SQL conditions on the job table, all of which must hold.
    error
        A regular expression that the message must match somewhere; None for any.
    """

    statuses: tuple[str, ...] = STATUSES
    where: tuple[str, ...] = ()
    error: str | None = None


def find_jobs(tables: Sequence[LoadedTable], choice: JobChoice) -> list[Job]:
    """The jobs that are chosen, table by table.

    Raises
    ------
    ProjectError
        A condition does not fit a table, or the expression is none.
    """
    pattern = _pattern(choice.error)
    return [job for loaded in tables for job in _jobs(loaded, choice) if pattern is None or pattern.search(job.message)]


def traceback_of(loaded: LoadedTable, job: Job) -> str:
    """The traceback that a failed job left; empty where it left none."""
    from datajoint.blob import unpack

    jobs = job_table(loaded.instance)
    same = key_columns(jobs).equal(job.key)
    query = f"SELECT error_stack FROM {jobs.full_table_name} WHERE {same.sql}"
    found = jobs.connection.query(query, args=same.args).fetchone()
    return str(unpack(bytes(found[0]))) if found and found[0] is not None else ""


def change_jobs(tables: Sequence[LoadedTable], jobs: Sequence[Job], status: str | None) -> int:
    """Give jobs another status, or (None) remove their rows; how many they were. What changed meanwhile is left."""
    by_name = {loaded.name: loaded for loaded in tables}
    count = 0
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for job in jobs:
        groups.setdefault((job.table, job.status), []).append(job.key)
    chunks = [(key, keys[i : i + AT_ONCE]) for key, keys in groups.items() for i in range(0, len(keys), AT_ONCE)]
    for (of, old), keys in chunks:
        table = job_table(by_name[of].instance)
        same = key_columns(table).among(keys) & Condition("status=%s", (old,))
        if status is None:
            query = f"DELETE FROM {table.full_table_name}"
        else:
            due = ", scheduled_time=CURRENT_TIMESTAMP(3)" if status == "pending" else ""
            query = f"UPDATE {table.full_table_name} SET status='{status}'{due}"
        cursor = table.connection.query(f"{query} WHERE {same.sql}", args=same.args)
        count += max(int(cursor.rowcount), 0)
    return count


def has_live_owner(job: Job, leases: Sequence[Lease]) -> bool:
    """Whether a worker with a lease that has not run out has the job."""
    return any((lease.host, lease.pid) == (job.host, job.pid) and not lease.is_gone for lease in leases)


def leases_of(tables: Sequence[LoadedTable]) -> list[Lease]:
    """The leases at the database of these tables."""
    return read_leases(tables[0].instance.connection) if tables else []


def cause_of(message: str) -> str:
    """What messages of one cause have in common: numbers, quoted texts and addresses are left out.

    Examples
    --------
    >>> cause_of("ValueError: row 17 of 'a.csv' is empty at 0x7f3b")
    "ValueError: row N of '…' is empty at N"
    """
    text = re.sub(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?", "N", message)
    return re.sub(r"'[^']*'", "'…'", re.sub(r'"[^"]*"', '"…"', text))


def _jobs(loaded: LoadedTable, choice: JobChoice) -> list[Job]:
    from datajoint.errors import DataJointError

    table = job_table(loaded.instance)
    columns, length = key_columns(table), len(table.primary_key)
    statuses = ", ".join(f"'{status}'" for status in choice.statuses)
    try:
        chosen = table & f"status IN ({statuses})"
        for condition in choice.where:
            chosen &= condition
        query = f"SELECT {columns.selected}, {WRITTEN} FROM {table.full_table_name}{chosen.where_clause()}"
        rows = table.connection.query(f"{query} ORDER BY status, priority, scheduled_time").fetchall()
    except DataJointError as error:
        raise ProjectError(
            f"The condition {' and '.join(choice.where)!r} does not fit the jobs of {loaded.name}: "
            f"{str(error).strip().splitlines()[0].rstrip('.')}.",
            hint=f"Its jobs have {', '.join(table.heading.names)}.",
        ) from error
    return [_job(loaded.name, columns.key(row), *row[length:]) for row in rows]


def _job(
    table: str, key: dict[str, Any], status: str, message: str | None, host: str | None, pid: int | None, *times: object
) -> Job:
    when = next((time for time in times if time), "")
    return Job(table, key, str(status), str(message or ""), str(host or ""), int(pid or 0), str(when))


def _pattern(text: str | None) -> "re.Pattern[str] | None":
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise ProjectError(f"{text!r} is no regular expression: {error}.", hint="djproject jobs list") from error


def check_restrictions(loaded: LoadedTable, restrictions: Sequence[str]) -> None:
    """Raise a ProjectError where a restriction is not about the keys of this table, or not SQL."""
    from datajoint.errors import DataJointError

    if not restrictions or not _can_list_keys(loaded):
        return
    try:
        keys_to_make(loaded.instance, tuple(restrictions)).keys(limit=1)
    except DataJointError as error:
        names = ", ".join(loaded.instance.key_source.heading.names)
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ProjectError(
            f"The restriction {' and '.join(restrictions)!r} does not fit {loaded.name}: {reason}.",
            hint=f"Name the tables it is for; the keys of {loaded.name} have {names}.",
        ) from error


def _can_list_keys(loaded: LoadedTable) -> bool:
    """Whether the key source works by itself: the workers report it where it does not."""
    try:
        keys_to_make(loaded.instance).keys(limit=1)
    except Exception:  # the user's code
        return False
    return True


def forget_errors(loaded: LoadedTable) -> None:
    """Remove the jobs that failed, so that they are found again and tried again."""
    job_table(loaded.instance).errors.delete()
