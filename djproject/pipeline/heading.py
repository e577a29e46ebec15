"""The attributes that a table ends up with, and which attribute of which parent each foreign key ties them to."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from djproject.pipeline.definition import Attribute, ForeignKey, Projection
from djproject.pipeline.model import Pipeline, Table
from djproject.pipeline.scope import Kind


class Link(NamedTuple):
    """One foreign key, resolved.

    Attributes
    ----------
    child, parent
        The tables, `module.Table`.
    attributes
        For each attribute of the parent's primary key, in its order: the child's attribute and the parent's.
    primary
        Whether all the child's attributes are in its primary key.
    line
        Of the foreign key, within the child's definition.
    """

    child: str
    parent: str
    attributes: tuple[tuple[str, str], ...]
    primary: bool
    line: int

    @property
    def renamed(self) -> bool:
        """Whether an attribute has another name in the child than in the parent."""
        return any(mine != theirs for mine, theirs in self.attributes)


class Heading(NamedTuple):
    """What is known of a table's attributes.

    Attributes
    ----------
    primary
        The primary key, in order; `_singleton` aside, as a table without one is declared.
    names
        All attributes, in order.
    inherited
        The attributes that foreign keys bring.
    links
        The foreign keys, in order; those whose parent is not known are left out.
    doubled
        Attribute or foreign-key lines that declare a name again: the line, the name, and the line that has it first.
    complete
        Whether every line was understood; else attributes may be missing above.
    types
        The type of each attribute as it is written where it is declared first, upstream perhaps.
    """

    primary: tuple[str, ...]
    names: tuple[str, ...]
    inherited: frozenset[str]
    links: tuple[Link, ...]
    doubled: tuple[tuple[int, str, int], ...]
    complete: bool
    types: Mapping[str, str]


UNKNOWN = Heading((), (), frozenset(), (), (), False, {})


class ProjectionError(Exception):
    """A projection that DataJoint refuses; says why."""


class Headings:
    """The headings of a pipeline's tables, computed when they are asked for."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._known: dict[str, Heading] = {}

    def of(self, table: Table) -> Heading:
        """The heading of a table; an incomplete one in a cycle or after a parent that is not known."""
        found = self._known.get(table.full_name)
        if found is None:
            self._read_with_ancestors(table)
            found = self._known[table.full_name]
        return found

    def links(self) -> Iterator[Link]:
        """All foreign keys between the pipeline's tables."""
        for table in self._pipeline.tables:
            yield from self.of(table).links

    def parent_key(self, key: ForeignKey, parent: Table) -> tuple[tuple[str, str], ...] | None:
        """The attributes a foreign key brings: the name in the child and in the parent; None where not known.

        Raises
        ------
        ProjectionError
            DataJoint refuses the projection.
        """
        return _key_of(self.of(parent), key)

    def _read_with_ancestors(self, table: Table) -> None:
        """Work out a heading after those of its ancestors, without recursion: chains may be very long."""
        waiting, begun = [table], set[str]()
        while waiting:
            current = waiting[-1]
            name = current.full_name
            if name in begun:
                waiting.pop()
                self._known[name] = self._heading(current)
                begun.discard(name)
            elif name in self._known:
                waiting.pop()
            else:
                self._known[name] = UNKNOWN
                begun.add(name)
                parents = [self._pipeline.table(parent) for parent in current.parents if parent]
                waiting += [parent for parent in parents if parent and parent.full_name not in self._known]

    def _heading(self, table: Table) -> Heading:
        if table.definition is None:
            return UNKNOWN
        growing = _Growing(table.full_name)
        parents = iter(table.parents)
        for line in table.definition.lines:
            if type(line) is Attribute:
                growing.add_attribute(line)
            elif type(line) is ForeignKey:
                name = next(parents)
                parent = self._pipeline.table(name) if name else None
                heading = self.of(parent) if parent else self._outside(table.module, line.target)
                growing.add_key(line, parent.full_name if parent else "", heading, _pairs(line, heading))
        return growing.heading()

    def _outside(self, module: str, target: str) -> Heading | None:
        """The heading of a parent in another package that is installed; a virtual module is none."""
        meaning = self._pipeline.scopes.meaning(module, target)
        if meaning.kind is not Kind.ELSEWHERE or "." not in meaning.name:
            return None
        from djproject.pipeline.outside import outside_heading

        return outside_heading(meaning.name)


