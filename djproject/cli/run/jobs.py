"""`djproject jobs`: list, show, retry, ignore, clear, requeue."""

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from djproject.cli import _render
from djproject.cli._consent import require_consent
from djproject.cli._gate import readable_pipeline
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

app = new_app(
    no_args_is_help=True, help="List the jobs of the pipeline, and change them by hand.\n\nExample: djproject jobs list"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which jobs a command is about, as it was typed; the fields are arguments and options of every command here."""

    selector: SelectorsArgument = None
    exclude: ExcludeOption = None
    where: Annotated[
        list[str] | None, typer.Option(metavar="RESTRICTION", help="Only jobs that match this SQL condition.")
    ] = None
    error: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Only jobs whose error message matches this expression.")
    ] = None
    target: TargetOption = None

    def typed(self) -> list[str]:
        """The words of the command line that ask for the same jobs."""
        given = [("--exclude", text) for text in self.exclude or ()] + [("--where", text) for text in self.where or ()]
        given += [(name, text) for name, text in (("--error", self.error), ("--target", self.target)) if text]
        return [*(self.selector or ()), *(word for pair in given for word in pair)]


def _asking(command: Callable[..., None], without: str = "") -> Callable[..., None]:
    """A command whose first parameter is `Asked`, as typer wants it: with the fields of `Asked` as parameters."""
    common = [field for name, field in inspect.signature(Asked).parameters.items() if name != without]
    own = list(inspect.signature(command).parameters.values())[1:]

    @wraps(command)
    def with_options(**given: Any) -> None:
        asked = Asked(**{field.name: given.pop(field.name) for field in common})
        command(asked, **given)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*common, *own)]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


@app.command("list")
@_asking
def list_jobs(
    asked: Asked,
    status: Annotated[
        list[str] | None,
        typer.Option(help="pending, reserved, error, ignore or success; by default error and ignore. Repeatable."),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="List every job, instead of one line for each cause.")] = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """List jobs, grouped by cause; by default failed and ignored jobs.

    A job is ignored after `jobs ignore`, or if its make inserted nothing.

    Example: djproject jobs list --error Timeout --format json
    """
    from djproject.database.jobs import cause_of

    wanted = tuple(status or ("error", "ignore"))
    _, jobs = _chosen(asked, wanted)
    if format is Format.JSON:
        _render.as_json({"jobs": [asdict(job) for job in jobs]})
        return
    if not jobs:
        _render.note("No jobs have status " + " or ".join(f'"{name}"' for name in wanted) + ".")
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
@_asking
def show(
    asked: Asked,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum number of jobs to show.")] = 3,
) -> None:
    """Show failed and ignored jobs with their tracebacks.

    Example: djproject jobs show analysis.Summary --where 'subject_id = 2'
    """
    from djproject.database.jobs import traceback_of
    from djproject.database.leases import read_leases

    tables, jobs = _chosen(asked, ("error", "ignore"))
    by_name = {loaded.name: loaded for loaded in tables}
    if not jobs:
        _render.note("No failed or ignored jobs found.")
    leases = read_leases(tables[0].instance.connection) if jobs else []
    pilots = {(lease.host, lease.pid): f", pilot {lease.pilot} of {lease.cluster}" for lease in leases if lease.pilot}
    for job in jobs[:limit]:
        _render.heading(f"{job.table} ({job.key_text})")
        process = f"pid {job.pid}{pilots.get((job.host, job.pid), '')}"
        _render.result(f"{job.status} on {job.host or '?'} ({process}) at {job.when[:19]}: {job.message}")
        stack = traceback_of(by_name[job.table], job)
        if stack:
            _render.result(stack.rstrip())
        _render.result()
    if len(jobs) > limit:
        _render.note(f"… and {len(jobs) - limit} more (--limit).")


@app.command()
@_asking
def retry(
    asked: Asked,
    dry_run: DryRunOption = False,
) -> None:
    """Put failed and ignored jobs back into the queue.

    Example: djproject jobs retry analysis --error 'KeyError'
    """
    _change(_chosen(asked, ("error", "ignore")), "pending", "pending again", dry_run)


@app.command()
@_asking
def ignore(
    asked: Asked,
    dry_run: DryRunOption = False,
) -> None:
    """Take pending and failed jobs out of the queue, until `jobs retry`.

    Needs a SELECTOR, --where or --error.

    Example: djproject jobs ignore analysis.Summary --where 'subject_id = 2'
    """
    if not (asked.selector or asked.where or asked.error):
        raise ProjectError(
            "This would ignore all jobs; give a SELECTOR, --where or --error.",
            hint="djproject jobs ignore TABLE --where RESTRICTION",
        )
    _change(_chosen(asked, ("pending", "error")), "ignore", "ignored", dry_run)


@app.command()
@_asking
def clear(
    asked: Asked,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Remove the records of failed, ignored and successful jobs.

    Keys that still have no rows become pending again.

    Example: djproject jobs clear
    """
    chosen = _chosen(asked, ("error", "ignore", "success"))
    if chosen[1] and not dry_run:
        action = f"Remove the records of {_render.count(len(chosen[1]), 'job')}"
        again = ("jobs", "clear", *asked.typed())
        require_consent(action, yes=yes, command=again)
    _change(chosen, None, "removed", dry_run)


@app.command()
@partial(_asking, without="error")
def requeue(
    asked: Asked,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also requeue jobs without a lease, such as those of DataJoint's own populate. First make sure that "
            "that program has stopped.",
        ),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put reserved jobs back into the queue if their worker is gone.

    Other workers do this automatically if the lost worker had a lease. Jobs of a worker with a valid lease are never
    taken.

    Example: djproject jobs requeue --force --where "host = 'node17'"
    """
    from djproject.database.jobs import has_live_owner, leases_of

    tables, jobs = _chosen(asked, ("reserved",))
    leases = leases_of(tables)
    known = {(lease.host, lease.pid) for lease in leases}
    free = [j for j in jobs if not has_live_owner(j, leases) and (force or (j.host, j.pid) in known)]
    kept = len(jobs) - len(free)
    _change((tables, free), "pending", "pending again", dry_run)
    if kept:
        were, their = ("was", "its") if kept == 1 else ("were", "their")
        why = f"{their} worker is still running{'' if force else ', or has no lease (use --force)'}"
        _render.note(f"{_render.count(kept, 'reserved job')} {were} not changed: {why}.")


def _chosen(asked: Asked, statuses: tuple[str, ...]) -> "tuple[list[LoadedTable], list[Job]]":
    from djproject.database.deploy import missing
    from djproject.database.jobs import STATUSES, JobChoice, find_jobs
    from djproject.database.loading import load_tables
    from djproject.pipeline.selection import select
    from djproject.project.location import load_project
    from djproject.project.names import AUTOPOPULATED
    from djproject.targets.choice import load_target

    for status in statuses:
        if status not in STATUSES:
            raise ProjectError(f"There is no status {status!r}.", hint=f"One of {', '.join(STATUSES)}")
    project = load_project()
    pipeline = readable_pipeline(project)
    names = {table.full_name for table in select(pipeline, asked.selector or (), asked.exclude or ())}
    place = load_target(project, asked.target)
    _render.target(place.description)
    lacking = missing(place, pipeline)
    if lacking:
        raise ProjectError(f"The {lacking[0].kind} {lacking[0].name} is not declared.", hint="djproject deploy")
    tables = [
        loaded
        for loaded in load_tables(project, place, pipeline)
        if loaded.name in names and loaded.table.tier in AUTOPOPULATED
    ]
    return tables, find_jobs(tables, JobChoice(statuses, tuple(asked.where or ()), asked.error))


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
