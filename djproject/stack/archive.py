"""The file of a snapshot: a tar archive whose manifest names every member with its size and SHA-256.

`snapshot.json` (what it is, and what is in it; written last, so that a file that was cut short has none),
`database.dump`, `buckets/NAME/KEY` for every object, `stores/…` for the files of stores that are folders. A file comes
from anywhere: all of it is read and compared before anything is changed, and no member leads out of its folder.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from djproject.errors import ProjectError

MANIFEST, DUMP, BUCKETS, STORES = "snapshot.json", "database.dump", "buckets/", "stores/"
LARGEST_MANIFEST = 2**29
WAY_OUT = "djproject stack snapshot FILE  (where the data still are)"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot is of.

    Attributes
    ----------
    project, backend
        The pipeline's name and its database server.
    created
        ISO 8601.
    djproject
        The version that wrote it.
    objects, files
        How many objects of buckets and files of folders are in it.
    members
        For each member of the archive its size in bytes and its SHA-256; empty in a snapshot of an older version.
    """

    project: str
    backend: str
    created: str
    djproject: str
    objects: int
    files: int
    members: dict[str, tuple[int, str]] = field(default_factory=dict)


class ArchiveWriter:
    """Writes members, and remembers what they were."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members: dict[str, tuple[int, str]] = {}

    def add(self, name: str, stream: IO[bytes], size: int, *, owner: tuple[int, int] = (0, 0)) -> None:
        """Add `size` bytes of a stream under a name.

        Raises
        ------
        OSError
            The stream has fewer.
        """
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        entry.uid, entry.gid = owner
        hashed = _Hashed(stream)
        self._archive.addfile(entry, hashed)
        self._members[name] = (size, hashed.digest.hexdigest())

    def finish(self, project: str, backend: str, created: str, version: str) -> Manifest:
        """Write the manifest, the last member."""
        objects, files = _counts(self._members)
        manifest = Manifest(project, backend, created, version, objects, files, self._members)
        data = json.dumps(asdict(manifest), indent=1).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mode = len(data), 0o600
        self._archive.addfile(entry, io.BytesIO(data))
        return manifest


class _Hashed:
    """A stream whose bytes are hashed as they are read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.digest.update(data)
        return data


