"""What Slurm's queue says, how many pilots are needed, and programs that hang, refuse or answer nonsense."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djproject.clusters import slurm_queue
from djproject.clusters.engine import LostAnswerError, ask
from djproject.clusters.pilot import ENDED, QUEUED, RUNNING, Pilot, SeenPilot
from djproject.clusters.sizing import Waiting, pilots
from djproject.clusters.slurm_queue import SlurmFleet, read_queue
from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.project.clusters import Cluster

MINE = "djproject:lab:hpc:"


def job(number: int, state: Any, token: str = "t", beginning: str = MINE, **more: Any) -> dict[str, Any]:
    values = {"job_id": number, "array_job_id": 7, "array_task_id": number, "state_reason": "Priority", "nodes": "n1"}
    return {**values, "job_state": state, "comment": f"{beginning}{token}", "start_time": 100, "end_time": 400, **more}


def test_the_queue_of_old_and_of_new_versions_is_read_alike() -> None:
    old = [job(1, "RUNNING"), job(2, "PENDING"), job(3, "COMPLETED"), job(4, "RUNNING", beginning="other:")]
    new = [
        job(1, ["RUNNING"], start_time={"set": True, "number": 100}, array_task_id={"set": True, "number": 1}),
        job(2, ["PENDING"], array_job_id={"set": True, "infinite": False, "number": 7}),
    ]
    expected = [
        SeenPilot("7_1", RUNNING, "n1", "", 100, 400, "t"), SeenPilot("7_2", QUEUED, "", "Priority", 0, 0, "t"),
    ]  # fmt: skip
    assert read_queue({"jobs": old}, MINE)[:2] == expected
    assert read_queue({"jobs": new}, MINE) == expected
    assert read_queue({"jobs": old}, MINE)[2:] == [SeenPilot("7_3", ENDED, "n1", "", token="t")]
    lost = read_queue({"jobs": [job(5, "NODE_FAIL"), job(6, "CANCELLED"), job(8, "OUT_OF_MEMORY")]}, MINE)
    assert [(pilot.reason, pilot.failed) for pilot in lost] == [
        ("the node failed", True), ("cancelled", False), ("out of memory", True)
    ]  # fmt: skip
    together = job(7, "PENDING", array_task_id=None, array_task_string="1,3-4%2")
    assert [pilot.job for pilot in read_queue({"jobs": [together]}, MINE)] == ["7_1", "7_3", "7_4"]
    alone = job(9, "RUNNING", array_job_id=0, array_task_id=None)
    assert read_queue({"jobs": [alone]}, MINE)[0].job == "9"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(job(1, "RUNNING"))), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@given(JSON, JSON)
def test_an_answer_of_another_form_is_one_sentence(value: Any, inner: Any) -> None:
    for document in (value, {"jobs": value}, {"jobs": [inner, {**job(1, value), "nodes": inner, "start_time": inner}]}):
        try:
            assert all(pilot.state in (QUEUED, RUNNING, ENDED) for pilot in read_queue(document, MINE))
        except EnvironmentUnavailableError as error:
            assert error.hint


def test_sizing() -> None:
    hour = [Waiting(100, 36.0)]
    assert pilots(hour, seconds=3600, most=10, there=0) == 1
    assert pilots(hour, seconds=600, most=10, there=0) == 6
    assert pilots(hour, seconds=600, most=10, there=4) == 2
    assert pilots(hour, seconds=600, most=5, there=4) == 1
    assert pilots(hour, seconds=600, most=10, there=9) == 0
    assert pilots([Waiting(2, 5000.0)], seconds=60, most=10, there=0) == 2, "no more pilots than jobs"
    assert pilots([Waiting(0, 1.0)], seconds=60, most=10, there=0) == 0
    assert pilots([], seconds=60, most=10, there=3, wanted=20) == 7


@given(
    st.lists(st.builds(Waiting, st.integers(0, 10**6), st.none() | st.floats(0, 10**5)), max_size=5),
    st.floats(1, 10**6), st.integers(1, 500), st.integers(0, 600), st.none() | st.integers(1, 1000),
)  # fmt: skip
def test_there_are_never_more_than_max(
    waiting: list[Waiting], seconds: float, most: int, there: int, wanted: int | None
) -> None:
    count = pilots(waiting, seconds=seconds, most=most, there=there, wanted=wanted)
    assert 0 <= count <= max(most - there, 0)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH but for the system's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder


@pytest.fixture
def fleet(tmp_path: Path) -> SlurmFleet:
    return SlurmFleet(Cluster("slurm", "hpc", megabytes=16384), Pilot("lab", "db"), tmp_path, tmp_path / "logs")


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'error: invalid partition' >&2; exit 1", "squeue failed: error: invalid partition"),
        ("exit 3", "squeue failed: it gave no reason"),
        ("echo nonsense", "is not JSON"),
        ("echo '{}'", "has no 'jobs'"),
        ("head -c 100000 /dev/zero | tr '\\0' '['", "is not JSON"),
    ],
)
def test_a_program_that_refuses_or_answers_nonsense_is_one_sentence(
    programs: Path, fleet: SlurmFleet, text: str, words: str
) -> None:
    program(programs, "squeue", text)
    with pytest.raises(EnvironmentUnavailableError, match=words) as caught:
        fleet.pilots()
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_program_that_is_not_there_or_hangs(programs: Path) -> None:
    with pytest.raises(EnvironmentUnavailableError, match="sbatch_of_nobody is not installed, or not on PATH"):
        ask("sbatch_of_nobody")
    program(programs, "squeue", "exec sleep 60")
    began = time.monotonic()
    with pytest.raises(LostAnswerError, match="did not answer within 1 s"):
        ask("squeue", seconds=1)
    assert time.monotonic() - began < 30


def test_an_answer_that_is_lost_is_looked_for_and_nothing_is_sent_twice(
    programs: Path, fleet: SlurmFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = tmp_path / "sent"
    program(programs, "sbatch", f'echo "$@" >> {sent}; exec sleep 60')
    real = slurm_queue.ask
    monkeypatch.setattr(slurm_queue, "ask", lambda *words, **options: real(*words, **{**options, "seconds": 1}))
    program(
        programs,
        "squeue",
        f"""
