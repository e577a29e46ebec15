"""A plan while it is made: what is known, what was decided so far, and what every part of the planner asks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from djproject.database.comparison import Difference
from djproject.database.declared import Attribute, Declared, Place, Table
from djproject.migration.columns import Columns
from djproject.migration.dialects import MySQL, PostgreSQL
from djproject.migration.rows import Rows
from djproject.migration.steps import Grade, Refusal, Step, identity
from djproject.pipeline.model import Pipeline
from djproject.project.names import AUTOPOPULATED

JOBS = "~~"


@dataclass(slots=True)
class Draft:
    """A plan that is being made.

    Attributes
    ----------
    adapter, backend, sql
        DataJoint's adapter, the server's kind, and its statements.
    pipeline, source
        What the source says, and what it declares.
    declared
        What the database has; after the renames that are planned.
    chosen
        The tables that may change, `module.Table`.
    columns, rows
        Columns as DataJoint declares them, and rows as the database has them.
    steps, refusals, notes
        As in `Plan`.
    resolved
        The differences that are gone afterwards.
    touched
        Tables that change within a step of another one.
    """

    adapter: Any
    backend: str
    sql: MySQL | PostgreSQL
    pipeline: Pipeline
    source: Mapping[str, Table]
    declared: Declared
    chosen: Collection[str]
    columns: Columns
    rows: Rows
    steps: list[Step] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resolved: set[tuple[str, str, str]] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    def step(self, difference: Difference, what: str, grade: Grade, sql: list[str], rows: int = 0) -> None:
        """Add a step that resolves a difference."""
        self.resolved.add(identity(difference))
        self.steps.append(Step(difference.table, what, grade, tuple(sql), rows))

    def refuse(self, difference: Difference, what: str, why: str) -> None:
        """Note what cannot be changed in place."""
        self.refusals.append(Refusal(difference.table, what, why, self.way_out(difference.table)))

    def way_out(self, name: str) -> str:
        """What to do about a table that cannot be changed in place."""
        table = self.pipeline.table(name)
        owner = self.pipeline.table(table.master) if table and table.master else table
        if owner is None:
            return ""
        if owner.tier in AUTOPOPULATED:
            package = ".".join((self.pipeline.package, owner.module))
            code = f"from {package} import {owner.name}; {owner.name}().drop()"
            count = self.rows.all(self.source[owner.full_name].place)
            made = f"recomputes {count:,} row{'s' if count != 1 else ''}"
            return f"djproject run -- python -c '{code}'  (then: djproject deploy && djproject populate; {made})"
        return "give it a default, or make it nullable, or declare a new table and copy the rows"

    def attribute(self, difference: Difference) -> Attribute:
        """What the source says of the attribute that differs."""
        found = self.source[difference.table].attribute(difference.attribute)
        if found is None:
            raise KeyError(difference)
        return found

    def column(self, difference: Difference) -> Attribute:
        """What the database has of it."""
        found = self.declared[self.source[difference.table].place].attribute(difference.attribute)
        if found is None:
            raise KeyError(difference)
        return found

    def refuse_duplicates(self, difference: Difference, what: str, place: Place, names: tuple[str, ...]) -> bool:
        """Refuse what must be unique where some values occur more than once; whether it was refused."""
        here, source = self.declared[place], self.source[difference.table]
        new = [found for name in names if here.attribute(name) is None and (found := source.attribute(name))]
        if any(attribute.nullable for attribute in new):
            return False  # null is like no other value
        there = [name for name in names if here.attribute(name) is not None]  # a new one is the same in all rows
        count = self.rows.duplicates(place, there) if there else int(self.rows.all(place) > 1)
        if count:
            values = f"{count:,} values occur" if count > 1 else "1 value occurs"
            self.refuse(difference, what, f"{values} more than once")
        return bool(count)

    def place(self, name: str) -> Place:
        """Where a table of the source is."""
        return self.source[name].place
