"""How much there is to do, counted beside the work."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from djproject.database.connections import second_connection
from djproject.database.loading import LoadedTable
from djproject.database.status import StatusQueries
from djproject.worker.assignment import Assignment
from djproject.worker.events import Counted, Tell

FINISH_SECONDS = 2.0  # a run that ends waits so long for the last count
PAUSE_SECONDS, SHARE = 5.0, 0.05  # between two counts, and the share of the time they may take


@contextmanager
def counted(assignment: Assignment, tables: Sequence[LoadedTable], tell: Tell) -> Iterator[None]:
    """Count the keys of tables beside what is done meanwhile, where that is this worker's part."""
    if not assignment.is_first or not tables:
        yield
        return
    counting = _Counting(assignment.slot, tables, tell, again=assignment.counts_again)
    try:
        yield
    finally:
        counting.finish()


class _Counting:
    """Counts the keys of tables on a connection of its own: of millions that takes a second.

    Parameters
    ----------
    slot
        Of the worker.
    tables
        Which.
    tell
        Called with each count.
    again
        Whether it counts until it is finished, and once more then; else it counts once.
    """

    def __init__(self, slot: int, tables: Sequence[LoadedTable], tell: Tell, *, again: bool) -> None:
        self._slot, self._tables, self._tell, self._again = slot, tables, tell, again
        self._queries = StatusQueries(tables)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Let it count to the end."""
        self._ended.set()
        self._thread.join(FINISH_SECONDS)

    def _run(self) -> None:
        ended = False
        while True:
            began = time.monotonic()
            self._count()
            if ended or not self._again:
                return
            ended = self._ended.wait(max(PAUSE_SECONDS, (time.monotonic() - began) / SHARE))

    def _count(self) -> None:
        at = time.monotonic()
        try:
            own = second_connection(self._tables[0].instance.connection)
            statuses = self._queries.ask(own)
            own.close()
        except Exception:  # the database is away: nobody learns how much there is
            return
        totals = {s.name: (s.done or 0, s.keys or 0, s.errors or 0, s.ignored or 0) for s in statuses}
        self._tell(Counted(self._slot, totals, at))
