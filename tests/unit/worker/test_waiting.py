"""A database that goes away while a worker begins is no fault of the pipeline's."""

from types import SimpleNamespace
from typing import Any

import pymysql
import pytest

from djproject.errors import ProjectError
from djproject.worker import queue
from tests.unit.worker.test_transient import raised_from

LOST = pymysql.err.OperationalError(2003, "Can't connect")


def meets(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def check(*_: object) -> None:
        raise error

    monkeypatch.setattr(queue, "check_job_table", check)
    loaded: Any = SimpleNamespace(instance=None, name="a.T")
    queue._check_job_table(loaded)


def test_what_the_driver_raised_is_raised_not_the_fault_of_the_key_source(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pymysql.err.OperationalError) as raised:
        meets(monkeypatch, raised_from(ProjectError("The key source of a.T raises …", hint="$EDITOR"), LOST))
    assert raised.value is LOST


@pytest.mark.parametrize(
    "error",
    [
        raised_from(ProjectError("The key source of a.T raises KeyError.", hint="$EDITOR"), KeyError("x")),
        ProjectError("The job table of a.T is missing.", hint="djproject deploy"),
    ],
)
def test_a_fault_of_the_key_source_stays_one(monkeypatch: pytest.MonkeyPatch, error: ProjectError) -> None:
    with pytest.raises(ProjectError) as raised:
        meets(monkeypatch, error)
    assert raised.value is error
