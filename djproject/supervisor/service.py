"""What a project's own worker module runs: a pool that works until it is stopped, under Docker, systemd or Slurm."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from djproject.errors import DJProjectError
from djproject.project.durations import DURATION, read_duration
from djproject.project.location import load_project
from djproject.runtime import project_of
from djproject.supervisor.event_text import json_of, text_of
from djproject.supervisor.health import HealthFile
from djproject.supervisor.limits import Limits
from djproject.supervisor.metrics import Metrics, read_address
from djproject.supervisor.placement import ALL, chosen_groups, posts_for_groups
from djproject.supervisor.pool import Pool
from djproject.targets.choice import load_target
from djproject.worker.assignment import Assignment
from djproject.worker.events import Event, Refused


def main(package_file: str | None = None, arguments: Sequence[str] | None = None) -> int:
    """Fill the tables with worker processes until SIGTERM or Ctrl-C, and tell every job on stderr.

    The first signal lets running jobs finish; after `--grace`, or at the second signal, they go back to the queue.

    Parameters
    ----------
    package_file
        `__file__` of the project's worker module; by default the project is found from the current folder.
    arguments
        By default those of the command line: `--group`, `--workers`, `--grace`, `--job-timeout`, `--log-format`,
        `--metrics`.

    Returns
    -------
    int
        The exit code: 0 after a stop, 2 where it cannot work.
    """
    given = _parser().parse_args(arguments)
    tell = _printer(as_json=given.log_format == "json")
    try:
        return _serve(package_file, given, tell)
    except DJProjectError as error:
        tell(Refused(0, error.message, error.hint, error.details))
        return 2


def _serve(package_file: str | None, given: argparse.Namespace, tell: Callable[[Event], None]) -> int:
    project = (project_of(package_file) if package_file else None) or load_project()
    target = load_target(project)
    groups = chosen_groups(project, given.group) or tuple(project.groups.values()) or (ALL,)
    if given.workers:
        groups = tuple(group._replace(processes=given.workers) for group in groups)
    if given.job_timeout is not None:
        groups = tuple(group._replace(job_seconds=given.job_timeout) for group in groups)
    graces = [group.grace_seconds for group in groups if group.grace_seconds is not None]
    grace = given.grace if given.grace is not None else max(graces, default=None)
    common = Assignment(str(project.root), target.name, patient=True, chosen_by=target.chosen_by)
    posts = posts_for_groups(project, groups, common)
    health = HealthFile.from_environment(os.environ)
    pool = Pool(
        posts, None, Limits(watch=True, grace_seconds=grace), lambda: health.touch() if pool.is_healthy else None
    )
    metrics = None if given.metrics is None else Metrics(read_address(given.metrics), lambda: pool.is_healthy)
    _say(f"djproject worker: {project.name} on {target.description}", as_json=given.log_format == "json")
    try:
        return _run(pool, metrics, tell)
    finally:
        if metrics is not None:
            metrics.close()


def _run(pool: Pool, metrics: Metrics | None, tell: Callable[[Event], None]) -> int:
    signals: list[int] = []

    def handle(number: int, frame: object) -> None:  # noqa: ARG001 (the shape signal wants)
        signals.append(number)
        if len(signals) == 1:
            pool.stop()
        else:
            pool.abandon()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    pool.start()
    refused = False
    for event in pool.events():
        tell(event)
        if metrics is not None:
            metrics.see(event)
        refused = refused or isinstance(event, Refused)
    pool.close()
    return 2 if refused or pool.gave_up else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Fill the pipeline's tables until it is stopped (SIGTERM, Ctrl-C).",
        epilog="Example: python -m workflow.worker --group gpu --metrics 9000",
    )
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="NAME",
        help="only this group of [tool.djproject.workers]; may be repeated. By default all of them",
    )
    parser.add_argument("--workers", type=_count, metavar="N", help="worker processes of each group")
    parser.add_argument("--grace", type=_duration, metavar="DURATION", help="how long jobs may take when it is to stop")
    parser.add_argument("--job-timeout", type=_duration, metavar="DURATION", help="how long one job may take")
    parser.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="one line per event, in words or as JSON"
    )
    parser.add_argument(
        "--metrics",
        metavar="[HOST:]PORT",
        help="serve /metrics for Prometheus, and /healthz; by default this machine only",
    )
    return parser


def _duration(text: str) -> float:
    seconds = read_duration(text)
    if seconds is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid duration; write {DURATION}")
    return seconds


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _printer(*, as_json: bool) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        text = json_of(event) if as_json else text_of(event)
        if text:
            _say(text, as_json=as_json)

    return tell


def _say(text: str, *, as_json: bool) -> None:
    if not as_json:
        text = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}"
    elif not text.startswith("{"):
        return
    print(text, file=sys.stderr, flush=True)  # noqa: T201
