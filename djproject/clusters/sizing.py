"""How many pilots a submission starts."""

import math
from collections.abc import Iterable
from typing import NamedTuple


class Waiting(NamedTuple):
    """The jobs of one table that wait; `median` seconds each, None where the history knows none."""

    jobs: int
    median: float | None


UNKNOWN_SECONDS = 60.0  # of a job whose table the history does not know


def pilots(waiting: Iterable[Waiting], *, seconds: float, most: int, there: int, wanted: int | None = None) -> int:
    """How many pilots to start.

    Parameters
    ----------
    waiting
        What there is to do.
    seconds
        In how many the work is to be done.
    most, there
        How many may be alive or queued, and how many are.
    wanted
        How many the user asked for; None to work it out.

    Examples
    --------
    >>> pilots([Waiting(100, 36.0)], seconds=3600, most=10, there=0)
    1
    >>> pilots([Waiting(1000, 36.0), Waiting(3, None)], seconds=3600, most=8, there=2)
    6
    """
    if wanted is None:
        tables = list(waiting)
        jobs = sum(table.jobs for table in tables)
        work = sum(table.jobs * (UNKNOWN_SECONDS if table.median is None else table.median) for table in tables)
        needed = min(max(math.ceil(work / seconds), 1), jobs)
        wanted = needed - there  # those that are there do their part
    return max(min(wanted, most - there), 0)
