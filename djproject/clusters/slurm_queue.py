"""Pilots in Slurm's queue: submitted, counted, cancelled."""

import re
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from djproject.clusters.engine import LostAnswerError, ask, ask_json
from djproject.errors import EnvironmentUnavailableError

ALIVE = {"PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "REQUEUED", "RESIZING", "STAGE_OUT"}


class QueuedPilot(NamedTuple):
    """One pilot that Slurm knows.

    Attributes
    ----------
    job
        Its number, `12_3` for a member of an array.
    state, reason
        Slurm's words; the reason of one that waits.
    node
        Where it runs; empty where it does not.
    started, ends
        Seconds since the epoch; 0 where it does not run.
    token
        Of its submission.
    """

    job: str
    state: str
    reason: str
    node: str
    started: int
    ends: int
    token: str


def mark(project: str, cluster: str) -> str:
    """How the comment of each pilot of a cluster begins."""
    return f"djproject:{project}:{cluster}:"


def queued(project: str, cluster: str) -> list[QueuedPilot]:
    """The pilots of a project that are alive or queued: one question to Slurm.

    Raises
    ------
    EnvironmentUnavailableError
        It does not answer.
    """
    document = ask_json("squeue", "--me", "--array", "--json")
    return read_queue(document, mark(project, cluster))


def read_queue(document: Any, beginning: str) -> list[QueuedPilot]:
    """The pilots in what `squeue --json` says, whose comment begins so."""
    jobs = document.get("jobs") if isinstance(document, dict) else None
    if not isinstance(jobs, list):
        raise EnvironmentUnavailableError("squeue answers without jobs.", hint="squeue --json")
    found = []
    for job in jobs:
        comment = str(job.get("comment") or "") if isinstance(job, dict) else ""
        if comment.startswith(beginning):
            pilot = _pilot(job, comment.removeprefix(beginning))
            members = array_members(str(job.get("array_task_string") or ""))
            array = _number(job.get("array_job_id"))
            found += [pilot._replace(job=f"{array}_{member}") for member in members] or [pilot]
    return [pilot for pilot in found if pilot.state in ALIVE]


def array_members(text: str) -> list[int]:
    """The members of an array that wait together, which Slurm lists as one job.

    Examples
    --------
    >>> array_members("1-3,7%2"), array_members("2-6:2"), array_members("")
    ([1, 2, 3, 7], [2, 4, 6], [])
    """
    found: list[int] = []
    for part in text.partition("%")[0].split(","):
        if match := re.fullmatch(r"(\d{1,7})(?:-(\d{1,7})(?::(\d{1,7}))?)?", part.strip("[] ")):
            first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
            found += range(first, last + 1, max(step, 1))
    return found


def _pilot(job: dict[str, Any], token: str) -> QueuedPilot:
    array, task = _number(job.get("array_job_id")), job.get("array_task_id")
    number = f"{array}_{_number(task)}" if array and task is not None else str(_number(job.get("job_id")))
    states = job.get("job_state")
    state = str(states[0] if isinstance(states, list) and states else states or "")
    running = state == "RUNNING"
    return QueuedPilot(
        number,
        state,
        "" if running else str(job.get("state_reason") or ""),
        str(job.get("nodes") or "") if running else "",
        _number(job.get("start_time")) if running else 0,
        _number(job.get("end_time")) if running else 0,
        token,
    )


def _number(value: Any) -> int:
    """A number, which newer versions of Slurm put into `{"set": true, "number": 3}`."""
    if isinstance(value, dict):
        value = value.get("number") if value.get("set", True) else 0
    return int(value) if isinstance(value, int | float) else 0


def submit(script: str, project: str, cluster: str, count: int) -> str:
    """Submit one array of pilots; the number of the array.

    An answer that is lost is looked for by a token in the comment, and nothing is sent twice.

    Raises
    ------
    EnvironmentUnavailableError
        Slurm refuses, or nobody knows whether it took it.
    """
    token = uuid.uuid4().hex[:12]
    comment = f"{mark(project, cluster)}{token}"
    try:
        answer = ask("sbatch", "--parsable", f"--array=1-{count}", f"--comment={comment}", given=script)
        return answer.strip().partition(";")[0]
    except LostAnswerError:
        found = [pilot for pilot in queued(project, cluster) if pilot.token == token]
        if found:
            return found[0].job.partition("_")[0]
        raise


def cancel(jobs: Sequence[str], *, finish: bool) -> None:
    """End pilots: at once, or once their running jobs are finished (SIGTERM to what they run)."""
    if jobs:
        ask("scancel", *(["--signal=TERM", "--batch"] if finish else []), *jobs)
