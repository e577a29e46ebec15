"""Files replaced whole or not at all, and edited by one process at a time."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from djproject.project.opening import OWN_FOLDERS, folder_of, opened, read_text, refuse_leading_out, refuse_links

STATE_DIRECTORY = ".djproject"
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def replace_file(
    path: Path, data: bytes, *, mode: int | None = None, durable: bool = True, within: Path | None = None
) -> None:
    """Put `data` at `path` atomically; a reader sees the old bytes or the new ones.

    Parameters
    ----------
    path
        The file; a symbolic link is followed and stays a link, but in `.djproject` and `.secrets` there must be none.
    data
        The whole new content.
    mode
        Permission bits. By default those of the file replaced, or 0644 under the umask for a new one.
    durable
        Wait for the disk, so that a machine that loses its power keeps the old file or the new one.
    within
        The project's root, where the file belongs to a project: a link must not lead out of it.

    Raises
    ------
    DJProjectError
        A link is in the way.
    OSError
        The folder is read-only or the disk is full; `path` is then as it was.
    """
    if within is not None:
        refuse_leading_out(path, within)
    refuse_links(path.absolute())
    path = path.absolute() if OWN_FOLDERS & set(path.absolute().parts) else path.resolve()
    if mode is None:
        mode = path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask()
    name = f".{path.name}.{os.urandom(8).hex()}"  # `tempfile` takes 7 ms to import
    with folder_of(path) as folder:
        try:
            with os.fdopen(os.open(name, NEW, 0o600, dir_fd=folder), "wb") as stream:
                os.fchmod(stream.fileno(), mode)
                stream.write(data)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            os.replace(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException as error:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            if isinstance(error, OSError):
                error.filename = str(path)
            raise


def edit_file(path: Path, edit: Callable[[str], str], *, lock: Path, within: Path) -> bool:
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
    within
        The project's root.
    """
    with locked(lock):
        old = read_text(path)
        new = edit(old)
        if new == old:
            return False
        replace_file(path, new.encode(), within=within)
        return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; it waits for the process that has it, and ends with the process."""
    refuse_links(path.absolute())
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened(path.absolute(), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def state_directory(root: Path, environ: Mapping[str, str]) -> Path:
    """Where this project keeps what belongs to one machine: `.djproject/`, or `$DJPROJECT_STATE`."""
    return Path(environ.get("DJPROJECT_STATE") or root / STATE_DIRECTORY)


def make_state_directory(directory: Path) -> Path:
    """Make the state directory, with a .gitignore of its own so that git never sees it."""
    refuse_links(directory.absolute())
    directory.mkdir(parents=True, exist_ok=True)
    ignore = directory / ".gitignore"
    if not ignore.exists():
        replace_file(ignore, b"*\n")
    return directory


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
