"""`djproject jobs`: list, show, retry, ignore, clear, requeue."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from djproject.cli import _render
from djproject.cli._consent import require_consent
from djproject.cli._options import (
    DryRunOption,
    ExcludeOption,
    Format,
    FormatOption,
    SelectorsArgument,
    TargetOption,
    YesOption,
    new_app,
)
from djproject.errors import ProjectError

if TYPE_CHECKING:
    from djproject.database.jobs import Job
    from djproject.database.loading import LoadedTable

app = new_app(help="List the jobs of the pipeline, and change them by hand.\n\nExample: djproject jobs list")

WhereOption = Annotated[
    list[str] | None, typer.Option(metavar="RESTRICTION", help="Only jobs for which this SQL condition holds.")
]
ErrorOption = Annotated[str | None, typer.Option(metavar="REGEX", help="Only jobs whose message matches.")]


@app.command("list")
def list_jobs(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    status: Annotated[
        list[str] | None, typer.Option(help="pending, reserved, error, ignore or success; by default error and ignore.")
    ] = None,
    where: WhereOption = None,
    error: ErrorOption = None,
    each: Annotated[bool, typer.Option("--each", help="Every job, instead of one line for each cause.")] = False,
    target: TargetOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """List jobs, those that failed or made nothing by default, grouped by cause.

    Example: djproject jobs list --error Timeout --format json
    """
    from djproject.database.jobs import cause_of

    wanted = tuple(status or ("error", "ignore"))
    _, jobs = _chosen(selector, exclude, wanted, where, error, target)
    if format is Format.JSON:
        _render.as_json({"jobs": [asdict(job) for job in jobs]})
        return
    if not jobs:
        _render.note(f"No job is {' or '.join(wanted)}.")
        return
    if each:
        rows = [(job.table, job.key_text, job.status, job.when[:19], job.message) for job in jobs]
        _render.columns(("table", "key", "status", "since", "message"), rows)
    else:
        groups = Counter((job.table, job.status, cause_of(job.message)) for job in jobs)
        rows_of = [(table, state, str(n), cause) for (table, state, cause), n in groups.most_common()]
        _render.columns(("table", "status", "jobs", "cause"), rows_of, right=[2])
    if "error" in wanted:
        _render.next_step(f"djproject jobs show {jobs[0].table}  (traceback), djproject jobs retry")


@app.command()
def show(
    selector: SelectorsArgument = None,
    where: WhereOption = None,
    error: ErrorOption = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many, at most.")] = 3,
    target: TargetOption = None,
) -> None:
    """Show failed jobs with their tracebacks.

    Example: djproject jobs show analysis.Summary --where 'subject_id = 2'
    """
    from djproject.database.jobs import traceback_of

    tables, jobs = _chosen(selector, None, ("error", "ignore"), where, error, target)
    by_name = {loaded.name: loaded for loaded in tables}
    if not jobs:
        _render.note("No job failed.")
    for job in jobs[:limit]:
        _render.heading(f"{job.table} ({job.key_text})")
        _render.result(f"{job.status} on {job.host or '?'} (pid {job.pid}) at {job.when[:19]}: {job.message}")
        stack = traceback_of(by_name[job.table], job)
        if stack:
            _render.result(stack.rstrip())
        _render.result()
    if len(jobs) > limit:
        _render.note(f"… and {len(jobs) - limit} more (--limit).")


@app.command()
def retry(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    where: WhereOption = None,
    error: ErrorOption = None,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Let jobs that failed or made nothing wait for a worker again.

    Example: djproject jobs retry analysis --error 'KeyError'
    """
    _change(_chosen(selector, exclude, ("error", "ignore"), where, error, target), "pending", "pending again", dry_run)


