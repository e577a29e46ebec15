"""Files that may be anything: only regular ones of a certain size are read, and links lead nowhere."""

import os
from pathlib import Path

import pytest

from djproject.errors import ConfigError, ProjectError
from djproject.project.files import locked, replace_file
from djproject.project.opening import (
    UnreadableFileError,
    read_regular,
    read_source,
    read_text,
    refuse_leading_out,
    refuse_links,
    refuse_links_in,
)


def test_only_regular_files_of_a_certain_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    for read in (read_regular, lambda path: read_source(str(path))):
        assert read(tmp_path / "file") == read(tmp_path / "link") == b"12345"
        for other in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
            with pytest.raises(OSError, match=r"regular file"):
                read(other)
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "missing")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(UnreadableFileError, match="larger than"):
        read_regular(tmp_path / "file", 4)
    with pytest.raises(UnreadableFileError, match="larger than"):
        read_regular("/proc/self/status", 4)


def test_a_text_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"a is not UTF-8 text\."):
        read_text(tmp_path / "a")
    with pytest.raises(ConfigError, match="is not a regular file"):
        read_text(tmp_path)


@pytest.mark.parametrize("own", [".djproject", ".secrets"])
def test_no_link_is_followed_in_folders_of_our_own(tmp_path: Path, own: str) -> None:
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner/file").write_text("old")
    folder = tmp_path / "p" / own
    folder.mkdir(parents=True)
    (folder / "file").symlink_to(outside / "inner/file")
    (folder / "inner").symlink_to(outside / "inner")
    for path in (folder / "file", folder / "inner/file"):
        for use in (read_regular, lambda path: replace_file(path, b"new"), refuse_links):
            with pytest.raises(ConfigError, match="is a link") as refused:
                use(path)
            assert refused.value.hint.startswith("rm ")
        with pytest.raises(ConfigError, match="is a link"), locked(path):
            pass
    with pytest.raises(ConfigError, match="is a link"):
        refuse_links_in(folder)
    assert (outside / "inner/file").read_text() == "old"
    real = tmp_path / "q" / own
    real.mkdir(parents=True)
    replace_file(real / "file", b"new")
    assert read_regular(real / "file") == b"new"
    refuse_links_in(real)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / own).symlink_to(real)
    with pytest.raises(ConfigError, match="is a link"):
        refuse_links_in(tmp_path / "r" / own)
    with pytest.raises(ConfigError, match="is a link"):
        read_regular(tmp_path / "r" / own / "file")


def test_a_project_below_a_link_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "real/.djproject").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    replace_file(tmp_path / "link/.djproject/file", b"x")
    assert read_regular(tmp_path / "link/.djproject/file") == b"x"


def test_what_leads_out_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "outside")
    (root / "b").symlink_to("c")
    (root / "f").symlink_to(tmp_path)
    for name in ("a", "f/new"):
        with pytest.raises(ProjectError, match="leads out of the project"):
            refuse_leading_out(root / name, root)
        with pytest.raises(ProjectError, match="leads out of the project"):
            replace_file(root / name, b"x", within=root)
    replace_file(root / "b", b"x", within=root)
    assert (root / "c").read_bytes() == b"x"


def test_a_link_to_a_big_disk_has_another_way(tmp_path: Path) -> None:
    """People link `.djproject/stores` to where there is space; the hint names the setting for that."""
    (tmp_path / ".djproject").mkdir()
    (tmp_path / ".djproject/stores").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="is a link") as refused:
        refuse_links(tmp_path / ".djproject/stores")
    assert "[tool.djproject.targets.embedded.stores.NAME]" in (refused.value.hint or "")
