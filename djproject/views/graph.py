"""A pipeline as a picture's data: groups of tables, or modules, and the foreign keys between them."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from djproject.pipeline.graph import module_parents, sorted_modules
from djproject.pipeline.heading import Headings
from djproject.pipeline.model import Pipeline, Table
from djproject.pipeline.scope import Kind


@dataclass(frozen=True, slots=True)
class Box:
    """One table, or one module.

    Attributes
    ----------
    name
        `module.Table`, or the module.
    label
        What is written in it.
    tier
        Of the table; "module" for a module, "foreign" for a table that another package has.
    text
        What there is to read of it: the definition, or the tables of a module.
    """

    name: str
    label: str
    tier: str
    text: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A child and one of its parents.

    Attributes
    ----------
    child, parent
        Names of boxes.
    primary
        Whether the foreign key is in the child's primary key; between modules, whether one of them is.
    attributes
        The child's attributes and the parent's; empty between modules.
    count
        How many foreign keys it represents; 0 for an import alone.
    """

    child: str
    parent: str
    primary: bool
    attributes: tuple[tuple[str, str], ...]
    count: int

    @property
    def renamed(self) -> bool:
        """Whether an attribute has another name in the child."""
        return any(mine != theirs for mine, theirs in self.attributes)


@dataclass(frozen=True, slots=True)
class Group:
    """The boxes of one module, upstream first."""

    name: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn.

    Attributes
    ----------
    level
        "table" or "module".
    groups
        Modules, upstream first, with their tables; at the level of modules one group without a name. Tables of other
        packages come first, in groups of their own.
    edges
        Between boxes that are drawn.
    """

    level: str
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """All boxes, group by group."""
        return tuple(box for group in self.groups for box in group.boxes)


def table_graph(pipeline: Pipeline, tables: Iterable[Table]) -> Graph:
    """The tables given, grouped by module, every foreign key between two of them, and their parents elsewhere."""
    chosen = {table.full_name: table for table in tables}
    groups = []
    for name in sorted_modules(pipeline):
        inside = _parts_after_masters([table for table in chosen.values() if table.module == name])
        boxes = tuple(Box(t.full_name, t.name, t.tier, t.definition.text if t.definition else "") for t in inside)
        if boxes:
            groups.append(Group(name, boxes))
    headings = Headings(pipeline)
    edges = []
    for table in chosen.values():
        links = iter(headings.of(table).links)
        link = next(links, None)
        for key, parent in table.keys:
            known = link is not None and link.line == key.line
            if parent in chosen:
                primary = link.primary if known and link else key.primary
                attributes = link.attributes if known and link else ()
                edges.append(Edge(table.full_name, parent, primary, attributes, 1))
            if known:
                link = next(links, None)
    strangers = [_foreign_edges(table, chosen) for table in chosen.values()]
    foreign = [edge for edges_of_one in strangers for edge in edges_of_one]
    return Graph("table", (*_foreign_groups(foreign), *groups), (*edges, *foreign))


def _foreign_edges(table: Table, chosen: Container[str]) -> list[Edge]:
    """The foreign keys of a table that lead out of the package, as far as their parents have a name."""
    edges = []
    for (key, _), meaning in zip(table.keys, table.meanings, strict=True):
        if meaning.kind is Kind.ELSEWHERE and meaning.name and not key.problem:
            name = f"{meaning.name} (elsewhere)" if meaning.name in chosen else meaning.name
            edges.append(Edge(table.full_name, name, key.primary, (), 1))
    return edges


def _foreign_groups(edges: Iterable[Edge]) -> Iterator[Group]:
    """The tables elsewhere that edges lead to, by the module that has them."""
    modules: dict[str, dict[str, Box]] = {}
    for edge in edges:
        module, _, name = edge.parent.rpartition(".")
        modules.setdefault(module or "elsewhere", {})[edge.parent] = Box(edge.parent, name, "foreign", "")
    for module in sorted(modules):
        yield Group(module, tuple(modules[module].values()))


def module_graph(pipeline: Pipeline, tables: Iterable[Table]) -> Graph:
    """The modules of the tables given, and the bundles of foreign keys between them; imports alone too."""
    chosen = {table.full_name: table for table in tables}
    order = [name for name in sorted_modules(pipeline) if any(t.module == name for t in chosen.values())]
    boxes = []
    for name in order:
        inside = [table for table in chosen.values() if table.module == name]
        words = "\n".join(f"{table.name} ({table.tier})" for table in inside)
        boxes.append(Box(name, name, "module", words))
    parents = module_parents(pipeline)
    edges = []
    for child in order:
        for parent in parents[child]:
            if parent in order:
                keys = [
                    key.primary
                    for table in chosen.values()
                    if table.module == child
                    for (key, _), meaning in zip(table.keys, table.meanings, strict=True)
                    if meaning.module == parent
                ]
                edges.append(Edge(child, parent, any(keys), (), len(keys)))
    return Graph("module", (Group("", tuple(boxes)),), tuple(edges))


def _parts_after_masters(tables: list[Table]) -> list[Table]:
    place = {table.name: number for number, table in enumerate(tables)}
    return sorted(
        tables, key=lambda t: (place.get(t.name.partition(".")[0], place[t.name]), "." in t.name, place[t.name])
    )
