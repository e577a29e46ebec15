"""DJP2xx: foreign keys: where they lead, what they say, and the cycles they form."""

import re
from collections.abc import Iterator
from itertools import pairwise

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.findings import Note
from djproject.pipeline.cycles import components, edges_to_cut, shortest_cycle
from djproject.pipeline.graph import table_parents
from djproject.pipeline.heading import ProjectionError
from djproject.pipeline.model import Table
from djproject.pipeline.scope import Kind

OPTIONS = ("nullable", "unique")


@rule
def foreign_keys_lead_to_tables(examined: Examined) -> Iterator[Found]:
    """DJP207 error: Every foreign key names an existing table.

    What it does: looks up each name after `->` among the classes, imports and aliases of its module. Names from other
    packages are assumed to exist.

    Why it matters: DataJoint evaluates the name when it declares the table and reports "could not be resolved", without
    saying which part of the name is unknown.

    Example:
        -> subject.Subjcet

    Use instead:
        -> subject.Subject

    Source: datajoint/declare.py, compile_foreign_key.
    """
    known = {table.full_name for table in examined.tables}
    for table, key, parent, meaning in examined.keys:
        if parent in known:
            continue
        where = f"-> {key.target}"
        if meaning.kind is Kind.NOTHING and not _may_be_linked_later(examined, table):
            if _names_an_unimported_module(examined, table, key.target):
                continue  # DJP114
            yield Found(
                examined.of_key(table, key),
                f"{table.name} has a foreign key {where}, and {key.target} is not defined in this module.",
                _similar(examined, table, key.target),
            )
        elif meaning.kind in {Kind.MODULE, Kind.SCHEMA, Kind.DATAJOINT}:
            yield Found(examined.of_key(table, key), f"{table.name} has a foreign key {where}, which is not a table.")
        elif meaning.kind is Kind.CLASS:
            yield Found(
                examined.of_key(table, key),
                f"{table.name} has a foreign key {where}, and {meaning.name} is not a table class.",
            )


@rule
def foreign_keys_lead_to_tables_declared_before(examined: Examined) -> Iterator[Found]:
    """DJP208 error: Every foreign key to a table of the same module names a table that is declared above it.

    What it does: compares the order of the two classes if they are in the same module. A part table may refer to its
    master, to the part tables above it, and to all tables above its master.

    Why it matters: Python runs the file from top to bottom, so the parent's class does not exist yet when DataJoint
    looks it up.

    Example:
        @schema
        class Scan(dj.Manual):
            definition = "-> Session"

        @schema
        class Session(dj.Manual): ...

    Use instead: move the parent's class above the child's.

    Source: datajoint/schemas.py, Schema.__call__.
    """
    order = {table.full_name: number for number, table in enumerate(examined.tables)}
    for table, key, parent, _ in examined.keys:
        if parent is None or order.get(parent, -1) <= order[table.full_name]:
            continue
        other = examined.tables[order[parent]]
        if other.module == table.module:
            yield Found(
                examined.of_key(table, key),
                f"{table.name} refers to {key.target}, which is declared further down.",
                _in_order(table.name.split("."), other.name.split(".")),
            )


@rule
def tables_form_no_cycle(examined: Examined) -> Iterator[Found]:
    """DJP210 error: The foreign keys between tables form a directed acyclic graph.

    What it does: for each group of tables that refer to each other, reports the shortest cycle, its foreign keys, and
    which foreign keys to remove.

    Why it matters: there is no order in which rows could be inserted, and DataJoint "can only work with acyclic
    dependencies".

    Example:
        class A(dj.Manual):
            definition = "-> B"

        class B(dj.Manual):
            definition = "-> A"

    Use instead: add a third table with foreign keys to both.

    Source: book, Acyclicity Constraint; datajoint/dependencies.py, Dependencies.load.
    """
    parents = table_parents(examined.pipeline)
    tables = {table.full_name: table for table in examined.pipeline.tables}
    for component in components(parents):
        cycle = shortest_cycle(parents, component)
        notes = []
        for child, parent in pairwise(cycle):
            key = next(key for key, name in tables[child].keys if name == parent)
            notes.append(Note(examined.of_key(tables[child], key), f"foreign key: {child} → {parent}"))
        cut, exact = edges_to_cut(parents, component)
        what = ", ".join(f"{child} → {parent}" for child, parent in cut)
        message = f"Foreign keys form a cycle: {' → '.join(cycle)}."
        hint = f"Remove {what}." if exact else f"For example, remove {what}."
        yield Found(notes[0].location, message, hint, notes=tuple(notes))


