"""Manifests as the newest versions of Kubernetes take them, and the ScaledJob as KEDA publishes its form."""

import copy
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from djproject.clusters.keda import authentication, scaled_job
from djproject.clusters.kubernetes import manifest, probe_manifest
from djproject.clusters.pilot import Pilot
from djproject.project.clusters import Cluster

SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
NEWEST = sorted(
    (path.name for path in SCHEMAS.iterdir() if path.name.endswith("-local-strict")),
    key=lambda name: [int(number) for number in re.findall(r"\d+", name)],
)[-3:]
FULL = Cluster(
    "kubernetes", "cloud", "lab", 8, 2, 4096, 1, image="registry/lab:1", namespace="neuro", service_account="worker",
    node_selector={"gpu": "yes"}, tolerations=({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},),
)  # fmt: skip
PLAIN = Cluster("kubernetes", "cloud", image="lab:1")
PILOT = Pilot("Mouse V1", "lab", ("+analysis.Fit",), "gpu", ("day > '2026-01-01'",))
# Source: KEDA's `config/crd/bases/keda.sh_scaledjobs.yaml`, v1alpha1, but for jobTargetRef, which is Kubernetes' JobSpec.
SCALED_JOB: dict[str, Any] = {
    "type": "object",
    "required": ["jobTargetRef", "triggers"],
    "additionalProperties": False,
    "properties": {
        "jobTargetRef": {"type": "object"},
        **{
            name: {"type": "integer"}
            for name in (
                "pollingInterval", "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "minReplicaCount", "maxReplicaCount"
            )
        },
        "envSourceContainerName": {"type": "string"},
        "rollout": {"type": "object"},
        "scalingStrategy": {"type": "object"},
        "triggers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["metadata", "type"],
                "additionalProperties": False,
                "properties": {
                    "type": {"type": "string"},
                    "name": {"type": "string"},
                    "useCachedMetrics": {"type": "boolean"},
                    "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                    "authenticationRef": {
                        "type": "object",
                        "required": ["name"],
                        "additionalProperties": False,
                        "properties": {"name": {"type": "string"}, "kind": {"type": "string"}},
                    },
                },
            },
        },
    },
}  # fmt: skip


def version(name: str) -> str:
    return ".".join(re.findall(r"\d+", name)[:3])


@pytest.mark.parametrize("name", NEWEST)
@pytest.mark.parametrize("cluster", [FULL, PLAIN], ids=["with all settings", "with few"])
def test_what_is_sent_is_valid(name: str, cluster: Cluster) -> None:
    for document in (
        manifest(cluster, PILOT, 4, token="t", without=["n7"]),
        manifest(cluster, PILOT, 1),
        probe_manifest(cluster, PILOT, token="t"),
    ):
        kubernetes_validate.validate(document, version(name), strict=True)
    wrong = manifest(cluster, PILOT, 4)
    wrong["spec"]["replicas"] = 4
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version(name), strict=True)


@pytest.mark.parametrize("backend", ["mysql", "postgresql"])
def test_a_scaled_job_is_valid(backend: str) -> None:
    values = {"database.backend": backend, "database.host": "db", "database.port": "5432", "database.user": "ada"}
    target: Any = SimpleNamespace(settings=SimpleNamespace(text=lambda name: values.get(name, "")))
    job = scaled_job(FULL, PILOT, target, "SELECT 1 + 5 %% 3")
    jsonschema.validate(job["spec"], SCALED_JOB)
    (trigger,) = job["spec"]["triggers"]
    assert trigger["type"] == backend
    assert trigger["metadata"]["query"] == "SELECT 1 + 5 % 3"
    assert trigger["metadata"]["host"] == "db"
    plain = {**copy.deepcopy(manifest(FULL, PILOT, 1)), "spec": job["spec"]["jobTargetRef"]}
    kubernetes_validate.validate(plain, version(NEWEST[-1]), strict=True)
    allowed = authentication(FULL, PILOT)
    assert allowed["metadata"]["name"] == trigger["authenticationRef"]["name"]
    (reference,) = allowed["spec"]["secretTargetRef"]
    assert reference == {
        "parameter": "password", "name": "djproject-mouse-v1-cloud-secrets", "key": "targets.lab.password"
    }  # fmt: skip
