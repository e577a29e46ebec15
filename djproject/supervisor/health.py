"""The file that says workers are alive, for a container's health check."""

import time
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "DJPROJECT_HEALTH_FILE"
TOUCH_SECONDS = 5.0


class HealthFile:
    """Touched every few seconds, as long as its owner says so.

    Parameters
    ----------
    path
        The file; None where nobody looks.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._touched = float("-inf")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "HealthFile":
        """The file that `$DJPROJECT_HEALTH_FILE` names."""
        name = environ.get(VARIABLE)
        return cls(Path(name) if name else None)

    def touch(self) -> None:
        """Say that all is well."""
        now = time.monotonic()
        if self._path is not None and now - self._touched >= TOUCH_SECONDS:
            self._touched = now
            self._path.touch()