token=$(sed -n 's/.*--comment={MINE}\\([0-9a-f]*\\).*/\\1/p' {sent})
echo '{{"jobs": [{{"job_id": 43, "array_job_id": 42, "array_task_id": 1, "job_state": "PENDING",'
echo "\\"comment\\": \\"{MINE}$token\\"}}]}}"
""",
    )
    assert fleet.submit(3) == "42"
    assert len(sent.read_text().splitlines()) == 1
    program(programs, "squeue", "echo '{\"jobs\": []}'")
    with pytest.raises(LostAnswerError):
        fleet.submit(3)


def test_what_is_sent(programs: Path, fleet: SlurmFleet, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    program(programs, "sbatch", f'echo "$@" > {sent}; cat >> {sent}; echo "12;cluster"')
    program(programs, "scancel", f'echo "$@" >> {sent}')
    program(programs, "sinfo", 'printf "node1\nnode2\n"')
    assert fleet.submit(3) == "12"
    arguments, *script = sent.read_text().splitlines()
    assert arguments.startswith(f"--parsable --array=1-3 --comment={MINE}")
    assert "--exclude" not in arguments
    assert script[0] == "#!/bin/bash -l"
    fleet.submit(1, ["node2"])
    assert sent.read_text().splitlines()[0].endswith(" --exclude=node2")
    fleet.submit(1, ["node1", "node2"])
    assert "--exclude" not in sent.read_text(), "there is no other node"
    sent.unlink()
    pilots = [SeenPilot("12_1", RUNNING), SeenPilot("12_2", QUEUED), SeenPilot("9", ENDED)]
    fleet.drain(pilots)
    assert sent.read_text() == "12_2\n--signal=INT --batch 12_1\n"
    sent.unlink()
    fleet.cancel(pilots)
    assert sent.read_text() == "--signal=INT --batch 12_1\n12_1 12_2\n"
    program(programs, "scancel", f'echo "$@" >> {sent}; case "$1" in --signal*) exit 1 ;; esac')
    sent.unlink()
    fleet.cancel(pilots)  # one that has just ended takes no signal
    assert sent.read_text().endswith("\n12_1 12_2\n")
    sent.unlink()
    fleet.cancel([SeenPilot("9", ENDED)])
    assert not sent.exists()


def log(fleet_logs: Path, job: str, *lines: str, node: str = "node7", began: int = 100) -> None:
    fleet_logs.mkdir(exist_ok=True)
    text = "\n".join((f"Pilot begins: {job} on {node} at {began}", *lines))
    (fleet_logs / f"{job}.log").write_text(text + "\n")


@pytest.mark.parametrize(
    ("lines", "reason", "failed", "ready"),
    [
        (("The pilot is ready.", "Pilot ended: 5 jobs made."), "5 jobs made", False, True),
        (("The pilot is ready.", "Pilot ended: 5 jobs made.", "Pilot ended: 0 jobs made."), "5 jobs made", False, True),
        (("Pilot ended: 0 jobs made.",), "0 jobs made", False, True),
        (("ModuleNotFoundError: No module named 'torch'",), "No module named 'torch'", True, False),
        (("Error: The database does not answer.", "Next: djproject doctor"), "The database does not answer.", True, False),
        (("The pilot is ready.", "slurmstepd: error: Detected 1 oom-kill event(s)"), "killed: out of memory, 16 GiB on node7", True, True),
        (("The pilot is ready.", "slurmstepd: error: *** JOB 8 ON node7 CANCELLED AT x DUE TO TIME LIMIT ***"), "wall time limit reached", True, True),
        (("The pilot is ready.", "slurmstepd: error: *** JOB 8 ON node7 CANCELLED AT x DUE TO NODE FAILURE ***"), "the node failed", True, True),
        (("The pilot is ready.", "slurmstepd: error: *** JOB 8 ON node7 CANCELLED AT x ***"), "cancelled", False, True),
        (("slurmstepd: error: *** JOB 8 ON node7 CANCELLED AT x DUE TO PREEMPTION ***",), "preempted", False, True),
        (("The pilot is ready.", "Error: of a job"), "exited without an error message", True, True),
        ((), "exited without an error message", True, False),
        (("The pilot is ready.", "Pilot ended: 5 jobs made.", "Pilot begins: 7_1 on node8 at 200", "sh: python: not found"),
         "sh: python: not found", True, False),
    ],
)  # fmt: skip
def test_why_a_pilot_ended(
    programs: Path, fleet: SlurmFleet, tmp_path: Path, lines: tuple[str, ...], reason: str, failed: bool, ready: bool
) -> None:
    program(programs, "squeue", "echo '{\"jobs\": []}'")
    log(tmp_path / "logs", "7_1", *lines)
    (pilot,) = fleet.pilots()
    assert (pilot.state, pilot.reason, pilot.failed, pilot.ready) == (ENDED, reason, failed, ready)
    assert pilot.node == ("node8" if "node8" in "".join(lines) else "node7")


def test_a_long_log_is_read_at_its_ends(programs: Path, fleet: SlurmFleet, tmp_path: Path) -> None:
    program(programs, "squeue", "echo '{\"jobs\": []}'")
    log(tmp_path / "logs", "7_1", "The pilot is ready.", *["x" * 99] * 5000, "Pilot ended: 5 jobs made.")
    (pilot,) = fleet.pilots()
    assert (pilot.reason, pilot.ready, pilot.started) == ("5 jobs made", True, 100)


def test_what_slurm_knows_of_a_pilot_comes_before_its_log(programs: Path, fleet: SlurmFleet, tmp_path: Path) -> None:
    jobs = {"jobs": [job(1, "RUNNING"), job(2, "NODE_FAIL"), job(3, "FAILED"), job(4, "COMPLETED")]}
    (tmp_path / "answer").write_text(json.dumps(jobs))
    program(programs, "squeue", f"cat {tmp_path / 'answer'}")
    log(tmp_path / "logs", "7_1", "The pilot is ready.")
    log(tmp_path / "logs", "7_2", "The pilot is ready.")
    found = {pilot.job: pilot for pilot in fleet.pilots()}
    assert (found["7_1"].state, found["7_1"].ready) == (RUNNING, True)
    assert (found["7_2"].reason, found["7_2"].failed, found["7_2"].by_node) == ("the node failed", True, True)
    assert found["7_3"].failed, "it could not even write a log"
    assert "7_4" not in found


def test_a_log_is_shown_and_a_name_that_is_a_path_is_not(
    fleet: SlurmFleet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log(tmp_path / "logs", "7_1", "hello")
    (tmp_path / "secret.log").write_text("no")
    fleet.log("7_1", follow=False)
    assert capfd.readouterr().out.endswith("hello\n")
    for name in ("../secret", "7_2", ""):
        with pytest.raises(ProjectError, match="wrote no log"):
            fleet.log(name, follow=False)
