"""Files replaced whole or not at all, and edited by one process at a time."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STATE_DIRECTORY = ".djproject"


def replace_file(path: Path, data: bytes, *, mode: int | None = None, durable: bool = True) -> None:
    """Put `data` at `path` atomically; a reader sees the old bytes or the new ones.

    Parameters
    ----------
    path
        The file; a symbolic link is followed and stays a link.
    data
        The whole new content.
    mode
        Permission bits. By default those of the file replaced, or 0644 under the umask for a new one.
    durable
        Wait for the disk, so that a machine that loses its power keeps the old file or the new one.

    Raises
    ------
    OSError
        The folder is read-only or the disk is full; `path` is then as it was.
    """
    path = path.resolve()
    if mode is None:
        mode = path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask()
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")  # `tempfile` takes 7 ms to import
    try:
        with open(temporary, "xb", opener=_private) as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)
        raise


def edit_file(path: Path, edit: Callable[[str], str], *, lock: Path) -> bool:
    """Read `path`, replace it by what `edit` returns, and say whether anything changed.

    The whole read-edit-write happens under an exclusive lock, so that two processes lose nothing. Line
    endings reach `edit` as they are in the file (no translation).

    Parameters
    ----------
    path
        A UTF-8 text file.
    edit
        From the old text to the new text; what it raises leaves the file untouched.
    lock
        The lock file; it is made if it is missing.
    """
    with locked(lock):
        old = path.read_bytes()
        new = edit(old.decode("utf-8")).encode("utf-8")
        if new == old:
            return False
        replace_file(path, new)
        return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; it waits for whoever has it, and ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def state_directory(root: Path, environ: Mapping[str, str]) -> Path:
    """Where this project keeps what belongs to one machine: `.djproject/`, or `$DJPROJECT_STATE`."""
    return Path(environ.get("DJPROJECT_STATE") or root / STATE_DIRECTORY)


def make_state_directory(directory: Path) -> Path:
    """Make the state directory, with a .gitignore of its own so that git never sees it."""
    directory.mkdir(parents=True, exist_ok=True)
    ignore = directory / ".gitignore"
    if not ignore.exists():
        replace_file(ignore, b"*\n")
    return directory


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
