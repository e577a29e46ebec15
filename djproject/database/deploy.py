"""Schemas, tables and job tables declared in dependency order."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from djproject.database.agreement import compare, compare_loaded, drift
from djproject.database.catalogue import read_catalogue
from djproject.database.comparison import Difference
from djproject.database.declaring import load_declared
from djproject.database.job_tables import declare_job_table, fits
from djproject.database.leases import declare_leases
from djproject.database.loading import LoadedTable, part_name, sql_names
from djproject.database.notices import declare_notices
from djproject.pipeline.graph import sorted_tables
from djproject.pipeline.model import Pipeline
from djproject.project.location import Project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import Target
from djproject.targets.connection import connect
from djproject.targets.prefix import SchemaPrefix


class Kind(StrEnum):
    """What is declared."""

    SCHEMA = "schema"
    TABLE = "table"
    JOB_TABLE = "job table"


@dataclass(frozen=True, slots=True)
class Declared:
    """One thing that a deployment declares.

    Attributes
    ----------
    kind
        Schema, table or job table.
    name
        A schema by its name in the database, a table and its job table as `module.Table`.
    """

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment found and made.

    Attributes
    ----------
    created
        What was missing and is declared now, or would be.
    differences
        Where the database differs from the source; tables that existed are left alone.
    """

    created: tuple[Declared, ...]
    differences: tuple[Difference, ...] = ()


def plan_deployment(target: Target, pipeline: Pipeline) -> Deployment:
    """What `deploy` would create, and which tables differ from the source. Nothing is imported and nothing created.

    Modules whose schema is not a literal are left out.
    """
    return Deployment(missing(target, pipeline), drift(compare(target, pipeline)))


def missing(target: Target, pipeline: Pipeline) -> tuple[Declared, ...]:
    """What the source declares and the database lacks, in the order in which it would be declared.

    Nothing is imported and nothing created. Modules whose schema is not a literal are left out.
    """
    existing = _existing(connect(target))
    return tuple(declared for declared, key in _expected(pipeline, target.prefix) if key not in existing)


def deploy(project: Project, target: Target, pipeline: Pipeline) -> Deployment:
    """Declare everything that is missing; nothing the second time.

    Raises
    ------
    ProjectError
        A schema module does not import. What upstream modules declared stays; the next deployment continues.
    """
    connection = connect(target)
    before = _existing(connection)
    with contextlib.suppress(Exception):  # without the right to make a schema, workers work without leases
        declare_leases(connection)
    tables = load_declared(project, target, pipeline, connection, before)
    found = read_catalogue(connection, {loaded.schema for loaded in tables})
    for loaded in tables:
        if loaded.table.tier in AUTOPOPULATED and not fits(loaded.instance, found):
            declare_job_table(loaded.instance, loaded.name)
    with contextlib.suppress(Exception):  # without it, idle workers look every few seconds
        declare_notices(connection, tables)
    created = tuple(_created(tables, before, _existing(connection)))
    return Deployment(created, drift(compare_loaded(tables, pipeline)))


def _created(
    tables: tuple[LoadedTable, ...], before: set[tuple[str, str]], after: set[tuple[str, str]]
) -> Iterator[Declared]:
    new = after - before
    seen: set[str] = set()
    for loaded in tables:
        if loaded.schema not in seen and (loaded.schema, "") in new:
            yield Declared(Kind.SCHEMA, loaded.schema)
        seen.add(loaded.schema)
        if (loaded.schema, loaded.cls.table_name) in new:
            yield Declared(Kind.TABLE, loaded.name)
        if (loaded.schema, f"~~{loaded.cls.table_name.lstrip('_')}") in new and loaded.table.tier in AUTOPOPULATED:
            yield Declared(Kind.JOB_TABLE, loaded.name)


def _expected(pipeline: Pipeline, prefix: SchemaPrefix) -> Iterator[tuple[Declared, tuple[str, str]]]:
    seen: set[str] = set()
    for table in sorted_tables(pipeline):
        if table.schema is None:
            continue
        schema = prefix.name(table.schema)
        if schema not in seen:
            seen.add(schema)
            yield Declared(Kind.SCHEMA, schema), (schema, "")
        if table.tier == "part":
            master = pipeline.table(f"{table.module}.{table.name.rpartition('.')[0]}")
            if master is not None:
                yield Declared(Kind.TABLE, table.full_name), (schema, part_name(table, master))
            continue
        for kind, name in zip((Kind.TABLE, Kind.JOB_TABLE), sql_names(table), strict=False):
            yield Declared(kind, table.full_name), (schema, name)


def _existing(connection: Any) -> set[tuple[str, str]]:
    """All (schema, table) pairs of the server, and (schema, "") for each schema: two queries."""
    schemata = connection.query("SELECT schema_name, '' FROM information_schema.schemata").fetchall()
    tables = connection.query("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
    return {(str(schema), str(table)) for schema, table in (*schemata, *tables)}
