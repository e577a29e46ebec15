"""Which tests run, said where all of them are ended from outside, as by the time limit of a CI.

For a pytest whose tests run in other processes: its own terminal is then free while they run.
"""

import signal
import time

import pytest


class Running:
    """The tests that have begun and not ended, of all processes."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Say which they are when pytest is told to end."""
        writer, began = session.config.get_terminal_writer(), time.monotonic()

        def tell(*_: object) -> None:
            now = time.monotonic()
            writer.line(f"\nEnded from outside after {now - began:.0f} s, while these tests were running:")
            for nodeid, since in self._since.items():
                writer.line(f"  {now - since:5.0f} s  {nodeid}")
            writer.flush()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

        signal.signal(signal.SIGTERM, tell)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._since[nodeid] = time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._since.pop(nodeid, None)
