"""Pilots as pods of Jobs: applied, counted, ended, by kubectl."""

import base64
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from djproject.clusters.engine import LostAnswerError, ask, ask_json, stream
from djproject.clusters.kubernetes import INSTANCE, TOKEN, manifest, object_name, probe_manifest
from djproject.clusters.pilot import ENDED, QUEUED, RUNNING, Pilot, SeenPilot
from djproject.errors import EnvironmentUnavailableError
from djproject.project.clusters import Cluster
from djproject.project.opening import read_text
from djproject.project.secrets import SECRETS_DIRECTORY, secret_names

# Source: Kubernetes' API reference, ContainerStateWaiting and ContainerStateTerminated.
_WAITS = {"ErrImagePull": "the image cannot be pulled", "ImagePullBackOff": "the image cannot be pulled",
          "ErrImageNeverPull": "the image is not on the node", "InvalidImageName": "the image has no valid name",
          "CreateContainerConfigError": "its Secret or its settings are missing",
          "ContainerCreating": "it is being created"}  # fmt: skip
BROKEN = tuple(reason for reason in _WAITS if reason != "ContainerCreating")
ENDING = "terminating"  # somebody deleted it, and it finishes its job
SIGNALLED_AT_ONCE = 16  # pods, each by a kubectl that waits for the node
NOT_BEGUN = (1, 2, 126, 127)  # exit codes: djproject could not begin, or is not there
_MISSING_FIELD = "podFailurePolicy"  # since Kubernetes 1.25