@app.command()
def ignore(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    where: WhereOption = None,
    error: ErrorOption = None,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Keep jobs that wait or failed out of the queue, until `retry`.

    Example: djproject jobs ignore analysis.Summary --where 'subject_id = 2'
    """
    if not (selector or where or error):
        raise ProjectError("All jobs would be ignored.", hint="djproject jobs ignore TABLE --where RESTRICTION")
    _change(_chosen(selector, exclude, ("pending", "error"), where, error, target), "ignore", "ignored", dry_run)


@app.command()
def clear(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    where: WhereOption = None,
    error: ErrorOption = None,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Remove the records of jobs that failed, are ignored or are done; keys without rows are found again.

    Example: djproject jobs clear
    """
    chosen = _chosen(selector, exclude, ("error", "ignore", "success"), where, error, target)
    if chosen[1] and not dry_run:
        action = f"Remove the records of {_render.count(len(chosen[1]), 'job')}"
        again = ("jobs", "clear", *(selector or ()), *_options_of(exclude, where, error, target))
        require_consent(action, yes=yes, command=again)
    _change(chosen, None, "removed", dry_run)


@app.command()
def requeue(
    selector: SelectorsArgument = None,
    exclude: ExcludeOption = None,
    where: WhereOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also jobs whose worker has no lease, such as DataJoint's own populate.")
    ] = False,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Give reserved jobs whose worker is gone back to the queue.

    Workers do so by themselves where the lost one had a lease. A job that a living worker has is never taken.

    Example: djproject jobs requeue --force --where "host = 'node17'"
    """
    from djproject.database.jobs import has_live_owner, leases_of

    tables, jobs = _chosen(selector, exclude, ("reserved",), where, None, target)
    leases = leases_of(tables)
    known = {(lease.host, lease.pid) for lease in leases}
    free = [j for j in jobs if not has_live_owner(j, leases) and (force or (j.host, j.pid) in known)]
    kept = len(jobs) - len(free)
    _change((tables, free), "pending", "pending again", dry_run)
    if kept:
        _render.note(f"{_render.count(kept, 'reserved job')} left: a worker lives, or had no lease (--force).")


def _options_of(
    exclude: Sequence[str] | None, where: Sequence[str] | None, error: str | None, target: str | None
) -> list[str]:
    """The options of a command that chooses jobs, as they were typed."""
    given = [("--exclude", text) for text in exclude or ()] + [("--where", text) for text in where or ()]
    given += [(name, text) for name, text in (("--error", error), ("--target", target)) if text]
    return [word for pair in given for word in pair]


def _chosen(
    selector: list[str] | None,
    exclude: list[str] | None,
    statuses: tuple[str, ...],
    where: list[str] | None,
    error: str | None,
    target: str | None,
) -> "tuple[list[LoadedTable], list[Job]]":
    from djproject.database.deploy import missing
    from djproject.database.jobs import STATUSES, JobChoice, find_jobs
    from djproject.database.loading import load_tables
    from djproject.pipeline.selection import select
    from djproject.pipeline.source import load_pipeline
    from djproject.project.location import load_project
    from djproject.project.names import AUTOPOPULATED
    from djproject.targets.choice import load_target

    for status in statuses:
        if status not in STATUSES:
            raise ProjectError(f"There is no status {status!r}.", hint=f"One of {', '.join(STATUSES)}")
    project = load_project()
    pipeline = load_pipeline(project)
    names = {table.full_name for table in select(pipeline, selector or (), exclude or ())}
    place = load_target(project, target)
    _render.target(place.description)
    lacking = missing(place, pipeline)
    if lacking:
        raise ProjectError(f"The {lacking[0].kind} {lacking[0].name} is not declared.", hint="djproject deploy")
    tables = [
        loaded
        for loaded in load_tables(project, place, pipeline)
        if loaded.name in names and loaded.table.tier in AUTOPOPULATED
    ]
    return tables, find_jobs(tables, JobChoice(statuses, tuple(where or ()), error))


def _change(
    chosen: "tuple[Sequence[LoadedTable], Sequence[Job]]", status: str | None, word: str, dry_run: bool
) -> None:
    from djproject.database.jobs import change_jobs

    tables, jobs = chosen
    counts = Counter(job.table for job in jobs)
    for table, count in counts.items():
        _render.result(f"{'would be ' if dry_run else ''}{word}: {count} of {table}")
    if dry_run:
        _render.note("Nothing was changed (--dry-run).")
        return
    changed = change_jobs(tables, jobs, status)
    _render.note(f"{_render.count(changed, 'job')} {word}.")
    if changed and status == "pending":
        _render.next_step("djproject populate")
