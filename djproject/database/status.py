"""How far every table is, in a constant number of queries per schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from djproject.database.deploy import Kind, missing
from djproject.database.job_tables import has_own_key_source, job_key, key_query
from djproject.database.keys import key_columns
from djproject.database.loading import LoadedTable, load_tables
from djproject.pipeline.graph import sorted_tables
from djproject.pipeline.model import Pipeline
from djproject.project.location import Project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import Target

STATUSES = ("pending", "reserved", "error", "ignore")


@dataclass(frozen=True, slots=True)
class TableStatus:
    """One table's numbers; those about keys are None for tables that are not populated automatically.

    Attributes
    ----------
    name, tier
        As in the source.
    schema
        The database schema it is in; None where a schema is missing, for then nothing is imported to find out.
    deployed
        Whether the table is declared in the database; without it there are no numbers.
    rows
        In the table.
    keys
        In the key source: how often `make` is to be called in all.
    done
        Keys that have their row; like `keys` and `pending`, None where the key source cannot be asked.
    pending
        Keys that wait: in the job table or not yet in it.
    reserved, errors, ignored
        Keys whose job is being made, failed, or is to be skipped.
    """

    name: str
    tier: str
    schema: str | None
    deployed: bool
    rows: int | None = None
    keys: int | None = None
    done: int | None = None
    pending: int | None = None
    reserved: int | None = None
    errors: int | None = None
    ignored: int | None = None


def load_status(project: Project, target: Target, pipeline: Pipeline) -> tuple[TableStatus, ...]:
    """The status of every table, parents first; nothing is created in the database."""
    lacking = missing(target, pipeline)
    if any(declared.kind is Kind.SCHEMA for declared in lacking):
        return tuple(
            TableStatus(table.full_name, table.tier, None, deployed=False) for table in sorted_tables(pipeline)
        )
    absent = {declared.name for declared in lacking}
    tables = load_tables(project, target, pipeline)
    found = {status.name: status for status in table_statuses([t for t in tables if t.name not in absent])}
    return tuple(
        found.get(loaded.name) or TableStatus(loaded.name, loaded.table.tier, loaded.schema, deployed=False)
        for loaded in tables
    )


def table_statuses(tables: Sequence[LoadedTable]) -> tuple[TableStatus, ...]:
    """The status of loaded, deployed tables: three queries per schema, whatever the number of tables."""
    return StatusQueries(tables).ask(tables[0].instance.connection) if tables else ()


class StatusQueries:
    """What to ask for the status of loaded, deployed tables; it may be asked on another connection than theirs.

    Parameters
    ----------
    tables
        Which. Their own connection says how their keys are asked for, now.
    """

    def __init__(self, tables: Sequence[LoadedTable]) -> None:
        self._tables = tables
        self._keys = {loaded.name: _key_queries(loaded) for loaded in tables if loaded.table.tier in AUTOPOPULATED}

    def ask(self, connection: Any) -> tuple[TableStatus, ...]:
        """The statuses, in the order of the tables."""
        found: dict[str, TableStatus] = {}
        by_schema = sorted(self._tables, key=lambda loaded: loaded.schema)
        for _, group in groupby(by_schema, key=lambda loaded: loaded.schema):
            found |= {status.name: status for status in _schema_statuses(connection, list(group), self._keys)}
        return tuple(found[loaded.name] for loaded in self._tables)


def _schema_statuses(
    connection: Any, tables: list[LoadedTable], keys: Mapping[str, tuple[str, str]]
) -> list[TableStatus]:
    filled = [loaded for loaded in tables if loaded.table.tier in AUTOPOPULATED]
    rows = _counts(connection, [loaded.instance.full_table_name for loaded in tables])
    counts = iter(_key_counts(connection, [query for loaded in filled for query in keys[loaded.name]]))
    jobs = _job_counts(connection, filled)
    statuses = []
    for loaded, row_count in zip(tables, rows, strict=True):
        if loaded.table.tier not in AUTOPOPULATED:
            statuses.append(TableStatus(loaded.name, loaded.table.tier, loaded.schema, deployed=True, rows=row_count))
            continue
        total, done = next(counts), next(counts)
        reserved, errors, ignored = (jobs.get((loaded.name, status), 0) for status in STATUSES[1:])
        statuses.append(
            TableStatus(
                loaded.name,
                loaded.table.tier,
                loaded.schema,
                deployed=True,
                rows=row_count,
                keys=total,
                done=done,
                pending=None if total is None or done is None else max(total - done - reserved - errors - ignored, 0),
                reserved=reserved,
                errors=errors,
                ignored=ignored,
            )
        )
    return statuses


def _key_queries(loaded: LoadedTable) -> tuple[str, str]:
    """What to count for a table's keys: all of them, and those that are done; empty where its key source raises.

    DataJoint's own key source is the join of the parents in the primary key. It is written here as SQL, because
    DataJoint asks some seven questions about each parent before it can write it. All keys in the table are then keys
    of the parents: the foreign keys see to it. A key source of the user's own is asked
    through DataJoint, as the queue asks it.

    Source: `datajoint/autopopulate.py`, `AutoPopulate.key_source`.
    """
    table = loaded.instance
    if has_own_key_source(loaded.cls):
        try:
            return _own_key_queries(table)
        except Exception:  # the user's code
            return "", ""
    quote = table.connection.adapter.quote_identifier
    attributes: dict[str, None] = {}
    sources = []
    for number, (name, properties) in enumerate(table.parents(primary=True, foreign_key_info=True)):
        names = {old: new for new, old in properties["attr_map"].items()}
        columns = [
            (old, names.get(old, old)) for old in sorted(table.connection.dependencies.nodes[name]["primary_key"])
        ]
        attributes |= dict.fromkeys(new for _, new in columns)
        selected = ", ".join(f"{quote(old)} AS {quote(new)}" for old, new in columns)
        sources.append(f"(SELECT {selected} FROM {name}) p{number}")
    done = ", ".join(map(quote, attributes))
    return f"(SELECT * FROM {' NATURAL JOIN '.join(sources)})", f"(SELECT DISTINCT {done} FROM {table.full_table_name})"


def _own_key_queries(table: Any) -> tuple[str, str]:
    names = job_key(table)
    keys, columns = key_query(table, names), key_columns(table, names).columns
    same = " AND ".join(f"made.{column.quoted} = k.{column.quoted}" for column in columns)
    made = f"EXISTS (SELECT 1 FROM {table.full_table_name} AS made WHERE {same})"
    return f"({keys})", f"(SELECT 1 FROM ({keys}) AS k WHERE {made})"


def _key_counts(connection: Any, sources: Sequence[str]) -> list[int | None]:
    """As `_counts`; None for an empty source, and for one that the server refuses: the others have their numbers."""
    from datajoint.errors import LostConnectionError

    asked = [source for source in sources if source]
    try:
        counts: list[int | None] = [*_counts(connection, asked)]
    except LostConnectionError:
        raise
    except Exception:  # any driver's word for a query that it refuses
        if len(asked) == 1:
            counts = [None]
        else:
            counts = [count for source in asked for count in _key_counts(connection, [source])]
    found = iter(counts)
    return [next(found) if source else None for source in sources]


def _counts(connection: Any, sources: Sequence[str]) -> list[int]:
    """How many rows each table or subquery has, asked for in one query."""
    if not sources:
        return []
    columns = ", ".join(f"(SELECT COUNT(*) FROM {source} q{number})" for number, source in enumerate(sources))
    return [int(count) for count in connection.query(f"SELECT {columns}").fetchone()]


def _job_counts(connection: Any, tables: Sequence[LoadedTable]) -> dict[tuple[str, str], int]:
    if not tables:
        return {}
    quote = connection.adapter.quote_identifier
    parts = [
        f"SELECT '{loaded.name}' AS name, {quote('status')} AS job, COUNT(*) AS n "
        f"FROM {quote(loaded.schema)}.{quote('~~' + loaded.cls.table_name.lstrip('_'))} GROUP BY {quote('status')}"
        for loaded in tables
    ]
    return {(name, str(job)): int(n) for name, job, n in connection.query(" UNION ALL ".join(parts)).fetchall()}