class KubernetesFleet:
    """The pilots of one project in one namespace.

    Parameters
    ----------
    cluster, pilot
        Where, and what they do.
    root
        The project's folder, whose `.secrets/` the pods get.
    """

    def __init__(self, cluster: Cluster, pilot: Pilot, root: Path) -> None:
        self._cluster, self._pilot, self._root = cluster, pilot, root
        self._name = object_name(pilot.project, cluster.name)

    def _options(self) -> list[str]:
        context = [f"--context={self._cluster.context}"] if self._cluster.context else []
        return [*context, *([f"--namespace={self._cluster.namespace}"] if self._cluster.namespace else [])]

    def _kubectl(self, *arguments: str, given: str = "", seconds: float = 30.0) -> str:
        return ask("kubectl", *self._options(), *arguments, given=given, seconds=seconds)

    def pilots(self) -> list[SeenPilot]:
        """The pods of all Jobs, and those that are still to be made: one question to Kubernetes.

        Raises
        ------
        EnvironmentUnavailableError
            It does not answer.
        """
        selector = f"--selector={INSTANCE}={self._name}"
        return read_pods(ask_json("kubectl", *self._options(), "get", "jobs,pods", selector, "--output=json"))

    def submit(self, count: int, without: Sequence[str] = ()) -> str:
        """Create one Job with so many pods, not on some nodes; its name.

        The server is asked first whether it would take it; what it does not know yet is left out. An answer that is
        lost is looked for by a token in the labels, and nothing is sent twice.

        Raises
        ------
        EnvironmentUnavailableError
            It refuses, or nobody knows whether it took it.
        """
        if not self._cluster.secret:
            self._apply_secret()
        token = uuid.uuid4().hex[:8]
        job = manifest(self._cluster, self._pilot, count, token=token, without=without)
        try:
            self._create(job, dry=True)
        except EnvironmentUnavailableError as error:
            if _MISSING_FIELD not in error.message + error.details:
                raise
            del job["spec"][_MISSING_FIELD]
            self._create(job, dry=True)
        try:
            self._create(job)
        except LostAnswerError:
            if not any(pilot.token == token for pilot in self.pilots()):
                raise
        return str(job["metadata"]["name"])

    def _create(self, job: Mapping[str, Any], *, dry: bool = False) -> None:
        options = ["--dry-run=server"] if dry else []
        self._kubectl("create", *options, "--filename=-", "--output=name", given=json.dumps(job))

    def _apply_secret(self) -> None:
        """Keep the passwords of `.secrets/` in a Secret; their values are in no argument and no annotation."""
        data = {}
        for name in secret_names(self._root, ""):
            data[name] = base64.b64encode(read_text(self._root / SECRETS_DIRECTORY / name).encode()).decode()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{self._name}-secrets"}, "data": data}
        options = ["--server-side", "--force-conflicts", "--field-manager=djproject", "--filename=-"]
        self._kubectl("apply", *options, given=json.dumps(secret))

    def drain(self, pilots: Sequence[SeenPilot]) -> None:
        """Let pods finish their running jobs; those that wait are not made any more."""
        running = [pilot for pilot in pilots if pilot.state == RUNNING]
        for token in dict.fromkeys(pilot.token for pilot in pilots if pilot.state == QUEUED):
            left = sum(pilot.token == token for pilot in running)
            patch = json.dumps({"spec": {"parallelism": left}})
            self._kubectl("patch", "job", f"{self._name}-{token}", "--patch", patch)
        refused = self._signal(running, "SIGINT")
        if refused and (deaf := {pilot.job for pilot in self.pilots() if pilot.state == RUNNING} & refused.keys()):
            raise refused[min(deaf)]

    def cancel(self, pilots: Sequence[SeenPilot]) -> None:
        """End all pods now; they have ten seconds to give their jobs back."""
        selector = f"--selector={INSTANCE}={self._name}"
        if pilots:
            self._kubectl("delete", "jobs", selector, "--cascade=orphan", "--wait=false")
            # One signal alone would let them finish their jobs; those that do not hear it are deleted all the same.
            self._signal([pilot for pilot in pilots if pilot.state == RUNNING], "SIGINT", "SIGTERM")
            self._kubectl("delete", "pods", selector, "--grace-period=10", "--wait=false")

    def _signal(self, pilots: Sequence[SeenPilot], *names: str) -> dict[str, EnvironmentUnavailableError]:
        """Send signals to djproject, the first process of each container; why that was refused, by pod."""
        code = "; ".join(["import os, signal", *(f"os.kill(1, signal.{name})" for name in names)])
        refused = {}

        def send(job: str) -> None:
            try:
                self._kubectl("exec", job, "--", "python", "-c", code)
            except EnvironmentUnavailableError as error:
                refused[job] = error

        with ThreadPoolExecutor(SIGNALLED_AT_ONCE) as threads:
            list(threads.map(send, [pilot.job for pilot in pilots]))
        return refused

    def log(self, job: str, *, follow: bool) -> None:
        """Print what a pod said."""
        self._kubectl("get", "pod", job, "--output=name")
        stream("kubectl", *self._options(), "logs", *(["--follow"] if follow else []), job)

    def test(self) -> str:
        """What one short pod found, as JSON lines."""
        if not self._cluster.secret:
            self._apply_secret()
        pod = probe_manifest(self._cluster, self._pilot, token=uuid.uuid4().hex[:8])
        name = pod["metadata"]["name"]
        self._kubectl("create", "--filename=-", given=json.dumps(pod))
        try:
            return self._wait_for(name)
        finally:
            self._kubectl("delete", "pod", name, "--wait=false")

    def _wait_for(self, name: str) -> str:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            pod = ask_json("kubectl", *self._options(), "get", "pod", name, "--output=json")
            (seen,) = read_pods({"items": [pod]})
            if seen.state == ENDED:
                return self._kubectl("logs", name) or seen.reason
            if seen.failed:
                raise EnvironmentUnavailableError(
                    f"The pod did not start: {seen.reason}.", hint=f"kubectl describe pod {name}"
                )
            time.sleep(1)
        raise EnvironmentUnavailableError("The pod did not end within 5 min.", hint=f"kubectl describe pod {name}")


def read_pods(document: Any) -> list[SeenPilot]:
    """The pilots in what `kubectl get jobs,pods -o json` says."""
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise EnvironmentUnavailableError("The output of kubectl has no 'items'.", hint="kubectl get jobs,pods -o json")
    items = [item for item in items if isinstance(item, dict)]
    pods = [_pod(item) for item in items if item.get("kind") == "Pod"]
    for job in (item for item in items if item.get("kind") == "Job"):
        pods += _unmade(job, pods)
    return pods


