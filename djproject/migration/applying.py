"""A plan applied: on PostgreSQL as a whole or not at all, on MySQL step by step, and looked at afterwards."""

import random
import re
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from djproject.database.lineages import rebuild_lineage
from djproject.database.migrations import RunningMigration, recorded
from djproject.errors import EnvironmentUnavailableError
from djproject.migration.dialects import CHECK_AGAIN, COUNT
from djproject.migration.rights import require_rights
from djproject.migration.steps import Plan, Step
from djproject.pipeline.types import MYSQL

LOCK_SECONDS = 3  # sessions that come after ours wait no longer than this
MOST_TRIES = 8
_LONE_PERCENT = re.compile("(?<!%)%(?!%)")  # DataJoint sends statements as formats
Identity = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Around:
    """What applying a plan needs to know of the rest.

    Attributes
    ----------
    pipeline, version
        The project's name and its code's version, for the log.
    look
        The differences that are there now, on the same connection.
    wait
        Called once workers keep away from the tables; returns when no job of them is being made.
    say
        Told what happens, in words.
    """

    pipeline: str
    version: str
    look: Callable[[], Collection[Identity]]
    wait: Callable[[], None]
    say: Callable[[str], None]


def apply(connection: Any, plan: Plan, around: Around) -> None:
    """Apply a plan.

    Raises
    ------
    EnvironmentUnavailableError
        The server rejects a statement, or a lock is not to be had. On PostgreSQL nothing is changed then; on MySQL the
        steps before are done, and another migration continues there.
    """
    require_rights(connection, plan.places)
    before = set(around.look())
    steps = [asdict(step) | {"grade": str(step.grade)} for step in plan.steps]
    with recorded(connection, around.pipeline, plan.tables, steps, around.version) as migration:
        around.wait()
        done = [step for step in plan.steps if step.sql]
        if connection.adapter.backend == MYSQL:
            _apply_each(connection, done, migration, around)
            _finish(connection, plan, before, around)
        else:
            _apply_whole(connection, done, plan, before, around)
            migration.note(len(done))


def _apply_whole(connection: Any, steps: Sequence[Step], plan: Plan, before: set[Identity], around: Around) -> None:
    for number in range(1, MOST_TRIES + 1):
        connection.start_transaction()
        try:
            connection.query(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            for step in steps:
                _run(connection, step)
            _finish(connection, plan, before, around)
            connection.commit_transaction()
        except _LockedError:
            connection.cancel_transaction()
            _back_off(number, around)
        except BaseException:
            connection.cancel_transaction()
            raise
        else:
            return
    raise _never_free()


def _apply_each(connection: Any, steps: Sequence[Step], migration: RunningMigration, around: Around) -> None:
    connection.query(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
    try:
        for done, step in enumerate(steps, 1):
            begin = 0
            for number in range(1, MOST_TRIES + 1):
                try:
                    _run(connection, step, begin)
                    break
                except _LockedError as error:
                    begin = error.statement
                    _back_off(number, around)
            else:
                raise _never_free()
            migration.note(done)
    finally:
        with suppress(Exception):  # the server is away
            connection.query(CHECK_AGAIN)


class _LockedError(Exception):
    """Another session has a lock on a table that a statement, by its number, needs."""

    def __init__(self, statement: int) -> None:
        super().__init__(statement)
        self.statement = statement


def _run(connection: Any, step: Step, begin: int = 0) -> None:
    for number, statement in enumerate(step.sql[begin:], begin):
        try:
            answer = connection.query(_LONE_PERCENT.sub("%%", statement))
            count = answer.fetchone()[0] if statement.startswith(COUNT) else 0
        except Exception as error:
            text = " ".join(str(error).split())
            if "lock timeout" in text or "Lock wait timeout" in text or "deadlock" in text.lower():
                raise _LockedError(number) from error
            raise EnvironmentUnavailableError(
                f"The server rejected a step for {step.table} ({step.what}): {text.rstrip('.')}.",
                hint="djproject drift  (what differs now), then: djproject migrate",
                details=statement,
            ) from error
        if count:
            rows = f"{count:,} rows have no parent; they were" if count > 1 else "1 row has no parent; it was"
            raise EnvironmentUnavailableError(
                f"A step for {step.table} failed ({step.what}): {rows} inserted after the plan was made.",
                hint="djproject drift  (what differs now), then: djproject migrate",
                details=statement,
            )


def _back_off(number: int, around: Around) -> None:
    pause = random.uniform(0.5, 1.0) * min(2**number, 20)  # noqa: S311 (to let others pass)
    around.say(f"Another session uses the tables; the next try is in {pause:.0f} s.")
    time.sleep(pause)


def _never_free() -> EnvironmentUnavailableError:
    return EnvironmentUnavailableError(
        "Other sessions keep the tables locked.",
        hint="djproject workers  (who is using them), then: djproject migrate",
    )


def _finish(connection: Any, plan: Plan, before: set[Identity], around: Around) -> None:
    """Write down where keys come from, and see that what was planned is there, and nothing else has changed."""
    for schema in plan.schemas:
        rebuild_lineage(connection, schema)
    after = set(around.look())
    left = sorted(after & plan.resolved) + sorted(after - before)
    if left:
        table, attribute, aspect = left[0]
        raise EnvironmentUnavailableError(
            f"The migration would not remove every difference: {table} still differs: {aspect} {attribute}".rstrip()
            + ".",
            hint="djproject drift",
        )
