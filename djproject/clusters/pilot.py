"""What a pilot runs, and how one looks from outside."""

from collections.abc import Sequence
from typing import NamedTuple

IDLE_SECONDS = 300
GRACE_SECONDS = 120  # how long a running job may take once the pilot is to go; less where its end is nearer


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
    limit
        How long a pilot runs at most, as a duration; empty for as long as there is work.
    renew
        Whether the last pilots submit others while jobs wait.
    """

    project: str
    target: str
    selectors: Sequence[str] = ()
    group: str = ""
    where: Sequence[str] = ()
    limit: str = ""
    renew: bool = False

    def arguments(self) -> list[str]:
        """The arguments of djproject."""
        found = ["populate", *self.selectors, "--target", self.target]
        if self.limit:
            found += ["--for", self.limit]
        return [*found, *self.choice(), "--watch", "--idle-exit", f"{IDLE_SECONDS}s", "--grace", f"{GRACE_SECONDS}s"]

    def choice(self) -> list[str]:
        """The options that say which jobs are wanted."""
        found = ["--group", self.group] if self.group else []
        for condition in self.where:
            found += ["--where", condition]
        return found


class SeenPilot(NamedTuple):
    """A pilot that the cluster knows.

    Attributes
    ----------
    job
        What the cluster calls it: `12_3` for a member of an array on Slurm, the pod's name on Kubernetes.
    state
        `queued`, `running` or `ended`.
    node
        Where it runs or ran; empty where it does not.
    reason
        Why it waits, or why it ended, in words.
    started, ends
        Seconds since the epoch; 0 where nobody knows.
    token
        Of its submission.
    failed
        Whether it ended, and should not have; or cannot begin.
    ready
        Whether it had imported the pipeline and reached the database.
    by_node
        Whether it failed because of its node.
    """

    job: str
    state: str
    node: str = ""
    reason: str = ""
    started: int = 0
    ends: int = 0
    token: str = ""
    failed: bool = False
    ready: bool = True
    by_node: bool = False


QUEUED, RUNNING, ENDED = "queued", "running", "ended"


def alive(pilots: Sequence[SeenPilot]) -> list[SeenPilot]:
    """Those that run or wait."""
    return [pilot for pilot in pilots if pilot.state != ENDED]
