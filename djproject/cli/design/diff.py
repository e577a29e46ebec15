"""`djproject diff`."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import Format, FormatOption, TargetOption, new_app
from djproject.pipeline.changes import Aspect, Change, changes_since
from djproject.pipeline.model import Pipeline
from djproject.pipeline.selection import nothing_to_show, select
from djproject.pipeline.source import load_pipeline
from djproject.project.location import Project, load_project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import load_target

if TYPE_CHECKING:
    from djproject.database.stakes import Stake

app = new_app()


@app.command()
def diff(
    revision: Annotated[str, typer.Argument(metavar="REV", help="A Git revision: a commit, a tag, main, HEAD~3.")],
    until: Annotated[
        str, typer.Argument(metavar="REV2", help="Compare with this revision instead of your files.")
    ] = "",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Print the commands that delete and repopulate the affected tables.")
    ] = False,
    target: TargetOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Show which tables changed since a revision: definition, make or contents.

    A make also counts as changed if a function of the project that it calls changed. Comments, docstrings and
    formatting do not count. Nothing is imported or checked out. With --target, also counts the affected rows in that
    database, grouped by the code version that made them. Exit code 1 if a table changed.

    Example: djproject diff v1.2
    """
    project = load_project()
    pipeline = load_pipeline(project)
    if not pipeline.sources:
        raise nothing_to_show(pipeline)
    changes = changes_since(pipeline, revision, until)
    below = _below(pipeline, {change.table for change in changes})
    at_stake = _at_stake(project, target, pipeline, [*(change.table for change in changes), *below]) if target else {}
    if format is Format.JSON:
        values = [{"table": c.table, "aspects": list(c.aspects), "through": list(c.through)} for c in changes]
        document: dict[str, object] = {"from": revision, "until": until or None}
        document |= {"changes": values, "descendants": below}
        if target:
            document |= {"target": target, "rows": {name: asdict(stake) for name, stake in at_stake.items()}}
        _render.as_json(document)
    elif rebuild:
        for line in _commands(pipeline, changes):
            _render.result(line)
    else:
        _show(changes, below, at_stake)
    raise typer.Exit(1 if changes else 0)


def _at_stake(project: Project, target: str, pipeline: Pipeline, names: list[str]) -> "dict[str, Stake]":
    from djproject.database.agreement import source_places
    from djproject.database.stakes import stakes
    from djproject.targets.direct import connect_directly

    place = load_target(project, target)
    return stakes(connect_directly(place), source_places(pipeline, place.prefix.name), names)


def _words(stake: "Stake") -> str:
    """The rows of a table, who made them, and how long that took: "310 rows (v1.2: 300, v1.3: 10), 2 h of work"."""
    if stake.rows is None:
        return "not declared"
    made = ", ".join(f"{version or 'unknown version'}: {count:,}" for version, count in stake.versions.items())
    took = f", {_render.duration(stake.seconds)} of work" if stake.seconds >= 1 else ""
    return f"{_render.count(stake.rows, 'row')}{f' ({made})' if made else ''}{took}"


def _show(changes: Iterable[Change], below: list[str], at_stake: "dict[str, Stake]") -> None:
    rows: list[tuple[str, str, str]] = []
    for change in changes:
        how = change.aspects[0] if change.aspects[0] in {Aspect.ADDED, Aspect.REMOVED} else "changed"
        what = "" if how != "changed" else ", ".join(change.aspects)
        rows.append((str(how), change.table, what + (f" ({', '.join(change.through)})" if change.through else "")))
    rows += [("below", name, "") for name in below]
    for kind, name, what in rows:
        told = "; ".join(filter(None, (what, _words(at_stake[name]) if name in at_stake else "")))
        _render.result(f"{kind:<8}  {name:<{max(len(other[1]) for other in rows)}}  {told}".rstrip())
    if not rows:
        _render.note("No table changed.")


def _below(pipeline: Pipeline, names: set[str]) -> list[str]:
    """The tables downstream of some tables, without these."""
    selectors = [f"{table.full_name}+" for table in pipeline.tables if table.full_name in names]
    chosen = select(pipeline, selectors) if selectors else ()
    return [table.full_name for table in chosen if table.full_name not in names]


def _commands(pipeline: Pipeline, changes: Iterable[Change]) -> list[str]:
    """What deletes the rows that changed tables are filled with, the topmost first, and fills them again."""
    populated = {table.full_name for table in pipeline.tables if table.tier in AUTOPOPULATED}
    names = [c.table for c in changes if c.table in populated and set(c.aspects) & {Aspect.MAKE, Aspect.DEFINITION}]
    below = {name for table in names for name in _below(pipeline, {table})}
    top = [name for name in names if name not in below]
    lines = [f"djproject shell -c '{name}.delete()'" for name in top]
    return [*lines, f"djproject populate {' '.join(f'{name}+' for name in top)}"] if top else []
