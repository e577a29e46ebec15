"""The process that waits for the last user of an embedded server to end, then stops it: `python -m … STATE`."""

import fcntl
import os
import signal
import sys
from pathlib import Path

from djproject.targets.embedded import EmbeddedServer, stop


def keep(server: EmbeddedServer) -> None:
    """Wait until no process holds the server's users lock, stop the server, and return.

    There is one keeper per server; a second one returns at once. New users wait for the lock while the server is
    being stopped, and then find neither a server nor a keeper, and start both.
    """
    with server.keeper_lock.open("ab") as keeper, server.users_lock.open("ab") as users:
        try:
            fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        fcntl.flock(users, fcntl.LOCK_EX)
        if server.state.exists():
            stop(server)
        fcntl.flock(keeper, fcntl.LOCK_UN)  # before the users' lock: whoever comes next needs a new keeper


if __name__ == "__main__":
    os.setsid()  # a Ctrl-C at the terminal is not the keeper's
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keep(EmbeddedServer(Path(sys.argv[1])))
