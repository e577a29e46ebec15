"""The manifest of pilots on Kubernetes: a Job as a work queue."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from djproject.clusters.pilot import GRACE_SECONDS, Pilot
from djproject.project.clusters import Cluster

USER = 1000  # as in docker/Dockerfile
SECRETS = "/run/secrets/datajoint"
PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
WORDS_OF_YAML = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"}


def manifest(cluster: Cluster, pilot: Pilot, count: int) -> dict[str, Any]:
    """The Job, as Kubernetes 1.26 and newer take it.

    Each pod is a pilot; it ends with exit code 0 when nothing is left, and the Job with the last of them. A pod that
    the cluster takes away is no failure, and what it was making goes back to the queue by its lease.

    Parameters
    ----------
    cluster, pilot
        Where, and what.
    count
        How many pods.
    """
    name = object_name(pilot.project, cluster.name)
    labels = {"app.kubernetes.io/name": "djproject", "app.kubernetes.io/instance": name}
    metadata: dict[str, Any] = {"name": name, "labels": labels}
    if cluster.namespace:
        metadata["namespace"] = cluster.namespace
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "parallelism": count,
            "backoffLimit": 6,
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {"metadata": {"labels": labels}, "spec": _pod(cluster, pilot, name)},
        },
    }


def _pod(cluster: Cluster, pilot: Pilot, name: str) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS + 30,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER, "fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}
        },
        "containers": [_container(cluster, pilot)],
        "volumes": [
            {"name": "secrets", "secret": {"secretName": cluster.secret or f"{name}-secrets", "defaultMode": 0o440}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "state", "emptyDir": {}},
        ],
    }  # fmt: skip
    if cluster.service_account:
        pod["serviceAccountName"] = cluster.service_account
    else:
        pod["automountServiceAccountToken"] = False
    if cluster.node_selector:
        pod["nodeSelector"] = dict(cluster.node_selector)
    if cluster.tolerations:
        pod["tolerations"] = [dict(toleration) for toleration in cluster.tolerations]
    return pod


def _container(cluster: Cluster, pilot: Pilot) -> dict[str, Any]:
    limits: dict[str, Any] = {"cpu": str(cluster.cpus)}
    if cluster.megabytes:
        limits["memory"] = f"{cluster.megabytes}Mi"
    if cluster.gpus:
        limits["nvidia.com/gpu"] = str(cluster.gpus)
    return {
        "name": "worker",
        "image": cluster.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "djproject"],
        "args": pilot.arguments(),
        "resources": {"requests": limits, "limits": limits},
        "env": [{"name": "DJPROJECT_STATE", "value": "/state"}],
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
        },
        "volumeMounts": [
            {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (in the container)
            {"name": "state", "mountPath": "/state"},
        ],
    }  # fmt: skip


def object_name(*parts: str) -> str:
    """A name that Kubernetes takes: lower case, digits and hyphens, at most 52 characters.

    Examples
    --------
    >>> object_name("Mouse_V1", "cloud")
    'djproject-mouse-v1-cloud'
    """
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(("djproject", *parts)).lower())
    return text[:52].strip("-")


def as_yaml(value: Any, indent: int = 0) -> str:
    """A value of dictionaries, lists and plain values as YAML, the same bytes for the same value.

    Examples
    --------
    >>> print(as_yaml({"a": [1, {"b": "no"}], "c": {}}), end="")
    a:
      - 1
      - b: "no"
    c: {}
    """
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        return "".join(f"{pad}{_scalar(key)}:{_inner(inner, indent)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return "".join(f"{pad}- {as_yaml(inner, indent + 2).lstrip(' ')}" for inner in value)
    return f"{pad}{_scalar(value)}\n"


def _inner(value: Any, indent: int) -> str:
    if isinstance(value, Mapping | list | tuple) and value:
        return "\n" + as_yaml(value, indent + 2)
    return f" {_scalar(value)}\n"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS_OF_YAML:
        return value
    return "".join(c if c.isprintable() else _escaped(c) for c in json.dumps(value, ensure_ascii=False))


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
