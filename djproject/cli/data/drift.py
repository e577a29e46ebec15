"""`djproject drift`."""

from enum import StrEnum
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._drift import difference_annotations, difference_lines, difference_values
from djproject.cli._gate import readable_pipeline
from djproject.cli._options import ExcludeOption, SelectorsArgument, TargetOption, new_app
from djproject.errors import ProjectError
from djproject.pipeline.model import Pipeline
from djproject.pipeline.selection import nothing_to_show, select
from djproject.project.location import load_project
from djproject.targets.choice import load_target

app = new_app()


class DriftFormat(StrEnum):
    """How differences are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@app.command()
def drift(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    target: TargetOption = None,
    format: Annotated[
        DriftFormat, typer.Option("--format", help="How the result is printed; github prints annotations.")
    ] = DriftFormat.TEXT,
) -> None:
    """Compare the tables in the database with the source.

    Compares attributes, keys, types, codecs, defaults, comments, foreign keys, indexes and tiers. Nothing is imported
    or changed. Exit code 1 if something differs, 2 if the database cannot be read.

    Example: djproject drift subject+ --target lab
    """
    from djproject.database.agreement import drift as without_missing
    from djproject.database.agreement import look

    project = load_project()
    pipeline = readable_pipeline(project)
    if not pipeline.tables:
        raise nothing_to_show(pipeline)
    chosen = {table.full_name for table in select(pipeline, selector or (), exclude or ())}
    place = load_target(project, target)
    _render.target(place.description)
    seen = look(place, pipeline, chosen)
    _note_what_is_not_compared(pipeline, chosen, seen.incomplete)
    if not seen.tables:
        raise ProjectError(
            "No tables can be compared: the source does not give their names in the database.",
            hint="djproject check",
        )
    found = seen.differences
    if format is DriftFormat.JSON:
        values = difference_values(found, pipeline, project.root)
        _render.as_json({"target": place.name, "tables": len(seen.tables), "differences": values})
    else:
        show = difference_annotations if format is DriftFormat.GITHUB else difference_lines
        for line in show(found, pipeline, project.root):
            _render.result(line)
        if not found:
            match = "matches" if len(seen.tables) == 1 else "match"
            _render.note(f"No drift: {_render.count(len(seen.tables), 'table')} {match} the source.")
        else:
            _render.next_step("djproject migrate" if without_missing(found) else "djproject deploy")
    raise typer.Exit(1 if found else 0)


def _note_what_is_not_compared(pipeline: Pipeline, chosen: set[str], incomplete: tuple[str, ...]) -> None:
    unnamed = list(dict.fromkeys(t.module for t in pipeline.tables if t.schema is None and t.full_name in chosen))
    if unnamed:
        _render.note(f"Not compared, because the name of the schema is computed: {', '.join(unnamed)}.")
    if incomplete:
        names = ", ".join(incomplete)
        _render.note(f"Only partly compared, because their definitions cannot be read completely: {names}.")
