"""Data are deleted only where that was asked for, and a snapshot loses nothing of a folder."""

import os
from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.stack.snapshot import _files, refuse_existing


def test_data_are_deleted_only_with_force(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="already has data: the schemas lab") as caught:
        refuse_existing("the schemas lab", tmp_path / "a.tar", force=False)
    assert "--force" in caught.value.hint
    refuse_existing("the schemas lab", tmp_path / "a.tar", force=True)
    refuse_existing("", tmp_path / "a.tar", force=False)


def test_what_a_snapshot_of_a_folder_would_lose_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "stores"
    (folder / "a").mkdir(parents=True)
    (folder / "a/b").write_bytes(b"1")
    (folder / "link").symlink_to(folder / "a/b")
    assert list(_files(folder)) == [folder / "a/b", folder / "link"]
    os.mkfifo(folder / "pipe")
    with pytest.raises(ProjectError, match="pipe: it is neither a file nor a folder"):
        list(_files(folder))
    (folder / "pipe").unlink()
    (folder / "folder").symlink_to(folder / "a")
    with pytest.raises(ProjectError, match="cannot hold"):
        list(_files(folder))
