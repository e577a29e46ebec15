"""`djproject populate`."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from djproject.cli import _render
from djproject.cli._drift import note_drift
from djproject.cli._gate import without_broken
from djproject.cli._options import DryRunOption, ExcludeOption, SelectorsArgument, TargetOption, complete_group, new_app
from djproject.cli._options import seconds as seconds_of
from djproject.cli._progress import PopulateProgress, progress_display
from djproject.cli._run_summary import Tally, summarize
from djproject.errors import ProjectError
from djproject.pipeline.model import Pipeline
from djproject.pipeline.source import load_readable
from djproject.project.files import state_directory
from djproject.project.location import Project, load_project
from djproject.supervisor.event_text import json_of, text_of
from djproject.supervisor.limits import Limits
from djproject.supervisor.placement import ALL, chosen_groups, filled_tables, posts_for_groups
from djproject.supervisor.pool import Pool
from djproject.targets.choice import Target, load_target, start_target
from djproject.worker.assignment import Assignment, Post
from djproject.worker.events import (
    Added,
    Counted,
    Drifted,
    Event,
    Failed,
    Made,
    MadeNothing,
    Postponed,
    Refused,
    SetAside,
    Started,
    Waiting,
)
from djproject.worker.pilot import ENDED, NO_PILOT, READY, PilotPlace, pilot_place

if TYPE_CHECKING:
    from djproject.supervisor.metrics import Address, Metrics

KILL_WAIT_SECONDS = 20.0  # Slurm's KillWait is 30 s by default
NOTICE_SECONDS = 300.0  # nearer to its end, a pilot's SIGTERM is the notice of it

app = new_app()


class LogFormat(StrEnum):
    """How an event is logged."""

    TEXT = "text"
    JSON = "json"


@app.command()
def populate(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            "-w",
            min=1,
            max=256,
            metavar="N",
            help="Number of worker processes; by default 1, or the number set for the group.",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_group,
            help="Use the tables, processes and limits of [tool.djproject.workers.NAME].",
        ),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="RESTRICTION", help="Only keys that match this SQL condition.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Also retry jobs that failed before.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep running, and wait for new keys.")] = False,
    idle_exit: Annotated[
        str | None, typer.Option(metavar="DURATION", help="With --watch: stop after this time without work.")
    ] = None,
    for_: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="DURATION", help="Stop after this time; running jobs finish first (see --grace)."
        ),
    ] = None,
    max_jobs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after this many jobs.")] = None,
    grace: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="When stopping, wait this long for running jobs, then put them back into the queue.",
        ),
    ] = None,
    job_timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Stop a job that takes longer than this, and record it as an error."),
    ] = None,
    max_jobs_per_process: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Replace a worker process after this many jobs.")
    ] = None,
    max_rss: Annotated[
        float | None,
        typer.Option(min=1, metavar="MEGABYTES", help="Replace a worker process that uses more memory than this."),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="Format of the log, one line per event; not used on a terminal.")
    ] = LogFormat.TEXT,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Serve /metrics for Prometheus, and /healthz; only on this machine unless HOST is given.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
    target: TargetOption = None,
) -> None:
    """Populate imported and computed tables with worker processes.

    Parents are populated before children, until no jobs are left. Jobs are reserved in DataJoint's job tables, so you
    can run this on several machines at once. Ctrl-C lets running jobs finish; a second Ctrl-C puts them back into the
    queue.

    Example: djproject populate +processing.ProcessedScan --workers 4 --where 'subject_id < 10'
    """
    import os

    project = load_project()
    pipeline = load_readable(project)
    names = filled_tables(pipeline, selector or (), exclude or ()) if selector or exclude else ()
    pipeline, left_out = without_broken(project, pipeline)
    if names and not (names := tuple(name for name in names if pipeline.table(name))):
        raise ProjectError(f"{left_out[0].reason}", hint="djproject check")
    (chosen,) = chosen_groups(project, [group]) if group else (ALL,)
    chosen = chosen._replace(
        processes=workers or chosen.processes,
        grace_seconds=_seconds("--grace", grace, chosen.grace_seconds),
        job_seconds=_seconds("--job-timeout", job_timeout, chosen.job_seconds),
        jobs_per_process=max_jobs_per_process or chosen.jobs_per_process,
        megabytes=max_rss or chosen.megabytes,
    )
    address = _address(metrics)
    pilot = pilot_place(os.environ)
    limits = Limits(
        watch, _seconds("--idle-exit", idle_exit), _seconds("--for", for_), chosen.grace_seconds, pilot.ends
    )
    place = load_target(project, target)
    _render.target(place.description)
    start_target(place)
    common = Assignment(
        str(project.root),
        place.name,
        names,
        tuple(where or ()),
        retry=retry,
        left_out=tuple(each.module for each in left_out),
        jobs=max_jobs,
        chosen_by=place.chosen_by,
        counts_again=_render.is_live(),
    )
    posts = posts_for_groups(project, [chosen], common)
    if dry_run:
        _show_plan(project, place, pipeline, posts)
        _render.left_out("populated", [each.reason for each in left_out])
        return
    _render.left_out("populated", [each.reason for each in left_out])
    logs = None if pilot.job else state_directory(project.root, os.environ) / "logs"  # many pilots share that folder
    pool = Pool(posts, logs, limits)
    code = fill(pool, as_json=log_format is LogFormat.JSON, address=address, pilot=pilot)
    # A job that failed is reported in the database; to the cluster, the pilot did what it was to do.
    raise typer.Exit(0 if pilot.job and not pool.gave_up else code or bool(left_out))


def _address(text: str | None) -> "Address | None":
    if text is None:
        return None
    from djproject.supervisor.metrics import read_address

    return read_address(text)


def _seconds(option: str, text: str | None, default: float | None = None) -> float | None:
    return default if text is None else seconds_of(text, option)


def _show_plan(project: Project, place: Target, pipeline: Pipeline, posts: Sequence[Post]) -> None:
    """What there is to do in each table, how long a job took so far, and when it will be done."""
    from djproject.database.agreement import compare, why_not_filled
    from djproject.database.planning import plan_tables

    names = {name for post in posts for name in post.assignment.tables}
    workers = len(posts)
    plans = [plan for plan in plan_tables(project, place, pipeline) if not names or plan.table in names]
    rows = []
    for plan in plans:
        typical = "" if plan.median is None else f"{plan.median:.2g} s"
        slow = "" if plan.p95 is None else f"{plan.p95:.2g} s"
        rows.append((plan.table, *map(str, (plan.keys, plan.done, plan.pending, plan.errors)), typical, slow,
                     ", ".join(plan.waits_for)))  # fmt: skip
    header = ("table", "keys", "done", "pending", "errors", "median", "95 %", "waits for")
    _render.columns(header, rows, right=range(1, 7))
    found = compare(place, pipeline)
    for table, reason in why_not_filled(pipeline, found).items():
        if table in {plan.table for plan in plans}:
            _render.note(f"not populated: {reason}")
    note_drift(found)
    known = [plan.pending * plan.median for plan in plans if plan.median is not None]
    if any(plan.pending for plan in plans) and known:
        time = _render.duration(sum(known) / workers)
        _render.note(f"About {time} with {_render.count(workers, 'worker')}, estimated from past jobs.")
    _render.note("Nothing was done (--dry-run).")


def fill(pool: Pool, *, as_json: bool = False, address: "Address | None" = None, pilot: PilotPlace = NO_PILOT) -> int:
    """Run a pool to its end, show how it goes, and return the exit code."""
    tally, drift, ready = Tally(), "", False
    with (
        _metrics(pool, address) as metrics,
        progress_display(lambda: pool.making) as progress,
        _stops_on_ctrl_c(pool, pilot) as interrupts,
    ):
        pool.start()
        for event in pool.events():
            if isinstance(event, SetAside) and event.table in tally.aside:
                continue  # another worker said so already
            if isinstance(event, Drifted):
                if event.message == drift:
                    continue
                drift = event.message
            if isinstance(event, Started) and pilot.job and not ready:
                ready = True
                _render.note(READY)
            _show(event, progress)
            if not progress.is_live and not isinstance(event, Refused):
                _log(event, as_json=as_json)
            tally.see(event)
            if metrics is not None:
                metrics.see(event)
        pool.close()
    summarize(pool, tally)
    if pilot.job:
        _render.note(f"{ENDED} {_render.count(tally.made, 'job')} made.")
    if interrupts:
        return 130
    return 1 if tally.failed or tally.nothing or tally.aside else 0


@contextmanager
def _metrics(pool: Pool, address: "Address | None") -> Iterator["Metrics | None"]:
    if address is None:
        yield None
        return
    from djproject.supervisor.metrics import Metrics

    metrics = Metrics(address, lambda: pool.is_healthy)
    _render.note(f"Metrics at http://{metrics.address}/metrics, health at /healthz.")
    try:
        yield metrics
    finally:
        metrics.close()


def _log(event: Event, *, as_json: bool) -> None:
    text = json_of(event) if as_json else text_of(event)
    if text:
        _render.note(text)


def _show(event: Event, progress: PopulateProgress) -> None:
    if not progress.is_live:
        return
    match event:
        case Counted(totals=totals, at=at):
            for name, (done, total, errors, ignored) in totals.items():
                progress.expect(name, (done, errors + ignored, total), at)
        case Waiting() | Postponed() | SetAside() | Drifted():
            _render.note(text_of(event))
        case Added(table=name, count=count):
            progress.add(name, count)
        case Made(table=name, finished=finished):
            progress.advance(name, finished)
        case Failed(table=name) | MadeNothing(table=name):
            progress.advance(name)


@contextmanager
def _stops_on_ctrl_c(pool: Pool, pilot: PilotPlace) -> Iterator[list[int]]:
    """First Ctrl-C: finish the running jobs. Second: give them back. Third: kill. The list counts them.

    A SIGTERM long before a pilot's end means that the cluster wants the machine back, and waits 30 s by default.
    """
    interrupts: list[int] = []

    def handle(number: int, frame: object) -> None:  # noqa: ARG001 (the shape signal wants)
        interrupts.append(number)
        if len(interrupts) == 1:
            _render.note("Stopping after the running jobs; Ctrl-C again gives them back to the queue.")
            cut = number == signal.SIGTERM and pilot.ends is not None and pilot.left() > NOTICE_SECONDS
            pool.stop(within=KILL_WAIT_SECONDS if cut else None)
        else:
            pool.abandon()

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
