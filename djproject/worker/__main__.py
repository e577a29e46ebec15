"""One worker: a process that fills the pipeline's tables, parents before children.

`python -m djproject.worker` is how a pool starts one; see `service.py` for what a project's own module runs.
"""

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from djproject.database.agreement import compare_loaded, drift_line, way_out, why_not_filled
from djproject.database.connections import keep_alive
from djproject.database.deploy import Kind, missing
from djproject.database.history import History
from djproject.database.jobs import check_restrictions, forget_errors
from djproject.database.keys import key_text
from djproject.database.loading import LoadedTable, load_tables
from djproject.database.version import code_version
from djproject.errors import DJProjectError, EnvironmentUnavailableError, ProjectError
from djproject.pipeline.graph import sorted_tables
from djproject.pipeline.model import Pipeline
from djproject.pipeline.source import load_readable
from djproject.project.location import Project, load_project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import load_target
from djproject.targets.collector import collect_as_usual, collect_late
from djproject.worker.assignment import ABANDON, Assignment
from djproject.worker.attempt import AbandonJob
from djproject.worker.counting import counted
from djproject.worker.events import (
    Alive,
    Drifted,
    Ended,
    Event,
    Failed,
    Refused,
    Retired,
    SetAside,
    Started,
    Tell,
    Waiting,
    line_of,
)
from djproject.worker.forks import give_forks_default_signals, give_forks_own_connections
from djproject.worker.lease import leased
from djproject.worker.loop import EXCLUDED_SECONDS, Loop
from djproject.worker.passing import is_passing
from djproject.worker.quota import ALL_JOBS, Quota
from djproject.worker.recovery import Killed, accuse
from djproject.worker.wakeup import Wakeup

RETRY_SECONDS = 5.0
EXIT_SECONDS = 3


class NothingToDoYet(ProjectError):
    """There is nothing to fill now; a deployment can change that."""


def main() -> int:
    """Work as the pool says: the first line of its control pipe is the assignment, the pipe's end means stop."""
    collect_late()
    numbers = [int(argument) for argument in sys.argv[1:3]]
    for number in numbers:
        os.set_inheritable(number, False)
    events, control = os.fdopen(numbers[0], "wb", buffering=0), os.fdopen(numbers[1], "rb")
    line = control.readline()
    if not line:  # the process that started it wants to stop already
        with suppress(BrokenPipeError):
            events.write(line_of(Ended(0)))
        return 0
    values: dict[str, Any] = json.loads(line)
    lists = ("tables", "restrictions", "killed", "excluded", "left_out")
    assignment = Assignment(**values | {key: tuple(values[key]) for key in lists if values[key] is not None})
    wakeup = Wakeup()
    threading.Thread(target=_stop_at_end_of_input, args=(control, wakeup), daemon=True).start()
    terminated: list[int] = []

    def terminate(number: int, frame: object) -> None:  # noqa: ARG001 (the shape signal wants)
        terminated.append(number)
        wakeup.stop()

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, lambda *_: None)  # SIG_IGN would be inherited by every program a make starts
    signal.signal(ABANDON, _abandon)
    give_forks_default_signals()

    turn = threading.Lock()

    def tell(*told: Event) -> None:
        try:
            if told:
                with turn:
                    events.write(b"".join(map(line_of, told)))
        except BrokenPipeError:  # the process that started this worker is gone
            wakeup.stop()

    try:
        _work_patiently(load_project(Path(assignment.root)), assignment, wakeup, tell)
    except DJProjectError as error:
        may_pass = isinstance(error, EnvironmentUnavailableError)
        tell(Refused(assignment.slot, error.message, error.hint, error.details, may_pass))
        return 2
    except AbandonJob:
        pass
    if terminated:  # by somebody else than the pool, which replaces it unless it stops, too
        tell(Retired(assignment.slot, "SIGTERM"))
    tell(Ended(assignment.slot))
    return 0


def _abandon(number: int, frame: object) -> None:  # noqa: ARG001 (the shape signal wants)
    signal.signal(number, lambda *_: None)  # the pool repeats it until this process has ended
    raise AbandonJob


def _work_patiently(project: Project, assignment: Assignment, wakeup: Wakeup, tell: Tell) -> None:
    """Work, and wait for what is not there yet as far as the assignment says so."""
    waits_for: tuple[type[DJProjectError], ...] = ()
    if assignment.patient:
        waits_for = (EnvironmentUnavailableError, NothingToDoYet)
    elif assignment.replaces:
        waits_for = (EnvironmentUnavailableError,)
    said = ""
    while not wakeup.stopping:
        try:
            _work_on(project, assignment, wakeup, tell)
        except waits_for as error:
            if error.message != said:
                said = error.message
                tell(Waiting(assignment.slot, error.message, error.hint))
            tell(Alive(assignment.slot))
            wakeup.wait(RETRY_SECONDS)


