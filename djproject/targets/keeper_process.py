"""The process of an embedded server's keeper, as others see it: started, and alive or not."""

import fcntl
import os
import sys
import time
from pathlib import Path

LOCK = "postgres.keeper"  # held by the keeper as long as it lives


def start_keeper(state: Path) -> None:
    """Start the keeper, which outlives this process; so not `Popen`, which expects to see its child's end."""
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    command = [sys.executable, "-m", "djproject.targets.keeper", str(state)]
    os.posix_spawn(sys.executable, command, _environment(), file_actions=null)
    deadline = time.monotonic() + 10
    while not keeper_is_alive(state) and time.monotonic() < deadline:
        time.sleep(0.005)


def keeper_is_alive(state: Path) -> bool:
    """Whether a process keeps the server."""
    with (state / LOCK).open("a+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _environment() -> dict[str, str]:
    package_parent = str(Path(__file__).parents[2])
    search = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (package_parent, search)))}
