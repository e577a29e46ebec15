"""From differences to steps: renames first, then keys and indexes away, columns, and keys and indexes again."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from djproject.database.comparison import Aspect, Difference, differences, missing_tables
from djproject.database.declared import Declared, Table
from djproject.migration.column_steps import ColumnSteps
from djproject.migration.columns import Columns
from djproject.migration.dialects import MySQL, PostgreSQL
from djproject.migration.draft import Draft
from djproject.migration.key_steps import KeySteps
from djproject.migration.renaming import Renames
from djproject.migration.rows import Rows
from djproject.migration.steps import DROP_TABLE, Grade, Plan, Step, digest
from djproject.pipeline.model import Pipeline
from djproject.pipeline.types import MYSQL


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says beside the source.

    Attributes
    ----------
    chosen
        The tables to be changed, `module.Table`.
    renames
        By `module.Table.old`: the attribute's new name.
    dropped
        Tables that are only in the database and are to go, as `schema.name`.
    """

    chosen: Collection[str]
    renames: Mapping[str, str]
    dropped: Collection[str] = ()


def plan_migration(
    connection: Any,
    pipeline: Pipeline,
    source: Mapping[str, Table],
    declared: Declared,
    wishes: Wishes,
    load: Callable[[], object],
) -> Plan:
    """What turns a database into what the source declares; nothing is changed.

    Parameters
    ----------
    connection
        To the server; rows are counted.
    pipeline, source
        What the source says, and what it declares.
    declared
        What the database has.
    wishes
        What the user says beside.
    load
        Imports the pipeline, for a codec that is its own.

    Raises
    ------
    ProjectError
        A rename names an attribute that is not there, or DataJoint refuses a line.
    """
    backend = str(connection.adapter.backend)
    sql = (MySQL if backend == MYSQL else PostgreSQL)(connection.adapter)
    columns, rows = Columns(connection, pipeline, source, load), Rows(connection, sql)
    draft = Draft(connection.adapter, backend, sql, pipeline, source, dict(declared), wishes.chosen, columns, rows)
    renames = Renames(draft, wishes.renames)
    renames.rename_tables()
    renames.rename_columns()
    found = _without_keys(draft, [d for d in differences(source, draft.declared, backend) if d.table in wishes.chosen])
    _plan_columns_and_keys(draft, found)
    _plan_tables(draft, found, wishes.dropped)
    renames.suggest(found)
    seen = digest(sorted(source.items()), sorted(declared.items()))
    return _finished(draft, seen)


def _without_keys(draft: Draft, found: list[Difference]) -> list[Difference]:
    """The differences of tables whose primary key is the same; the others are refused."""
    of_keys = {difference.table: difference for difference in found if difference.aspect is Aspect.KEY}
    for difference in of_keys.values():
        what = f"change the primary key from {difference.database} to {difference.source}"
        draft.refuse(difference, what, "existing rows may lack a value for the new key, or share the same one")
    return [difference for difference in found if difference.table not in of_keys]


def _plan_columns_and_keys(draft: Draft, found: list[Difference]) -> None:
    columns, keys = ColumnSteps(draft), KeySteps(draft)
    retyped = columns.retyped(found)
    keys.drop_keys(found)
    released = keys.touched_keys(retyped)
    for difference in found:
        if difference.aspect is Aspect.INDEX and not difference.source:
            keys.drop_index(difference)
    columns.change_all(found, retyped, released)
    for difference in found:
        if difference.aspect is Aspect.UNKNOWN:
            columns.drop(difference)
    keys.add_keys(found)
    for difference in found:
        if difference.aspect is Aspect.INDEX and difference.source:
            keys.add_index(difference)


def _plan_tables(draft: Draft, found: list[Difference], dropped: Collection[str]) -> None:
    """Comments of tables, tables that are new, and those that only the database has."""
    for difference in found:
        if difference.aspect is Aspect.COMMENT and not difference.attribute:
            table = draft.pipeline.table(difference.table)
            written = table.definition.comment.text if table and table.definition and table.definition.comment else ""
            sql = draft.sql.table_comment(draft.place(difference.table), written)
            draft.step(difference, f"its comment becomes {difference.source}", Grade.SAFE, sql)
    for difference in missing_tables(draft.source, draft.declared):
        if difference.aspect is Aspect.TABLE_MISSING and difference.table in draft.chosen:
            draft.steps.append(Step(difference.table, "declare the table", Grade.SAFE, ()))
        elif difference.aspect is Aspect.TABLE_UNKNOWN and difference.table in dropped:
            schema, _, name = difference.table.partition(".")
            sql = draft.sql.drop_table((schema, name))
            draft.step(difference, DROP_TABLE, Grade.LOSSY, sql, draft.rows.all((schema, name)))
        elif difference.aspect is Aspect.TABLE_UNKNOWN:
            hint = f"djproject migrate --drop-table {difference.table}"
            draft.notes.append(f"{difference.table} is only in the database, and stays: {hint}")


def _finished(draft: Draft, seen: str) -> Plan:
    names = draft.touched | {step.table for step in draft.steps}
    places = [table.place for name, table in draft.source.items() if name in names]
    return Plan(
        tuple(draft.steps),
        tuple(draft.refusals),
        tuple(draft.notes),
        tuple(draft.sql.table(place) for place in places),
        tuple(places),
        tuple(dict.fromkeys(schema for schema, _ in places)),
        seen,
        frozenset(draft.resolved),
    )
