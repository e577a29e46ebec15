"""What the workers use of DataJoint beyond its public API is as it was when it was read."""

import hashlib
import inspect

import pytest
from datajoint.autopopulate import AutoPopulate
from datajoint.connection import Connection
from datajoint.jobs import Job

# sha256 of the source, DataJoint 2.3.5. Where one differs: read what changed, change `worker/queue.py` and
# `worker/attempt.py` where they do the same, and put the new one here.
READ = {
    AutoPopulate._populate1: "9496027bdee69b2c",
    AutoPopulate._jobs_to_do: "b8aabe0c9e5848b4",
    AutoPopulate.make: "fd386af1b0d2e770",
    Job.refresh: "9cbd5a5214efb8f9",
    Job.reserve: "f3bd8f68e56f2e20",
    Job.complete: "691fa6d114d1de94",
    Job.error: "3e977089231e2ae8",
    Job._generate_definition: "f3ee860c24adfe85",
    Connection.query: "2dfe3111ac1d4106",
    Connection.start_transaction: "2b12db93155d4d74",
    Connection.cancel_transaction: "e66966359d68068c",
    Connection.commit_transaction: "5e43dd91f8df7bc5",
}


@pytest.mark.parametrize("function", READ, ids=lambda function: function.__qualname__)
def test_it_is_as_it_was_read(function: object) -> None:
    source = inspect.getsource(function)  # type: ignore[arg-type]
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == READ[function], source
