"""The queue of one table: keys found, jobs reserved, one job made."""

import time
from collections.abc import Sequence
from typing import Any

from djproject.errors import ProjectError
from djproject.population.events import Failed, Made
from djproject.population.loading import LoadedTable

CHUNK = 50  # keys read from the queue at a time, per worker


class AbandonJob(BaseException):
    """Raised inside `make` to give a job back: DataJoint does not record it as an error."""


def pending_keys(loaded: LoadedTable, restrictions: Sequence[str], *, slot: int, slots: int) -> list[dict[str, Any]]:
    """Keys whose job waits, most urgent first, spread so that workers started together do not meet.

    Parameters
    ----------
    loaded
        The table.
    restrictions
        On its key source; SQL conditions, all of which must hold.
    slot, slots
        Which worker of how many, counted from 1. Each takes every `slots`-th key, beginning with its own; keys
        that a worker leaves behind are found again by the next call of another.
    """
    table = loaded.instance
    pending = table.jobs.pending & "scheduled_time <= CURRENT_TIMESTAMP(3)"
    if restrictions:
        wanted = table._jobs_to_do(tuple(restrictions))
        pending = pending.restrict(wanted, semantic_check=False)
    keys: list[dict[str, Any]] = pending.keys(order_by="priority ASC, scheduled_time ASC", limit=CHUNK * slots)
    first = (slot - 1) % len(keys) if keys else 0
    return (keys[first:] + keys[:first])[::slots]


def check_restrictions(loaded: LoadedTable, restrictions: Sequence[str]) -> None:
    """Raise a ProjectError where a restriction is not about the keys of this table, or not SQL."""
    from datajoint.errors import DataJointError

    if not restrictions:
        return
    try:
        loaded.instance._jobs_to_do(tuple(restrictions)).keys(limit=1)
    except DataJointError as error:
        names = ", ".join(loaded.instance.key_source.heading.names)
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ProjectError(
            f"The restriction {' and '.join(restrictions)!r} does not fit {loaded.name}: {reason}.",
            hint=f"Name the tables it is for; the keys of {loaded.name} have {names}.",
        ) from error


def add_jobs(loaded: LoadedTable, restrictions: Sequence[str]) -> int:
    """Bring the job table up to date with the key source and return how many jobs were added."""
    return int(loaded.instance.jobs.refresh(*restrictions, delay=-1)["added"])


def forget_errors(loaded: LoadedTable) -> None:
    """Remove the jobs that failed, so that they are found again and tried again."""
    loaded.instance.jobs.errors.delete()


def make_job(loaded: LoadedTable, key: dict[str, Any], *, slot: int) -> Made | Failed | None:
    """Reserve one job, call `make` in its transaction, and record how it ended; None where another has it.

    DataJoint's `_populate1` is what its `populate(reserve_jobs=True)` calls for each key. It is called directly
    because `populate` reads the whole queue again for every call and takes over the process's signal handlers.

    Raises
    ------
    AbandonJob
        Raised by a signal handler during `make`: rolled back, and the job waits again.
    """
    table = loaded.instance
    began = time.monotonic()
    try:
        result = table._populate1(key, table.jobs, suppress_errors=True, return_exception_objects=False)
    except AbandonJob:
        if table.connection.in_transaction:
            table.connection.cancel_transaction()
        waiting = {name: key[name] for name in table.jobs.primary_key}
        table.jobs.update1({**waiting, "status": "pending"})
        raise
    finished = time.monotonic()
    if result is True:
        return Made(slot, loaded.name, finished - began, finished)
    if result is False:
        return None
    shown = ", ".join(f"{name}={value}" for name, value in key.items())
    return Failed(slot, loaded.name, shown, " ".join(str(result[1]).split()))
