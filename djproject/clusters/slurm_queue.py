"""Pilots in Slurm's queue: submitted, counted, ended."""

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from djproject.clusters.engine import LostAnswerError, ask, ask_json, stream
from djproject.clusters.pilot import ENDED, QUEUED, RUNNING, Pilot, SeenPilot, alive
from djproject.clusters.pilot_logs import LoggedPilot, read_logs
from djproject.clusters.slurm import script, test_script
from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.project.clusters import Cluster

_ALIVE = {"PENDING", "CONFIGURING", "COMPLETING", "SUSPENDED", "REQUEUED", "RESIZING", "STAGE_OUT", "REQUEUE_HOLD"}
# Source: `man squeue`, job state codes. The others are how a pilot is to end, or its log says more.
_FAILED = {"OUT_OF_MEMORY": "out of memory", "NODE_FAIL": "the node failed", "BOOT_FAIL": "the node did not start",
           "TIMEOUT": "wall time limit reached", "PREEMPTED": "preempted", "CANCELLED": "cancelled", "FAILED": "",
           "DEADLINE": "deadline reached"}  # fmt: skip
_EXPECTED = {"COMPLETED", "CANCELLED", "PREEMPTED"}


class SlurmFleet:
    """The pilots of one project on one Slurm cluster.

    Parameters
    ----------
    cluster, pilot
        Where, and what they do.
    root, logs
        The project's folder, and that of the logs: on a disk that all nodes see.
    """

    def __init__(self, cluster: Cluster, pilot: Pilot, root: Path, logs: Path) -> None:
        self._cluster, self._pilot, self._root, self._logs = cluster, pilot, root, logs
        self._mark = f"djproject:{pilot.project}:{cluster.name}:"

    def pilots(self) -> list[SeenPilot]:
        """The pilots that are alive or queued, and those that ended: one question to Slurm, and their logs.

        Raises
        ------
        EnvironmentUnavailableError
            It does not answer.
        """
        seen = read_queue(ask_json("squeue", "--me", "--array", "--states=all", "--json"), self._mark)
        known = {pilot.job: pilot for pilot in seen}
        logged = self.logged()
        ready = {log.job for log in logged if log.ready}
        found = [pilot._replace(ready=pilot.job in ready) for pilot in seen if pilot.state != ENDED]
        there, with_log = {pilot.job for pilot in found}, {log.job for log in logged}
        found += [_ended(log, known.get(log.job), self._cluster) for log in logged if log.job not in there]
        return found + [p for p in seen if p.state == ENDED and p.failed and p.job not in with_log]

    def logged(self) -> list[LoggedPilot]:
        """The pilots that wrote a log, the newest first."""
        return read_logs(self._logs)

    def submit(self, count: int, without: Sequence[str] = ()) -> str:
        """Submit one array of pilots, not on some nodes; the number of the array.

        An answer that is lost is looked for by a token in the comment, and nothing is sent twice.

        Raises
        ------
        EnvironmentUnavailableError
            Slurm refuses, or nobody knows whether it took it.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        token = uuid.uuid4().hex[:12]
        options = [f"--array=1-{count}", f"--comment={self._mark}{token}"]
        if without and set(self._nodes()) - set(without):
            options.append(f"--exclude={','.join(without)}")
        try:
            answer = ask(
                "sbatch", "--parsable", *options, given=script(self._cluster, self._pilot, self._root, self._logs)
            )
            return answer.strip().partition(";")[0]
        except LostAnswerError:
            found = [pilot for pilot in self.pilots() if pilot.token == token]
            if found:
                return found[0].job.partition("_")[0]
            raise

    def _nodes(self) -> list[str]:
        """The nodes that pilots may run on."""
        partition = [f"--partition={self._cluster.partition}"] if self._cluster.partition else []
        return ask("sinfo", "--noheader", "--Node", "--format=%N", *partition).split()

    def drain(self, pilots: Sequence[SeenPilot]) -> None:
        """Let pilots finish their running jobs; those that wait are taken out of the queue."""
        self.cancel([pilot for pilot in pilots if pilot.state == QUEUED])
        if jobs := [pilot.job for pilot in pilots if pilot.state == RUNNING]:
            ask("scancel", "--signal=INT", "--batch", *jobs)

    def cancel(self, pilots: Sequence[SeenPilot]) -> None:
        """End pilots now; Slurm lets them give their jobs back."""
        if running := [pilot.job for pilot in pilots if pilot.state == RUNNING]:
            with suppress(EnvironmentUnavailableError):  # the second signal, not the first, gives a job back at once
                ask("scancel", "--signal=INT", "--batch", *running)
        if jobs := [pilot.job for pilot in alive(pilots)]:
            ask("scancel", *jobs)

    def log(self, job: str, *, follow: bool) -> None:
        """Print what a pilot wrote."""
        path = self._logs / f"{job}.log"
        if not re.fullmatch(r"[\w-]+", job) or not path.is_file():
            known = ", ".join(pilot.job for pilot in self.logged()[:5])
            raise ProjectError(
                f"The pilot {job} wrote no log.", hint=f"Pilots: {known}" if known else "djproject cluster status"
            )
        stream("tail", "-n", "+1", *(["-F"] if follow else []), str(path))

    def test(self) -> str:
        """What one short job on a node found, as JSON lines."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"test-{uuid.uuid4().hex[:8]}.txt"
        text = test_script(self._cluster, self._pilot, self._root, str(log))
        try:
            ask("sbatch", "--parsable", "--wait", given=text, seconds=600)
        except LostAnswerError:
            raise
        except EnvironmentUnavailableError:
            if not log.exists():  # else the job itself says what failed
                raise
        try:
            return log.read_text(errors="replace")
        except OSError as error:
            raise EnvironmentUnavailableError(
                f"The job ran, and wrote nothing to {log}: the nodes do not see this folder.",
                hint="Put the project on a disk that all nodes see.",
            ) from error
        finally:
            log.unlink(missing_ok=True)


