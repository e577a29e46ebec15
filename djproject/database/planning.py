"""What there is to do: keys of each table, what waits for what, and how long jobs took so far."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from djproject.database.history import OF_TABLE, TABLE
from djproject.database.leases import is_missing
from djproject.database.status import load_status
from djproject.pipeline.model import Pipeline
from djproject.project.location import Project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import Target
from djproject.targets.connection import connect

RECENT = 1000  # attempts of a table that count


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table that is populated automatically.

    Attributes
    ----------
    table
        `module.Table`.
    keys, done, pending, errors
        Of its keys as they are now.
    median, p95
        Seconds that its last jobs took; None where the history has none.
    waits_for
        Its parents that are to bring more keys: they have jobs that wait, or failed.
    """

    table: str
    keys: int
    done: int
    pending: int
    errors: int
    median: float | None
    p95: float | None
    waits_for: tuple[str, ...]


def plan_tables(project: Project, target: Target, pipeline: Pipeline) -> tuple[TablePlan, ...]:
    """The plans of all tables that are populated automatically, parents first; nothing is changed."""
    statuses = {status.name: status for status in load_status(project, target, pipeline)}
    connection = connect(target)
    unfinished = {name for name, status in statuses.items() if status.pending or status.errors or status.reserved}
    plans = []
    for name, status in statuses.items():
        if status.tier not in AUTOPOPULATED:
            continue
        times = _recent_seconds(connection, status.schema, name)
        parents = _ancestors(pipeline, name)
        plans.append(
            TablePlan(
                name,
                status.keys or 0,
                status.done or 0,
                status.pending or 0,
                status.errors or 0,
                statistics.median(times) if times else None,
                _p95(times),
                tuple(parent for parent in statuses if parent in parents and parent in unfinished),
            )
        )
    return tuple(plans)


def longest_usual_seconds(connection: Any, schema: str | None, table: str) -> float | None:
    """The 95th percentile of how long the last jobs of a table took; None where the history has none."""
    return _p95(_recent_seconds(connection, schema, table))


def _p95(times: Sequence[float]) -> float | None:
    return times[min(int(len(times) * 0.95), len(times) - 1)] if times else None


def _ancestors(pipeline: Pipeline, name: str) -> set[str]:
    found: set[str] = set()
    waiting = list(pipeline.parents.get(name, ()))
    while waiting:
        parent = waiting.pop()
        if parent not in found:
            found.add(parent)
            waiting += pipeline.parents.get(parent, ())
    return found


def _recent_seconds(connection: Any, schema: str | None, table: str) -> Sequence[float]:
    """How long the last jobs of a table took, the shortest first."""
    query = f"SELECT seconds FROM {TABLE} WHERE {OF_TABLE} AND outcome='made' ORDER BY attempt DESC LIMIT {RECENT}"
    try:
        rows = connection.query(query, args=(schema, table)).fetchall()
    except Exception as error:
        if is_missing(error):
            return []
        raise
    return sorted(float(seconds) for (seconds,) in rows)
