"""The process that waits for the last user of an embedded server to end, then stops it: `python -m … STATE`."""

import fcntl
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from djproject.errors import DJProjectError, EnvironmentUnavailableError
from djproject.targets.claim import HEARTBEAT_SECONDS, Claims, claims_of_this_machine
from djproject.targets.embedded import EmbeddedServer, stop_here
from djproject.targets.keeper_process import LOCK
from djproject.targets.machine import process_start
from djproject.targets.postgres import postmaster


def keep(server: EmbeddedServer) -> None:
    """Wait until no process holds the server's users lock, stop the server, and return.

    There is one keeper per server; a second one returns at once. New users wait for the lock while the server is
    being stopped, and then find neither a server nor a keeper, and start both. Meanwhile it renews the machine's claim.
    """
    with (server.state / LOCK).open("a+b") as keeper, server.users_lock.open("a+b") as users:
        try:
            fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        claims, kept = claims_of_this_machine(server.state), Kept()
        threading.Thread(target=_renew, args=(server, claims, kept), daemon=True).start()
        fcntl.flock(users, fcntl.LOCK_EX)
        if server.state.exists():
            stop_here(server)
            claims.release()
        else:
            kept.end()
        fcntl.flock(keeper, fcntl.LOCK_UN)  # before the users' lock: the next one needs a new keeper


@dataclass(slots=True)
class Kept:
    """The server's process, which is still the same one where its folder was moved away."""

    pid: int = 0
    started: float = 0.0

    def see(self, pid: int | None) -> None:
        """Note which process it is; None where there is none now."""
        if pid is not None and pid != self.pid:
            self.pid, self.started = pid, process_start(pid)

    def end(self) -> None:
        """Stop it in order, by PostgreSQL's signal for a fast shutdown."""
        if self.pid and process_start(self.pid) == self.started:
            with suppress(OSError):
                os.kill(self.pid, signal.SIGINT)


def _renew(server: EmbeddedServer, claims: Claims, kept: Kept) -> None:
    """Renew the claim every few seconds; where another machine has taken it, stop the server at once.

    Where the folder was moved, the server is kept on until its last user has ended.
    """
    wait = threading.Event().wait
    claim = None
    while True:
        try:
            if server.state.exists():
                kept.see(postmaster(server.data))
                claim = claims.take() if claim is None else claims.renew(claim)
                if claim is None and server.state.exists():
                    raise EnvironmentUnavailableError("another machine has taken it")
        except OSError:  # the disk is full or away: it is tried again
            pass
        except DJProjectError:
            stop_here(server)
            os._exit(1)
        wait(HEARTBEAT_SECONDS)


if __name__ == "__main__":
    os.setsid()  # a Ctrl-C at the terminal is not the keeper's
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keep(EmbeddedServer(Path(sys.argv[1])))
