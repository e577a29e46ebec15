"""What may be restored is decided before anything is deleted."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.stack.snapshot import check_snapshot, place_of, read_manifest, refuse_existing

MANIFEST = {"project": "lab", "backend": "postgresql", "created": "", "djproject": "1", "objects": 0, "files": 1}


def snapshot(path: Path, names: tuple[str, ...] = (), manifest: object = MANIFEST) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in [*((name, b"x") for name in names), ("snapshot.json", json.dumps(manifest).encode())]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def test_a_snapshot_that_fits(tmp_path: Path) -> None:
    path = snapshot(tmp_path / "a.tar", ("database.dump", "stores/raw/..a/b.bin", "buckets/data/../key"))
    assert check_snapshot(path, "postgresql", tmp_path / "stores").files == 1


@pytest.mark.parametrize("name", ["stores/../outside", "stores//etc/passwd", "stores/a/../../outside", "stores/.."])
def test_a_file_that_would_land_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = snapshot(tmp_path / "a.tar", (name,))
    with pytest.raises(ProjectError, match="outside its folder"):
        check_snapshot(path, "postgresql", tmp_path / "stores")


def test_a_link_in_the_folder_leads_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "stores"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ProjectError, match="outside its folder"):
        place_of(folder, "stores/link/file")
    (tmp_path / "same").symlink_to(folder)
    assert place_of(tmp_path / "same", "stores/a") == folder / "a"


def test_another_server_s_snapshot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="was taken from postgresql, but this stack uses mysql"):
        check_snapshot(snapshot(tmp_path / "a.tar"), "mysql", None)


@pytest.mark.parametrize("manifest", [{}, [], {**MANIFEST, "more": 1}])
def test_a_file_that_is_no_snapshot(tmp_path: Path, manifest: object) -> None:
    with pytest.raises(ProjectError, match="no whole snapshot"):
        read_manifest(snapshot(tmp_path / "a.tar", manifest=manifest))
    (tmp_path / "b.tar").write_bytes(b"no archive")
    with pytest.raises(ProjectError, match="no whole snapshot"):
        read_manifest(tmp_path / "b.tar")
    with pytest.raises(ProjectError, match="There is no file"):
        read_manifest(tmp_path / "c.tar")


def test_data_are_deleted_only_with_force(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="already has data: the schemas lab") as caught:
        refuse_existing("the schemas lab", tmp_path / "a.tar", force=False)
    assert "--force" in caught.value.hint
    refuse_existing("the schemas lab", tmp_path / "a.tar", force=True)
    refuse_existing("", tmp_path / "a.tar", force=False)
