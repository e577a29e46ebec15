"""Which tables changed between two states of a pipeline: their definitions, their make methods, their contents."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from djproject.pipeline.code import Code
from djproject.pipeline.definition import Attribute, ForeignKey, Index
from djproject.pipeline.files import load_files
from djproject.pipeline.model import Pipeline, Table
from djproject.pipeline.revisions import pipeline_at


class Aspect(StrEnum):
    """In what a table changed."""

    ADDED = "added"
    REMOVED = "removed"
    DEFINITION = "definition"
    MAKE = "make"
    CONTENTS = "contents"


class Change(NamedTuple):
    """One table that changed.

    Attributes
    ----------
    table
        `module.Table`.
    aspects
        In what; one for a table that was added or removed.
    through
        The functions, classes and constants of the package that changed and that its make methods use, as
        `module.name`.
    """

    table: str
    aspects: tuple[Aspect, ...]
    through: tuple[str, ...]


State = tuple[Pipeline, Mapping[Path, bytes]]


def package_folder(pipeline: Pipeline) -> Path:
    """The folder that a pipeline was read from."""
    name, source = min(pipeline.sources.items())
    is_package = source.path.name == "__init__.py"
    return source.path.parents[len(name.split(".")) * bool(name) + is_package - 1]


def changes_since(pipeline: Pipeline, revision: str, until: str = "") -> tuple[Change, ...]:
    """What changed since a revision, until another one or today.

    Raises
    ------
    ProjectError
        A revision is not known, or does not have the package.
    """
    folder = package_folder(pipeline)
    today = (pipeline, load_files(folder)) if not until else pipeline_at(folder, pipeline.package, until)
    return compare_states(pipeline_at(folder, pipeline.package, revision), today)


def compare_states(old: State, new: State) -> tuple[Change, ...]:
    """The tables that differ, in the order of the newer state, those that were removed at the end."""
    before, after = Code(*old), Code(*new)
    found = []
    for table in new[0].tables:
        earlier = old[0].table(table.full_name)
        if earlier is None:
            found.append(Change(table.full_name, (Aspect.ADDED,), ()))
            continue
        aspects = [Aspect.DEFINITION] if _declared(before, earlier) != _declared(after, table) else []
        mine, theirs = after.of(table), before.of(earlier)
        differing = {item for item in mine.keys() | theirs.keys() if mine.get(item) != theirs.get(item)}
        aspects += [Aspect.MAKE] if differing else []
        aspects += [Aspect.CONTENTS] if before.member(earlier, "contents") != after.member(table, "contents") else []
        own = f"{table.name}."
        through = sorted(
            f"{module}.{name}".lstrip(".")
            for module, name in differing
            if module != table.module or not name.startswith(own)
        )
        if aspects:
            found.append(Change(table.full_name, tuple(aspects), tuple(through)))
    gone = [table for table in old[0].tables if new[0].table(table.full_name) is None]
    return (*found, *(Change(table.full_name, (Aspect.REMOVED,), ()) for table in gone))


def _declared(code: Code, table: Table) -> object:
    """What a table declares, without comments and places; where it is computed, how."""
    if table.definition is None:
        return table.tier, code.member(table, "definition")
    parents = iter(table.parents)
    lines: list[object] = []
    for line in table.definition.lines:
        match line:
            case Attribute():
                lines.append((line.name, line.type, line.default, line.primary))
            case ForeignKey():
                lines.append((next(parents) or line.target, line.options, line.projections, line.primary))
            case Index():
                lines.append((line.attributes, line.expressions, line.unique))
            case _:
                lines.append(line.text)
    return table.tier, lines
