"""Whether the tables of a database are those of the source, and which can be filled."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from djproject.database.catalogue import read_catalogue
from djproject.database.comparison import Aspect, Difference, differences
from djproject.database.loading import LoadedTable, part_name, sql_names
from djproject.pipeline.declaration import declarations
from djproject.pipeline.model import Pipeline
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import Target
from djproject.targets.connection import connect

Places = dict[str, tuple[str, str]]
SHOWN = 3


def compare(target: Target, pipeline: Pipeline) -> tuple[Difference, ...]:
    """How the target's tables differ from the source; nothing is imported.

    Tables in modules whose schema is not a literal are left out.
    """
    return compare_at(connect(target), pipeline, source_places(pipeline))


def compare_loaded(tables: Sequence[LoadedTable], pipeline: Pipeline) -> tuple[Difference, ...]:
    """How the tables of a loaded pipeline differ from the source."""
    return compare_at(tables[0].instance.connection, pipeline, loaded_places(tables)) if tables else ()


def compare_at(connection: Any, pipeline: Pipeline, places: Mapping[str, tuple[str, str]]) -> tuple[Difference, ...]:
    """How tables differ from the source, in two queries; `places` are schema and name of each."""
    declared = read_catalogue(connection, {schema for schema, _ in places.values()})
    return differences(declarations(pipeline), places, declared, str(connection.adapter.backend))


def source_places(pipeline: Pipeline) -> Places:
    """The schema and the name that tables have in a database, as far as the source tells."""
    places: Places = {}
    for table in pipeline.tables:
        module = pipeline.module(table.module)
        if module is None or module.schema is None:
            continue
        master = pipeline.table(table.master) if table.master else None
        name = part_name(table, master) if master else (sql_names(table) or ("",))[0]
        if name:
            places[table.full_name] = (module.schema, name)
    return places


def loaded_places(tables: Iterable[LoadedTable]) -> Places:
    """The schema and the name that loaded tables have in the database."""
    return {loaded.name: (loaded.schema, str(loaded.cls.table_name)) for loaded in tables}


def sentences(found: Sequence[Difference]) -> dict[str, str]:
    """One sentence for each table that differs."""
    by_table: dict[str, list[Difference]] = {}
    for difference in found:
        by_table.setdefault(difference.table, []).append(difference)
    return {table: _sentence(table, those) for table, those in by_table.items()}


def _sentence(table: str, found: Sequence[Difference]) -> str:
    texts = [difference.text for difference in found[:SHOWN]]
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return f"{table} differs from the database: {'; '.join([*texts, *more])}."


def way_out(pipeline: Pipeline, found: Sequence[Difference]) -> str:
    """What to type next, for the first table that differs.

    The rows of an imported or computed table can be made again. Nobody but the user knows what to do with others.
    """
    table = pipeline.table(found[0].table) if found else None
    owner = pipeline.table(table.master) if table and table.master else table
    if table is None or owner is None:
        return ""
    if owner.tier not in AUTOPOPULATED:
        return f"git log -p -- '*/{table.path.name}'  (restore its definition, or change the table in the database)"
    head, _, name = owner.module.rpartition(".")
    package = ".".join(filter(None, (pipeline.package, head)))
    code = f"from {package} import {name}; {name}.{owner.name}().drop()"
    return f"djproject run -- python -c '{code}'  (deletes its rows), then: djproject deploy"


def why_not_filled(pipeline: Pipeline, found: Sequence[Difference]) -> dict[str, str]:
    """The tables that must not be filled, each with a sentence that says why.

    A table that differs, or has a part that does, is not filled. Neither is a table below one whose codecs differ,
    because its `make` would compute with what the codec did not decode.
    """
    by_table = sentences(found)
    if not by_table:
        return {}
    undecoded = {difference.table for difference in found if difference.aspect is Aspect.CODEC}
    parts: dict[str, list[str]] = {}
    for table in pipeline.tables:
        parts.setdefault(table.master or table.full_name, []).append(table.full_name)
    reasons: dict[str, str] = {}
    for table in pipeline.tables:
        own = parts.get(table.full_name, [table.full_name])
        named = [name for name in own if name in by_table]
        above = [name for name in _ancestors(pipeline, own, parts) if name in undecoded]
        if named:
            part = f"{table.full_name} has a part that differs: " if named[0] != table.full_name else ""
            reasons[table.full_name] = part + " ".join(by_table[name] for name in named)
        elif above:
            reasons[table.full_name] = f"{table.full_name} would read wrong values: {by_table[above[0]]}"
    return reasons


def _ancestors(pipeline: Pipeline, names: Iterable[str], parts: Mapping[str, Sequence[str]]) -> list[str]:
    """All tables above some tables, with the parts of those."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        for parent in pipeline.parents.get(waiting.pop(), ()):
            for table in parts.get(parent, (parent,)):
                if table not in found:
                    found[table] = None
                    waiting.append(table)
    return list(found)
