"""The batch script of pilots on Slurm."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from djproject.clusters.pilot import Pilot
from djproject.project.clusters import Cluster
from djproject.worker.pilot import BEGINS, CLUSTER, ENDS, JOB, NODE, NOTHING_MADE

# Before the end, where a pilot knows it; it stops by itself once no job fits into what is left. Slurm is up to a minute
# early, and a pilot with little time would begin nothing.
NOTICE_SECONDS = 10
# Where a signal comes while bash waits for a program, it continues with the next line.
STOPPED = f"trap 'echo \"{NOTHING_MADE}\"; exit 0' INT TERM"
STARTS_PER_SECOND = 4  # not all at one moment at the database and at the disk


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
    lines += [STOPPED, f"cd {shlex.quote(str(root))} || exit 1", *_place(cluster)]
    lines += cluster.setup
    command = shlex.join(_command(cluster, pilot.arguments()))
    lines += _and_renew(cluster, pilot, command) if pilot.renew else ["trap - INT TERM", f"exec {command}"]
    return "\n".join(lines) + "\n"


def _and_renew(cluster: Cluster, pilot: Pilot, command: str) -> list[str]:
    """Work, and submit others once it ends by itself: not where it was drained, cancelled or taken away."""
    again = ["cluster", "submit", cluster.name, *pilot.selectors, *pilot.choice(), "--renew"]
    again += ["--for", pilot.limit] if pilot.limit else []
    return [
        f"{command} & pilot=$!",
        'for signal in INT TERM; do trap "stopped=1; kill -$signal $pilot" $signal; done',
        'while wait "$pilot"; code=$?; kill -0 "$pilot" 2>/dev/null; do :; done',  # a signal ends a wait
        '[ -n "$stopped" ] || [ $code -ne 0 ] || ' + shlex.join(_command(cluster, again)),
        "exit $code",
    ]


def test_script(cluster: Cluster, pilot: Pilot, root: Path, log: str) -> str:
    """A batch script for one short job that looks whether pilots could work on a node."""
    options = [
        *_resources(cluster, pilot),
        "--time=00:05:00",
        f"--output={shlex.quote(log)}",
        "--export=NONE",
        *cluster.options,
    ]
    lines = ["#!/bin/bash -l", *(f"#SBATCH {option}" for option in options), ""]
    lines += [f"cd {shlex.quote(str(root))} || exit 1", *cluster.setup]
    lines += [f"exec {shlex.join(_command(cluster, ['cluster', 'probe', cluster.name]))}"]
    return "\n".join(lines) + "\n"


def _place(cluster: Cluster) -> Iterator[str]:
    """Where a pilot runs and until when, for itself and for its log; many pilots begin one after another."""
    later = f"$(($(date +%s) + {int(cluster.seconds)}))" if cluster.seconds else ""
    yield f'export {CLUSTER}={shlex.quote(cluster.name)} {NODE}="$SLURMD_NODENAME"'
    yield f'export {JOB}="${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}"'
    yield 'ends=$(timeout 20 squeue --noheader --jobs="$SLURM_JOB_ID" --format=%e)'
    yield 'ends=$(date --date="${ends:-unknown}" +%s 2>/dev/null)'
    yield f'export {ENDS}="${{SLURM_JOB_END_TIME:-${{ends:-{later}}}}}"'
    yield f'echo "{BEGINS} ${JOB} on ${NODE} at $(date +%s)"'
    yield f"sleep $(((${{SLURM_ARRAY_TASK_ID:-1}} - 1) / {STARTS_PER_SECOND}))"


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
    yield from _resources(cluster, pilot)
    if cluster.seconds:
        yield f"--time={wall_time(cluster.seconds)}"
    if not pilot.renew:  # the notice would look as if somebody cancelled it
        yield f"--signal=B:TERM@{NOTICE_SECONDS}"
    yield "--requeue"
    yield "--open-mode=append"
    yield f"--output={shlex.quote(f'{logs}/%A_%a.log')}"
    yield "--export=NONE"  # nothing of the shell that submits, its secrets included
    yield from cluster.options


def _resources(cluster: Cluster, pilot: Pilot) -> Iterator[str]:
    yield f"--job-name=djproject-{re.sub('[^A-Za-z0-9._-]+', '-', pilot.project)}"
    for name in ("partition", "account", "qos", "constraint"):
        if value := getattr(cluster, name):
            yield f"--{name}={shlex.quote(value)}"
    yield "--ntasks=1"
    yield f"--cpus-per-task={cluster.cpus}"
    if cluster.megabytes:
        yield f"--mem={cluster.megabytes}M"
    if cluster.gpus:
        yield f"--gpus={cluster.gpus}"


def _command(cluster: Cluster, arguments: list[str]) -> list[str]:
    if cluster.image:
        container = ["apptainer", "exec", *(["--nv"] if cluster.gpus else []), cluster.image]
        return [*container, cluster.python or "python", "-m", "djproject", *arguments]
    return [cluster.python or sys.executable, "-m", "djproject", *arguments]
