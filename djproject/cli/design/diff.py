"""`djproject diff`."""

from collections.abc import Iterable
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import Format, FormatOption, new_app
from djproject.pipeline.changes import Aspect, Change, changes_since
from djproject.pipeline.model import Pipeline
from djproject.pipeline.selection import nothing_to_show, select
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.project.names import AUTOPOPULATED

app = new_app()


@app.command()
def diff(
    revision: Annotated[str, typer.Argument(metavar="REV", help="A Git revision: a commit, a tag, main, HEAD~3.")],
    until: Annotated[str, typer.Argument(metavar="REV2", help="Until this one, instead of the files of today.")] = "",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Print the commands that delete and fill what the changes concern.")
    ] = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Show which tables changed since a revision: definition, make or contents.

    The functions of the project that a make calls count too; comments, docstrings and formatting do not. Nothing is
    imported or checked out. Exit code 1 if a table changed.

    Example: djproject diff v1.2
    """
    pipeline = load_pipeline(load_project())
    if not pipeline.sources:
        raise nothing_to_show(pipeline)
    changes = changes_since(pipeline, revision, until)
    below = _below(pipeline, {change.table for change in changes})
    if format is Format.JSON:
        values = [{"table": c.table, "aspects": list(c.aspects), "through": list(c.through)} for c in changes]
        _render.as_json({"from": revision, "until": until or None, "changes": values, "descendants": below})
    elif rebuild:
        for line in _commands(pipeline, changes):
            _render.result(line)
    else:
        _show(changes, below)
    raise typer.Exit(1 if changes else 0)


def _show(changes: Iterable[Change], below: list[str]) -> None:
    rows = []
    for change in changes:
        how = change.aspects[0] if change.aspects[0] in {Aspect.ADDED, Aspect.REMOVED} else "changed"
        what = "" if how != "changed" else ", ".join(change.aspects)
        rows.append((str(how), change.table, what + (f" ({', '.join(change.through)})" if change.through else "")))
    rows += [("below", name, "") for name in below]
    for row in rows:
        _render.result(f"{row[0]:<8}  {row[1]:<{max(len(other[1]) for other in rows)}}  {row[2]}".rstrip())
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
