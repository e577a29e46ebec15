"""The file that says a worker is alive: touched while its loop turns, or while a job that may take hours is made."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "DJPROJECT_HEALTH_FILE"
TOUCH_SECONDS = 5.0
LONGEST_TURN_SECONDS = 60.0


class Health:
    """Touches a file every few seconds as long as the worker is as it should be.

    Parameters
    ----------
    path
        The file; None where nobody looks.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._turned = time.monotonic()
        self._jobs = 0
        self._ended = threading.Event()
        if path is not None:
            path.touch()
            threading.Thread(target=self._touch, daemon=True).start()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Health":
        """The file that `$DJPROJECT_HEALTH_FILE` names."""
        name = environ.get(VARIABLE)
        return cls(Path(name) if name else None)

    @property
    def is_good(self) -> bool:
        """Whether a job is at hand, or the loop turned within the last minute."""
        return self._jobs > 0 or time.monotonic() - self._turned < LONGEST_TURN_SECONDS

    def turn(self) -> None:
        """The loop is at its beginning again."""
        self._turned = time.monotonic()

    @contextmanager
    def job(self) -> Iterator[None]:
        """A job is being made; it may take as long as it takes."""
        self._jobs += 1
        try:
            yield
        finally:
            self._jobs -= 1
            self.turn()

    def end(self) -> None:
        """Touch no more."""
        self._ended.set()

    def _touch(self) -> None:
        while not self._ended.wait(TOUCH_SECONDS):
            if self.is_good and self._path is not None:
                self._path.touch()
