"""What kubectl says of Jobs and pods, in words; and programs that refuse or know less."""

import json
import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djproject.clusters import kubernetes_queue
from djproject.clusters.engine import LostAnswerError
from djproject.clusters.kubernetes import INSTANCE, TOKEN
from djproject.clusters.kubernetes_queue import KubernetesFleet, read_pods
from djproject.clusters.pilot import ENDED, QUEUED, RUNNING, Pilot, SeenPilot
from djproject.errors import EnvironmentUnavailableError
from djproject.project.clusters import Cluster

NAME = "djproject-lab-cloud"


def pod(phase: str, state: dict[str, Any] | None = None, node: str = "n1", **status: Any) -> dict[str, Any]:
    labels = {INSTANCE: NAME, TOKEN: "t1"}
    container = {"resources": {"limits": {"memory": "256Mi"}}}
    statuses = [{"name": "worker", "state": state}] if state is not None else []
    return {
        "kind": "Pod",
        "metadata": {"name": "p", "labels": labels},
        "spec": {"nodeName": node, "containers": [container]},
        "status": {"phase": phase, "startTime": "2026-11-28T12:00:00Z", "containerStatuses": statuses, **status},
    }


def ended(code: int, **more: str) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, **more}}


@pytest.mark.parametrize(
    ("given", "state", "reason", "failed", "ready"),
    [
        (pod("Running", {"running": {}}), RUNNING, "", False, True),
        (pod("Succeeded", ended(0)), ENDED, "no jobs left", False, True),
        (pod("Failed", ended(137, reason="OOMKilled")), ENDED, "killed: out of memory, 256Mi on n1", True, True),
        (pod("Failed", None, reason="Evicted", message="The node was low on memory."), ENDED, "evicted: The node was low on memory", True, True),
        (pod("Failed", ended(2, message="x\nError: The database does not answer.\nNext: a")), ENDED, "The database does not answer", True, False),
        (pod("Failed", ended(1, message="ModuleNotFoundError: No module named 'torch'")), ENDED, "No module named 'torch'", True, False),
        (pod("Failed", ended(3)), ENDED, "exited with code 3", True, True),
        (pod("Failed", {}), ENDED, "exited without an error message", True, True),
        (pod("Pending", {"waiting": {"reason": "ImagePullBackOff"}}), QUEUED, "the image cannot be pulled", True, False),
        (pod("Pending", {"waiting": {"reason": "ContainerCreating"}}), QUEUED, "it is being created", False, False),
        (pod("Pending", None, "", conditions=[{"status": "False", "message": "0/1 nodes: Insufficient cpu."}]), QUEUED, "0/1 nodes: Insufficient cpu.", False, False),
        (pod("Pending", None, ""), QUEUED, "not placed yet", False, False),
    ],
)  # fmt: skip
def test_a_pod_in_words(given: dict[str, Any], state: str, reason: str, failed: bool, ready: bool) -> None:
    (pilot,) = read_pods({"items": [given]})
    assert (pilot.state, pilot.reason, pilot.failed, pilot.ready) == (state, reason, failed, ready)
    assert (pilot.job, pilot.token, pilot.started) == ("p", "t1", 1795867200)


def test_a_pod_that_is_being_deleted_is_ending() -> None:
    given = pod("Running", {"running": {}})
    given["metadata"]["deletionTimestamp"] = "2026-11-28T12:01:00Z"
    (pilot,) = read_pods({"items": [given]})
    assert (pilot.state, pilot.reason) == (RUNNING, "terminating")


def test_pods_that_a_job_is_still_to_make_count() -> None:
    job = {
        "kind": "Job",
        "metadata": {"name": f"{NAME}-t1", "labels": {TOKEN: "t1"}},
        "spec": {"parallelism": 3},
        "status": {},
    }
    assert [pilot.job for pilot in read_pods({"items": [job]})] == [f"{NAME}-t1/{number}" for number in (1, 2, 3)]
    found = read_pods({"items": [job, pod("Running", {"running": {}}), pod("Failed", ended(2))]})
    assert [pilot.job for pilot in found if pilot.state == QUEUED] == [f"{NAME}-t1/2", f"{NAME}-t1/3"]
    for status in ({"succeeded": 1}, {"conditions": [{"type": "Failed", "status": "True"}]}):
        assert read_pods({"items": [{**job, "status": status}]}) == [], "it makes no more"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["kind", "metadata", "spec", "status", "labels", "phase", "containerStatuses", "state"]), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@given(JSON, JSON)
