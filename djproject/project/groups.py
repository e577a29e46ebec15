"""`[tool.djproject.workers]` as typed values: groups of worker processes and what each of them fills."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class WorkerGroup(NamedTuple):
    """What `[tool.djproject.workers.NAME]` says.

    Attributes
    ----------
    name
        The group's.
    tables, exclude
        Selectors; no tables means all that are populated automatically.
    processes
        Worker processes on one machine; one for each GPU where only those are named.
    concurrency
        At most so many of the group's workers fill a table at the same time, by `module.Table`.
    environment
        Variables of the worker processes.
    gpus
        Devices, one to a worker in turn, as `CUDA_VISIBLE_DEVICES`.
    threads
        Of numerical libraries (BLAS, OpenMP) in each process; 0 for an even share of the processors.
    grace_seconds, job_seconds
        As `--grace` and `--job-timeout`; None for no limit.
    jobs_per_process, megabytes
        As `--max-jobs-per-process` and `--max-rss`; None for no limit.
    cluster
        The cluster that its pilots are for; empty for any.
    cpus, memory, seconds
        Of a pilot of this group, in processors, megabytes, and wall time; 0 for what the cluster says.
    """

    name: str
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    processes: int = 1
    concurrency: Mapping[str, int] = MappingProxyType({})
    environment: Mapping[str, str] = MappingProxyType({})
    gpus: tuple[str, ...] = ()
    threads: int = 0
    grace_seconds: float | None = None
    job_seconds: float | None = None
    jobs_per_process: int | None = None
    megabytes: float | None = None
    cluster: str = ""
    cpus: int = 0
    memory: int = 0
    seconds: float = 0.0
