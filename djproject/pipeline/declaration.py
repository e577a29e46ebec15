"""What a deployment of the source declares: the attributes of every table, with type, null and key."""

from collections.abc import Mapping
from typing import NamedTuple

from djproject.pipeline.definition import Attribute, ForeignKey
from djproject.pipeline.graph import sorted_tables
from djproject.pipeline.heading import Headings, ProjectionError
from djproject.pipeline.model import Pipeline, Table


class SourceAttribute(NamedTuple):
    """One attribute of a table, as the source has it.

    Attributes
    ----------
    name
        In this table.
    type
        As it is written where the attribute is declared; empty where that is not known.
    nullable
        Whether null is a value of it.
    primary
        Whether it is in the primary key.
    inherited
        Whether a foreign key brings it.
    """

    name: str
    type: str
    nullable: bool
    primary: bool
    inherited: bool


class Declaration(NamedTuple):
    """One table, as the source has it.

    Attributes
    ----------
    table
        `module.Table`.
    attributes
        In the order in which DataJoint declares them.
    complete
        Whether every line was understood; else the table may have more attributes.
    """

    table: str
    attributes: tuple[SourceAttribute, ...]
    complete: bool

    @property
    def primary(self) -> tuple[str, ...]:
        """The primary key."""
        return tuple(attribute.name for attribute in self.attributes if attribute.primary)


def declarations(pipeline: Pipeline) -> dict[str, Declaration]:
    """The declaration of every table, by `module.Table`, parents first.

    Source: datajoint/declare.py, prepare_declare and compile_foreign_key (2.3.5).
    """
    headings = Headings(pipeline)
    found: dict[str, Declaration] = {}
    for table in sorted_tables(pipeline):
        found[table.full_name] = _declaration(table, pipeline, headings, found)
    return found


def _declaration(table: Table, pipeline: Pipeline, headings: Headings, known: Mapping[str, Declaration]) -> Declaration:
    if table.definition is None:
        return Declaration(table.full_name, (), False)
    found: dict[str, SourceAttribute] = {}
    complete = True
    parents = iter(table.parents)
    for line in table.definition.lines:
        if type(line) is Attribute:
            own = SourceAttribute(line.name, line.type, line.nullable, line.primary, False)
            found.setdefault(line.name, own)
        elif type(line) is ForeignKey:
            name = next(parents)
            inherited = _inherited(line, pipeline.table(name) if name else None, headings, known)
            complete = complete and inherited is not None
            for attribute in inherited or ():
                found.setdefault(attribute.name, attribute)
    return Declaration(table.full_name, tuple(found.values()), complete)


def _inherited(
    line: ForeignKey, parent: Table | None, headings: Headings, known: Mapping[str, Declaration]
) -> list[SourceAttribute] | None:
    """The attributes that a foreign key brings; None where they are not known."""
    if parent is None or line.problem or parent.full_name not in known:
        return None
    try:
        pairs = headings.parent_key(line, parent)
    except ProjectionError:
        return None
    if pairs is None:
        return None
    types = {attribute.name: attribute.type for attribute in known[parent.full_name].attributes}
    nullable = "nullable" in line.options
    return [SourceAttribute(mine, types.get(theirs, ""), nullable, line.primary, True) for mine, theirs in pairs]
