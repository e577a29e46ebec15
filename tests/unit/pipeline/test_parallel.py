"""Work in two processes: what both return, and what happens where the second one fails."""

import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from djproject.pipeline.parallel import _answer, both
from tests.conftest import PYTHON_ENVIRONMENT

IN_TWO = """
import json, os
from djproject.pipeline.parallel import both

os.cpu_count = lambda: 2
me = os.getpid()


def only_here():
    if os.getpid() != me:
        raise ValueError
    return "here"


def refused():
    raise KeyError(os.getpid())


first, other = both(os.getpid, lambda: (os.getpid(), "a" * 1_000_000))
found = [first == me, other[0] != me, len(other[1])]
found.append(both(lambda: "first", only_here))
found.append(callable(both(lambda: "first", lambda: lambda: "not to be pickled")[1]))
found.append(both(lambda: 1, lambda: len(both(os.getpid, os.getpid))))
try:
    both(lambda: 1, refused)
except KeyError as error:
    found.append(error.args == (me,))
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    found.append("no child is left")
print(json.dumps(found))
"""


def test_the_second_function_runs_in_a_process_of_its_own_and_here_where_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", IN_TWO],
        env={**os.environ, **PYTHON_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == [True, True, 1_000_000, ["first", "here"], True, [1, 2], True, "no child is left"]
    assert run.stderr == ""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    check_that_both_run_here()


class EndedError(Exception):
    """In place of the end of a process, with its status."""


def test_an_answer_is_in_the_file_when_its_process_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def end(status: int) -> None:
        raise EndedError(status)

    def fail() -> None:
        raise ValueError

    monkeypatch.setattr(os, "_exit", end)
    with (tmp_path / "answer").open("w+b") as file:
        with pytest.raises(EndedError) as ended:
            _answer(lambda: ["a", 1], file)
        assert ended.value.args == (0,)
        assert pickle.loads((tmp_path / "answer").read_bytes()) == ["a", 1]
        for work in (fail, lambda: lambda: "not to be pickled"):
            with pytest.raises(EndedError) as ended:
                _answer(work, file)
            assert ended.value.args == (1,)


@pytest.mark.parametrize("processors", [None, 1])
def test_one_processor_does_both(monkeypatch: pytest.MonkeyPatch, processors: int | None) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    check_that_both_run_here()


def test_a_process_with_other_threads_does_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    check_that_both_run_here()


def test_a_system_without_fork_does_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.delattr(os, "fork")
    check_that_both_run_here()


def check_that_both_run_here() -> None:
    calls: list[tuple[str, int]] = []

    def call(name: str) -> str:
        calls.append((name, os.getpid()))
        return name

    assert both(lambda: call("first"), lambda: call("second")) == ("first", "second")
    assert calls == [("first", os.getpid()), ("second", os.getpid())]
