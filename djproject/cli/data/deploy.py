"""`djproject deploy`."""

from dataclasses import asdict
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._gate import refuse_errors
from djproject.cli._options import DryRunOption, Format, FormatOption, TargetOption, new_app
from djproject.errors import ProjectError
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.targets.choice import load_target
from djproject.targets.places import moved_stores

app = new_app()


@app.command()
def deploy(
    target: TargetOption = None,
    make_stores: Annotated[
        bool, typer.Option("--make-stores", help="First make the buckets and folders of stores that are missing.")
    ] = False,
    dry_run: DryRunOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Declare schemas, tables and job tables in the database.

    Upstream first; what is there already is left alone, so a second deploy does nothing. Tables whose attributes, key,
    types or codecs are not those of the source are listed, and the exit code is 1.

    Example: djproject deploy --target embedded --dry-run
    """
    from djproject.database.agreement import sentences, way_out
    from djproject.database.deploy import deploy as declare
    from djproject.database.deploy import plan_deployment

    project = load_project()
    pipeline = load_pipeline(project)
    if not pipeline.modules:
        raise ProjectError(
            "The pipeline has no schema module to deploy.", hint="djproject add-schema NAME --table T:manual"
        )
    refuse_errors(project)
    place = load_target(project, target)
    _render.target(place.description)
    _render.moved_stores_in_brief(place.name, moved_stores(project, place.name, place.settings.stores))
    if make_stores and not dry_run:
        from djproject.targets.buckets import make_stores as make

        for bucket in make(place):
            _render.note(f"Made the bucket {bucket}.")
    done = plan_deployment(place, pipeline) if dry_run else declare(project, place, pipeline)
    created, found = done.created, done.differences
    if format is Format.JSON:
        differences = [asdict(difference) | {"text": difference.text} for difference in found]
        items = [asdict(item) for item in created]
        _render.as_json({"target": place.name, "dry_run": dry_run, "created": items, "differences": differences})
        raise typer.Exit(1 if found else 0)
    for item in created:
        _render.result(f"{'would create' if dry_run else 'created'} {item.kind} {item.name}")
    if found:
        for sentence in sentences(found).values():
            _render.result(sentence)
        _render.note("deploy leaves tables that exist as they are; populate does not fill those that differ.")
        _render.next_step(way_out(pipeline, found))
        raise typer.Exit(1)
    if not created:
        _render.note(f"Nothing to do: all {len(pipeline.tables)} tables are declared as in the source.")
    elif not dry_run:
        _render.next_step("djproject populate")
