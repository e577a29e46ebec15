"""DJP221, DJP241, DJP242: what a make may read, change and depend on; followed into the project's functions."""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from djproject.checks.examined import Examined
from djproject.checks.make_rules import making_of, populated
from djproject.checks.rule import Found, rule
from djproject.pipeline.graph import table_parents
from djproject.pipeline.inputs import FILE, RANDOMNESS, TIME, may_have_inputs
from djproject.pipeline.making import Fetch, Making, function_text, helper_texts, may_change_others, read_function
from djproject.pipeline.model import Table
from djproject.pipeline.module import method_text, names_in
from djproject.pipeline.reading import parse
from djproject.pipeline.scope import Kind, Meaning
from djproject.pipeline.virtual import MAKERS, virtual_modules

_CALLED = re.compile(r"\b([A-Za-z_][\w.]*)\(")


@rule
def makes_fetch_from_ancestors(examined: Examined) -> Iterator[Found]:
    """DJP221 warning: A `make` fetches only from tables upstream of its own.

    What it does: follows the tables that the make methods fetch from, and the functions of the project that they call.
    Ancestors are allowed, their parts and masters, and the table itself. Tables of virtual modules count, unless the
    table has parents whose own parents are declared elsewhere.

    Why it matters: what is not an ancestor may change, or not be there yet, when a worker makes the key: the result
    cannot be repeated, and deleting the source does not delete it.

    Example:
        class Fit(dj.Computed):
            definition = "-> Recording"
            def make(self, key):
                settings = Settings.fetch1()

    Use instead: a foreign key to Settings, so that each row says which settings it was made with.

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
    """DJP241 warning: A `make` inserts, updates and deletes only in its own table and its parts.

    What it does: follows the tables whose rows the make methods change, and the functions of the project that they
    call.

    Why it matters: the rows of another table are not the result of this key. They are there twice when the key is made
    once more, and stay when it is deleted; two workers may write the same ones.

    Example:
        class Fit(dj.Computed):
            definition = "-> Recording"
            def make(self, key):
                Summary.insert1({**key, "mean": 0.5})
                self.insert1(key)

    Use instead: a part of the table, for further rows of one key; or a table that is computed from this one.

    Source: book, Pipeline as a DAG; datajoint/autopopulate.py (referential constraints of make).
    """
    for table in populated(examined):
        if not any(may_change_others(source.text) for source in _sources(examined, table)):
            continue
        own = f"{table.full_name}."
        others = {name for name in _named(examined, table) if not f"{name}.".startswith(own)}
        for module, making in _makings(examined, table) if others else ():
            for change in making.changes:
                meaning = _table_meaning(examined, module, change.table)
                if meaning is not None and f"{meaning.module}.{meaning.name}" in others:
                    mine = f"Make {meaning.name} a part of {table.name}, or compute it from {table.name}."
                    yield Found(
                        examined.at(_path(examined, module), change.place, change.table),
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
    """DJP242 info: What a `make` inserts depends on its key and its ancestors alone.

    What it does: finds calls of random generators without a seed, of clocks (durations and what is printed aside), and,
    for computed tables, of functions that read a file whose path is written in the source; also in the functions of the
    project that `make` calls.

    Why it matters: a key that is deleted and made once more gets other values, and nothing in the database says why.

    Example:
        class Fit(dj.Computed):
            definition = "-> Recording"
            def make(self, key):
                start = np.random.rand()

    Use instead: a seed from a parent's row.
        rng = np.random.default_rng((FitSettings & key).fetch1("seed"))

    Source: book, Pipeline as a DAG: results are reproducible.
    """
    for table in populated(examined):
        if not any(
            may_have_inputs(source.text, examined.pipeline.sources[source.module].imports)
            for source in _sources(examined, table)
        ):
            continue
        for module, making in _makings(examined, table):
            for each in making.inputs:
                if each.kind != FILE or table.tier == "computed":
                    yield Found(
                        examined.at(_path(examined, module), each.place, each.name),
                        f"The make of {table.name} depends on {each.kind}: {each.name}().",
                        _WAY_OUT[each.kind],
                    )


def _foreign_fetches(
    examined: Examined, table: Table, parents: dict[str, tuple[str, ...]]
) -> Iterator[tuple[Path, Fetch, Meaning]]:
    suspects = _suspects(examined, table, parents)
    for module, making in _makings(examined, table) if suspects else ():
        for fetch in making.fetches:
            meaning = _table_meaning(examined, module, fetch.table)
            if meaning is not None and f"{meaning.module}.{meaning.name}" in suspects:
                yield _path(examined, module), fetch, meaning


def _suspects(examined: Examined, table: Table, parents: dict[str, tuple[str, ...]]) -> set[str]:
    """The tables that the make methods name and that are no ancestors; whether they fetch from them is seen later."""
    targets = frozenset(key.target for key in table.definition.foreign_keys) if table.definition else frozenset()
    found = _named(examined, table, but=targets)
    found = {name for name in found if name not in table.parents and not f"{name}.".startswith(f"{table.full_name}.")}
    allowed = _allowed(examined, table, parents) if found else set()
    return found - allowed if allowed is not None else set()


def _named(examined: Examined, table: Table, but: frozenset[str] = frozenset()) -> set[str]:
    """The tables that the make methods name, and the functions that they call; without some, as they are written."""
    meanings = (
        _table_meaning(examined, source.module, name)
        for source in _sources(examined, table)
        for name in source.names - but
    )
    return {f"{meaning.module}.{meaning.name}" for meaning in meanings if meaning is not None}


class _Source(NamedTuple):
    """The text of make methods, or of a function that they call, with the names in it."""

    module: str
    text: str
    names: frozenset[str]


_KNOWN: "WeakKeyDictionary[Examined, dict[str, list[_Source]]]" = WeakKeyDictionary()


def _sources(examined: Examined, table: Table) -> list[_Source]:
    """The source of the make methods and of the functions of the project that they call; read once for all rules."""
    known = _KNOWN.setdefault(examined, {})
    if table.full_name not in known:
        known[table.full_name] = [
            _Source(module, text, frozenset(name for name in names_in(text) if not name.startswith("self.")))
            for module, text in _texts(examined, table)
        ]
    return known[table.full_name]


def _texts(examined: Examined, table: Table) -> Iterator[tuple[str, str]]:
    lines = examined.lines(table.path)
    methods = "\n".join(method_text(lines, each) for each in table.facts.methods if each.name.startswith("make"))
    waiting, seen = [(table.module, helper_texts(lines, methods))], set[tuple[str, str]]()
    while waiting:
        module, text = waiting.pop()
        yield module, text
        for place, name in _elsewhere(examined, module, set(_CALLED.findall(text))):
            if (place, name) not in seen:
                seen.add((place, name))
                others = examined.lines(_path(examined, place))
                waiting.append((place, helper_texts(others, function_text(others, name))))


def _elsewhere(examined: Examined, module: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Of the dotted names that a module calls: the functions of other modules of the package."""
    for name in sorted(names):
        place, function = examined.pipeline.scopes.owner(module, name)
        if place and place != module and function.isidentifier() and place in examined.pipeline.sources:
            yield place, function


