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

    Upstream first; what is there already is left alone, so a second deploy does nothing.

    Example: djproject deploy --target embedded --dry-run
    """
    from djproject.database.deploy import deploy as declare
    from djproject.database.deploy import missing

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
    created = missing(place, pipeline) if dry_run else declare(project, place, pipeline)
    if format is Format.JSON:
        _render.as_json({"target": place.name, "dry_run": dry_run, "created": [asdict(item) for item in created]})
        return
    for item in created:
        _render.result(f"{'would create' if dry_run else 'created'} {item.kind} {item.name}")
    if not created:
        _render.note(f"Nothing to do: all {len(pipeline.tables)} tables are declared.")
    elif not dry_run:
        _render.next_step("djproject populate")
