"""Processes that a `make` forks: they behave as in plain Python, and none of them does the worker's own work."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from djproject.database.connections import detach
from djproject.database.internals import forbid_inserts
from djproject.database.loading import LoadedTable
from djproject.worker.assignment import ABANDON

HANDLED = (signal.SIGTERM, signal.SIGINT, ABANDON)  # by the worker


def give_forks_default_signals() -> None:
    """Let forked processes end on signals, also on those that come at once."""
    masks = threading.local()

    def block() -> None:
        masks.old = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)

    def restore() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.old)

    def reset() -> None:
        for number in HANDLED:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        restore()

    os.register_at_fork(before=block, after_in_parent=restore, after_in_child=reset)


def give_forks_own_connections(tables: Sequence[LoadedTable]) -> None:
    """Let forked processes open connections of their own to read from tables, and keep them from filling any."""
    connections = {id(loaded.instance.connection): loaded.instance.connection for loaded in tables}

    def leave() -> None:
        for connection in connections.values():
            detach(connection)
        for loaded in tables:
            forbid_inserts(loaded.cls)  # such a row would not belong to the job's transaction

    os.register_at_fork(after_in_child=leave)


@contextmanager
def ends_forked_processes() -> Iterator[None]:
    """Run code of the user; a process that it forked, and that comes back from it too, ends here.

    Two processes would share one job, one event pipe and one connection.
    """
    worker = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != worker:
            _end(error)
        raise
    if os.getpid() != worker:
        _end(None)


def _end(error: BaseException | None) -> None:
    """End this process as Python would, without waiting for threads or closing what belongs to the worker."""
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        code = 1
        traceback.print_exception(error)
    sys.stderr.write(f"Process {os.getpid()}, which make forked, returned from make; djproject stopped it.\n")
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF)
