"""One worker: a process that fills the pipeline's tables, parents before children.

`python -m djproject.population.worker` is how the pool starts one; `main` is what a project's own worker module runs.
"""

import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djproject.errors import DJProjectError, EnvironmentUnavailableError, ProjectError
from djproject.pipeline.graph import sorted_tables
from djproject.pipeline.source import load_pipeline
from djproject.population.deploy import missing
from djproject.population.events import Added, Event, Failed, Idle, Made, Recovered, Refused, Started, line_of
from djproject.population.health import Health
from djproject.population.jobs import AbandonJob, add_jobs, check_restrictions, forget_errors, make_job, pending_keys
from djproject.population.leases import leased, recover
from djproject.population.loading import LoadedTable, load_tables
from djproject.population.progress import table_statuses
from djproject.project.files import make_state_directory, state_directory
from djproject.project.location import Project, find_package_root, load_project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import load_target

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 2.0
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
    """

    root: str
    target: str
    tables: tuple[str, ...] = ()
    restrictions: tuple[str, ...] = ()
    slot: int = 1
    slots: int = 1
    retry: bool = False


def work(
    tables: Sequence[LoadedTable],
    assignment: Assignment,
    *,
    locks: Path,
    should_stop: Callable[[], bool],
    wait: Callable[[float], object],
    tell: Callable[[Event], None],
    health: Health,
) -> None:
    """Fill tables, pass after pass, until told to stop.

    Parameters
    ----------
    tables
        Parents first.
    assignment
        Slot and restrictions.
    locks
        A folder for lock files: of the workers on one machine, one at a time looks for a table's new keys.
    should_stop
        Asked before every job.
    wait
        Pauses for some seconds, less when a stop is requested.
    tell
        Called for every event.
    health
        Told of every turn and job.
    """
    pause = FIRST_PAUSE_SECONDS
    while not should_stop():
        began = time.monotonic()
        health.turn()
        recovered = recover(tables)
        if recovered:
            tell(Recovered(assignment.slot, recovered))
        made = sum(
            _drain(table, assignment, locks=locks, should_stop=should_stop, tell=tell, health=health)
            for table in tables
        )
        if made:
            pause = FIRST_PAUSE_SECONDS
        elif not should_stop():
            tell(Idle(assignment.slot, began))
            wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


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
        _work_patiently(project, Assignment(str(project.root), target.name), stopping)
    except DJProjectError as error:
        _print_event(Refused(1, error.message, error.hint, error.details))
        return 2
    except AbandonJob:
        pass
    return 0


def _work_patiently(project: Project, assignment: Assignment, stopping: threading.Event) -> None:
    """Work as a service does: wait for the database, for the tables to be declared, for a table that fills itself."""
    health = Health.from_environment(os.environ)
    said = ""
    while not stopping.is_set():
        try:
            _work_on(project, assignment, stopping, _print_event, health)
        except (EnvironmentUnavailableError, NothingToDoYet) as error:
            if error.message != said:
                said = error.message
                _print_event(Refused(1, error.message, f"{error.hint}  (this worker waits)"))
            health.turn()
            stopping.wait(RETRY_SECONDS)


def _pool_main() -> int:
    """Work as the pool says: the assignment is the first line of stdin, and its end means stop."""
    events = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
    line = sys.stdin.readline()
    if not line:
        return 0
    values: dict[str, Any] = json.loads(line)
    assignment = Assignment(**values | {key: tuple(values[key]) for key in ("tables", "restrictions")})
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
        _work_on(load_project(Path(assignment.root)), assignment, stopping, tell, Health(None))
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
    tables = sorted_tables(pipeline, assignment.tables or None)
    chosen = {table.full_name for table in tables if table.tier in AUTOPOPULATED}
    by_hand = [table.full_name for table in tables if assignment.tables and table.full_name not in chosen]
    if by_hand:
        raise ProjectError(
            f"{by_hand[0]} does not fill itself: it is not imported or computed.", hint="djproject status"
        )
    if not chosen:
        raise NothingToDoYet("The pipeline has no imported or computed table, so there is nothing to populate.",
                             hint="djproject add-table MODULE Class:computed --parent module.Table")  # fmt: skip
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
    locks = make_state_directory(state_directory(project.root, os.environ)) / "locks"
    locks.mkdir(exist_ok=True)
    with leased(loaded[0].instance.connection, project.name):
        work(
            loaded,
            assignment,
            locks=locks,
            should_stop=stopping.is_set,
            wait=stopping.wait,
            tell=tell,
            health=health,
        )


def _drain(
    table: LoadedTable,
    assignment: Assignment,
    *,
    locks: Path,
    should_stop: Callable[[], bool],
    tell: Callable[[Event], None],
    health: Health,
) -> int:
    """Make the jobs of one table that wait, look once for new ones, and return how many were made or failed."""
    count, looked = 0, False
    while not should_stop():
        keys = pending_keys(table, assignment.restrictions, slot=assignment.slot, slots=assignment.slots)
        if not keys:
            if looked:
                break
            looked = True
            _look_for_jobs(table, assignment, locks, tell)
            continue
        for key in keys:
            if should_stop():
                break
            with health.job():
                outcome = make_job(table, key, slot=assignment.slot)
            if outcome is not None:
                count += 1
                tell(outcome)
    return count


def _look_for_jobs(table: LoadedTable, assignment: Assignment, locks: Path, tell: Callable[[Event], None]) -> None:
    with (locks / f"{table.name}.refresh").open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another worker is looking
        added = add_jobs(table, assignment.restrictions)
    if added:
        tell(Added(assignment.slot, table.name, added))


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
        case Recovered(count=count):
            text = f"{count} jobs of a worker that is gone are pending again"
        case Refused(message=message, hint=hint, details=details):
            text = "\n".join(filter(None, (f"error: {message}", details, hint and f"next: {hint}")))
        case _:
            return
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(_pool_main())
