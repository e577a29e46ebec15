"""`djproject status`."""

from dataclasses import asdict
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._drift import difference_values, note_drift
from djproject.cli._gate import readable_pipeline
from djproject.cli._options import ExcludeOption, Format, FormatOption, SelectorsArgument, TargetOption, new_app
from djproject.pipeline.selection import nothing_to_show, select
from djproject.project.location import load_project
from djproject.targets.choice import load_target

app = new_app()


@app.command()
def status(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    target: TargetOption = None,
    format: FormatOption = Format.TEXT,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Seconds between refreshes with --watch.")
    ] = 2.0,
) -> None:
    """Show how much of each table is done.

    make is called once for each key. Keys are done, pending (waiting), reserved (running) or errors. Ignored keys are
    shown only with --format json.

    Example: djproject status +analysis.Summary --format json
    """
    import time

    from djproject.database.agreement import compare
    from djproject.database.status import load_status

    project = load_project()
    pipeline = readable_pipeline(project)
    if not pipeline.tables:
        raise nothing_to_show(pipeline)
    chosen = {table.full_name for table in select(pipeline, selector or (), exclude or ())}
    place = load_target(project, target)
    if not watch:
        _render.target(place.description)
    while True:
        statuses = [status for status in load_status(project, place, pipeline) if status.name in chosen]
        if format is Format.JSON:
            differences = difference_values(
                [found for found in compare(place, pipeline) if found.table in chosen], pipeline, project.root
            )
            tables = [asdict(status) for status in statuses]
            _render.as_json({"target": place.name, "tables": tables, "differences": differences})
        else:
            if watch:
                _render.clear_screen()
            _render.status_table(statuses)
            note_drift(compare(place, pipeline))
            if not all(status.deployed for status in statuses):
                _render.next_step("djproject deploy")
        if not watch:
            return
        time.sleep(interval)