def _path(examined: Examined, module: str) -> Path:
    return examined.pipeline.sources[module].path


def _table_meaning(examined: Examined, module: str, name: str) -> Meaning | None:
    """The table that a dotted name begins with: `Scan.fetch` means Scan; of kind ELSEWHERE in another schema."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        meaning = examined.pipeline.scopes.meaning(module, ".".join(parts[:length]))
        if meaning.kind is Kind.CLASS:
            known = examined.pipeline.table(f"{meaning.module}.{meaning.name}")
            return meaning if known else None
        if meaning.kind is not Kind.NOTHING:
            break
    return _virtual(examined, module, name)


_VIRTUAL: "WeakKeyDictionary[Examined, dict[str, dict[str, str]]]" = WeakKeyDictionary()


def _virtual(examined: Examined, module: str, name: str) -> Meaning | None:
    """The table of a virtual module that a dotted name begins with; one of the package where it has that schema."""
    parts = name.split(".")
    variable = ".".join(takewhile(lambda part: not part[:1].isupper(), parts))
    classes = list(takewhile(lambda part: part[:1].isupper(), parts[variable.count(".") + 1 :]))
    if not variable or not classes:
        return None
    schema = _virtual_modules(examined, module).get(variable, "")
    if not schema:
        owner, original = examined.pipeline.scopes.owner(module, variable)
        schema = _virtual_modules(examined, owner).get(original, "") if owner else ""
    own = [table for table in examined.tables if schema and table.schema == schema]
    if not own:
        return Meaning(Kind.ELSEWHERE, schema, ".".join(classes)) if schema else None
    meant = next((table for table in own if table.name == ".".join(classes)), None)
    return Meaning(Kind.CLASS, meant.module, meant.name) if meant else None


def _virtual_modules(examined: Examined, module: str) -> dict[str, str]:
    known = _VIRTUAL.setdefault(examined, {})
    if module not in known:
        data = examined.files.get(_path(examined, module), b"")
        tree = parse(data) if any(maker.encode() in data for maker in MAKERS) else None
        known[module] = virtual_modules(tree) if isinstance(tree, ast.Module) else {}
    return known[module]


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


def _makings(examined: Examined, table: Table) -> Iterator[tuple[str, Making]]:
    """By module, what the make methods do, and the functions of other modules of the package that they call."""
    own = making_of(examined, table)
    waiting, seen = [(table.module, own)] if own else [], set[tuple[str, str]]()
    while waiting:
        module, making = waiting.pop()
        yield module, making
        for place, name in _elsewhere(examined, module, making.calls):
            tree = None if (place, name) in seen else parse(examined.files[_path(examined, place)])
            seen.add((place, name))
            if isinstance(tree, ast.Module):
                waiting.append((place, read_function(tree, name)))
