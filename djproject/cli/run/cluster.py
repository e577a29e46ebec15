"""`djproject cluster`: render, test, submit, status, logs, drain, cancel."""

import os
import time
import zlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from djproject.cli import _render
from djproject.cli._cluster import (
    ForOption,
    GroupOption,
    NameArgument,
    RenewOption,
    WhereOption,
    chosen,
    find_cluster,
    fleet_of,
    no_cluster,
    target_of,
)
from djproject.cli._options import (
    DryRunOption,
    Format,
    FormatOption,
    SelectorsArgument,
    complete_clusters,
    new_app,
)
from djproject.cli._options import seconds as seconds_of
from djproject.cli._pilots import look, show
from djproject.clusters.pilot import RUNNING, Pilot, SeenPilot, alive
from djproject.errors import ProjectError
from djproject.pipeline.selection import select
from djproject.pipeline.source import load_readable
from djproject.project.clusters import KUBERNETES, SLURM, Cluster
from djproject.project.files import state_directory
from djproject.project.location import Project, load_project
from djproject.worker.pilot import pilot_place

if TYPE_CHECKING:
    from djproject.clusters.sizing import Waiting

app = new_app(no_args_is_help=True)


@app.callback()
def cluster() -> None:
    """Run workers on Slurm or Kubernetes.

    A pilot is a worker that runs as a job of the cluster. It exits after five idle minutes or at its time limit.

    Example: djproject cluster submit hpc
    """


@app.command()
def render(
    name: NameArgument,
    selector: SelectorsArgument = None,
    group: GroupOption = None,
    where: WhereOption = None,
    for_: ForOption = None,
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, metavar="N", help="Kubernetes only: number of pods.")
    ] = 1,
    renew: RenewOption = False,
    keda: Annotated[
        bool,
        typer.Option(
            "--keda", help="Kubernetes only: print a ScaledJob for KEDA, which starts pods when jobs are waiting."
        ),
    ] = False,
) -> None:
    """Print the batch script (Slurm) or manifest (Kubernetes) of pilots; submit nothing.

    The same input gives the same output, without secrets, so you can keep it in Git. With --keda, the command connects
    to the database to write the query that counts waiting jobs.

    Example: djproject cluster render hpc processing | sbatch --array=1-4
    """
    from djproject.clusters.kubernetes import as_yaml, manifest
    from djproject.clusters.slurm import script

    project, cluster, pilot = chosen(name, selector, group, where, limit=for_ or "", renew=renew)
    _refuse(cluster, renew=renew, keda=keda)
    if cluster.kind == SLURM:
        logs = state_directory(project.root, os.environ) / "clusters" / name
        _render.result(script(cluster, pilot, project.root, logs).rstrip("\n"))
    elif keda:
        documents = [as_yaml(document).rstrip("\n") for document in _scaled_job(project, cluster, pilot)]
        _render.result("\n---\n".join(documents))
    else:
        _render.result(as_yaml(manifest(cluster, pilot, workers)).rstrip("\n"))


@app.command()
def test(name: NameArgument, format: FormatOption = Format.TEXT) -> None:
    """Run one short job on a node, and report whether pilots can work there.

    The job imports the package, connects to the database and the stores, compares the clocks, and checks free space and
    GPUs. Exit code 1 if a check fails.

    Example: djproject cluster test hpc
    """
    from dataclasses import asdict

    from djproject.clusters.node_test import read_probes
    from djproject.targets.probes import State

    project, cluster, pilot = chosen(name)
    probes = read_probes(fleet_of(project, cluster, pilot).test())
    if format is Format.JSON:
        _render.as_json({"cluster": name, "probes": [asdict(probe) for probe in probes]})
    else:
        _render.probes(probes)
    raise typer.Exit(1 if any(probe.state is State.FAILED for probe in probes) else 0)


@app.command(hidden=True)
def probe(name: NameArgument) -> None:
    """Look at this node, for `cluster test`.

    Example: djproject cluster probe hpc
    """
    from djproject.clusters.node_test import probe_lines
    from djproject.targets.choice import load_target

    project = load_project()
    cluster = find_cluster(project, name)
    for line in probe_lines(project, load_target(project, target_of(project, cluster)), cluster):
        _render.result(line)


