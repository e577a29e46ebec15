"""`djproject cluster`: render, submit, status, drain, cancel."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import DryRunOption, Format, FormatOption, SelectorsArgument, complete_group, new_app
from djproject.cli._options import seconds as seconds_of
from djproject.clusters.pilot import Pilot
from djproject.errors import ConfigError, ProjectError
from djproject.pipeline.selection import select
from djproject.pipeline.source import load_pipeline
from djproject.project.clusters import SLURM, Cluster
from djproject.project.files import state_directory
from djproject.project.location import Project, load_project
from djproject.project.tables import MANAGED_TARGETS

if TYPE_CHECKING:
    from djproject.clusters.sizing import Waiting

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of [tool.djproject.clusters.NAME].")]
GroupOption = Annotated[
    str | None, typer.Option("--group", metavar="NAME", autocompletion=complete_group, help="A group of workers.")
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="RESTRICTION", help="Only keys for which this SQL condition holds."),
]

app = new_app()


@app.callback()
def cluster() -> None:
    """Run workers on Slurm or on Kubernetes.

    Example: djproject cluster render hpc
    """


@app.command()
def render(
    name: NameArgument,
    selector: SelectorsArgument = None,
    group: GroupOption = None,
    where: WhereOption = None,
    workers: Annotated[int, typer.Option("--workers", "-w", min=1, metavar="N", help="How many pods.")] = 1,
) -> None:
    """Print the batch script or the manifest of pilots; nothing is sent.

    A pilot claims keys in the database as any worker does, and ends when nothing is left. The same input gives the
    same bytes, so it can be kept in Git. Nothing secret is in it.

    Example: djproject cluster render hpc processing | sbatch --array=1-4
    """
    from djproject.clusters.kubernetes import as_yaml, manifest
    from djproject.clusters.slurm import script

    project, cluster, pilot = _chosen(name, selector, group, where)
    if cluster.kind == SLURM:
        logs = state_directory(project.root, os.environ) / "clusters" / name
        _render.result(script(cluster, pilot, project.root, logs).rstrip("\n"))
    else:
        _render.result(as_yaml(manifest(cluster, pilot, workers)).rstrip("\n"))


@app.command()
def submit(
    name: NameArgument,
    selector: SelectorsArgument = None,
    group: GroupOption = None,
    where: WhereOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=1, metavar="N", help="How many pilots, not what is needed.")
    ] = None,
    finish_in: Annotated[
        str | None, typer.Option(metavar="DURATION", help="As many pilots as finish the waiting jobs in this time.")
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Start pilots on a cluster: as many as the waiting jobs need, never more than max.

    Returns at once. Safe to repeat, for instance by cron: pilots that are alive or queued count.

    Example: djproject cluster submit hpc processing --finish-in 4h
    """
    from djproject.clusters.sizing import pilots
    from djproject.clusters.slurm import script
    from djproject.clusters.slurm_queue import queued
    from djproject.clusters.slurm_queue import submit as send

    project, cluster, pilot = _chosen(name, selector, group, where)
    _require_slurm(cluster)
    logs = state_directory(project.root, os.environ) / "clusters" / name
    there = len(queued(project.name, name))
    waiting = [] if workers is not None else _waiting(project, pilot)
    seconds = seconds_of(finish_in, "--finish-in") if finish_in else (cluster.seconds / 2 or 3600.0)
    count = pilots(waiting, seconds=seconds, most=cluster.most, there=there, wanted=workers)
    known = f"{_render.count(there, 'pilot')} alive or queued"
    if not count:
        why = "the most there may be" if there >= cluster.most else "enough for the jobs that wait"
        _render.note(f"Nothing to submit: {known}, {why}.")
        return
    if dry_run:
        _render.result(f"would submit {_render.count(count, 'pilot')} ({known})")
        return
    logs.mkdir(parents=True, exist_ok=True)
    job = send(script(cluster, pilot, project.root, logs), project.name, name, count)
    _render.note(f"Submitted {_render.count(count, 'pilot')}: job {job}.")
    _render.next_step(f"djproject cluster status {name}")


