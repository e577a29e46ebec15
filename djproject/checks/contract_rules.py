"""DJP221, DJP241, DJP242: what a make may read, change and depend on; followed into the project's functions."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from djproject.checks.examined import Examined
from djproject.checks.make_rules import populated
from djproject.checks.reached import Reached, reached
from djproject.checks.rule import Found, rule
from djproject.pipeline.graph import table_parents
from djproject.pipeline.inputs import FILE, RANDOMNESS, TIME, may_have_inputs
from djproject.pipeline.making import Fetch, may_change_others
from djproject.pipeline.model import Table
from djproject.pipeline.module import Import
from djproject.pipeline.scope import Kind, Meaning


@rule
def makes_fetch_from_ancestors(examined: Examined) -> Iterator[Found]:
    """DJP221 warning: A `make` fetches only from its own table and from tables upstream of it.

    What it does: finds the tables that the make methods fetch from, also in functions of the package that they call.
    The table itself, its ancestors, and the part tables and masters of these are allowed. Tables of virtual modules
    count as well. A table is skipped if its ancestors are not all known, for example because one of them is declared in
    another package.

    Why it matters: a table that is not an ancestor may change, or may not have its rows yet, when a worker computes the
    key. The result cannot be reproduced, and deleting the fetched rows does not delete it.

    Example:
        class Fit(dj.Computed):
            definition = "-> Recording"
            def make(self, key):
                settings = Settings.fetch1()

    Use instead: add a foreign key to Settings, so that each row records the settings it was computed with.

    Source: book, Pipeline as a DAG; datajoint/autopopulate.py (referential constraints of make).
    """
    parents = table_parents(examined.pipeline)
    for table in populated(examined):
        for path, fetch, meaning in _foreign_fetches(examined, table, parents):
            yield Found(
                examined.at(path, fetch.place, fetch.table),
                f"The make of {table.name} fetches from {meaning.module}.{meaning.name}, which is not upstream of it.",
                f"Add the foreign key '-> {fetch.table}' to {table.name}, or fetch from its ancestors.",
            )


@rule
def makes_change_only_their_own(examined: Examined) -> Iterator[Found]:
    """DJP241 warning: A `make` changes only the rows of its own table and its part tables.

    What it does: finds the tables whose rows the make methods insert, update or delete, also in functions of the
    package that they call.

    Why it matters: rows in another table are not part of the result for this key. They stay when the key is deleted and
    are inserted again when it is computed again, and two workers may write the same rows.

    Example:
        class Fit(dj.Computed):
            definition = "-> Recording"
            def make(self, key):
                Summary.insert1({**key, "mean": 0.5})
                self.insert1(key)

    Use instead: use a part table for additional rows of a key, or another table that is computed from this table.

    Source: book, Pipeline as a DAG; datajoint/autopopulate.py (referential constraints of make).
    """
    makes = reached(examined)
    for table in populated(examined):
        if not makes.may(table, _change_others):
            continue
        own = f"{table.full_name}."
        others = {name for name in _named(makes, table) if not f"{name}.".startswith(own)}
        for module, making in makes.makings(table) if others else ():
            for change in making.changes:
                meaning = makes.table(module, change.table)
                if meaning is not None and f"{meaning.module}.{meaning.name}" in others:
                    mine = f"Make {meaning.name} a part of {table.name}, or compute it from {table.name}."
                    yield Found(
                        examined.at(makes.path(module), change.place, change.table),
                        f"The make of {table.name} changes the rows of {meaning.module}.{meaning.name}.",
                        mine if meaning.kind is Kind.CLASS else "Leave them to the pipeline that declares the table.",
                    )


_WAY_OUT = {
    RANDOMNESS: "Give it a seed that is in the key or in a parent's row: np.random.default_rng(seed)",
    TIME: "Leave it out: djproject jobs show says when each key was made, and how long it took.",
    FILE: "Let a parent name the file: an attribute <filepath@store>; or make the table Imported.",
}


@rule
def makes_depend_on_ancestors_alone(examined: Examined) -> Iterator[Found]:
    """DJP242 info: The rows that a `make` inserts depend only on its key and its ancestors.

    What it does: finds calls to random generators without a seed and calls that read the time, except times that are
    only subtracted or printed. In computed tables, it also finds functions that read a file whose path is written in
    the source. The functions of the package that `make` calls are included.

    Why it matters: if a key is deleted and computed again, it gets other values, and nothing in the database explains
    the difference.

    Example:
        class Fit(dj.Computed):
            definition = "-> Recording"
            def make(self, key):
                start = np.random.rand()

    Use instead: read the seed from a parent's row.
        rng = np.random.default_rng((FitSettings & key).fetch1("seed"))

    Source: book, Pipeline as a DAG (results are reproducible).
    """
    makes = reached(examined)
    for table in populated(examined):
        for module, making in makes.makings(table) if makes.may(table, may_have_inputs) else ():
            for each in making.inputs:
                if each.kind != FILE or table.tier == "computed":
                    yield Found(
                        examined.at(makes.path(module), each.place, each.name),
                        f"The make of {table.name} depends on {each.kind}: {each.name}().",
                        _WAY_OUT[each.kind],
                    )


def _foreign_fetches(
    examined: Examined, table: Table, parents: dict[str, tuple[str, ...]]
) -> Iterator[tuple[Path, Fetch, Meaning]]:
    makes = reached(examined)
    suspects = _suspects(examined, table, parents)
    for module, making in makes.makings(table) if suspects else ():
        for fetch in making.fetches:
            meaning = makes.table(module, fetch.table)
            if meaning is not None and f"{meaning.module}.{meaning.name}" in suspects:
                yield makes.path(module), fetch, meaning


def _suspects(examined: Examined, table: Table, parents: dict[str, tuple[str, ...]]) -> set[str]:
    """The tables that the make methods name and that are no ancestors; whether they fetch from them is seen later."""
    targets = frozenset(key.target for key in table.definition.foreign_keys) if table.definition else frozenset()
    found = _named(reached(examined), table, but=targets)
    found = {name for name in found if name not in table.parents and not f"{name}.".startswith(f"{table.full_name}.")}
    allowed = _allowed(examined, table, parents) if found else set()
    return found - allowed if allowed is not None else set()


def _named(makes: Reached, table: Table, but: frozenset[str] = frozenset()) -> set[str]:
    """The tables that the make methods name, and the functions that they call; without some, as they are written."""
    sources = makes.sources(table)
    meanings = (makes.table(source.module, name) for source in sources for name in source.names - but)
    return {f"{meaning.module}.{meaning.name}" for meaning in meanings if meaning is not None}


def _allowed(examined: Examined, table: Table, parents: dict[str, tuple[str, ...]]) -> set[str] | None:
    """The ancestors of a table, with the masters and parts of them, and its own parts; None where one is not known."""
    allowed = {table.full_name}
    waiting = [table.full_name]
    while waiting:
        name = waiting.pop()
        owner = examined.pipeline.table(name)
        if owner and (owner.unknown or any(m.kind is not Kind.CLASS for m in owner.meanings)):
            return None
        more = [*parents.get(name, ()), *([owner.master] if owner and owner.master else [])]
        if owner:
            more += [f"{owner.full_name}.{part.name}" for part in owner.facts.parts]
        for other in more:
            if other not in allowed:
                allowed.add(other)
                waiting.append(other)
    return allowed


def _change_others(text: str, imports: Sequence[Import]) -> bool:  # noqa: ARG001 (a claim's form)
    return may_change_others(text)
