"""`djproject deploy`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from djproject.cli import _render
from djproject.cli._drift import difference_values
from djproject.cli._gate import without_broken
from djproject.cli._options import DryRunOption, Format, FormatOption, TargetOption, new_app
from djproject.pipeline.model import Pipeline
from djproject.pipeline.selection import nothing_to_show
from djproject.pipeline.source import load_readable
from djproject.project.location import load_project
from djproject.targets.choice import load_target
from djproject.targets.places import moved_stores

if TYPE_CHECKING:
    from djproject.database.deploy import Deployment

app = new_app()


@app.command()
def deploy(
    target: TargetOption = None,
    make_stores: Annotated[
        bool, typer.Option("--make-stores", help="First create missing buckets and folders of the stores.")
    ] = False,
    dry_run: DryRunOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Declare schemas, tables and job tables in the database.

    Parents are declared before children. Existing tables are left alone, so a second deploy does nothing. Exit code 1
    if a module is skipped because it is broken, or if a table differs from the source in a way that prevents populate
    from filling it. djproject drift lists every difference.

    Example: djproject deploy --target embedded --dry-run
    """
    from djproject.database.agreement import blocking
    from djproject.database.deploy import deploy as declare
    from djproject.database.deploy import plan_deployment

    project = load_project()
    pipeline = load_readable(project)
    if not pipeline.modules:
        raise nothing_to_show(pipeline)
    pipeline, left_out = without_broken(project, pipeline)
    place = load_target(project, target)
    _render.target(place.description)
    _render.moved_stores_in_brief(place.name, moved_stores(project, place.name, place.settings.stores))
    if make_stores and not dry_run:
        from djproject.targets.buckets import make_stores as make

        for bucket in make(place):
            _render.note(f"Created the bucket {bucket}.")
    done = plan_deployment(place, pipeline) if dry_run else declare(project, place, pipeline)
    blocked = blocking(done.differences)
    if format is Format.JSON:
        differences = difference_values(done.differences, pipeline, project.root)
        items = [asdict(item) for item in done.created]
        values = {"created": items, "differences": differences, "left_out": [each._asdict() for each in left_out]}
        _render.as_json({"target": place.name, "dry_run": dry_run, **values})
    else:
        _show(done, pipeline, dry_run=dry_run, whole=not left_out)
    _render.left_out("deployed", [each.reason for each in left_out])
    raise typer.Exit(1 if blocked or left_out else 0)


def _show(done: "Deployment", pipeline: Pipeline, *, dry_run: bool, whole: bool) -> None:
    from djproject.database.agreement import blocking, drift_line, sentences, way_out

    blocked = blocking(done.differences)
    for item in done.created:
        _render.result(f"{'would create' if dry_run else 'created'} {item.kind} {item.name}")
    for sentence in sentences(blocked).values():
        _render.result(sentence)
    if done.differences:
        _render.note(f"{drift_line(done.differences)}; deploy keeps existing tables as they are.")
    if blocked:
        _render.note("populate does not fill the tables listed above.")
    if blocked and whole:
        _render.next_step(way_out(pipeline, blocked))
    elif not done.created and not done.differences:
        number = len(pipeline.tables)
        tables = f"all {number} tables match" if number != 1 else "the table matches"
        _render.note(f"Nothing to do: {tables} the source.")
    elif done.created and whole and not dry_run:
        _render.next_step("djproject populate")