def test_an_answer_of_another_form_is_one_sentence(value: Any, inner: Any) -> None:
    for document in (value, {"items": value}, {"items": [inner, {**pod("Failed"), "status": inner, "spec": value}]}):
        try:
            assert all(isinstance(pilot, SeenPilot) for pilot in read_pods(document))
        except EnvironmentUnavailableError as error:
            assert error.hint


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubernetesFleet:
    """A fleet whose kubectl writes down what it is told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / ".secrets").mkdir()
    (tmp_path / ".secrets/targets.lab.password").write_text("hush-9f\n")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    cluster = Cluster("kubernetes", "cloud", image="lab:1", context="k", namespace="neuro")
    return KubernetesFleet(cluster, Pilot("lab", "lab"), tmp_path)


def kubectl(root: Path, text: str) -> Path:
    """A kubectl that keeps its arguments, and what it is given, one line each."""
    told = root / "told"
    path = root / "bin/kubectl"
    path.write_text(
        f'#!/bin/sh\necho "$@" >> {told}\ngiven=$(cat)\n[ -z "$given" ] || echo "$given" >> {told}\n{text}\n'
    )
    path.chmod(0o755)
    return told


def test_what_is_sent_and_that_no_argument_is_secret(fleet: KubernetesFleet, tmp_path: Path) -> None:
    told = kubectl(tmp_path, "echo job.batch/x")
    name = fleet.submit(2, ["n7"])
    apply, secret, dry, first, create, second = told.read_text().splitlines()
    where = "--context=k --namespace=neuro"
    assert apply.startswith(f"{where} apply --server-side ")
    assert json.loads(secret)["data"] == {"targets.lab.password": "aHVzaC05Zgo="}
    assert dry.startswith(f"{where} create --dry-run=server ")
    assert create == f"{where} create --filename=- --output=name"
    assert first == second
    job = json.loads(second)
    assert (job["metadata"]["name"], job["spec"]["parallelism"]) == (name, 2)
    assert job["spec"]["template"]["metadata"]["labels"][TOKEN] == name.rpartition("-")[2]
    assert "n7" in json.dumps(job["spec"]["template"]["spec"]["affinity"])
    assert "aHVzaC05Zgo=" not in apply + dry + create + second
    assert "hush" not in told.read_text()


def test_what_an_older_server_does_not_know_is_left_out(fleet: KubernetesFleet, tmp_path: Path) -> None:
    refuse = 'case "$given" in *podFailurePolicy*) echo "unknown field podFailurePolicy" >&2; exit 1;; esac'
    told = kubectl(tmp_path, refuse)
    fleet.submit(1)
    assert "podFailurePolicy" not in told.read_text().splitlines()[-1]
    kubectl(tmp_path, 'case "$*" in *create*) echo "error: forbidden" >&2; exit 1;; esac')
    with pytest.raises(EnvironmentUnavailableError, match="kubectl failed: error: forbidden"):
        fleet.submit(1)


def test_an_answer_that_is_lost_is_looked_for_and_nothing_is_sent_twice(
    fleet: KubernetesFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kubernetes_queue.ask
    monkeypatch.setattr(kubernetes_queue, "ask", lambda *words, **more: real(*words, **{**more, "seconds": 1}))
    hangs = 'case "$*" in *dry-run*|*apply*) ;; *create*) exec sleep 60;; *) cat {};; esac'
    told = kubectl(tmp_path, hangs.format(tmp_path / "answer"))
    answer = tmp_path / "answer"
    answer.write_text('{"items": []}')
    with pytest.raises(LostAnswerError):
        fleet.submit(2)
    monkeypatch.setattr(kubernetes_queue.uuid, "uuid4", lambda: SimpleNamespace(hex="t1" * 16))
    labels = {TOKEN: "t1t1t1t1"}
    job = {"kind": "Job", "metadata": {"name": "j", "labels": labels}, "spec": {"parallelism": 2}, "status": {}}
    answer.write_text(json.dumps({"items": [job]}))
    told.unlink()
    assert fleet.submit(2) == f"{NAME}-t1t1t1t1"
    assert sum(" create --filename" in line for line in told.read_text().splitlines()) == 1


def test_how_pilots_are_ended(fleet: KubernetesFleet, tmp_path: Path) -> None:
    told = kubectl(tmp_path, "")
    pilots = [
        SeenPilot("a", RUNNING, token="t1"),
        SeenPilot("b", QUEUED, token="t1"),
        SeenPilot("c", ENDED, token="t2"),
    ]
    fleet.drain(pilots)
    patch, signal = told.read_text().splitlines()
    assert patch.endswith('patch job djproject-lab-cloud-t1 --patch {"spec": {"parallelism": 1}}')
    assert signal.endswith(" exec a -- python -c import os, signal; os.kill(1, signal.SIGINT)")
    told.unlink()
    fleet.cancel(pilots)
    jobs, signals, pods = told.read_text().splitlines()
    assert f"delete jobs --selector={INSTANCE}={NAME}" in jobs
    assert signals.endswith(
        "exec a -- python -c import os, signal; os.kill(1, signal.SIGINT); os.kill(1, signal.SIGTERM)"
    )
    assert "--grace-period=10" in pods
    told.unlink()
    fleet.cancel([])
    assert not told.exists()


@pytest.mark.parametrize("phase", ["Running", "Succeeded"])
def test_a_pod_that_hears_no_signal(fleet: KubernetesFleet, tmp_path: Path, phase: str) -> None:
    answer = tmp_path / "answer"
    answer.write_text(json.dumps({"items": [pod(phase, {"running": {}} if phase == "Running" else {})]}))
    told = kubectl(tmp_path, f'case "$*" in *exec*) echo refused >&2; exit 1 ;; *get*) cat {answer} ;; esac')
    pilots = [SeenPilot("p", RUNNING, token="t1")]
    with nullcontext() if phase == "Succeeded" else pytest.raises(EnvironmentUnavailableError, match="refused"):
        fleet.drain(pilots)
    fleet.cancel(pilots)
    assert "delete pods" in told.read_text()
