"""How many jobs are claimed at a time, and when a process has done enough."""

import pytest

from djproject.worker.loop import _TableWork
from djproject.worker.quota import ALL_JOBS, LARGEST_BATCH, Quota


def learned(*rounds: tuple[int, float]) -> int:
    work = _TableWork(queue=None)  # type: ignore[arg-type]
    for made, seconds in rounds:
        work.learn(made, seconds)
    return work.batch


def test_a_batch_grows_step_by_step_while_jobs_are_quick() -> None:
    assert learned() == 1
    assert learned((1, 0.001)) == 2
    assert learned(*[(1, 0.001)] * 3) == 8
    assert learned(*[(1, 0.0)] * 20) == LARGEST_BATCH


def test_slow_jobs_are_claimed_one_by_one() -> None:
    assert learned(*[(1, 0.001)] * 5, (32, 320.0)) == 1
    assert learned(*[(1, 0.001)] * 5, (10, 1.0)) == 5, "half a second of jobs"


def test_what_is_left_of_a_quota() -> None:
    assert Quota().left(10**6) == LARGEST_BATCH
    assert Quota(jobs=5).left(2) == 3
    assert Quota(jobs=5, jobs_per_process=3).left(1) == 2
    assert Quota(jobs=5).left(5) == 1, "whoever asks has not noticed yet that the quota is reached"


@pytest.mark.parametrize(
    ("quota", "done", "reason"),
    [
        (Quota(), 10**6, ""),
        (Quota(jobs=5), 4, ""),
        (Quota(jobs=5), 5, ALL_JOBS),
        (Quota(jobs_per_process=3), 2, ""),
        (Quota(jobs_per_process=3), 3, "3 jobs"),
        (Quota(megabytes=1e9), 3, ""),
    ],
)
def test_when_a_quota_is_reached(quota: Quota, done: int, reason: str) -> None:
    assert quota.reached(done) == reason


def test_a_process_that_has_grown_too_large_is_replaced() -> None:
    assert Quota(megabytes=1).reached(0).endswith(" MB of memory")
