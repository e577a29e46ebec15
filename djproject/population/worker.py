"""One worker: a process that fills the pipeline's tables, parents before children.

`python -m djproject.population.worker` is how the pool starts one; `main` is what a project's own worker module runs.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djproject.errors import DJProjectError, EnvironmentUnavailableError, ProjectError
from djproject.pipeline.graph import sorted_tables
from djproject.pipeline.source import Pipeline, load_pipeline
from djproject.population.attempt import AbandonJob
from djproject.population.deploy import missing
from djproject.population.events import (
    Added,
    Event,
    Failed,
    LostJob,
    Made,
    MadeNothing,
    Postponed,
    Recovered,
    Refused,
    Retired,
    Started,
    Waiting,
    line_of,
)
from djproject.population.health import Health
from djproject.population.history import History
from djproject.population.jobs import check_restrictions, forget_errors
from djproject.population.leases import Killed, accuse, leased
from djproject.population.loading import load_tables
from djproject.population.loop import Loop, Quota
from djproject.population.progress import table_statuses
from djproject.project.location import Project, find_package_root, load_project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import load_target

RETRY_SECONDS = 5.0


class NothingToDoYet(ProjectError):
    """There is nothing to fill now; a deployment can change that."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is to do.

    Attributes
    ----------
    root
        The project's.
    target
        The target's name.
    tables
        `module.Table` of those to fill; empty for all that fill themselves.
    restrictions
        SQL conditions on the key sources.
    slot, slots
        Which worker of how many on this machine, counted from 1.
    retry
        Whether jobs that failed before are tried again.
    killed
        The job that killed the worker whose place this one takes: pid, table, key and cause.
    replaces
        Whether it takes another one's place: then it waits for a database that is away.
    jobs, jobs_per_process, megabytes
        As in `Quota`.
    """

    root: str
    target: str
    tables: tuple[str, ...] = ()
    restrictions: tuple[str, ...] = ()
    slot: int = 1
    slots: int = 1
    retry: bool = False
    killed: tuple[int, str, str, str] | None = None
    replaces: bool = False
    jobs: int | None = None
    jobs_per_process: int | None = None
    megabytes: float | None = None


def main(package_file: str | None = None) -> int:
    """Work until SIGTERM or Ctrl-C, and tell every job on stderr; the exit code comes back.

    The first signal lets the job at hand finish; the second gives it back to the queue.

    Parameters
    ----------
    package_file
        `__file__` of the project's worker module; by default the project is found from the current folder.
    """
    stopping = threading.Event()
    _handle_signals(stopping, signal.SIGTERM, signal.SIGINT)
    try:
        root = find_package_root(package_file) if package_file else None
        project = load_project(root)
        target = load_target(project)
        print(f"djproject worker: {project.name} on {target.description}", file=sys.stderr, flush=True)  # noqa: T201
        _work_patiently(project, Assignment(str(project.root), target.name), stopping, _print_event)
    except DJProjectError as error:
        _print_event(Refused(1, error.message, error.hint, error.details))
        return 2
    except AbandonJob:
        pass
    return 0


def _work_patiently(
    project: Project,
    assignment: Assignment,
    stopping: threading.Event,
    tell: Callable[[Event], None],
    *,
    only: type[DJProjectError] | tuple[type[DJProjectError], ...] = (EnvironmentUnavailableError, NothingToDoYet),
) -> None:
    """Work as a service does: wait for the database, for the tables to be declared, for a table that fills itself."""
    health = Health.from_environment(os.environ)
    said = ""
    while not stopping.is_set():
        try:
            _work_on(project, assignment, stopping, tell, health)
        except only as error:
            if error.message != said:
                said = error.message
                tell(Waiting(assignment.slot, error.message, error.hint))
            health.turn()
            stopping.wait(RETRY_SECONDS)


def _pool_main() -> int:
    """Work as the pool says: the assignment is the first line of stdin, and its end means stop."""
    events = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
    line = sys.stdin.readline()
    if not line:
        return 0
    values: dict[str, Any] = json.loads(line)
    lists = ("tables", "restrictions", "killed")
    assignment = Assignment(**values | {key: tuple(values[key]) for key in lists if values[key] is not None})
    stopping = threading.Event()
    threading.Thread(target=_stop_at_end_of_input, args=(stopping,), daemon=True).start()
    _handle_signals(stopping, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def tell(event: Event) -> None:
        try:
            events.write(line_of(event))
        except BrokenPipeError:  # whoever started this worker is gone
            stopping.set()

    try:
        project = load_project(Path(assignment.root))
        if assignment.replaces:
            _work_patiently(project, assignment, stopping, tell, only=EnvironmentUnavailableError)
        else:
            _work_on(project, assignment, stopping, tell, Health(None))
    except DJProjectError as error:
        tell(Refused(assignment.slot, error.message, error.hint, error.details))
        return 2
    except AbandonJob:
        pass
    return 0


def _work_on(
    project: Project,
    assignment: Assignment,
    stopping: threading.Event,
    tell: Callable[[Event], None],
    health: Health,
) -> None:
    pipeline = load_pipeline(project)
    target = load_target(project, assignment.target)
    chosen = _chosen(pipeline, assignment)
    lacking = missing(target, pipeline)
    if lacking:
        raise NothingToDoYet(
            f"The {lacking[0].kind} {lacking[0].name} is not declared at the target {target.name}.",
            hint="djproject deploy",
        )
    loaded = [table for table in load_tables(project, target, pipeline) if table.name in chosen]
    statuses = table_statuses(loaded)
    totals = {status.name: (status.done or 0, status.keys or 0) for status in statuses}
    for table in loaded:
        check_restrictions(table, assignment.restrictions)
    tell(Started(assignment.slot, totals, sum(status.errors or 0 for status in statuses)))
    if assignment.retry and assignment.slot == 1:
        for table in loaded:
            forget_errors(table)
    connection = loaded[0].instance.connection
    with leased(connection, project.name) as lease:
        history = History(connection if lease else None, project.name)
        if assignment.killed:
            killed = Killed(*assignment.killed)
            if accuse(loaded, killed, history):
                tell(Failed(assignment.slot, killed.table, killed.key, f"killed its worker too often: {killed.cause}"))
        loop = Loop(
            loaded,
            assignment.restrictions,
            slot=assignment.slot,
            history=history,
            tell=tell,
            should_stop=stopping.is_set,
            health=health,
            quota=Quota(assignment.jobs, assignment.jobs_per_process, assignment.megabytes),
            workers=assignment.slots,
        )
        loop.run(stopping.wait)
    if loop.retired:
        stopping.set()
        if loop.retired != "jobs":
            tell(Retired(assignment.slot, loop.retired))


def _chosen(pipeline: Pipeline, assignment: Assignment) -> set[str]:
    """The tables to fill; NothingToDoYet where the pipeline has none that fills itself."""
    tables = sorted_tables(pipeline, assignment.tables or None)
    chosen = {table.full_name for table in tables if table.tier in AUTOPOPULATED}
    by_hand = [table.full_name for table in tables if assignment.tables and table.full_name not in chosen]
    if by_hand:
        raise ProjectError(
            f"{by_hand[0]} does not fill itself: it is not imported or computed.", hint="djproject status"
        )
    if not chosen:
        raise NothingToDoYet(
            "The pipeline has no imported or computed table, so there is nothing to populate.",
            hint="djproject add-table MODULE Class:computed --parent module.Table",
        )
    return chosen


def _handle_signals(stopping: threading.Event, *signals: signal.Signals) -> None:
    def handle(number: int, frame: object) -> None:  # noqa: ARG001 (the shape signal wants)
        if stopping.is_set():
            raise AbandonJob
        stopping.set()

    for number in signals:
        signal.signal(number, handle)


def _stop_at_end_of_input(stopping: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stopping.set()


def _print_event(event: Event) -> None:
    match event:
        case Made(table=table, seconds=seconds):
            text = f"made {table} in {seconds:.2f} s"
        case Failed(table=table, key=key, message=message):
            text = f"failed {table} ({key}): {message}"
        case Added(table=table, count=count):
            text = f"{count} new jobs for {table}"
        case MadeNothing(table=table, key=key):
            text = f"made nothing of {table} ({key}): no row; kept out of the queue"
        case Postponed(table=table, key=key, message=message, seconds=seconds):
            text = f"postponed {table} ({key}) by {seconds:.0f} s: {message}"
        case LostJob(table=table, key=key):
            text = f"lost {table} ({key}): another worker has it; nothing was committed"
        case Recovered(count=count):
            text = f"{count} jobs of a worker that is gone are pending again"
        case Waiting(message=message, hint=hint):
            text = f"waiting: {message}  ({hint})"
        case Refused(message=message, hint=hint, details=details):
            text = "\n".join(filter(None, (f"error: {message}", details, hint and f"next: {hint}")))
        case _:
            return
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(_pool_main())
