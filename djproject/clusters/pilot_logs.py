"""What pilots wrote into their logs: which began, which became ready, and why one ended."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from djproject.project.opening import refuse_links
from djproject.worker.pilot import BEGINS, ENDED, READY

TAIL_BYTES = 64 * 1024
NEWEST = 500  # logs that are looked at
_BEGIN = re.compile(rf"^{BEGINS} (\S+) on (\S*) at (\d+)\b", re.MULTILINE)
# Source: what slurmstepd writes into the output of a job that it ends, and the kernel's words for its killer.
_CAUSES = (
    (r"oom[-_ ]kill|out of memory|OUT_OF_MEMORY|OutOfMemory", "out of memory"),
    (r"DUE TO TIME LIMIT", "wall time limit reached"),
    (r"DUE TO PREEMPTION", "preempted"),
    (r"DUE TO NODE FAILURE|DUE TO NODE_FAIL", "the node failed"),
    (r"CANCELLED AT", "cancelled"),
)


class LoggedPilot(NamedTuple):
    """A pilot as its log shows it, since it last began.

    Attributes
    ----------
    job, node, began
        As in `SeenPilot`.
    ready
        Whether a worker had imported the pipeline and reached the database.
    ended
        Whether it said that it ends, and with how many jobs.
    cause
        Why it ended otherwise, as far as its log tells.
    path
        Of the log.
    """

    job: str
    node: str
    began: int
    ready: bool
    ended: str
    cause: str
    path: Path

    @property
    def reason(self) -> str:
        """Why it ended, in words; where it runs still, what it would be if it were gone."""
        return self.ended or self.cause or "exited without an error message"


def read_logs(folder: Path) -> list[LoggedPilot]:
    """The pilots of a cluster by their logs, the newest first."""
    refuse_links(folder.absolute())
    try:
        paths = [Path(entry.path) for entry in os.scandir(folder) if entry.name.endswith(".log")]
    except OSError:
        return []
    stamped = sorted(((path.stat().st_mtime, path) for path in paths), reverse=True)[:NEWEST]
    return [found for _, path in stamped if (found := read_log(path)) is not None]


def read_log(path: Path) -> LoggedPilot | None:
    """One pilot by its log; None where it never began."""
    refuse_links(path.absolute())
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(TAIL_BYTES).decode(errors="replace")
        file.seek(max(size - TAIL_BYTES, 0))
        tail = file.read(TAIL_BYTES).decode(errors="replace") if size > TAIL_BYTES else ""
    return parse_log(head, tail, path)


def parse_log(head: str, tail: str, path: Path) -> LoggedPilot | None:
    r"""A log by its first and last part; the second is empty where the first is all.

    Examples
    --------
    >>> text = "Pilot begins: 8_1 on node7 at 1790000000\nThe pilot is ready.\nPilot ended: 5 jobs made.\n"
    >>> found = parse_log(text, "", Path("8_1.log"))
    >>> found.job, found.node, found.ready, found.ended
    ('8_1', 'node7', True, '5 jobs made')
    """
    begins = list(_BEGIN.finditer(tail)) or list(_BEGIN.finditer(head))
    if not begins:
        return None
    begin = begins[-1]
    text = tail[begin.end() :] if begin.string is tail else head[begin.end() :] + tail
    ended = re.findall(rf"^{ENDED} (.*?)\.?$", text, re.MULTILINE)
    ready = READY in text
    first = ended[0] if ended else ""  # a signal while it leaves may make it say so once more
    return LoggedPilot(begin[1], begin[2], int(begin[3]), ready, first, _cause(text, begun=ready), path)


def _cause(text: str, *, begun: bool) -> str:
    """What the cluster wrote at its end; of a pilot that never began to work, what it said last."""
    for pattern, words in _CAUSES:
        if re.search(pattern, text):
            return words
    if begun:  # what it says then is about jobs
        return ""
    errors = re.findall(r"^(?:Error: |\w*(?:Error|Exception): )(.+)$", text, re.MULTILINE)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (errors or lines or [""])[-1][:300]
