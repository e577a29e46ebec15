"""`djproject workers`."""

from dataclasses import asdict

from djproject.cli import _render
from djproject.cli._options import Format, FormatOption, TargetOption, new_app
from djproject.project.location import load_project
from djproject.targets.choice import load_target

app = new_app()


@app.command()
def workers(target: TargetOption = None, format: FormatOption = Format.TEXT) -> None:
    """List the workers that use the database, on any machine, with their leases.

    Example: djproject workers --format json
    """
    from djproject.database.leases import read_leases
    from djproject.targets.direct import connect_directly

    project = load_project()
    place = load_target(project, target)
    _render.target(place.description)
    leases = read_leases(connect_directly(place))
    if format is Format.JSON:
        _render.as_json(
            {"target": place.name, "workers": [asdict(lease) | {"gone": lease.is_gone} for lease in leases]}
        )
        return
    if not leases:
        _render.note("No workers are connected to this database.")
        return
    rows = [
        (w.pipeline, w.host, str(w.pid), w.started[:19], f"{w.age:.0f} s", "gone" if w.is_gone else "alive",
         *([f"{w.cluster} {w.pilot}".strip()] if any(lease.pilot for lease in leases) else []))
        for w in leases
    ]  # fmt: skip
    header = ("pipeline", "host", "pid", "since", "heartbeat", "state", "pilot")
    _render.columns(header[: len(rows[0])], rows, right=[2, 4])
