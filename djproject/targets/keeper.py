"""The process that waits for the last user of an embedded server to end, then stops it: `python -m … STATE`."""

import fcntl
import os
import signal
import sys
import threading
from pathlib import Path

from djproject.errors import DJProjectError
from djproject.targets.claim import HEARTBEAT_SECONDS, Claims, claims_of_this_machine
from djproject.targets.embedded import EmbeddedServer, stop_here


def keep(server: EmbeddedServer) -> None:
    """Wait until no process holds the server's users lock, stop the server, and return.

    There is one keeper per server; a second one returns at once. New users wait for the lock while the server is
    being stopped, and then find neither a server nor a keeper, and start both. Meanwhile it renews the machine's claim.
    """
    with server.keeper_lock.open("a+b") as keeper, server.users_lock.open("a+b") as users:
        try:
            fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        claims = claims_of_this_machine(server.state)
        threading.Thread(target=_renew, args=(server, claims), daemon=True).start()
        fcntl.flock(users, fcntl.LOCK_EX)
        if server.state.exists():
            stop_here(server)
            claims.release()
        fcntl.flock(keeper, fcntl.LOCK_UN)  # before the users' lock: the next one needs a new keeper


def _renew(server: EmbeddedServer, claims: Claims) -> None:
    """Renew the claim every few seconds; where another machine has taken it, stop the server at once."""
    wait = threading.Event().wait
    claim = None
    while True:
        try:
            claim = claims.take() if claim is None else claims.renew(claim)
        except OSError:  # the disk is full or away: it is tried again
            wait(HEARTBEAT_SECONDS)
            continue
        except DJProjectError:
            claim = None
        if claim is None:
            stop_here(server)
            os._exit(1)
        wait(HEARTBEAT_SECONDS)


if __name__ == "__main__":
    os.setsid()  # a Ctrl-C at the terminal is not the keeper's
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keep(EmbeddedServer(Path(sys.argv[1])))
