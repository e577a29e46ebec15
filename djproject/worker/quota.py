"""How much one worker process does at most."""

from dataclasses import dataclass

LARGEST_BATCH = 200
ALL_JOBS = "all jobs of the run are done"


@dataclass(frozen=True, slots=True)
class Quota:
    """How much one process does at most; None for any number.

    Attributes
    ----------
    jobs
        Of the whole run; the process is not replaced then.
    jobs_per_process
        Until another process takes its place.
    megabytes
        Memory (RSS) above which another process takes its place.
    """

    jobs: int | None = None
    jobs_per_process: int | None = None
    megabytes: float | None = None

    def left(self, done: int) -> int:
        """How many jobs may still be claimed, after so many."""
        limits = [limit - done for limit in (self.jobs, self.jobs_per_process) if limit is not None]
        return max(min(limits, default=LARGEST_BATCH), 1)

    def reached(self, done: int) -> str:
        """Why the process is to end after so many jobs; empty where it is not."""
        if self.jobs is not None and done >= self.jobs:
            return ALL_JOBS
        if self.jobs_per_process is not None and done >= self.jobs_per_process:
            return f"{done} job{'s' if done != 1 else ''}"
        if self.megabytes is not None and (size := _megabytes()) > self.megabytes:
            return f"using {size:.0f} MB of memory"
        return ""


NO_QUOTA = Quota()


def _megabytes() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6
