"""`djproject doctor`."""

from dataclasses import asdict

import typer

from djproject.cli import _render
from djproject.cli._errors import system_error
from djproject.cli._options import Format, FormatOption, TargetOption, new_app
from djproject.errors import DJProjectError
from djproject.project.location import load_project
from djproject.project.stores import StoreSpec
from djproject.targets.choice import load_target
from djproject.targets.places import moved_stores

OWN_STATE = "DJPROJECT_STATE=FOLDER djproject …  (a folder that you may write to), or: --target NAME"

app = new_app()


@app.command()
def doctor(target: TargetOption = None, format: FormatOption = Format.TEXT) -> None:
    """Check the machine, the project and the database, and say how to fix problems.

    Exit code 1 if a check fails. A warning is about something that only some commands need.

    Example: djproject doctor --target lab
    """
    from djproject.database.probes import table_probes
    from djproject.pipeline.source import load_pipeline
    from djproject.targets.probes import Probe, State, machine_probes, project_probes, store_probes, target_probes

    lines = list(machine_probes())
    moved: dict[str, StoreSpec] = {}
    name = ""
    try:
        project = load_project()
        lines += project_probes(project)
        place = load_target(project, target)
        of_target = list(target_probes(place))
        lines += of_target
        if not any(line.state is State.FAILED for line in of_target):
            lines += table_probes(place, load_pipeline(project))
        lines += store_probes(place)
        name = place.name
        moved = moved_stores(project, place.name, place.settings.stores)
    except DJProjectError as error:
        lines.append(Probe("project", State.FAILED, error.message, error.hint))
    except OSError as error:  # a folder of somebody else, or a disk that is read-only
        lines.append(Probe("target", State.FAILED, system_error(error).message, OWN_STATE))
    if format is Format.JSON:
        _render.as_json({"probes": [asdict(line) for line in lines]})
    else:
        _render.probes(lines)
        _render.moved_stores(name, moved)
    raise typer.Exit(1 if any(line.state is State.FAILED for line in lines) else 0)