def _ended(log: LoggedPilot, seen: SeenPilot | None, cluster: Cluster) -> SeenPilot:
    """A pilot that is gone, by its log and what Slurm still knows of it."""
    told = seen.reason if seen is not None else ""
    reason = log.ended or log.cause
    if not log.ended and told:
        reason = told if told != "cancelled" or not log.cause else log.cause
    if "out of memory" in reason:
        size = f", {cluster.megabytes / 1024:g} GiB" if cluster.megabytes else ""
        reason = f"killed: out of memory{size} on {log.node}"
    failed = not log.ended and reason not in ("cancelled", "preempted")
    return SeenPilot(
        log.job, ENDED, log.node, reason or "exited without an error message", log.began,
        failed=failed, ready=log.ready or not failed, by_node=reason == "the node failed",
    )  # fmt: skip


def read_queue(document: Any, beginning: str) -> list[SeenPilot]:
    """The pilots in what `squeue --json` says, whose comment begins so."""
    jobs = document.get("jobs") if isinstance(document, dict) else None
    if not isinstance(jobs, list):
        raise EnvironmentUnavailableError("The output of squeue has no 'jobs'.", hint="squeue --json")
    found: list[SeenPilot] = []
    for job in jobs:
        comment = str(job.get("comment") or "") if isinstance(job, dict) else ""
        if comment.startswith(beginning):
            pilot = _pilot(job, comment.removeprefix(beginning))
            members = array_members(str(job.get("array_task_string") or ""))
            array = _number(job.get("array_job_id"))
            found += [pilot._replace(job=f"{array}_{member}") for member in members] or [pilot]
    return found


def array_members(text: str) -> list[int]:
    """The members of an array that wait together, which Slurm lists as one job.

    Examples
    --------
    >>> array_members("1-3,7%2"), array_members("2-6:2"), array_members("")
    ([1, 2, 3, 7], [2, 4, 6], [])
    """
    return list(_members(text))


def _members(text: str) -> Iterator[int]:
    for part in text.partition("%")[0].split(","):
        if match := re.fullmatch(r"(\d{1,7})(?:-(\d{1,7})(?::(\d{1,7}))?)?", part.strip("[] ")):
            first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
            yield from range(first, last + 1, max(step, 1))


def _pilot(job: dict[str, Any], token: str) -> SeenPilot:
    array, task = _number(job.get("array_job_id")), job.get("array_task_id")
    number = f"{array}_{_number(task)}" if array and task is not None else str(_number(job.get("job_id")))
    states = job.get("job_state")
    state = str(states[0] if isinstance(states, list) and states else states or "")
    if state == "RUNNING":
        times = _number(job.get("start_time")), _number(job.get("end_time"))
        return SeenPilot(number, RUNNING, str(job.get("nodes") or ""), "", *times, token)
    if state in _ALIVE:
        reason = str(job.get("state_reason") or "")
        return SeenPilot(number, QUEUED, "", "" if reason == "None" else reason, token=token)
    reason, node = _FAILED.get(state, ""), str(job.get("nodes") or "")
    return SeenPilot(number, ENDED, node, reason, token=token, failed=state not in _EXPECTED)


def _number(value: Any) -> int:
    """A number, which newer versions of Slurm put into `{"set": true, "number": 3}`."""
    if isinstance(value, dict):
        value = value.get("number") if value.get("set", True) else 0
    return int(value) if isinstance(value, int | float) else 0
