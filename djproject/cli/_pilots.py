"""The picture of a cluster's pilots: as `cluster status` prints it, and as JSON."""

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from djproject.cli import _render
from djproject.cli._cluster import fleet_of, target_of
from djproject.clusters.pilot import ENDED, QUEUED, RUNNING, SeenPilot, alive
from djproject.errors import DJProjectError
from djproject.pipeline.source import load_readable
from djproject.project.clusters import Cluster
from djproject.project.location import Project

if TYPE_CHECKING:
    from djproject.clusters.progress import Progress

SHOWN_ENDED = 5


class Look(NamedTuple):
    """One picture of a cluster: its pilots, by pilot what it makes, and why that is not known."""

    name: str
    pilots: list[SeenPilot]
    made: dict[str, "Progress"]
    problem: str

    def as_value(self) -> dict[str, Any]:
        """For `--format json`; `made` is null if it is not known."""
        return {"cluster": self.name, "pilots": [self._pilot(each) for each in self.pilots], "problem": self.problem}

    def _pilot(self, pilot: SeenPilot) -> dict[str, Any]:
        known = self.made.get(pilot.job)
        return pilot._asdict() | {"made": known.made if known else None, "making": list(known.making) if known else []}


def look(project: Project, cluster: Cluster) -> Look:
    """Ask the cluster for its pilots and, if any runs, the database for their jobs."""
    found = fleet_of(project, cluster).pilots()
    made, problem = _progress(project, cluster) if any(each.state == RUNNING for each in found) else ({}, "")
    return Look(cluster.name, found, made, problem)


def _progress(project: Project, cluster: Cluster) -> tuple[dict[str, "Progress"], str]:
    """By pilot what it makes, and why that is not known."""
    from djproject.clusters.progress import progress
    from djproject.database.agreement import source_places
    from djproject.database.leases import read_leases
    from djproject.targets.choice import load_target
    from djproject.targets.direct import connect_directly

    try:
        target = load_target(project, target_of(project, cluster))
        places = source_places(load_readable(project), target.prefix.name)
        names = {f"{schema}.{table.lstrip('_#')}": name for name, (schema, table) in places.items()}
        connection = connect_directly(target)
        return progress(connection, read_leases(connection), cluster.name, names), ""
    except DJProjectError as error:
        return {}, error.message


def show(look: Look, *, with_name: bool) -> None:
    """Print a cluster's pilots: those that are alive, the last that ended, and what to type next."""
    now = time.time()
    ended = sorted((pilot for pilot in look.pilots if pilot.state == ENDED), key=lambda pilot: -pilot.started)
    there = alive(look.pilots)
    rows = []
    for pilot in [*there, *ended[:SHOWN_ENDED]]:
        known = look.made.get(pilot.job)
        rows.append(
            (
                pilot.job, "failed" if pilot.failed else pilot.state, pilot.node,
                _render.duration(now - pilot.started) if pilot.started else "",
                _render.duration(max(pilot.ends - now, 0)) if pilot.ends else "",
                str(known.made) if known else "",
                pilot.reason or (", ".join(known.making) if known else ""),
            )
        )  # fmt: skip
    if with_name:
        _render.heading(look.name)
    if rows:
        _render.columns(("pilot", "state", "node", "age", "left", "made", "reason or job"), rows, right=[5])
    if len(ended) > SHOWN_ENDED:
        _render.note(f"… and {len(ended) - SHOWN_ENDED} more that ended (--format json lists all).")
    if look.problem:
        _render.note(f"Their jobs are unknown: {look.problem}")
    if not there:
        _render.note("No pilots are running or queued.")
        _render.next_step(f"djproject cluster submit {look.name}")
    elif failed := [pilot for pilot in (*ended, *there) if pilot.failed]:
        logs = f"djproject cluster logs {look.name} {failed[0].job}"
        _render.next_step(f"djproject cluster cancel {look.name}" if failed[0].state == QUEUED else logs)
