"""What a node has to offer to a pilot: looked at there, by the short job of `cluster test`."""

import json
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from djproject.clusters.engine import ask
from djproject.database.loading import load_tables
from djproject.errors import DJProjectError, EnvironmentUnavailableError
from djproject.pipeline.source import load_pipeline
from djproject.project.clusters import Cluster
from djproject.project.location import Project
from djproject.targets.choice import Target
from djproject.targets.connection import connect
from djproject.targets.probes import Probe, State, store_probes

MOST_CLOCK_SECONDS = 2.0
LEAST_FREE_GIGABYTES = 1.0
SIGN = "probe: "  # before each line, among what modules print


def probe_lines(project: Project, target: Target, cluster: Cluster) -> Iterator[str]:
    """What was found on this node, one line for each probe, which `read_probes` reads."""
    for probe in _probes(project, target, cluster):
        yield SIGN + json.dumps(asdict(probe))


def read_probes(text: str) -> list[Probe]:
    """The probes among what a job printed; one that failed, with the last line, where there is none."""
    found = []
    for line in text.splitlines():
        if line.startswith(SIGN):
            try:
                values = json.loads(line.removeprefix(SIGN))
                found.append(Probe(values["name"], State(values["state"]), values["detail"], values["fix"]))
            except (ValueError, KeyError, TypeError):
                continue
    if found:
        return found
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it printed nothing"]
    errors = [line for line in lines if line.startswith("Error: ") or "Error: " in line[:60] or "No module" in line]
    fix = "Look at the settings python, setup and image of the cluster."
    return [Probe("djproject", State.FAILED, (errors or lines)[-1], fix)]


def _probes(project: Project, target: Target, cluster: Cluster) -> Iterator[Probe]:
    yield Probe("node", State.OK, f"{platform.node()}, Python {platform.python_version()}")
    try:
        connection = connect(target)
        yield Probe("database", State.OK, target.description)
        yield _clock(connection)
    except DJProjectError as error:
        yield Probe("database", State.FAILED, error.message, error.hint)
        return
    try:
        pipeline = load_pipeline(project)
        load_tables(project, target, pipeline)
        count = f"{len(pipeline.modules)} schema module{'s' if len(pipeline.modules) != 1 else ''}"
        yield Probe("package", State.OK, f"{count} can be imported")
    except DJProjectError as error:
        yield Probe("package", State.FAILED, error.message, error.hint)
    yield from store_probes(target)
    yield _free_space(Path("/tmp"))  # noqa: S108 (where programs write by default)
    yield _devices(cluster)


def _clock(connection: Any) -> Probe:
    now = "UNIX_TIMESTAMP(NOW(3))" if connection.adapter.backend == "mysql" else "EXTRACT(EPOCH FROM now())"
    began = time.time()
    there = float(connection.query(f"SELECT {now}").fetchone()[0])
    difference = there - (began + time.time()) / 2
    fix = "Ask the administrators about NTP; leases use the server's clock, so jobs are not at risk."
    if abs(difference) > MOST_CLOCK_SECONDS:
        return Probe("clock", State.WARNING, f"{difference:+.0f} s from the database's", fix)
    return Probe("clock", State.OK, "same as the database's")


def _free_space(folder: Path) -> Probe:
    free = shutil.disk_usage(folder).free / 1e9
    fix = f"Free up space in {folder} on the node, or set TMPDIR in setup."
    state = State.WARNING if free < LEAST_FREE_GIGABYTES else State.OK
    return Probe("free space", state, f"{free:.0f} GB in {folder}", fix if state is State.WARNING else "")


def _devices(cluster: Cluster) -> Probe:
    listed = []
    with suppress(EnvironmentUnavailableError):  # it is not installed, or finds no driver
        listed = [line for line in ask("nvidia-smi", "--list-gpus").splitlines() if line.startswith("GPU ")]
    if len(listed) < cluster.gpus:
        fix = f"$EDITOR pyproject.toml  ([tool.djproject.clusters.{cluster.name}] partition, constraint or options)"
        return Probe("GPUs", State.FAILED, f"{len(listed)} found, {cluster.gpus} requested", fix)
    return Probe("GPUs", State.OK, f"{len(listed)} found" if listed else "none found, none requested")