@app.command()
def submit(
    name: NameArgument,
    selector: SelectorsArgument = None,
    group: GroupOption = None,
    where: WhereOption = None,
    for_: ForOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "-w", min=1, metavar="N", help="Start this many pilots, whatever the number of waiting jobs."
        ),
    ] = None,
    finish_in: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Start as many pilots as would finish the waiting jobs in this time."),
    ] = None,
    renew: RenewOption = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Submit even if the last pilots failed at startup, and also use avoided nodes."),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Start as many pilots as the waiting jobs need, up to the cluster's max.

    By default, starts as many pilots as would finish the waiting jobs in half a pilot's wall time, or in one hour if
    the cluster sets no time. Returns at once. Safe to repeat, for example with cron, because running and queued pilots
    are counted. Nodes whose newest pilot failed at startup are avoided.

    Example: djproject cluster submit hpc processing --finish-in 4h
    """
    from djproject.clusters.fleet import health
    from djproject.clusters.sizing import pilots as how_many
    from djproject.database.own_tables import exclusive
    from djproject.targets.choice import load_target
    from djproject.targets.connection import connect

    project, cluster, pilot = chosen(name, selector, group, where, limit=for_ or "", renew=renew)
    _refuse(cluster, renew=renew)
    wanted = seconds_of(finish_in, "--finish-in") if finish_in else (cluster.seconds / 2 or 3600.0)
    fleet = fleet_of(project, cluster, pilot)
    me = pilot_place(os.environ).job  # a pilot that submits others is about to end
    connection = connect(load_target(project, pilot.target))
    with exclusive(connection, f"submit-{zlib.crc32(f'{project.name} {name}'.encode()):x}"):
        seen = [each for each in fleet.pilots() if each.job != me]
        state, there = health(seen), len(alive(seen))
        if state.paused and not anyway:
            raise _paused(name, state.failed)
        waiting = [] if workers is not None else _waiting(project, pilot)
        count = how_many(waiting, seconds=wanted, most=cluster.most, there=there, wanted=workers)
        known = f"{_render.count(there, 'pilot')} {'is' if there == 1 else 'are'} running or queued"
        if not count:
            jobs = sum(table.jobs for table in waiting)
            work = f"{jobs} waiting jobs" if jobs > 1 else "waiting job"
            enough = f"enough for the {work}" if jobs else "and no jobs are waiting"
            why = "which is the cluster's max" if there >= cluster.most else enough
            _render.note(f"Nothing to submit: {known}, {why}.")
            return
        if dry_run:
            _render.result(f"would submit {_render.count(count, 'pilot')} ({known})")
            return
        nodes = () if anyway else state.nodes
        job = fleet.submit(count, nodes)
    without = f" (avoiding {', '.join(nodes)}, where pilots failed)" if nodes else ""
    _render.note(f"Submitted {_render.count(count, 'pilot')}: job {job}{without}.")
    _render.next_step(f"djproject cluster status {name}")


@app.command()
def status(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Cluster to show; by default all.", autocompletion=complete_clusters),
    ] = None,
    format: FormatOption = Format.TEXT,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Seconds between refreshes with --watch.")
    ] = 10.0,
) -> None:
    """Show the pilots of a cluster, with their state and their jobs.

    The state comes from the cluster, with a reason if a pilot is waiting or has ended. The jobs come from the database,
    and are left out if it does not answer.

    Example: djproject cluster status hpc --watch
    """
    project = load_project()
    clusters = [find_cluster(project, each) for each in ([name] if name else project.clusters)]
    if not clusters:
        raise no_cluster("")
    while True:
        looks = [look(project, cluster) for cluster in clusters]
        if format is Format.JSON:
            values = [each.as_value() for each in looks]
            _render.as_json(values[0] if name else {"clusters": values})
        else:
            if watch:
                _render.clear_screen()
            for each in looks:
                show(each, with_name=not name)
        if not watch:
            return
        time.sleep(interval)


@app.command()
def logs(
    name: NameArgument,
    pilot: Annotated[
        str | None, typer.Argument(metavar="PILOT", help="Pilot, as listed by cluster status; by default the newest.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines until Ctrl-C.")] = False,
) -> None:
    """Show the log of a pilot.

    Example: djproject cluster logs hpc 812_1
    """
    project = load_project()
    fleet = fleet_of(project, find_cluster(project, name))
    if pilot is None:
        started = [each for each in fleet.pilots() if each.started]
        if not started:
            raise ProjectError(f"No pilot of {name} has started.", hint=f"djproject cluster status {name}")
        pilot = max(started, key=lambda each: each.started).job
    fleet.log(pilot, follow=follow)


@app.command()
def drain(
    name: NameArgument,
    dry_run: DryRunOption = False,
) -> None:
    """Let running pilots finish their jobs and exit; cancel queued pilots.

    Example: djproject cluster drain hpc
    """
    _end(name, finish=True, dry_run=dry_run)


@app.command()
def cancel(
    name: NameArgument,
    dry_run: DryRunOption = False,
) -> None:
    """Stop the pilots of a cluster now; their running jobs go back into the queue.

    Example: djproject cluster cancel hpc
    """
    _end(name, finish=False, dry_run=dry_run)


def _end(name: str, *, finish: bool, dry_run: bool) -> None:
    project = load_project()
    fleet = fleet_of(project, find_cluster(project, name))
    found = alive(fleet.pilots())
    count = sum(pilot.state == RUNNING for pilot in found)
    running, queued = _render.count(count, "running pilot"), _render.count(len(found) - count, "queued pilot")
    if finish:
        ends = "finish their jobs and exit" if count != 1 else "finishes its job and exits"
        words = f"{running} {ends}; {queued} {'are' if len(found) - count != 1 else 'is'} cancelled"
    else:
        words = f"{running} and {queued}"
    if dry_run:
        _render.result(f"would {'drain' if finish else 'cancel'}: {words}")
        return
    if finish:
        fleet.drain(found)
    else:
        fleet.cancel(found)
    _render.note(f"{words}." if finish else f"Cancelled {words}.")


def _refuse(cluster: Cluster, *, renew: bool = False, keda: bool = False) -> None:
    if renew and cluster.kind == KUBERNETES:
        raise ProjectError(
            "--renew is for Slurm: pods have no wall time, and the Job replaces pods that stop.",
            hint=f"djproject cluster submit {cluster.name}",
        )
    if keda and cluster.kind == SLURM:
        raise ProjectError(
            "--keda is for Kubernetes.", hint=f"djproject cluster submit {cluster.name} --renew  (on Slurm)"
        )


def _paused(name: str, failed: tuple[SeenPilot, ...]) -> ProjectError:
    newest = failed[0]
    return ProjectError(
        f"The last {len(failed)} pilots failed at startup: {newest.reason}.",
        hint=f"djproject cluster logs {name} {newest.job}, then: djproject cluster submit {name} --anyway",
    )


def _waiting(project: Project, pilot: Pilot) -> "list[Waiting]":
    from djproject.clusters.sizing import Waiting
    from djproject.database.planning import plan_tables
    from djproject.targets.choice import load_target

    pipeline = load_readable(project)
    group = project.groups.get(pilot.group)
    tables = select(pipeline, pilot.selectors or (group.tables if group else ()), group.exclude if group else ())
    names = {table.full_name for table in tables}
    plans = plan_tables(project, load_target(project, pilot.target), pipeline)
    return [Waiting(max(plan.keys - plan.done - plan.errors, 0), plan.median) for plan in plans if plan.table in names]


def _scaled_job(project: Project, cluster: Cluster, pilot: Pilot) -> list[dict[str, Any]]:
    from djproject.clusters.keda import authentication, scaled_job, waiting_sql
    from djproject.targets.choice import load_target

    target = load_target(project, pilot.target)
    query = waiting_sql(project, target, pilot)
    return [authentication(cluster, pilot), scaled_job(cluster, pilot, target, query)]
