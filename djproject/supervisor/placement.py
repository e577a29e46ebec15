"""From groups of workers to the places of a pool."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from djproject.errors import ConfigError, ProjectError
from djproject.pipeline.model import Pipeline
from djproject.pipeline.selection import select
from djproject.pipeline.source import load_readable
from djproject.project.groups import WorkerGroup
from djproject.project.location import Project
from djproject.project.names import AUTOPOPULATED
from djproject.worker.assignment import Assignment, Post

ALL = WorkerGroup("all")
CUDA_DEVICES = "CUDA_VISIBLE_DEVICES"
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def filled_tables(pipeline: Pipeline, selectors: Sequence[str], exclude: Sequence[str] = ()) -> tuple[str, ...]:
    """The chosen tables that are populated automatically; one that is named alone comes back even where it does not.

    Raises
    ------
    ProjectError
        A selector names nothing, or none of the tables is populated automatically.
    """
    chosen = select(pipeline, selectors, exclude)
    if len(selectors) == 1 and len(chosen) == 1:
        return (chosen[0].full_name,)  # the worker says why, where it cannot be filled
    filled = tuple(table.full_name for table in chosen if table.tier in AUTOPOPULATED)
    if not filled:
        raise ProjectError(
            "None of the tables chosen is populated automatically.", hint="djproject graph tier:computed tier:imported"
        )
    return filled


def posts_for_groups(project: Project, groups: Sequence[WorkerGroup], common: Assignment) -> tuple[Post, ...]:
    """The places of a pool with these groups; the source is read where a group names tables.

    Raises
    ------
    ProjectError, ConfigError
        A selector matches nothing, or a concurrency is of a table that the group does not fill.
    """
    assigned = []
    for group in groups:
        tables = common.tables
        if group.tables or group.exclude or (group.concurrency and not tables):
            chosen = filled_tables(load_readable(project), group.tables, group.exclude)
            tables = tuple(name for name in chosen if not tables or name in tables)
        for name in group.concurrency:
            if name not in tables:
                raise ConfigError(
                    f"[tool.djproject.workers.{group.name}] concurrency: the group does not fill {name}.",
                    hint="Name the table as module.Table.",
                )
        assigned.append((group, replace(common, tables=tables)))
    return posts_of(assigned)


def chosen_groups(project: Project, names: Sequence[str]) -> tuple[WorkerGroup, ...]:
    """The groups of these names; ConfigError for one that there is not."""
    for name in names:
        if name not in project.groups:
            known = ", ".join(project.groups)
            raise ConfigError(
                f"There is no group of workers called {name!r}.",
                hint=f"Groups: {known}" if known else f"Add [tool.djproject.workers.{name}] to pyproject.toml.",
            )
    return tuple(project.groups[name] for name in dict.fromkeys(names))


def posts_of(
    groups: Sequence[tuple[WorkerGroup, Assignment]],
    environ: Mapping[str, str] = os.environ,
    processors: int | None = None,
) -> tuple[Post, ...]:
    """The places of a pool, group by group.

    Parameters
    ----------
    groups
        Each with what all of its workers have in common: target, tables (named, where a concurrency is limited),
        restrictions. Its `jobs` are shared out.
    environ
        A variable that is set there is the user's, and stays.
    processors
        Of this machine; by default those this process may use.
    """
    places = [
        (group, common, place, tables)
        for group, common in groups
        for place, tables in enumerate(_tables_by_place(group, common.tables))
        if tables or not common.tables  # else it has nothing to do, and does not mean all tables
        if common.jobs is None or place < common.jobs
    ]
    share = max((processors or _processors()) // len(places), 1) if len(places) > 1 else 0
    posts: list[Post] = []
    for slot, (group, common, place, tables) in enumerate(places, 1):
        assignment = replace(
            common,
            slot=slot,
            slots=len(places),
            tables=tables,
            is_first=all(post.assignment.tables != tables for post in posts),
            jobs=_part(common.jobs, place, group.processes),
            jobs_per_process=group.jobs_per_process,
            megabytes=group.megabytes,
        )
        posts.append(Post(assignment, _environment(group, place, share, environ), group.job_seconds))
    return tuple(posts)


def _tables_by_place(group: WorkerGroup, tables: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Which tables each place fills: one with a limited concurrency only as many places, in turn, as it may have."""
    places: list[list[str]] = [[] for _ in range(group.processes)]
    first = 0
    for table in tables:
        limit = group.concurrency.get(table, group.processes)
        for step in range(min(limit, group.processes)):
            places[(first + step) % group.processes].append(table)
        if limit < group.processes:
            first += limit
    return [tuple(names) for names in places]


def _environment(group: WorkerGroup, place: int, share: int, environ: Mapping[str, str]) -> dict[str, str]:
    threads = group.threads or share
    values = {name: str(threads) for name in THREADS if threads and (group.threads or name not in environ)}
    values |= group.environment
    if group.gpus:
        given = environ.get(CUDA_DEVICES)
        values[CUDA_DEVICES] = _device(group, group.gpus[place % len(group.gpus)], given)
    return values


def _device(group: WorkerGroup, gpu: str, given: str | None) -> str:
    """The device for one process: numbers count within the devices this process may use, as in CUDA itself."""
    if given is None or not gpu.isdecimal():
        return gpu
    devices = [device.strip() for device in given.split(",") if device.strip()]
    if "-1" in devices:  # CUDA ignores what follows
        devices = devices[: devices.index("-1")]
    if int(gpu) >= len(devices):
        visible = f"{len(devices)} GPU{'s' if len(devices) > 1 else ''}" if devices else "no GPU"
        raise ConfigError(
            f"[tool.djproject.workers.{group.name}] gpus: there is no GPU {gpu}, because "
            f"{CUDA_DEVICES}={given} makes {visible} visible (they count from 0).",
            hint=f"$EDITOR pyproject.toml  (or: unset {CUDA_DEVICES})",
        )
    return devices[int(gpu)]


def _part(jobs: int | None, place: int, places: int) -> int | None:
    if jobs is None:
        return None
    each, rest = divmod(jobs, places)
    return each + (place < rest)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
