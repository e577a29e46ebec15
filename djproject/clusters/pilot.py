"""What a pilot runs: one run of `populate` that ends when nothing was left for a while."""

from collections.abc import Sequence
from typing import NamedTuple

IDLE_SECONDS = 300
GRACE_SECONDS = 120  # before the end, a pilot begins no job and finishes the one it has


class Pilot(NamedTuple):
    """What the pilots of one submission do.

    Attributes
    ----------
    project
        The project's name.
    target
        Where the database is.
    selectors
        The tables; empty for all that are populated automatically.
    group
        The group of workers; empty for none.
    where
        SQL conditions on the keys.
    """

    project: str
    target: str
    selectors: Sequence[str] = ()
    group: str = ""
    where: Sequence[str] = ()

    def arguments(self) -> list[str]:
        """The arguments of djproject."""
        found = ["populate", *self.selectors, "--target", self.target]
        if self.group:
            found += ["--group", self.group]
        for condition in self.where:
            found += ["--where", condition]
        return [*found, "--watch", "--idle-exit", f"{IDLE_SECONDS}s", "--grace", f"{GRACE_SECONDS}s"]
