"""What a worker waits for: time, new rows, or being told to stop."""

import os
import select
from collections.abc import Callable
from typing import Any

from djproject.database.notices import CHANNEL


class Wakeup:
    """Waits until it is rung; ringing is safe in a signal handler and from other threads.

    `threading.Event` is not: a handler that sets it while the same thread is about to wait for it never returns.

    Attributes
    ----------
    stopping
        Whether the worker was told to stop.
    hears
        Whether the database says when rows are inserted by hand (PostgreSQL, where `deploy` could arrange it).
    """

    def __init__(self) -> None:
        self.stopping = False
        self.hears = False
        self._waiting, self._waking = os.pipe()
        os.set_blocking(self._waiting, False)
        os.set_blocking(self._waking, False)
        self._listener: Any = None

    def stop(self) -> None:
        """Tell the worker to stop."""
        self.stopping = True
        self.wake()

    def wake(self) -> None:
        """End the current wait, or the next one."""
        try:
            os.write(self._waking, b"!")
        except BlockingIOError:  # rung thousands of times already
            return

    def wait(self, seconds: float) -> bool:
        """Wait for so long at most; whether the database told of new rows."""
        ready, _, _ = select.select([self._waiting, *([self._listener] if self.hears else [])], [], [], seconds)
        if self._waiting in ready:
            os.read(self._waiting, 65536)
        return self._listener in ready and self._heard()

    def listen(self, connect: Callable[[], Any]) -> None:
        """Hear of new rows on a connection of psycopg2's that `connect` opens; without one, time must do."""
        if self.hears:
            return
        try:
            self._listener = connect()
            self._listener.autocommit = True
            with self._listener.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
        except Exception:  # the database is away, or another kind of database
            self._listener = None
            return
        self.hears = True

    def close(self) -> None:
        """Close the listening connection."""
        if self._listener is not None:
            self.hears = False
            self._listener.close()
            self._listener = None

    def _heard(self) -> bool:
        try:
            self._listener.poll()
        except Exception:  # the connection is gone: the next `listen` opens another one
            self.close()
            return False
        heard = bool(self._listener.notifies)
        self._listener.notifies.clear()
        return heard
