"""The pilots of one project on one cluster, whatever the engine is; and whether more of them should be started."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from djproject.clusters.pilot import SeenPilot

MOST_FAILED_STARTS = 3


class Fleet(Protocol):
    """What an engine does for `djproject cluster`."""

    def pilots(self) -> list[SeenPilot]:
        """All pilots: queued, running, and those that ended and are still known."""

    def submit(self, count: int, without: Sequence[str] = ()) -> str:
        """Start pilots, not on some nodes; the engine's name for them."""

    def drain(self, pilots: Sequence[SeenPilot]) -> None:
        """Let pilots finish their running jobs and end."""

    def cancel(self, pilots: Sequence[SeenPilot]) -> None:
        """End pilots now."""

    def log(self, job: str, *, follow: bool) -> None:
        """Print what a pilot said."""

    def test(self) -> str:
        """What a short job on a node printed; see `node_test`."""


class Health(NamedTuple):
    """How the newest pilots did.

    Attributes
    ----------
    failed
        Those that failed at startup, the newest first, back to the last one that did not.
    nodes
        Where the newest pilot failed: to be left out.
    """

    failed: tuple[SeenPilot, ...]
    nodes: tuple[str, ...]

    @property
    def paused(self) -> bool:
        """Whether no more are started before somebody looked."""
        return len(self.failed) >= MOST_FAILED_STARTS


def health(pilots: Sequence[SeenPilot]) -> Health:
    """How the newest pilots did; those that still begin say nothing.

    Examples
    --------
    >>> bad = SeenPilot("8_1", "ended", "node7", "No module named torch", 10, failed=True, ready=False)
    >>> found = health([bad, bad._replace(job="7_1", started=5), SeenPilot("6_1", "ended", "node8", started=1)])
    >>> len(found.failed), found.nodes, found.paused
    (2, ('node7',), False)
    """
    newest = sorted(pilots, key=lambda pilot: pilot.started, reverse=True)
    failed: list[SeenPilot] = []
    for pilot in newest:
        if pilot.failed and not pilot.ready:
            failed.append(pilot)
        elif pilot.ready:
            break
    last: dict[str, SeenPilot] = {}
    for pilot in newest:
        if pilot.failed or pilot.ready:
            last.setdefault(pilot.node, pilot)
    bad = (node for node, pilot in last.items() if node and pilot.failed and (not pilot.ready or pilot.by_node))
    return Health(tuple(failed), tuple(sorted(bad)))
