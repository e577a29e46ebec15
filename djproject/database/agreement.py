"""Whether the tables of a database are those of the source, and which can be filled."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from djproject.database.catalogue import read_catalogue
from djproject.database.comparison import Aspect, Difference, differences, missing_tables
from djproject.database.declared import Place
from djproject.database.loading import LoadedTable, part_name, sql_names
from djproject.database.source_tables import source_tables
from djproject.pipeline.model import Pipeline
from djproject.pipeline.places import place_in_text
from djproject.targets.choice import Target
from djproject.targets.connection import connect
from djproject.targets.direct import connect_directly

Places = dict[str, Place]
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """A database that was looked at.

    Attributes
    ----------
    tables
        Those of the source, `module.Table`, that were looked for.
    incomplete
        Those of which the source's reader does not understand every line.
    differences
        In what the database differs from the source.
    """

    tables: tuple[str, ...]
    incomplete: tuple[str, ...]
    differences: tuple[Difference, ...]


def look(target: Target, pipeline: Pipeline, chosen: Collection[str]) -> Seen:
    """How the target's tables differ from the chosen ones of the source.

    Tables that are only in the database count where all tables of their schema are chosen.
    """
    return _look(connect_directly(target), pipeline, source_places(pipeline, target.prefix.name), chosen)


def _look(connection: Any, pipeline: Pipeline, places: Mapping[str, Place], chosen: Collection[str]) -> Seen:
    schemas = {schema for name, (schema, _) in places.items() if name in chosen}
    whole = schemas - {schema for name, (schema, _) in places.items() if name not in chosen}
    declared = read_catalogue(connection, schemas)
    backend = str(connection.adapter.backend)
    source = source_tables(pipeline, places, backend)
    both = [*differences(source, declared, backend), *missing_tables(source, declared)]
    found = [d for d in both if d.table in chosen or (d.table not in source and d.table.partition(".")[0] in whole)]
    compared = tuple(name for name in source if name in chosen and name in places)
    partly = tuple(name for name in compared if not source[name].complete)
    order = {name: number for number, name in enumerate(source)}
    return Seen(compared, partly, tuple(sorted(found, key=lambda d: order.get(d.table, len(order)))))


def compare(target: Target, pipeline: Pipeline) -> tuple[Difference, ...]:
    """How the target's tables differ from the source; nothing is imported.

    Tables in modules whose schema is not a literal are left out.
    """
    return compare_at(connect(target), pipeline, source_places(pipeline, target.prefix.name))


def compare_loaded(tables: Sequence[LoadedTable], pipeline: Pipeline) -> tuple[Difference, ...]:
    """How the tables of a loaded pipeline differ from the source."""
    return compare_at(tables[0].instance.connection, pipeline, loaded_places(tables)) if tables else ()


def compare_at(connection: Any, pipeline: Pipeline, places: Mapping[str, Place]) -> tuple[Difference, ...]:
    """How tables that are there differ from the source, and which tables only one of the two has, in three queries."""
    return _look(connection, pipeline, places, {table.full_name for table in pipeline.tables}).differences


def source_places(pipeline: Pipeline, named: Callable[[str], str]) -> Places:
    """The schema and the name that tables have in a database, as far as the source tells.

    `named` gives a schema's name in the database, from that in the source.
    """
    places: Places = {}
    for table in pipeline.tables:
        if table.schema is None:
            continue
        master = pipeline.table(table.master) if table.master else None
        name = part_name(table, master) if master else (sql_names(table) or ("",))[0]
        if name:
            places[table.full_name] = (named(table.schema), name)
    return places


def loaded_places(tables: Iterable[LoadedTable]) -> Places:
    """The schema and the name that loaded tables have in the database."""
    return {loaded.name: (loaded.schema, str(loaded.cls.table_name)) for loaded in tables}


def blocking(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """The differences because of which a table must not be filled."""
    return tuple(difference for difference in found if difference.blocks)


def drift(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """The differences that another deployment leaves as they are: all but tables that are not declared yet."""
    return tuple(difference for difference in found if difference.aspect is not Aspect.TABLE_MISSING)


def drift_line(found: Iterable[Difference]) -> str:
    """One line that says there is drift, and which command shows it; empty where there is none."""
    those = drift(found)
    tables = len({difference.table for difference in those})
    if not those:
        return ""
    counted = f"{len(those)} difference{'s' if len(those) > 1 else ''} in {tables} table{'s' if tables > 1 else ''}"
    return f"The database differs from the source: {counted}  (djproject drift)"


def place_of(pipeline: Pipeline, difference: Difference) -> tuple[FilePath, int] | None:
    """The file and line of what the source says about a difference; None where it says nothing."""
    table = pipeline.table(difference.table)
    if table is None:
        return None
    if not difference.line or table.text is None:
        return table.path, table.line
    lines = table.text_path.read_text(encoding="utf-8", errors="replace").split("\n")
    return table.text_path, place_in_text(table.text, lines, difference.line).line


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
    """What to type next, for the first table that differs."""
    first = next(iter(blocking(found)), None)
    table = pipeline.table(first.table) if first else None
    owner = pipeline.table(table.master) if table and table.master else table
    return f"djproject migrate {owner.full_name}  (shows the plan, then asks)" if owner else ""


def why_not_filled(pipeline: Pipeline, found: Sequence[Difference]) -> dict[str, str]:
    """The tables that must not be filled, each with a sentence that says why.

    A table is not filled whose inserts are bound to fail, or whose part's are. Neither is a table below one whose
    codecs differ, because its `make` would compute with what the codec did not decode.
    """
    found = blocking(found)
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
