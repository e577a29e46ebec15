"""The batch script of pilots on Slurm."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from djproject.clusters.pilot import GRACE_SECONDS, Pilot
from djproject.project.clusters import Cluster

NOTICE_SECONDS = GRACE_SECONDS + 60  # Slurm's signal may come up to a minute late


def script(cluster: Cluster, pilot: Pilot, root: Path, logs: Path) -> str:
    """A batch script for `sbatch`, the same bytes for the same input.

    Nothing secret is in it: the worker reads passwords from the project's `.secrets/`, which the nodes see.

    Parameters
    ----------
    cluster, pilot
        Where, and what.
    root
        The project's folder, on a disk that all nodes see.
    logs
        Where each pilot writes its log.
    """
    lines = ["#!/bin/bash -l", *(f"#SBATCH {option}" for option in _options(cluster, pilot, logs)), ""]
    lines += [f"cd {shlex.quote(str(root))} || exit 1"]
    lines += cluster.setup
    lines += [f"exec {shlex.join(_command(cluster, pilot))}"]
    return "\n".join(lines) + "\n"


def wall_time(seconds: float) -> str:
    """A time as Slurm writes it.

    Examples
    --------
    >>> wall_time(4 * 3600), wall_time(90), wall_time(2 * 86400 + 61)
    ('04:00:00', '00:01:30', '2-00:01:01')
    """
    days, rest = divmod(int(seconds), 86400)
    clock = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days}-{clock}" if days else clock


def _options(cluster: Cluster, pilot: Pilot, logs: Path) -> Iterator[str]:
    yield f"--job-name=djproject-{re.sub('[^A-Za-z0-9._-]+', '-', pilot.project)}"
    for name in ("partition", "account", "qos", "constraint"):
        if value := getattr(cluster, name):
            yield f"--{name}={shlex.quote(value)}"
    if cluster.seconds:
        yield f"--time={wall_time(cluster.seconds)}"
    yield "--ntasks=1"
    yield f"--cpus-per-task={cluster.cpus}"
    if cluster.megabytes:
        yield f"--mem={cluster.megabytes}M"
    if cluster.gpus:
        yield f"--gpus={cluster.gpus}"
    yield f"--signal=B:TERM@{NOTICE_SECONDS}"
    yield "--requeue"
    yield "--open-mode=append"
    yield f"--output={logs}/%A_%a.log"
    yield "--export=NONE"  # nothing of the shell that submits, its secrets included
    yield from cluster.options


def _command(cluster: Cluster, pilot: Pilot) -> list[str]:
    if cluster.image:
        container = ["apptainer", "exec", *(["--nv"] if cluster.gpus else []), cluster.image]
        return [*container, cluster.python or "python", "-m", "djproject", *pilot.arguments()]
    return [cluster.python or sys.executable, "-m", "djproject", *pilot.arguments()]
