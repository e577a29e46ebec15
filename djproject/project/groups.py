"""`[tool.djproject.workers]` as typed values: groups of worker processes and what each of them fills."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from djproject.errors import ConfigError
from djproject.project.durations import DURATION, read_duration
from djproject.project.stores import looks_secret

EDIT = "$EDITOR pyproject.toml"
KEYS = ("tables", "exclude", "count", "concurrency", "environment", "gpus", "threads", "grace", "job-timeout",
        "max-jobs-per-process", "max-rss")  # fmt: skip


class WorkerGroup(NamedTuple):
    """What `[tool.djproject.workers.NAME]` says.

    Attributes
    ----------
    name
        The group's.
    tables, exclude
        Selectors; no tables stand for all that fill themselves.
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
        As `--grace` and `--job-timeout`; None for any time.
    jobs_per_process, megabytes
        As `--max-jobs-per-process` and `--max-rss`; None for any number.
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


def read_groups(table: object) -> dict[str, WorkerGroup]:
    """The groups of `[tool.djproject.workers]`, by name.

    Raises
    ------
    ConfigError
        A setting that a group does not have, a value of another type, or a secret.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("[tool.djproject.workers] in pyproject.toml is not a table.", hint=EDIT)
    return {str(name): _read_group(str(name), group) for name, group in table.items()}


def _read_group(name: str, group: object) -> WorkerGroup:
    where = f"[tool.djproject.workers.{name}]"
    if not isinstance(group, Mapping):
        raise ConfigError(f"{where} is not a table.", hint=EDIT)
    for key in group:
        if key not in KEYS:
            raise ConfigError(f"{where} has no setting {key!r}.", hint=f"Settings: {', '.join(KEYS)}")
    gpus = group.get("gpus", [])
    if not isinstance(gpus, list) or not all(isinstance(gpu, int | str) and gpu is not True for gpu in gpus):
        raise ConfigError(f"{where} gpus is a list of devices, such as [0, 1].", hint=EDIT)
    environment = _table(group, "environment", where)
    for variable, value in environment.items():
        if not isinstance(value, str):
            raise ConfigError(f"{where} environment: {variable} is a text, not {value!r}.", hint=EDIT)
        if looks_secret(variable.lower()):
            raise ConfigError(
                f"{where} environment: {variable} is a secret and does not belong in pyproject.toml.",
                hint=f"export {variable}=… before the workers start",
            )
    concurrency = {str(key): value for key, value in _table(group, "concurrency", where).items()}
    return WorkerGroup(
        name,
        _texts(group, "tables", where),
        _texts(group, "exclude", where),
        _number(group, "count", where) or max(len(gpus), 1),
        {key: _number(concurrency, key, f"{where} concurrency") or 1 for key in concurrency},
        {str(variable): str(value) for variable, value in environment.items()},
        tuple(str(gpu) for gpu in gpus),
        _number(group, "threads", where) or 0,
        _seconds(group, "grace", where),
        _seconds(group, "job-timeout", where),
        _number(group, "max-jobs-per-process", where),
        _number(group, "max-rss", where),
    )


def _table(group: Mapping[str, object], key: str, where: str) -> Mapping[str, object]:
    value = group.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} {key} is a table.", hint=EDIT)
    return value


def _texts(group: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    value = group.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f'{where} {key} is a list of selectors, such as ["processing", "+analysis.Fit"].', hint=EDIT)
    return tuple(value)


def _number(group: Mapping[str, object], key: str, where: str) -> int | None:
    value = group.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ConfigError(f"{where} {key} is a whole number above 0, not {value!r}.", hint=EDIT)
    return value


def _seconds(group: Mapping[str, object], key: str, where: str) -> float | None:
    value = group.get(key)
    if value is None:
        return None
    seconds = read_duration(str(value))
    if seconds is None:
        raise ConfigError(f"{where} {key}: {value!r} is no duration; write {DURATION}.", hint=EDIT)
    return seconds
