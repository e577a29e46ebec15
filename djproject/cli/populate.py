"""`djproject populate`."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._gate import refuse_errors
from djproject.cli._options import DryRunOption, ExcludeOption, SelectorsArgument, TargetOption, new_app
from djproject.cli._options import seconds as seconds_of
from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.pipeline.selection import select
from djproject.pipeline.source import Pipeline, load_pipeline
from djproject.population.events import (
    Added,
    Event,
    Failed,
    Lost,
    Made,
    MadeNothing,
    Postponed,
    Refused,
    Started,
    Waiting,
)
from djproject.population.pool import Limits, Pool
from djproject.population.worker import Assignment
from djproject.project.files import state_directory
from djproject.project.location import Project, load_project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import Target, load_target, start_target

app = new_app()


@app.command()
def populate(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    workers: Annotated[int, typer.Option("--workers", "-w", min=1, max=256, help="Worker processes.")] = 1,
    where: Annotated[
        list[str] | None, typer.Option(metavar="RESTRICTION", help="Only keys for which this SQL condition holds.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try jobs again that failed before.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on when nothing is left, and wait for new keys.")] = False,
    idle_exit: Annotated[
        str | None, typer.Option(metavar="DURATION", help="With --watch: end once nothing was left for so long.")
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Stop after so long, the jobs at hand finished.")
    ] = None,
    max_jobs: Annotated[int | None, typer.Option(min=1, help="Stop after so many jobs.")] = None,
    grace: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long jobs at hand may take when it is to stop."),
    ] = None,
    job_timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long one job may take; then it is an error.")
    ] = None,
    max_jobs_per_process: Annotated[
        int | None, typer.Option(min=1, help="Jobs after which a fresh process takes over.")
    ] = None,
    max_rss: Annotated[
        float | None, typer.Option(min=1, metavar="MEGABYTES", help="Memory above which a fresh process takes over.")
    ] = None,
    dry_run: DryRunOption = False,
    target: TargetOption = None,
) -> None:
    """Fill the imported and computed tables with worker processes.

    Parents before children, until nothing is left. Jobs are reserved in DataJoint's job tables, so several machines
    may do this at once. Ctrl-C lets the jobs at hand finish; a second one gives them back.

    Example: djproject populate +processing.ProcessedScan --workers 4 --where 'subject_id < 10'
    """
    import os

    project = load_project()
    pipeline = load_pipeline(project)
    refuse_errors(project)
    names = _names(pipeline, selector or (), exclude or ())
    limits = Limits(watch, _seconds(idle_exit), _seconds(for_), _seconds(grace), _seconds(job_timeout))
    place = load_target(project, target)
    _render.target(place.description)
    start_target(place)
    if dry_run:
        _show_plan(project, place, pipeline, names, workers)
        return
    assignment = Assignment(
        str(project.root), place.name, names, tuple(where or ()), slots=workers, retry=retry, jobs=max_jobs,
        jobs_per_process=max_jobs_per_process, megabytes=max_rss,
    )  # fmt: skip
    raise typer.Exit(fill(Pool(assignment, state_directory(project.root, os.environ) / "logs", limits)))


def _seconds(text: str | None) -> float | None:
    return None if text is None else seconds_of(text)


def _show_plan(project: Project, place: Target, pipeline: Pipeline, names: Sequence[str], workers: int) -> None:
    """What there is to do in each table, how long a job took so far, and when it will be done."""
    from djproject.population.planning import plan_tables

    plans = [plan for plan in plan_tables(project, place, pipeline) if not names or plan.table in names]
    rows = []
    for plan in plans:
        typical = "" if plan.median is None else f"{plan.median:.2g} s"
        slow = "" if plan.p95 is None else f"{plan.p95:.2g} s"
        rows.append((plan.table, *map(str, (plan.keys, plan.done, plan.pending, plan.errors)), typical, slow,
                     ", ".join(plan.waits_for)))  # fmt: skip
    header = ("table", "keys", "done", "pending", "errors", "median", "95 %", "more keys from")
    _render.columns(header, rows, right=range(1, 7))
    known = [plan.pending * plan.median for plan in plans if plan.median is not None]
    if any(plan.pending for plan in plans) and known:
        _render.note(f"About {_render.duration(sum(known) / workers)} with {workers} workers, by the history.")
    _render.note("Nothing was done (--dry-run).")


def _names(pipeline: Pipeline, selectors: Sequence[str], exclude: Sequence[str]) -> tuple[str, ...]:
    """The tables to fill; none stand for all. What is named alone must be a table that fills itself."""
    if not selectors and not exclude:
        return ()
    chosen = select(pipeline, selectors, exclude)
    filled = tuple(table.full_name for table in chosen if table.tier in AUTOPOPULATED)
    named = tuple(table.full_name for table in chosen)
    if len(selectors) == 1 and len(named) == 1:
        return named  # the worker says why, where it cannot be filled
    if not filled:
        raise ProjectError(
            "None of the tables chosen fills itself.", hint="djproject graph tier:computed tier:imported"
        )
    return filled


@dataclass(slots=True)
class _Tally:
    """What came of a run."""

    made: int = 0
    failed_before: int = 0
    failed: list[Failed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    nothing: list[MadeNothing] = field(default_factory=list)

    def see(self, event: Event) -> None:
        match event:
            case Started():
                self.failed_before = event.failed_before
            case Made():
                self.made += 1
            case Failed():
                self.failed.append(event)
            case Refused():
                self.refused.append(event)
            case Lost():
                self.lost.append(event)
            case MadeNothing():
                self.nothing.append(event)


def fill(pool: Pool) -> int:
    """Run a pool to its end, show how it goes, and return the exit code."""
    tally = _Tally()
    with _render.progress() as progress, _stops_on_ctrl_c(pool) as interrupts:
        pool.start()
        for event in pool.events():
            _show(event, progress)
            tally.see(event)
        pool.close()
    if tally.refused:
        first = tally.refused[0]
        raise ProjectError(first.message, hint=first.hint, details=first.details)
    _render.note(f"{tally.made} jobs done, {len(tally.failed)} failed.")
    if pool.gave_up:
        raise EnvironmentUnavailableError(
            f"The workers end as soon as they begin: {tally.lost[-1].cause}.",
            hint=f"less {pool.logs}/worker-{tally.lost[-1].slot}.log",
        )
    if tally.failed:
        _render.failures(tally.failed)
        _render.next_step("mend make, then: djproject populate --retry")
    elif tally.failed_before and not pool.assignment.retry:
        _render.note(f"{tally.failed_before} jobs failed in earlier runs and were left alone.")
        _render.next_step("djproject populate --retry")
    for nothing in tally.nothing[:20]:
        _render.note(f"{nothing.table} ({nothing.key}): make inserted nothing; the key is kept out of the queue.")
    for worker in tally.lost[:20]:
        job = f" while making {worker.table} {worker.key}" if worker.table else ""
        _render.note(f"Worker {worker.slot} ended by {worker.cause}{job}; see {pool.logs}/worker-{worker.slot}.log.")
    if interrupts:
        return 130
    return 1 if tally.failed or tally.nothing else 0


def _show(event: Event, progress: "_render.PopulateProgress") -> None:
    match event:
        case Started(totals=totals):
            for name, (done, total) in totals.items():
                progress.expect(name, done, total)
        case Waiting(slot=slot, message=message):
            _render.note(f"Worker {slot} waits: {message}")
        case Postponed(table=name, key=key, message=message, seconds=seconds):
            _render.note(f"{name} ({key}) is tried again in {seconds:.0f} s: {message}")
        case Added(table=name, count=count):
            progress.add(name, count)
        case Made(table=name) | Failed(table=name) | MadeNothing(table=name):
            progress.advance(name)


@contextmanager
def _stops_on_ctrl_c(pool: Pool) -> Iterator[list[int]]:
    """First Ctrl-C: finish the jobs at hand. Second: give them back. Third: kill. The list counts them."""
    interrupts: list[int] = []

    def handle(number: int, frame: object) -> None:  # noqa: ARG001 (the shape signal wants)
        interrupts.append(number)
        if len(interrupts) == 1:
            _render.note("Stopping after the jobs at hand; Ctrl-C again gives them back to the queue.")
            pool.stop()
        else:
            pool.abandon()

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
