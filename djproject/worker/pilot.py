"""What a worker knows of the cluster's job that it runs in: its number, its node, and when it ends."""

import time
from collections.abc import Mapping
from typing import NamedTuple

CLUSTER, JOB, NODE, ENDS = (f"DJPROJECT_{word}" for word in ("CLUSTER", "PILOT", "NODE", "ENDS"))
# What a pilot writes into its log, for `cluster status`.
BEGINS, READY, ENDED = "Pilot begins:", "The pilot is ready.", "Pilot ended:"
NOTHING_MADE = f"{ENDED} 0 jobs made."  # of one that is stopped before it has begun
HANDOVER_SECONDS = 5.0  # before the end: what is still being made goes back to the queue


class PilotPlace(NamedTuple):
    """Where a pilot runs; all empty where a process is none.

    Attributes
    ----------
    cluster
        The name in `[tool.djproject.clusters]`.
    job
        What the cluster calls the pilot: `812_3` on Slurm, the pod's name on Kubernetes.
    node
        The machine.
    ends
        When it is taken away, in seconds since the epoch; None where nobody said.
    """

    cluster: str = ""
    job: str = ""
    node: str = ""
    ends: float | None = None

    def left(self) -> float:
        """Seconds until running jobs have to be given back; infinite where no end is known."""
        return float("inf") if self.ends is None else self.ends - HANDOVER_SECONDS - time.time()


def pilot_place(environ: Mapping[str, str]) -> PilotPlace:
    """The place that the batch script or the manifest wrote into the environment.

    Examples
    --------
    >>> pilot_place({"DJPROJECT_CLUSTER": "hpc", "DJPROJECT_PILOT": "812_3", "DJPROJECT_ENDS": "1790000000"}).job
    '812_3'
    >>> pilot_place({}).ends is None
    True
    """
    ends = environ.get(ENDS, "")
    cluster, job, node = (environ.get(name, "")[:255] for name in (CLUSTER, JOB, NODE))
    return PilotPlace(cluster, job, node, float(ends) if ends.isdecimal() and len(ends) < 15 else None)


NO_PILOT = PilotPlace()
