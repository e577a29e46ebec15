"""Work in two halves, by two processes: for pipelines so large that one would take a second."""

import os
import pickle
import threading
from collections.abc import Callable
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


def both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """What two functions return; the second one runs in a process of its own where there is a second processor.

    What it returns is pickled. Where that process fails, `second` runs here, so that its error is told here.
    """
    if not hasattr(os, "fork") or (os.cpu_count() or 1) < 2 or threading.active_count() > 1:
        return first(), second()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(second, reader, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        mine = first()
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        return mine, second()
    return mine, pickle.loads(answer)  # noqa: S301 (from our own child)


def _answer(work: Callable[[], object], reader: int, writer: int) -> None:
    """Do the work, write the result, and end this process without what the parent's would do at its end."""
    status = 1
    try:
        os.close(reader)
        with os.fdopen(writer, "wb") as stream:
            pickle.dump(work(), stream, protocol=pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)