def _work_on(project: Project, assignment: Assignment, wakeup: Wakeup, tell: Tell) -> None:
    pipeline = load_readable(project).without(assignment.left_out)
    target = load_target(project, assignment.target, chosen_by=assignment.chosen_by)
    chosen = _chosen(pipeline, assignment)
    lacking = [of for of in missing(target, pipeline) if of.kind is not Kind.JOB_TABLE]  # such tables are set aside
    if lacking:
        raise NothingToDoYet(
            f"The {lacking[0].kind} {lacking[0].name} is not declared at the target {target.name}.",
            hint="djproject deploy",
        )
    loaded = _fitting(load_tables(project, target, pipeline), pipeline, chosen, assignment, tell)
    for table in loaded:
        check_restrictions(table, assignment.restrictions)
    collect_as_usual()
    tell(Started(assignment.slot))
    give_forks_own_connections(loaded)
    if assignment.retry and assignment.is_first:
        for table in loaded:
            _forget_errors(table)
    connection = loaded[0].instance.connection
    keep_alive(connection)
    with leased(connection, target.prefix.pipeline_name, loaded) as lease:
        history = History(connection if lease else None, project.name, code_version(str(project.root), project.name))
        if assignment.killed:
            killed = Killed(*assignment.killed[:3], tuple(assignment.killed[3]))
            message = accuse(loaded, killed, history)
            if message:
                tell(Failed(assignment.slot, killed.table, key_text(json.loads(killed.key)), message))
        loop = Loop(
            loaded,
            assignment.restrictions,
            slot=assignment.slot,
            history=history,
            tell=tell,
            wakeup=wakeup,
            quota=Quota(assignment.jobs, assignment.jobs_per_process, assignment.megabytes),
            workers=assignment.slots,
            excluded=assignment.excluded,
            excluded_seconds=EXCLUDED_SECONDS if assignment.patient else float("inf"),
        )
        with counted(assignment, loop.working, tell):
            loop.run()
    if loop.retired:
        wakeup.stop()
        if loop.retired != ALL_JOBS:
            tell(Retired(assignment.slot, loop.retired))


def _forget_errors(table: LoadedTable) -> None:
    try:
        forget_errors(table)
    except Exception as error:
        if is_passing(error):
            raise
        # its job table is broken: the table is set aside, and the reason reported


def _fitting(
    tables: Sequence[LoadedTable], pipeline: Pipeline, chosen: set[str], assignment: Assignment, tell: Tell
) -> list[LoadedTable]:
    """The chosen tables that match the source in the database; the others are set aside.

    Raises
    ------
    NothingToDoYet
        All of them differ.
    """
    differences = compare_loaded(tables, pipeline)
    if assignment.is_first and (line := drift_line(differences)):
        tell(Drifted(assignment.slot, line))
    reasons, hint = why_not_filled(pipeline, differences), way_out(pipeline, differences)
    aside = {table.name: reasons[table.name] for table in tables if table.name in chosen and table.name in reasons}
    if aside and len(aside) == len(chosen):
        first, *others = aside.values()
        raise NothingToDoYet(first, details="\n".join(others), hint=hint)
    for name, reason in aside.items() if assignment.is_first else ():
        tell(SetAside(assignment.slot, name, reason, hint))
    return [table for table in tables if table.name in chosen and table.name not in aside]


def _chosen(pipeline: Pipeline, assignment: Assignment) -> set[str]:
    """The tables to fill; NothingToDoYet where the pipeline has none that is populated automatically."""
    tables = sorted_tables(pipeline, assignment.tables or None)
    chosen = {table.full_name for table in tables if table.tier in AUTOPOPULATED}
    by_hand = [table.full_name for table in tables if assignment.tables and table.full_name not in chosen]
    if by_hand:
        raise ProjectError(
            f"{by_hand[0]} is not populated automatically: it is not imported or computed.", hint="djproject status"
        )
    if not chosen:
        raise NothingToDoYet(
            "The pipeline has no imported or computed table, so there is nothing to populate.",
            hint="djproject add-table MODULE Class:computed --parent module.Table",
        )
    return chosen


def _stop_at_end_of_input(control: BinaryIO, wakeup: Wakeup) -> None:
    while os.read(control.fileno(), 4096):
        pass
    wakeup.stop()


def _run() -> int:
    """Run `main`; what was started and not joined keeps the process no longer than a moment."""
    try:
        code = main()
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # the exit of the interpreter would wait for threads and processes
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the kernel ends it, whatever the interpreter waits for
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.alarm(EXIT_SECONDS)
    return code


if __name__ == "__main__":
    raise SystemExit(_run())
