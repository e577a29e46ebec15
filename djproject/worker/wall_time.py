"""Which tables' jobs still fit into the time that a pilot has."""

import time
from typing import Any

from djproject.database.loading import LoadedTable
from djproject.database.planning import longest_usual_seconds
from djproject.worker.pilot import PilotPlace

MARGIN = 1.2  # of the 95th percentile
LOOK_SECONDS = 30.0  # until the history of a table is read again


class WallTime:
    """The time that is left, and what jobs of a table usually take.

    Parameters
    ----------
    place
        Says when the pilot ends.
    connection
        To the database, for the history.
    """

    def __init__(self, place: PilotPlace, connection: Any) -> None:
        self._place, self._connection = place, connection
        self._known: dict[str, tuple[float, float]] = {}  # by table: when it was looked up, and the seconds

    @property
    def limited(self) -> bool:
        """Whether there is an end at all."""
        return self._place.ends is not None

    def fits(self, loaded: LoadedTable) -> bool:
        """Whether a job of a table, begun now, can be expected to end in time.

        Of a table without a history nothing is expected: its jobs begin as long as there is time at all.
        """
        if not self.limited:
            return True
        left = self._place.left()
        return left > 0 and self._usual(loaded) * MARGIN <= left

    def _usual(self, loaded: LoadedTable) -> float:
        now = time.monotonic()
        looked, seconds = self._known.get(loaded.name, (float("-inf"), 0.0))
        if now - looked > LOOK_SECONDS:
            seconds = longest_usual_seconds(self._connection, loaded.schema, loaded.name) or 0.0
            self._known[loaded.name] = now, seconds
        return seconds