@app.command()
def status(
    name: NameArgument,
    format: FormatOption = Format.TEXT,
) -> None:
    """Show the pilots of a cluster: queued with the reason, or running with node and the time left.

    Example: djproject cluster status hpc
    """
    import time

    from djproject.clusters.slurm_queue import queued

    project = load_project()
    _require_slurm(find_cluster(project, name))
    found = queued(project.name, name)
    if format is Format.JSON:
        _render.as_json({"cluster": name, "pilots": [pilot._asdict() for pilot in found]})
        return
    now = time.time()
    rows = [
        (
            pilot.job, pilot.state.lower(), pilot.node or pilot.reason,
            _render.duration(now - pilot.started) if pilot.started else "",
            _render.duration(max(pilot.ends - now, 0)) if pilot.ends else "",
        )
        for pilot in found
    ]  # fmt: skip
    if rows:
        _render.columns(("job", "state", "node or reason", "since", "left"), rows)
    else:
        _render.note("No pilot is alive or queued.")
        _render.next_step(f"djproject cluster submit {name}")


@app.command()
def drain(
    name: NameArgument,
    dry_run: DryRunOption = False,
) -> None:
    """Let the pilots of a cluster finish their running jobs and end; those that are queued are cancelled.

    Example: djproject cluster drain hpc
    """
    _end(name, finish=True, dry_run=dry_run)


@app.command()
def cancel(
    name: NameArgument,
    dry_run: DryRunOption = False,
) -> None:
    """End the pilots of a cluster now; what they were making goes back to the queue.

    Example: djproject cluster cancel hpc
    """
    _end(name, finish=False, dry_run=dry_run)


def _end(name: str, *, finish: bool, dry_run: bool) -> None:
    from djproject.clusters.slurm_queue import cancel as end
    from djproject.clusters.slurm_queue import queued

    project = load_project()
    _require_slurm(find_cluster(project, name))
    found = queued(project.name, name)
    running = [pilot.job for pilot in found if pilot.state == "RUNNING"]
    others = [pilot.job for pilot in found if pilot.state != "RUNNING"]
    words = f"{_render.count(len(running), 'running pilot')} and {_render.count(len(others), 'queued one')}"
    if dry_run:
        _render.result(f"would end {words}")
        return
    end(others, finish=False)
    end(running, finish=finish)
    _render.note(f"{'Draining' if finish else 'Cancelled'} {words}.")


def _waiting(project: Project, pilot: Pilot) -> "list[Waiting]":
    from djproject.clusters.sizing import Waiting
    from djproject.database.planning import plan_tables
    from djproject.targets.choice import load_target

    pipeline = load_pipeline(project)
    group = project.groups.get(pilot.group)
    chosen = select(pipeline, pilot.selectors or (group.tables if group else ()), group.exclude if group else ())
    names = {table.full_name for table in chosen}
    plans = plan_tables(project, load_target(project, pilot.target), pipeline)
    return [Waiting(max(plan.keys - plan.done - plan.errors, 0), plan.median) for plan in plans if plan.table in names]


def _require_slurm(cluster: Cluster) -> None:
    if cluster.kind != SLURM:
        raise ProjectError(
            f"{cluster.name} is a Kubernetes cluster: its manifest is rendered, and applied by kubectl.",
            hint=f"djproject cluster render {cluster.name} | kubectl apply -f -",
        )


def _chosen(
    name: str, selector: list[str] | None, group: str | None, where: list[str] | None
) -> tuple[Project, Cluster, Pilot]:
    """The project, its cluster, and what pilots are to do there."""
    project = load_project()
    cluster = find_cluster(project, name)
    select(load_pipeline(project), selector or (), ())
    if group is not None and group not in project.groups:
        raise ConfigError(f"There is no group of workers {group!r}.", hint=f"Groups: {', '.join(project.groups)}")
    target = target_of(project, cluster)
    return project, cluster, Pilot(project.name, target, tuple(selector or ()), group or "", tuple(where or ()))


def find_cluster(project: Project, name: str) -> Cluster:
    """The cluster of that name; a ConfigError where there is none."""
    if name not in project.clusters:
        known = ", ".join(project.clusters)
        raise ConfigError(
            f"There is no cluster {name!r} in pyproject.toml.",
            hint=f"Clusters: {known}" if known else f"$EDITOR pyproject.toml  ([tool.djproject.clusters.{name}])",
        )
    return project.clusters[name]


def target_of(project: Project, cluster: Cluster) -> str:
    """The target of a cluster's workers; a ProjectError where other machines cannot reach it."""
    target = cluster.target or project.target
    if target in MANAGED_TARGETS:
        raise ProjectError(
            f"The nodes of {cluster.name} cannot reach the database of the target {target}, which is on this machine.",
            hint=f'$EDITOR pyproject.toml  ([tool.djproject.clusters.{cluster.name}] target = "lab")',
        )
    return target