@rule
def foreign_key_options_are_known(examined: Examined) -> Iterator[Found]:
    """DJP226 error: A foreign key has no options other than `nullable` and `unique`.

    What it does: reads the words in square brackets after `->`.

    Why it matters: DataJoint refuses to declare the table.

    Example:
        -> [optional] subject.Subject

    Use instead:
        -> [nullable] subject.Subject

    Source: datajoint/declare.py, compile_foreign_key.
    """
    for table, key, _, _ in examined.keys:
        for option in key.options:
            if option not in OPTIONS and re.fullmatch("[a-z]+", option):
                yield Found(
                    examined.in_definition(table, key.line, option),
                    f"A foreign key has no option {option!r}.",
                    "Options: nullable, unique.",
                )


@rule
def foreign_keys_are_tables_or_projections(examined: Examined) -> Iterator[Found]:
    """DJP229 error: Every foreign key names a table or a projection of a table.

    What it does: finds restrictions, joins and other expressions after `->`, projections of attributes that the parent
    does not have, and parents without a primary key.

    Why it matters: DataJoint refuses to declare the table.

    Example:
        -> subject.Subject & 'species="mouse"'

    Use instead:
        -> subject.Subject

    Source: datajoint/declare.py, compile_foreign_key; datajoint/expression.py, QueryExpression.proj.
    """
    for table, key, parent, _ in examined.keys:
        if key.problem:
            yield Found(examined.of_key(table, key), f"A foreign key of {table.name} {key.problem}.")
        elif parent and (other := examined.pipeline.table(parent)):
            try:
                brought = examined.headings.parent_key(key, other)
            except ProjectionError as error:
                yield Found(examined.of_key(table, key), f"{table.name} projects {parent}, but {error}.")
                continue
            if brought == ():
                message = f"{table.name} refers to {parent}, which has no primary key to refer to."
                yield Found(examined.of_key(table, key), message)


def _in_order(child: list[str], parent: list[str]) -> str:
    """Which class to move where; empty where a master refers to its own part."""
    differ = next(((mine, theirs) for mine, theirs in zip(child, parent, strict=False) if mine != theirs), None)
    return f"Move the class {differ[1]} above {differ[0]}." if differ else ""


def _may_be_linked_later(examined: Examined, table: Table) -> bool:
    """Whether the schema is activated later, with names of a linking module that is only known then."""
    source = examined.pipeline.sources[table.module]
    return any(call.name == "" for call in source.schemas)


def _names_an_unimported_module(examined: Examined, table: Table, target: str) -> bool:
    head = target.partition(".")[0]
    if examined.pipeline.scopes.meaning(table.module, head).kind is not Kind.NOTHING:
        return False
    above, _, own = table.module.rpartition(".")
    if head == own:
        return False
    return any(name in examined.pipeline.sources for name in (head, f"{above}.{head}")) and "." in target


def _similar(examined: Examined, table: Table, target: str) -> str:
    from difflib import get_close_matches

    head, _, rest = target.partition(".")
    if head == table.module.rpartition(".")[2]:
        return f"Within the module itself, write -> {rest}."
    known = [other.full_name for other in examined.pipeline.tables]
    known += [other.name for other in examined.pipeline.tables if other.module == table.module]
    close = get_close_matches(target, known, n=1, cutoff=0.6) if len(known) < 2000 else []
    return f"Did you mean {close[0]}?" if close else ""
