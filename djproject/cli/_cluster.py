"""What all commands of `djproject cluster` share: their options, and which cluster, jobs and pilots they mean."""

import os
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from djproject.cli._options import complete_clusters, complete_group, seconds
from djproject.clusters.fleet import Fleet
from djproject.clusters.pilot import Pilot
from djproject.errors import ConfigError, ProjectError
from djproject.pipeline.selection import select
from djproject.pipeline.source import load_readable
from djproject.project.clusters import SLURM, Cluster
from djproject.project.files import state_directory
from djproject.project.groups import WorkerGroup
from djproject.project.location import Project, load_project
from djproject.project.tables import MANAGED_TARGETS

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Cluster, from [tool.djproject.clusters.NAME].", autocompletion=complete_clusters
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        autocompletion=complete_group,
        help="Group of workers, from [tool.djproject.workers.NAME].",
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="RESTRICTION", help="Only keys that match this SQL condition."),
]
ForOption = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="DURATION", help="Stop each pilot after this time; a running job gets two more minutes."
    ),
]
RenewOption = Annotated[
    bool, typer.Option("--renew", help="Slurm only: a pilot whose time is over submits new ones if jobs are waiting.")
]


def chosen(
    name: str,
    selector: list[str] | None = None,
    group: str | None = None,
    where: list[str] | None = None,
    **options: Any,
) -> tuple[Project, Cluster, Pilot]:
    """The project, its cluster, and what pilots are to do there.

    Raises
    ------
    ConfigError
        There is no such cluster or group.
    ProjectError
        No such table; or the cluster's target is on this machine.
    """
    project = load_project()
    cluster = find_cluster(project, name)
    if options.get("limit"):
        seconds(options["limit"], "--for")
    select(load_readable(project), selector or (), ())
    if group is not None and group not in project.groups:
        raise ConfigError(f"There is no group of workers {group!r}.", hint=f"Groups: {', '.join(project.groups)}")
    if group is not None:
        cluster = _with_resources(cluster, project.groups[group])
    target = target_of(project, cluster)
    pilot = Pilot(project.name, target, tuple(selector or ()), group or "", tuple(where or ()), **options)
    return project, cluster, pilot


def _with_resources(cluster: Cluster, group: WorkerGroup) -> Cluster:
    """A cluster with the resources that a group of workers wants for its pilots."""
    if group.cluster and group.cluster != cluster.name:
        raise ConfigError(
            f"The group of workers {group.name} is for the cluster {group.cluster}.",
            hint=f"djproject cluster submit {group.cluster} --group {group.name}",
        )
    return cluster._replace(
        cpus=group.cpus or cluster.cpus,
        megabytes=group.memory or cluster.megabytes,
        gpus=len(group.gpus) or cluster.gpus,
        seconds=group.seconds or cluster.seconds,
    )


def fleet_of(project: Project, cluster: Cluster, pilot: Pilot | None = None) -> Fleet:
    """The pilots of a cluster; without `pilot`, to look at them only."""
    pilot = pilot or Pilot(project.name, cluster.target or project.target)
    if cluster.kind == SLURM:
        from djproject.clusters.slurm_queue import SlurmFleet

        logs = state_directory(project.root, os.environ) / "clusters" / cluster.name
        return SlurmFleet(cluster, pilot, project.root, logs)
    from djproject.clusters.kubernetes_queue import KubernetesFleet

    return KubernetesFleet(cluster, pilot, project.root)


def find_cluster(project: Project, name: str) -> Cluster:
    """The cluster of that name; a ConfigError where there is none."""
    if name not in project.clusters:
        raise no_cluster(name, project.clusters)
    return project.clusters[name]


def no_cluster(name: str, known: Iterable[str] = ()) -> ConfigError:
    """That there is no cluster of that name, or none at all."""
    clusters = ", ".join(known)
    what = f"no cluster {name!r}" if name else "no cluster"
    write = f"$EDITOR pyproject.toml  ([tool.djproject.clusters.{name or 'hpc'}])"
    return ConfigError(f"There is {what} in pyproject.toml.", hint=f"Clusters: {clusters}" if clusters else write)


def target_of(project: Project, cluster: Cluster) -> str:
    """The target of a cluster's workers; a ProjectError where other machines cannot reach it."""
    target = cluster.target or project.target
    if target in MANAGED_TARGETS:
        raise ProjectError(
            f"The nodes of {cluster.name} cannot reach the database of the target {target}, which is on this machine.",
            hint=f'$EDITOR pyproject.toml  ([tool.djproject.clusters.{cluster.name}] target = "lab")',
        )
    return target
