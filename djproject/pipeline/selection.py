"""Selectors: which tables of a pipeline a person means."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from djproject.errors import ProjectError
from djproject.pipeline.graph import find_table, sorted_tables, table_parents
from djproject.pipeline.model import Pipeline, Table
from djproject.project.names import TIER_ALIASES, TIERS

HINT = "Selectors: module, module.Table, +T (ancestors), T+ (descendants), A..B, tier:computed, store:main, changed:REV"
_AROUND = re.compile(r"(?:(?P<up>\d*)(?P<plus>\+))?(?P<core>[^+]+?)(?:(?P<more>\+)(?P<down>\d*))?")
ALL_TIERS = (*TIERS, "part")


class Family(NamedTuple):
    """The two directions of the graph of tables.

    Attributes
    ----------
    parents
        The sources of each table: its parents; for a master also the parents of its parts, because the rows of a merge
        table come from there.
    children
        The tables whose foreign keys lead to each table.
    drains
        `parents`, turned round: where a path from one table down to another leads.
    """

    parents: Mapping[str, Sequence[str]]
    children: Mapping[str, Sequence[str]]
    drains: Mapping[str, Sequence[str]]


def select(pipeline: Pipeline, selectors: Iterable[str], exclude: Iterable[str] = ()) -> tuple[Table, ...]:
    """The tables that selectors name together, without those that `exclude` names; parents first.

    Parameters
    ----------
    pipeline
        Which tables there are.
    selectors
        `module`, `module.Table`, `Table` where only one is called so; `+x` with all ancestors, those of its parts
        too, `x+` with all descendants, `2+x` and `x+2` with those at most two foreign keys away; `a..b` every table
        on a path from a down to b; `tier:computed`; `store:main`. None means all tables.
    exclude
        Selectors of what is left out.

    Raises
    ------
    ProjectError
        A selector names nothing.
    """
    family = _family(pipeline)
    selectors = tuple(selectors)
    chosen = {table.full_name for table in pipeline.tables} if not selectors else set()
    for selector in selectors:
        chosen |= _selected(pipeline, family, selector)
    for selector in exclude:
        chosen -= _selected(pipeline, family, selector)
    return tuple(table for table in sorted_tables(pipeline) if table.full_name in chosen)


def selector_words(pipeline: Pipeline, stores: Iterable[str] = ()) -> list[str]:
    """What a selector may begin with, for completion: modules, tables, `tier:…`, `store:…`."""
    words = [module.name for module in pipeline.modules]
    words += [table.full_name for table in pipeline.tables]
    return [*words, *(f"tier:{tier}" for tier in ALL_TIERS), *(f"store:{store}" for store in stores)]


def _selected(pipeline: Pipeline, family: Family, selector: str) -> set[str]:
    head, dots, tail = selector.partition("..")
    if dots:
        if not head or not tail:
            raise ProjectError(f"{selector!r} is no selector: a path is written a..b.", hint=HINT)
        below = _reach(_core(pipeline, head), family.drains, None)
        return below & _reach(_core(pipeline, tail), family.parents, None)
    match = _AROUND.fullmatch(selector)
    if match is None:
        raise ProjectError(f"{selector!r} is no selector.", hint=HINT)
    core = _core(pipeline, match["core"])
    found = set(core)
    if match["plus"]:
        found |= _reach(core, family.parents, int(match["up"]) if match["up"] else None)
    if match["more"]:
        found |= _reach(core, family.children, int(match["down"]) if match["down"] else None)
    return found


def _core(pipeline: Pipeline, text: str) -> set[str]:
    kind, colon, value = text.partition(":")
    if colon:
        return _by_property(pipeline, kind, value)
    inside = {t.full_name for t in pipeline.tables if t.module == text or t.module.startswith(f"{text}.")}
    if inside:
        return inside
    if pipeline.module(text) is not None:
        raise ProjectError(f"The schema module {text} has no tables yet.", hint=f"djproject add-table {text} NAME:TIER")
    return {find_table(pipeline, text).full_name}


def _by_property(pipeline: Pipeline, kind: str, value: str) -> set[str]:
    match kind:
        case "tier":
            tier = TIER_ALIASES.get(value.lower(), value.lower())
            if tier not in ALL_TIERS:
                raise ProjectError(f"There is no tier {value!r}.", hint=f"Tiers: {', '.join(ALL_TIERS)}")
            return {table.full_name for table in pipeline.tables if table.tier == tier}
        case "store":
            found = {t.full_name for t in pipeline.tables if t.definition and value in t.definition.store_names}
            if not found:
                raise ProjectError(f"No table names a store {value!r}.", hint="djproject stores list")
            return found
        case "changed":
            from djproject.pipeline.changes import changes_since

            names = {change.table for change in changes_since(pipeline, value)}
            return {table.full_name for table in pipeline.tables if table.full_name in names}
    raise ProjectError(f"A selector knows tier:, store: and changed:, not {kind!r}:.", hint=HINT)


def _reach(start: Iterable[str], neighbours: Mapping[str, Sequence[str]], steps: int | None) -> set[str]:
    found = set(start)
    edge = set(found)
    while edge and (steps is None or steps > 0):
        edge = {name for known in edge for name in neighbours.get(known, ())} - found
        found |= edge
        steps = None if steps is None else steps - 1
    return found


def _family(pipeline: Pipeline) -> Family:
    parents = table_parents(pipeline)
    sources = {name: list(names) for name, names in parents.items()}
    for part in pipeline.tables:
        if part.master in sources:
            sources[part.master] += [name for name in parents[part.full_name] if name != part.master]
    return Family(sources, _turned(parents), _turned(sources))


def _turned(neighbours: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    turned: dict[str, list[str]] = {}
    for name, others in neighbours.items():
        for other in others:
            turned.setdefault(other, []).append(name)
    return turned


def nothing_to_show(pipeline: Pipeline) -> ProjectError:
    """Why a command has no tables: the package has none, or classes that no schema declares."""
    hidden = [name for source in pipeline.sources.values() for name, _ in source.hidden]
    if not pipeline.strays and not hidden:
        return ProjectError("The pipeline has no tables yet.", hint="djproject add-schema NAME --table T:manual")
    names = [table.full_name for table in pipeline.strays] or hidden
    first = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    what = "is decorated by a schema" if pipeline.strays else "is outside a function, where it could be read"
    return ProjectError(f"The package has table classes ({first}), and none {what}.", hint="djproject check")
