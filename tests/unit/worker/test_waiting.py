"""What a worker waits for while it begins, and what ends it."""

from pathlib import Path

import pymysql
import pytest

from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.project.location import load_project
from djproject.worker import __main__ as worker
from djproject.worker.assignment import Assignment
from djproject.worker.events import Alive, Event, Waiting
from djproject.worker.wakeup import Wakeup
from tests.checking import write_project
from tests.unit.worker.test_transient import raised_from

LOST = pymysql.err.OperationalError(2003, "Can't connect")


def begun(monkeypatch: pytest.MonkeyPatch, root: Path, errors: list[Exception], **assignment: bool) -> list[Event]:
    """What a worker reports that meets these errors, one at each attempt, and begins then."""
    told: list[Event] = []
    wakeup = Wakeup()
    left = list(errors)

    def work(*_: object) -> None:
        if left:
            raise left.pop(0)
        wakeup.stop()

    monkeypatch.setattr(worker, "_work_on", work)
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.0)
    project = load_project(write_project(root, {}, git=False))
    try:
        worker._work_patiently(project, Assignment(str(root), "lab", **assignment), wakeup, lambda *e: told.extend(e))
    finally:
        wakeup.close()
    return told


@pytest.mark.parametrize(
    "error",
    [
        LOST,
        raised_from(ProjectError("The key source of a.T raises …", hint="$EDITOR"), LOST),
        EnvironmentUnavailableError("The database does not answer", hint="djproject doctor"),
    ],
)
def test_a_worker_that_takes_anothers_place_waits_for_the_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    told = begun(monkeypatch, tmp_path, [error, error], replaces=True)
    assert [type(event) for event in told] == [Waiting, Alive, Alive]
    assert "key source" not in told[0].message  # type: ignore[union-attr]
    with pytest.raises(type(error)):
        begun(monkeypatch, tmp_path, [error])


def test_what_no_wait_helps_against_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for error in (ProjectError("The key source of a.T raises KeyError.", hint="$EDITOR"), ValueError("x")):
        with pytest.raises(type(error)):
            begun(monkeypatch, tmp_path, [error], replaces=True, patient=True)
