"""Pilots by KEDA: a ScaledJob that asks the database how many jobs wait, and starts pods for them."""

from typing import Any

from djproject.clusters.kubernetes import manifest, metadata_of, object_name
from djproject.clusters.pilot import Pilot
from djproject.database.loading import load_tables
from djproject.pipeline.selection import select
from djproject.pipeline.source import load_readable
from djproject.pipeline.types import MYSQL
from djproject.project.clusters import Cluster
from djproject.project.location import Project
from djproject.project.names import AUTOPOPULATED
from djproject.targets.choice import Target
from djproject.targets.connection import connect
from djproject.worker.queue import Queue

POLL_SECONDS = 30
JOBS_PER_PILOT = 20


def waiting_sql(project: Project, target: Target, pilot: Pilot) -> str:
    """How many jobs wait, as one query: in job tables, and keys that have no job yet."""
    connect(target)
    pipeline = load_readable(project)
    group = project.groups.get(pilot.group)
    chosen = select(pipeline, pilot.selectors or (group.tables if group else ()), group.exclude if group else ())
    names = {table.full_name for table in chosen if table.tier in AUTOPOPULATED}
    loaded = [table for table in load_tables(project, target, pipeline) if table.name in names]
    return "SELECT " + " + ".join(Queue(table, pilot.where).everything() for table in loaded)


def scaled_job(
    cluster: Cluster, pilot: Pilot, target: Target, query: str, per_pilot: int = JOBS_PER_PILOT
) -> dict[str, Any]:
    """The ScaledJob.

    Source: KEDA's documentation, ScaledJob specification, scalers MySQL and PostgreSQL.

    Parameters
    ----------
    cluster, pilot, target
        Where, what, and which database.
    query
        How many jobs wait.
    per_pilot
        For how many of them there is one pilot.
    """
    job = manifest(cluster, pilot, 1)
    template = job["spec"]["template"]
    settings = target.settings
    host, port, user = (settings.text(f"database.{name}") for name in ("host", "port", "user"))
    place: dict[str, str] = {"query": query.replace("%%", "%"), "host": host, "port": port}
    if settings.text("database.backend") == MYSQL:
        place |= {"queryValue": str(per_pilot), "username": user, "dbName": "information_schema"}
    else:
        name = settings.text("database.name") or user
        place |= {"targetQueryValue": str(per_pilot), "userName": user, "dbName": name, "sslmode": "prefer"}
    trigger = {
        "type": settings.text("database.backend"),
        "metadata": place,
        "authenticationRef": {"name": f"{job['metadata']['name']}-database"},
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledJob",
        "metadata": job["metadata"],
        "spec": {
            "jobTargetRef": {"parallelism": 1, "completions": 1, "backoffLimit": 0, "template": template},
            "pollingInterval": POLL_SECONDS,
            "maxReplicaCount": cluster.most,
            "successfulJobsHistoryLimit": 5,
            "failedJobsHistoryLimit": 5,
            "triggers": [trigger],
        },
    }


def authentication(cluster: Cluster, pilot: Pilot) -> dict[str, Any]:
    """The TriggerAuthentication by which KEDA reads the database's password from the pods' Secret."""
    name = object_name(pilot.project, cluster.name)
    secret, key = cluster.secret or f"{name}-secrets", f"targets.{pilot.target}.password"
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": metadata_of(cluster, f"{name}-database", {}),
        "spec": {"secretTargetRef": [{"parameter": "password", "name": secret, "key": key}]},
    }
