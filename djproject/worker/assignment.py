"""What one worker process is to do."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass

ABANDON = signal.SIGUSR1  # from the pool to its workers: give the running job back. SIGTERM may come from anybody.


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is to do.

    Attributes
    ----------
    root
        The project's.
    target, chosen_by
        The target's name, and what named it: that decides whether `DJ_*` variables count.
    tables
        `module.Table` of those to fill; empty for all that are populated automatically.
    left_out
        The schema modules in which something is broken, and those that need them: the worker imports none of them.
    restrictions
        SQL conditions on the key sources.
    slot, slots
        Which worker of how many on this machine, counted from 1.
    is_first
        Of the workers with the same tables: it counts their keys.
    retry
        Whether jobs that failed before are tried again, which the first worker sees to.
    killed
        The job that killed the worker whose place this one takes: its pid, table, key and causes, as in `Killed`.
    excluded
        Of the tables, those that killed many workers in a row: they are not filled, by a service not for ten minutes.
    patient
        Whether it waits, as a service does, for tables that are not declared, and for any table to populate.
    replaces
        Whether it takes another one's place: then, too, it waits for a database that is away.
    jobs, jobs_per_process, megabytes
        As in `Quota`.
    counts_again
        Whether the first worker counts the keys every few seconds, so that the work of other runs is seen.
    """

    root: str
    target: str
    tables: tuple[str, ...] = ()
    restrictions: tuple[str, ...] = ()
    slot: int = 1
    slots: int = 1
    is_first: bool = True
    retry: bool = False
    killed: tuple[int, str, str, tuple[str, ...]] | None = None
    excluded: tuple[str, ...] = ()
    patient: bool = False
    replaces: bool = False
    jobs: int | None = None
    jobs_per_process: int | None = None
    megabytes: float | None = None
    chosen_by: str = ""
    counts_again: bool = False
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Post:
    """A place in a pool: what the process in it does, and under which conditions.

    Attributes
    ----------
    assignment
        Its slot is the place's number.
    environment
        Variables it gets beside those of the pool.
    job_seconds
        How long one of its jobs may take; None for any time.
    """

    assignment: Assignment
    environment: Mapping[str, str]
    job_seconds: float | None = None
