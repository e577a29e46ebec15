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
from djproject.clusters.sizing import Waiting, pilots
from djproject.clusters.slurm_queue import QueuedPilot, cancel, mark, queued, read_queue, submit
from djproject.errors import EnvironmentUnavailableError

MINE = mark("lab", "hpc")


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
        QueuedPilot("7_1", "RUNNING", "", "n1", 100, 400, "t"), QueuedPilot("7_2", "PENDING", "Priority", "", 0, 0, "t")
    ]  # fmt: skip
    assert read_queue({"jobs": old}, MINE) == expected
    assert read_queue({"jobs": new}, MINE) == expected
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
            assert all(pilot.state in slurm_queue.ALIVE for pilot in read_queue(document, MINE))
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


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'error: invalid partition' >&2; exit 1", "squeue refuses: error: invalid partition"),
        ("exit 3", "squeue refuses: it gave no reason"),
        ("echo nonsense", "answers with something that is not JSON"),
        ("echo '{}'", "answers without jobs"),
        ("head -c 100000 /dev/zero | tr '\\0' '['", "answers with something that is not JSON"),
    ],
)
def test_a_program_that_refuses_or_answers_nonsense_is_one_sentence(programs: Path, text: str, words: str) -> None:
    program(programs, "squeue", text)
    with pytest.raises(EnvironmentUnavailableError, match=words) as caught:
        queued("lab", "hpc")
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_program_that_is_not_there_or_hangs(programs: Path) -> None:
    with pytest.raises(EnvironmentUnavailableError, match="The program sbatch_of_nobody is not here"):
        ask("sbatch_of_nobody")
    program(programs, "squeue", "exec sleep 60")
    began = time.monotonic()
    with pytest.raises(LostAnswerError, match="did not answer within 1 s"):
        ask("squeue", seconds=1)
    assert time.monotonic() - began < 30


def test_an_answer_that_is_lost_is_looked_for_and_nothing_is_sent_twice(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    assert submit("#!/bin/sh\n", "lab", "hpc", 3) == "42"
    assert len(sent.read_text().splitlines()) == 1
    program(programs, "squeue", "echo '{\"jobs\": []}'")
    with pytest.raises(LostAnswerError):
        submit("#!/bin/sh\n", "lab", "hpc", 3)


def test_what_is_sent(programs: Path, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    program(programs, "sbatch", f'echo "$@" > {sent}; cat >> {sent}; echo "12;cluster"')
    program(programs, "scancel", f'echo "$@" > {sent}')
    assert submit("#!/bin/sh\nexec true\n", "lab", "hpc", 3) == "12"
    arguments, *script = sent.read_text().splitlines()
    assert arguments.startswith(f"--parsable --array=1-3 --comment={MINE}")
    assert script == ["#!/bin/sh", "exec true"]
    cancel(["12_1", "12_2"], finish=True)
    assert sent.read_text() == "--signal=TERM --batch 12_1 12_2\n"
    cancel(["12_3"], finish=False)
    assert sent.read_text() == "12_3\n"
    sent.unlink()
    cancel([], finish=False)
    assert not sent.exists()
    assert json.dumps(arguments)
