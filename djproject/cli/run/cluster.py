"""`djproject cluster`: render."""

from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import SelectorsArgument, complete_group, new_app
from djproject.clusters.pilot import Pilot
from djproject.errors import ConfigError, ProjectError
from djproject.pipeline.selection import select
from djproject.pipeline.source import load_pipeline
from djproject.project.clusters import SLURM, Cluster
from djproject.project.files import state_directory
from djproject.project.location import Project, load_project
from djproject.project.tables import MANAGED_TARGETS

app = new_app()


@app.callback()
def cluster() -> None:
    """Run workers on Slurm or on Kubernetes.

    Example: djproject cluster render hpc
    """


@app.command()
def render(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of [tool.djproject.clusters.NAME].")],
    selector: SelectorsArgument = None,
    group: Annotated[
        str | None, typer.Option(metavar="NAME", autocompletion=complete_group, help="A group of workers.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="RESTRICTION", help="Only keys for which this SQL condition holds.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", min=1, metavar="N", help="How many pods.")] = 1,
) -> None:
    """Print the batch script or the manifest of pilots; nothing is sent.

    A pilot claims keys in the database as any worker does, and ends when nothing is left. The same input gives the
    same bytes, so it can be kept in Git. Nothing secret is in it.

    Example: djproject cluster render hpc processing | sbatch --array=1-4
    """
    import os

    from djproject.clusters.kubernetes import as_yaml, manifest
    from djproject.clusters.slurm import script

    project = load_project()
    cluster = find_cluster(project, name)
    select(load_pipeline(project), selector or (), ())
    if group is not None and group not in project.groups:
        raise ConfigError(f"There is no group of workers {group!r}.", hint=f"Groups: {', '.join(project.groups)}")
    pilot = Pilot(project.name, target_of(project, cluster), tuple(selector or ()), group or "", tuple(where or ()))
    if cluster.kind == SLURM:
        logs = state_directory(project.root, os.environ) / "clusters" / name
        _render.result(script(cluster, pilot, project.root, logs).rstrip("\n"))
    else:
        _render.result(as_yaml(manifest(cluster, pilot, workers)).rstrip("\n"))


def find_cluster(project: Project, name: str) -> Cluster:
    """The cluster of that name; a ConfigError where there is none."""
    if name not in project.clusters:
        known = ", ".join(project.clusters)
        raise ConfigError(
            f"There is no cluster {name!r} in pyproject.toml.",
            hint=f"Clusters: {known}" if known else f"$EDITOR pyproject.toml  ([tool.djproject.clusters.{name}])",
        )
    return project.clusters[name]


def target_of(project: Project, cluster: Cluster) -> str:
    """The target of a cluster's workers; a ProjectError where other machines cannot reach it."""
    target = cluster.target or project.target
    if target in MANAGED_TARGETS:
        raise ProjectError(
            f"The nodes of {cluster.name} cannot reach the database of the target {target}, which is on this machine.",
            hint=f'$EDITOR pyproject.toml  ([tool.djproject.clusters.{cluster.name}] target = "lab")',
        )
    return target