def read_manifest(path: Path) -> Manifest:
    """What a snapshot says of itself; the rest of the file may still be damaged.

    Raises
    ------
    ProjectError
        There is no such file, or it is no whole snapshot.
    """
    if not path.exists():
        raise ProjectError(f"There is no file {path}.", hint="djproject stack snapshot FILE")
    if not path.is_file():
        raise _damaged(path, "it is not a file")
    try:
        with tarfile.open(path, "r:") as archive:
            member = archive.getmember(MANIFEST)
            if not member.isreg() or member.size > LARGEST_MANIFEST:
                raise _damaged(path, "its manifest cannot be read")
            stream = archive.extractfile(member)
            if stream is None:
                raise KeyError(MANIFEST)
            return _manifest(json.loads(stream.read()))
    except (tarfile.TarError, EOFError, KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise _damaged(path, "it has no manifest") from error


def _manifest(values: dict[str, Any]) -> Manifest:
    members = {str(name): (int(size), str(digest)) for name, (size, digest) in values.pop("members", {}).items()}
    manifest = Manifest(**values, members=members)
    texts = (manifest.project, manifest.backend, manifest.created, manifest.djproject)
    if not all(isinstance(text, str) and len(text) < 1000 for text in texts):
        raise TypeError
    if not all(type(count) is int for count in (manifest.objects, manifest.files)):
        raise TypeError
    return manifest


def verify(path: Path, *, backend: str, folder: Path | None, has_buckets: bool) -> Manifest:
    """Read a whole snapshot, compare it with its manifest, and find that it fits a stack; nothing is changed.

    Parameters
    ----------
    path
        The file.
    backend
        The stack's database server.
    folder
        Where its stores that are folders lie; None where it has none.
    has_buckets
        Whether it has an object store.

    Raises
    ------
    ProjectError
        The file is damaged, of another kind of database, has members that are no plain files or would land outside
        `folder`, or data that this stack has no place for.
    """
    manifest = read_manifest(path)
    if manifest.backend != backend:
        raise ProjectError(
            f"{path} was taken from a {manifest.backend} stack, but this stack uses {backend}.",
            hint="djproject init --help",
        )
    found: dict[str, tuple[int, str]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member, stream in _members(path, archive):
                if member.name in found:
                    raise _damaged(path, f"{member.name!r} is in it twice")
                _check_place(member.name, folder, has_buckets=has_buckets)
                found[member.name] = _measured(stream)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _damaged(path, "it ends in the middle") from error
    _compare(path, found, manifest)
    return manifest


def contents(path: Path) -> Iterator[tuple[str, IO[bytes], tuple[int, int]]]:
    """The members of a snapshot that `verify` accepted: name, bytes, and the owner's and group's number."""
    with tarfile.open(path, "r:") as archive:
        for member, stream in _members(path, archive):
            if member.name != MANIFEST:
                yield member.name, stream, (member.uid, member.gid)


def place_of(folder: Path, name: str) -> Path:
    """Where a file of a snapshot goes, always inside `folder`; else a ProjectError."""
    if "\0" in name:
        raise _outside(name)
    path = (folder / name.removeprefix(STORES)).resolve()
    if path == folder.resolve() or not path.is_relative_to(folder.resolve()):
        raise _outside(name)
    return path


def bucket_and_key(name: str) -> tuple[str, str]:
    """The bucket and the key of an object's member."""
    bucket, _, key = name.removeprefix(BUCKETS).partition("/")
    return bucket, key


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for member in archive:
        stream = archive.extractfile(member) if member.isreg() else None
        if stream is None:
            raise _damaged(path, f"{member.name!r} is not a regular file")
        yield member, stream


def _check_place(name: str, folder: Path | None, *, has_buckets: bool) -> None:
    if name.startswith(STORES):
        if folder is None:
            raise _no_place("files of stores that are folders", "a store of the protocol file")
        place_of(folder, name)
    elif name.startswith(BUCKETS):
        if not all(bucket_and_key(name)):
            raise _outside(name)
        if not has_buckets:
            raise _no_place("objects of an object store", "an object store")
    elif name not in {MANIFEST, DUMP}:
        raise _outside(name)


def _measured(stream: IO[bytes]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    while block := stream.read(1 << 20):
        size += len(block)
        digest.update(block)
    return size, digest.hexdigest()


def _compare(path: Path, found: dict[str, tuple[int, str]], manifest: Manifest) -> None:
    del found[MANIFEST]
    if _counts(found) != (manifest.objects, manifest.files) or DUMP not in found:
        raise _damaged(path, "members are missing")
    if manifest.members and found != manifest.members:
        written = manifest.members
        changed = sorted(name for name in found.keys() | written if found.get(name) != written.get(name))
        raise _damaged(path, f"{changed[0]!r} differs from the manifest")


def _counts(names: Collection[str]) -> tuple[int, int]:
    """How many members are objects, and how many are files."""
    objects, files = (sum(name.startswith(place) for name in names) for place in (BUCKETS, STORES))
    return objects, files


def _damaged(path: Path, reason: str) -> ProjectError:
    return ProjectError(f"{path} is not a complete stack snapshot: {reason}.", hint=WAY_OUT)


def _outside(name: str) -> ProjectError:
    return ProjectError(
        f"The snapshot has a file outside its folder: {name!r}.", hint="Do not use this file; take a new snapshot."
    )


def _no_place(what: str, lacking: str) -> ProjectError:
    return ProjectError(f"The snapshot has {what}, and this stack has no place for them.", hint=f"It needs {lacking}.")
