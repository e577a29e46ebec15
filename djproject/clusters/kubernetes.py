"""The manifest of pilots on Kubernetes: a Job as a work queue."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from djproject.clusters.pilot import GRACE_SECONDS, Pilot
from djproject.project.clusters import Cluster
from djproject.worker.pilot import CLUSTER, JOB, NODE

USER = 1000  # as in docker/Dockerfile
# Kubernetes mounts files as links, which may point anywhere; in the project of the image they are files of its user.
GIVEN, SECRETS = "/run/secrets/djproject", "/app/.secrets"
BEGIN = (
    f"trap 'exit 0' INT TERM; umask 077; cp -L {GIVEN}/* {SECRETS}/ && trap - INT TERM && "
    'exec python -m djproject "$@"'
)
INSTANCE, TOKEN = "app.kubernetes.io/instance", "djproject/submission"
KEPT_SECONDS = 86400  # a Job that has ended, so that `cluster status` can say how
PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
WORDS_OF_YAML = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"}


def manifest(
    cluster: Cluster, pilot: Pilot, count: int, *, token: str = "", without: Sequence[str] = ()
) -> dict[str, Any]:
    """The Job, as Kubernetes 1.26 and newer take it.

    Each pod is a pilot; it ends with exit code 0 when nothing is left, and the Job with the last of them. A pod that
    the cluster takes away is no failure, and what it was making goes back to the queue by its lease.

    Parameters
    ----------
    cluster, pilot
        Where, and what.
    count
        How many pods.
    token
        Of the submission, for the Job's name and a label; empty for a manifest that is kept.
    without
        Nodes that are left out where there are others.
    """
    name = object_name(pilot.project, cluster.name)
    labels = {"app.kubernetes.io/name": "djproject", INSTANCE: name} | ({TOKEN: token} if token else {})
    metadata = metadata_of(cluster, f"{name}-{token}" if token else name, labels)
    pod = _pod(cluster, name, pilot.arguments())
    if without:
        away = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(without)}
        rather = [{"weight": 100, "preference": {"matchExpressions": [away]}}]  # there may be no other node
        pod["affinity"] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": rather}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "parallelism": count,
            "backoffLimit": 6,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def probe_manifest(cluster: Cluster, pilot: Pilot, *, token: str) -> dict[str, Any]:
    """A pod that looks whether pilots could work where it runs."""
    name = object_name(pilot.project, cluster.name)
    pod = _pod(cluster, name, ["cluster", "probe", cluster.name])
    labels = {"app.kubernetes.io/name": "djproject-test"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata_of(cluster, f"{name}-test-{token}", labels),
        "spec": pod,
    }


def metadata_of(cluster: Cluster, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Name, labels and namespace of an object."""
    namespace = {"namespace": cluster.namespace} if cluster.namespace else {}
    return {"name": name, "labels": dict(labels), **namespace}


def _pod(cluster: Cluster, name: str, arguments: list[str]) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS + 30,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER, "fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}
        },
        "containers": [_container(cluster, arguments)],
        "volumes": [
            {"name": "given", "secret": {"secretName": cluster.secret or f"{name}-secrets", "defaultMode": 0o440}},
            {"name": "secrets", "emptyDir": {"medium": "Memory"}},
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


def _container(cluster: Cluster, arguments: list[str]) -> dict[str, Any]:
    limits: dict[str, Any] = {"cpu": str(cluster.cpus)}
    if cluster.megabytes:
        limits["memory"] = f"{cluster.megabytes}Mi"
    if cluster.gpus:
        limits["nvidia.com/gpu"] = str(cluster.gpus)
    return {
        "name": "worker",
        "image": cluster.image,
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "command": ["sh", "-c", BEGIN, "pilot"],
        "args": arguments,
        "resources": {"requests": limits, "limits": limits},
        "env": [
            {"name": "DJPROJECT_STATE", "value": "/state"},
            {"name": CLUSTER, "value": cluster.name},
            {"name": JOB, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": NODE, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
        },
        "volumeMounts": [
            {"name": "given", "mountPath": GIVEN, "readOnly": True},
            {"name": "secrets", "mountPath": SECRETS},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (in the container)
            {"name": "state", "mountPath": "/state"},
        ],
    }  # fmt: skip


def object_name(*parts: str) -> str:
    """A name that Kubernetes takes: lower case, digits and hyphens, at most 40 characters, for others to add to.

    Examples
    --------
    >>> object_name("Mouse_V1", "cloud")
    'djproject-mouse-v1-cloud'
    """
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(("djproject", *parts)).lower())
    return text[:40].strip("-")


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
