"""A snapshot is read whole, and refused or accepted, before anything is deleted."""

import io
import json
import random
import tarfile
from pathlib import Path
from typing import Any

import pytest

from djproject.errors import ProjectError
from djproject.stack.archive import DUMP, MANIFEST, ArchiveWriter, contents, place_of, read_manifest, verify

OLD = {"project": "lab", "backend": "postgresql", "created": "", "djproject": "1", "objects": 0, "files": 1}
CONTENT = {DUMP: b"dump" * 400, "buckets/data/a/../b": b"object", "stores/raw/ä b\n.bin": b"file" * 100}


def written(path: Path, content: dict[str, bytes] = CONTENT) -> Path:
    with tarfile.open(path, "w") as archive:
        writer = ArchiveWriter(archive)
        for name, data in content.items():
            writer.add(name, io.BytesIO(data), len(data))
        writer.finish("lab", "postgresql", "2026-11-28T12:00:00+0000", "1.0")
    return path


def by_hand(path: Path, members: list[Any], manifest: object) -> Path:
    """A snapshot as somebody else may write it; a member is a name, or a TarInfo without data."""
    with tarfile.open(path, "w") as archive:
        text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        for member in [*members, (MANIFEST, text)]:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            name, data = member if isinstance(member, tuple) else (member, b"x")
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def accept(path: Path, folder: Path | None) -> object:
    return verify(path, backend="postgresql", folder=folder, has_buckets=True)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tar")
    manifest = verify(path, backend="postgresql", folder=tmp_path, has_buckets=True)
    assert (manifest.objects, manifest.files, set(manifest.members)) == (1, 1, set(CONTENT))
    assert {name: stream.read() for name, stream, _ in contents(path)} == CONTENT


def test_a_file_that_changed_anywhere_is_refused(tmp_path: Path) -> None:
    """A byte of a member, of a header or of the manifest; or the end is missing. What is padding may be anything."""
    data = written(tmp_path / "a.tar").read_bytes()
    chance = random.Random(5)
    with tarfile.open(tmp_path / "a.tar") as archive:
        inside = [n for m in archive for n in range(m.offset_data, m.offset_data + m.size) if m.name != MANIFEST]
    damaged = tmp_path / "b.tar"
    for place in chance.sample(inside, 60):
        damaged.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ProjectError, match="differs from the manifest"):
            accept(damaged, tmp_path)
    end = max(n for n in range(len(data)) if data[n])
    for size in chance.sample(range(end), 60):
        damaged.write_bytes(data[:size])
        with pytest.raises(ProjectError, match="not a complete stack snapshot"):
            accept(damaged, tmp_path)
    for place in chance.sample(range(len(data)), 300):
        damaged.write_bytes(data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :])
        try:
            accept(damaged, tmp_path)
        except ProjectError as error:
            assert error.hint
        else:
            assert {name: stream.read() for name, stream, _ in contents(damaged)} == CONTENT


@pytest.mark.parametrize("missing", CONTENT)
def test_a_member_that_is_missing_or_too_many_is_found(tmp_path: Path, missing: str) -> None:
    with tarfile.open(written(tmp_path / "a.tar")) as archive:
        stream = archive.extractfile(MANIFEST)
        assert stream is not None
        manifest = json.loads(stream.read())
    left = [(name, data) for name, data in CONTENT.items() if name != missing]
    for members in (left, [*CONTENT.items(), ("buckets/data/more", b"")], [*CONTENT.items(), (missing, b"twice")]):
        with pytest.raises(ProjectError, match="not a complete stack snapshot"):
            accept(by_hand(tmp_path / "b.tar", members, manifest), tmp_path)


def test_a_snapshot_of_an_older_version_has_no_checksums(tmp_path: Path) -> None:
    path = by_hand(tmp_path / "a.tar", [DUMP, "stores/raw/..a/b.bin"], OLD)
    assert read_manifest(path).members == {}
    accept(path, tmp_path / "stores")
    with pytest.raises(ProjectError, match="members are missing"):
        accept(by_hand(tmp_path / "b.tar", [DUMP], OLD), tmp_path / "stores")


@pytest.mark.parametrize(
    "name", ["stores/../outside", "stores//etc/passwd", "stores/a/../../outside", "stores/..", "stores/", "buckets/x",
             "buckets//key", "elsewhere", "../elsewhere", "/etc/passwd"],
)  # fmt: skip
def test_a_file_that_would_land_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = by_hand(tmp_path / "a.tar", [DUMP, name], {**OLD, "files": int(name.startswith("stores/"))})
    with pytest.raises(ProjectError, match="outside its folder"):
        accept(path, tmp_path / "stores")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    for name in ("stores/raw", MANIFEST, DUMP):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "/etc/passwd"
        with pytest.raises(ProjectError, match="not a regular file|not a complete stack snapshot"):
            accept(by_hand(tmp_path / "a.tar", [entry, *([] if name == DUMP else [DUMP])], OLD), tmp_path)


def test_a_link_in_the_folder_leads_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "stores"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ProjectError, match="outside its folder"):
        place_of(folder, "stores/link/file")
    (tmp_path / "same").symlink_to(folder)
    assert place_of(tmp_path / "same", "stores/a") == folder / "a"


def test_a_snapshot_that_does_not_fit_the_stack(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tar")
    with pytest.raises(ProjectError, match="was taken from a postgresql stack, but this stack uses mysql"):
        verify(path, backend="mysql", folder=tmp_path, has_buckets=True)
    with pytest.raises(ProjectError, match="has objects of an object store"):
        verify(path, backend="postgresql", folder=tmp_path, has_buckets=False)
    with pytest.raises(ProjectError, match="has files of stores that are folders"):
        verify(path, backend="postgresql", folder=None, has_buckets=True)


MANIFESTS = [
    {}, [], None, 3, {**OLD, "more": 1}, {**OLD, "objects": "many"}, {**OLD, "project": ["x"]}, {**OLD, "members": 3},
    {**OLD, "members": {"a": 3}}, {**OLD, "members": {"a": ["x", "y"]}}, b"", b"\xff\xfe", b"[" * 100_000, b"{" * 99,
    {**OLD, "project": "x" * 5000}, {**OLD, "members": [1, 2]},
]  # fmt: skip


@pytest.mark.parametrize("manifest", MANIFESTS, ids=range(len(MANIFESTS)))
def test_a_manifest_that_is_none(tmp_path: Path, manifest: object) -> None:
    with pytest.raises(ProjectError, match="not a complete stack snapshot"):
        read_manifest(by_hand(tmp_path / "a.tar", [DUMP], manifest))


def test_a_file_that_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"no archive")
    for path in (tmp_path / "b.tar", tmp_path):
        with pytest.raises(ProjectError, match="not a complete stack snapshot"):
            read_manifest(path)
    with pytest.raises(ProjectError, match="There is no file"):
        read_manifest(tmp_path / "c.tar")
