"""The signal to give a job back: it is repeated, and heard once."""

import os
import signal

import pytest

from djproject.worker.__main__ import _abandon
from djproject.worker.assignment import ABANDON
from djproject.worker.attempt import AbandonJob


def test_a_worker_that_gives_its_job_back_is_not_disturbed_by_the_reminder() -> None:
    before = signal.signal(ABANDON, _abandon)
    try:
        with pytest.raises(AbandonJob):
            os.kill(os.getpid(), ABANDON)
        os.kill(os.getpid(), ABANDON)
    finally:
        signal.signal(ABANDON, before)
