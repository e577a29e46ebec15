"""Work in two parts, by two processes: for pipelines so large that one would take a second."""

import os
import threading
from collections.abc import Callable
from typing import IO, TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


def both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """What two functions return; the second one runs in a process of its own where there is a second processor.

    What it returns is pickled. Where that process fails, `second` runs here, so that its error is raised here.
    """
    if not hasattr(os, "fork") or (os.cpu_count() or 1) < 2 or threading.active_count() > 1:
        return first(), second()
    import pickle
    import tempfile

    with tempfile.TemporaryFile() as answer:  # not a pipe, whose writer waits for its reader
        child = os.fork()
        if child == 0:
            _answer(second, answer)
        mine = first()
        _, status = os.waitpid(child, 0)
        if status != 0:
            return mine, second()
        answer.seek(0)
        return mine, pickle.load(answer)  # noqa: S301 (from our own child)


def _answer(work: Callable[[], object], file: IO[bytes]) -> None:
    """Do the work, write the result, and end this process without what the parent's would do at its end."""
    import pickle

    status = 1
    try:
        pickle.dump(work(), file, protocol=pickle.HIGHEST_PROTOCOL)
        file.flush()
        status = 0
    finally:
        os._exit(status)
