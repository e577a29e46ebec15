"""Whether the kernel killed a process of this group of processes for its memory, and what the limit was.

Source: Linux' documentation, cgroup-v2.rst (`memory.events`, `memory.max`) and cgroup-v1/memory.rst
(`memory.oom_control`, `memory.limit_in_bytes`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST_LIMIT = 1 << 60  # above it, version 1 means that there is none


@dataclass(slots=True)
class MemoryWatch:
    """The kills of one group of processes; each is claimed once.

    Attributes
    ----------
    own
        What the kernel says of this process's groups.
    mount
        Where the groups are files.
    claimed
        How many kills are accounted for.
    """

    own: Path = Path("/proc/self/cgroup")
    mount: Path = Path("/sys/fs/cgroup")
    claimed: int = -1

    def begin(self) -> None:
        """Kills of before are not asked about."""
        if self.claimed < 0:
            self.claimed = self._kills()

    def claim(self) -> str:
        """The cause of a kill that nobody claimed yet, with the limit; empty where there was none."""
        if self.claimed < 0 or self._kills() <= self.claimed:
            return ""
        self.claimed += 1
        limit = self._limit()
        return f"out of memory, {limit / 2**30:.3g} GiB" if limit else "out of memory"

    def _folders(self) -> Iterator[tuple[Path, bool]]:
        """Where memory is limited, and whether by version 2; in a container the path may not be seen."""
        try:
            lines = self.own.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            number, controllers, path = [*line.split(":", 2), "", ""][:3]
            if number == "0" and not controllers:
                yield from ((self.mount / path.strip("/"), True), (self.mount, True))
            elif "memory" in controllers.split(","):
                folder = self.mount / "memory"
                yield from ((folder / path.strip("/"), False), (folder, False))

    def _kills(self) -> int:
        for folder, second in self._folders():
            text = _text(folder / ("memory.events" if second else "memory.oom_control"))
            if match := re.search(r"^oom_kill (\d+)$", text, re.MULTILINE):
                return int(match[1])
        return 0

    def _limit(self) -> int:
        for folder, second in self._folders():
            text = _text(folder / ("memory.max" if second else "memory.limit_in_bytes")).strip()
            if text.isdecimal() and int(text) < LARGEST_LIMIT:
                return int(text)
        return 0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


WATCH = MemoryWatch()