def _unmade(job: Mapping[str, Any], pods: Sequence[SeenPilot]) -> Iterator[SeenPilot]:
    """The pods that a Job is still to make: one that was just created has none."""
    status, token = _dictionary(job.get("status")), _label(job, TOKEN)
    if status.get("conditions") or status.get("succeeded"):
        return
    wanted = _dictionary(job.get("spec")).get("parallelism")
    there = sum(pilot.token == token and pilot.state != ENDED for pilot in pods)
    for number in range(there, wanted if isinstance(wanted, int) else 0):
        yield SeenPilot(
            f"{_dictionary(job.get('metadata')).get('name')}/{number + 1}", QUEUED, "", "not created yet", token=token
        )


def _pod(pod: Mapping[str, Any]) -> SeenPilot:
    metadata, spec, status = (_dictionary(pod.get(name)) for name in ("metadata", "spec", "status"))
    name, node, phase = str(metadata.get("name")), str(spec.get("nodeName") or ""), status.get("phase")
    token, started = _label(pod, TOKEN), _epoch(status.get("startTime"))
    containers = _dictionaries(status.get("containerStatuses"))
    state = _dictionary(containers[0].get("state")) if containers else {}
    if phase == "Succeeded":
        return SeenPilot(name, ENDED, node, "no jobs left", started, token=token)
    if phase == "Failed":
        why = _why_failed(status, state, spec, node)
        ready = _dictionary(state.get("terminated")).get("exitCode") not in NOT_BEGUN
        by_node = str(status.get("reason")) in ("NodeLost", "NodeAffinity", "UnexpectedAdmissionError")
        return SeenPilot(name, ENDED, node, why, started, token=token, failed=True, ready=ready, by_node=by_node)
    if phase == "Running" and "waiting" not in state:
        # The Job makes another one at once, at servers that do not know its podFailurePolicy.
        return SeenPilot(name, RUNNING, node, ENDING if metadata.get("deletionTimestamp") else "", started, token=token)
    reason = str(_dictionary(state.get("waiting")).get("reason") or "")
    words = _WAITS.get(reason, reason) or _why_pending(status)
    return SeenPilot(name, QUEUED, node, words, started, token=token, failed=reason in BROKEN, ready=False)


def _why_failed(status: Mapping[str, Any], state: Mapping[str, Any], spec: Mapping[str, Any], node: str) -> str:
    ended = _dictionary(state.get("terminated"))
    if ended.get("reason") == "OOMKilled":
        containers = _dictionaries(spec.get("containers"))
        limits = [_dictionary(_dictionary(each.get("resources")).get("limits")) for each in containers]
        size = f", {limits[0]['memory']}" if limits and limits[0].get("memory") else ""
        return f"killed: out of memory{size} on {node}"
    if status.get("reason"):
        message = str(status.get("message") or "").strip().rstrip(".")
        return f"{str(status['reason']).lower()}: {message}" if message else str(status["reason"]).lower()
    errors = re.findall(
        r"^(?:Error: |\w*(?:Error|Exception): )(.+?)\.?$", str(ended.get("message") or ""), re.MULTILINE
    )
    if errors:
        return str(errors[-1])
    if "exitCode" in ended:
        return f"exited with code {ended['exitCode']}"
    return "exited without an error message"


def _why_pending(status: Mapping[str, Any]) -> str:
    for condition in _dictionaries(status.get("conditions")):
        if condition.get("status") == "False" and condition.get("message"):
            return str(condition["message"])
    return "not placed yet"


def _dictionary(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dictionaries(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _label(item: Mapping[str, Any], name: str) -> str:
    return str(_dictionary(_dictionary(item.get("metadata")).get("labels")).get(name) or "")


def _epoch(text: Any) -> int:
    try:
        return int(datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0
