"""Which errors are tried again, and after how long."""

import errno

import pymysql
import pytest

from djproject.worker.attempt import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    one_line,
    pause_before,
)
from djproject.worker.passing import is_passing

BotoError = type("ClientError", (Exception,), {"__module__": "botocore.exceptions"})
Operational = type("OperationalError", (Exception,), {"__module__": "psycopg2"})
Integrity = type("IntegrityError", (Exception,), {"__module__": "psycopg2.errors"})


def raised_from(outer: BaseException, cause: BaseException) -> BaseException:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.ENOENT, "no such file"), False),
        (OSError(errno.EACCES, "denied"), False),
        (pymysql.err.OperationalError(1213, "Deadlock"), True),
        (pymysql.err.OperationalError(1205, "Lock wait timeout"), True),
        (pymysql.err.OperationalError(1054, "Unknown column"), False),
        (pymysql.err.IntegrityError(1452, "foreign key"), False),
        (Operational("server closed the connection"), True),
        (Integrity("duplicate key"), False),
        (BotoError("An error occurred (503) when calling PutObject: SlowDown"), True),
        (BotoError("An error occurred (403) when calling PutObject: AccessDenied"), False),
        (ValueError("timeout 503 slowdown"), False),
        (raised_from(ValueError("wrapped"), TimeoutError()), True),
        (raised_from(ValueError("wrapped"), KeyError("x")), False),
    ],
    ids=repr,
)
def test_what_is_tried_again(error: BaseException, transient: bool) -> None:
    assert is_passing(error) == transient


def test_an_error_raised_from_none_hides_what_was_before() -> None:
    try:
        try:
            raise TimeoutError
        except TimeoutError:
            raise ValueError("a reason of its own") from None
    except ValueError as error:
        assert not is_passing(error)


def test_the_wait_doubles_and_has_an_end() -> None:
    for attempt in range(1, 12):
        longest = min(FIRST_WAIT_SECONDS * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)
        waits = {pause_before(attempt) for _ in range(50)}
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(waits) > 40, "workers do not come back all at once"


def test_a_message_is_one_printable_line() -> None:
    assert one_line(ValueError("a\n\tb \x1b[31m")) == "ValueError: a b �[31m"
    assert one_line(KeyError()) == "KeyError"
