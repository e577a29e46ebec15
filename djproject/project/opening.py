"""Files of a project opened so that its author cannot lead elsewhere, block, or fill the memory."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from djproject.errors import ConfigError, ProjectError

LARGEST_BYTES = 50_000_000
OWN_FOLDERS = frozenset({".djproject", ".secrets"})  # nothing in them is committed, so no link belongs there
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class UnreadableFileError(OSError):
    """What has the name of a file is none: a folder, a device, a pipe; or it is too large."""


def read_regular(path: str | Path, largest: int = LARGEST_BYTES) -> bytes:
    """The bytes of a regular file; in `.djproject` and `.secrets` no link is followed.

    Raises
    ------
    UnreadableFileError
        It is no regular file, or larger than `largest` bytes.
    ConfigError
        A link is in the way, in a folder that has none.
    OSError
        It is missing, or may not be read.
    """
    with opened(Path(path), _READ) if _own_part(Path(path)) else _plainly(path) as descriptor:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableFileError(errno.EINVAL, "is not a regular file", str(path))
        if found.st_size > largest:
            raise UnreadableFileError(errno.EFBIG, f"is larger than {largest // 1_000_000} MB", str(path))
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            data = stream.read(largest + 1)
    if len(data) > largest:  # files of the kernel have no size
        raise UnreadableFileError(errno.EFBIG, f"is larger than {largest // 1_000_000} MB", str(path))
    return data


def read_source(path: str) -> bytes:
    """The bytes of a Python file, in few calls, because a package has thousands of them."""
    descriptor = os.open(path, _READ)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_BYTES:
            raise UnreadableFileError(errno.EINVAL, "is not a regular file, or too large", path)
        return os.read(descriptor, found.st_size + 1)
    finally:
        os.close(descriptor)


def read_text(path: Path) -> str:
    """The text of a file that a user is to write, such as pyproject.toml.

    Raises
    ------
    ConfigError
        It is no regular file, too large, or not UTF-8.
    OSError
        It is missing, or may not be read.
    """
    try:
        return read_regular(path).decode()
    except UnreadableFileError as error:
        raise ConfigError(f"{path} {error.strerror}.", hint=f"ls -l {path}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.", hint=f"$EDITOR {path}") from error


@contextmanager
def opened(path: Path, flags: int, mode: int = 0o666) -> Iterator[int]:
    """A descriptor of a file; from `.djproject` or `.secrets` on, each part is opened in the one before, never a link.

    Raises
    ------
    ConfigError
        One of these parts is a link, or no folder.
    OSError
        As `os.open`.
    """
    with folder_of(path) as folder:
        try:
            descriptor = os.open(path.name, flags | _no_link(path), mode, dir_fd=folder)
        except OSError as error:
            raise _refusal(path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def folder_of(path: Path) -> Iterator[int]:
    """A descriptor of the folder that a path lies in, opened as `opened` does."""
    parts = _own_part(path)
    here = path.parents[len(parts)] if parts else path.parent
    descriptor = os.open(here, os.O_DIRECTORY)
    try:
        for part in parts:
            here /= part
            try:
                inner = os.open(part, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            except OSError as error:
                raise _refusal(here, error) from error
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def refuse_links(path: Path) -> None:
    """Raise a ConfigError where a part of a path below `.djproject` or `.secrets` is a link; missing ones are fine."""
    parts = _own_part(path)
    here = path.parents[len(parts)] if parts else path.parent
    for part in (*parts, *([path.name] if parts or path.name in OWN_FOLDERS else [])):
        here /= part
        if here.is_symlink():
            raise _link(here)


def refuse_links_in(folder: Path) -> None:
    """Raise a ConfigError where a folder in `.djproject`, or something in it, is a link."""
    refuse_links(folder)
    for item in sorted(folder.iterdir()) if folder.is_dir() else ():
        if item.is_symlink():
            raise _link(item)


def refuse_leading_out(path: Path, root: Path) -> None:
    """Raise a ProjectError where a file would be written outside of the project, because it is a link or in one."""
    target = path.resolve()
    if not target.is_relative_to(root.resolve()):
        raise ProjectError(f"{path} leads out of the project, to {target}.", hint=f"ls -l {path}")


@contextmanager
def _plainly(path: str | Path) -> Iterator[int]:
    if not stat.S_ISREG(os.stat(path).st_mode):  # a device may do something when it is opened  # noqa: PTH116
        raise UnreadableFileError(errno.EINVAL, "is not a regular file", str(path))
    descriptor = os.open(path, _READ)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _own_part(path: Path) -> tuple[str, ...]:
    """The folders of a path from `.djproject` or `.secrets` on, the file's own name left out; empty elsewhere."""
    folders = path.parts[:-1]
    for number, part in enumerate(folders):
        if part in OWN_FOLDERS:
            return folders[number:]
    return ()


def _no_link(path: Path) -> int:
    return os.O_NOFOLLOW if _own_part(path) else 0


def _refusal(path: Path, error: OSError) -> Exception:
    if error.errno in {errno.ELOOP, errno.ENOTDIR} and path.is_symlink():
        return _link(path)
    error.filename = str(path)
    return error


def _link(path: Path) -> ConfigError:
    elsewhere = "  (a store's place: location in [tool.djproject.targets.embedded.stores.NAME])"
    return ConfigError(
        f"{path} is a link, and djproject follows no link in .djproject or .secrets.",
        hint=f"rm {path}{elsewhere if path.name == 'stores' else ''}",
    )