def _key_of(parent: Heading, key: ForeignKey) -> tuple[tuple[str, str], ...] | None:
    if not parent.complete:
        return None
    pairs = [(name, name) for name in parent.primary]
    if not key.projections:
        return tuple(pairs)
    names = set(parent.names)
    for step in key.projections:
        pairs, names = _projected(pairs, names, step)
    return tuple(pairs)


def _pairs(key: ForeignKey, parent: Heading | None) -> tuple[tuple[str, str], ...] | None:
    if parent is None or key.problem:
        return None
    try:
        return _key_of(parent, key)
    except ProjectionError:
        return None


class _Growing:
    """A heading while the lines of its definition are gone through."""

    def __init__(self, child: str) -> None:
        self.child = child
        self.primary: list[str] = []
        self.lines: dict[str, int] = {}
        self.own: set[str] = set()
        self.inherited: set[str] = set()
        self.links: list[Link] = []
        self.doubled: list[tuple[int, str, int]] = []
        self.complete = True
        self.types: dict[str, str] = {}

    def add_attribute(self, line: Attribute) -> None:
        if line.name in self.lines:
            self.doubled.append((line.line, line.name, self.lines[line.name]))
            return
        self.lines[line.name] = line.line
        self.types[line.name] = line.type
        self.own.add(line.name)
        if line.primary:
            self.primary.append(line.name)

    def add_key(
        self,
        line: ForeignKey,
        parent: str,
        heading: Heading | None,
        pairs: tuple[tuple[str, str], ...] | None,
    ) -> None:
        """Add what a foreign key brings; the name of the parent is empty where it is in another package."""
        if pairs is None or heading is None:
            self.complete = False
            return
        for mine, theirs in pairs:
            if mine in self.own:
                self.doubled.append((line.line, mine, self.lines[mine]))
            elif mine not in self.lines:
                self.lines[mine] = line.line
                self.types[mine] = heading.types[theirs]
                if line.primary:
                    self.primary.append(mine)
            self.inherited.add(mine)
        in_key = all(mine in self.primary for mine, _ in pairs)
        if parent:
            self.links.append(Link(self.child, parent, pairs, in_key, line.line))

    def heading(self) -> Heading:
        names, primary = tuple(self.lines), tuple(self.primary)
        inherited, links, doubled = frozenset(self.inherited), tuple(self.links), tuple(self.doubled)
        return Heading(primary, names, inherited, links, doubled, self.complete, self.types)


def _projected(
    pairs: list[tuple[str, str]], names: set[str], step: Projection
) -> tuple[list[tuple[str, str]], set[str]]:
    """A primary key after one `.proj(…)`. Source: datajoint/expression.py, QueryExpression.proj (2.3.5)."""
    renamed = {old: new for new, old in step.renames}
    key = {mine for mine, _ in pairs}
    kept = {name for name in step.named if not name.strip().startswith("-")}
    excluded = {name.strip().lstrip("-").strip() for name in step.named} - kept
    for old in renamed:
        if old not in names:
            raise ProjectionError(f"the parent has no attribute {old!r}; DataJoint would ignore the new name")
    for name in sorted(kept):
        if name not in names:
            raise ProjectionError(f"the parent has no attribute {name!r}")
    for name in sorted(excluded & key):
        raise ProjectionError(f"{name!r} is in the parent's primary key and cannot be left out")
    staying = {mine for mine in key if mine not in renamed} | kept
    for new, _ in step.renames:
        if new in staying:
            raise ProjectionError(f"the parent has an attribute {new!r} already")
    return [(renamed.get(mine, mine), theirs) for mine, theirs in pairs], staying | set(renamed.values())
