"""Files that may be anything: only regular ones of a certain size are read, and links lead nowhere."""

import errno
import os
from pathlib import Path

import pytest

from djproject.errors import ConfigError, ProjectError
from djproject.project import opening
from djproject.project.files import locked, replace_file
from djproject.project.opening import (
    UnreadableFileError,
    folder_of,
    opened,
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


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_no_file_or_too_large_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / ".djproject/folder").mkdir(parents=True)
    os.mkfifo(tmp_path / ".djproject/fifo")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(2_999_999)
    size = len(read_regular("/proc/version"))
    assert len(read_regular("/proc/version", size)) == size
    none = (errno.EINVAL, "is not a regular file")
    before = descriptors()
    for path, largest, (number, words) in (
        (tmp_path, 9, none),
        (Path("/dev/null"), 9, none),
        (tmp_path / ".djproject/folder", 9, none),
        (tmp_path / ".djproject/fifo", 9, none),
        (tmp_path / "large", 2_999_998, (errno.EFBIG, "is larger than 2 MB")),
        (Path("/proc/version"), size - 1, (errno.EFBIG, "is larger than 0 MB")),
    ):
        with pytest.raises(UnreadableFileError) as refused:
            read_regular(path, largest)
        assert (refused.value.errno, refused.value.strerror, refused.value.filename) == (number, words, str(path))
    assert descriptors() == before


def test_a_python_file_has_the_same_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGEST_BYTES", 5)
    (tmp_path / "a.py").write_bytes(b"12345")
    (tmp_path / "b.py").write_bytes(b"123456")
    before = descriptors()
    assert read_source(str(tmp_path / "a.py")) == b"12345"
    for name in ("b.py", ""):
        path = str(tmp_path / name)
        with pytest.raises(UnreadableFileError) as refused:
            read_source(path)
        assert (refused.value.errno, refused.value.strerror, refused.value.filename) == (
            errno.EINVAL,
            "is not a regular file, or too large",
            path,
        )
    assert descriptors() == before


def test_a_text_that_cannot_be_read_has_a_command_that_shows_why(tmp_path: Path) -> None:
    place = tmp_path / "text"
    place.write_bytes(b"a\xff")
    for path, words, hint in ((place, "is not UTF-8 text.", "$EDITOR"), (tmp_path, "is not a regular file.", "ls -l")):
        with pytest.raises(ConfigError) as refused:
            read_text(path)
        assert (refused.value.message, refused.value.hint) == (f"{path} {words}", f"{hint} {path}")
    place.write_bytes("Größe\r\n".encode())
    assert read_text(place) == "Größe\r\n"


@pytest.mark.parametrize("folder", ["plain", ".secrets/inner"])
def test_a_file_is_made_with_the_mode_that_is_asked_for_and_for_no_child_process(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    before, mask = descriptors(), os.umask(0o027)
    try:
        for name, mode, found in (("a", (), 0o640), ("b", (0o600,), 0o600)):
            with opened(tmp_path / folder / name, os.O_WRONLY | os.O_CREAT, *mode) as descriptor:
                os.write(descriptor, b"x")
                assert not os.get_inheritable(descriptor)
            assert (tmp_path / folder / name).stat().st_mode & 0o7777 == found
            assert (tmp_path / folder / name).read_bytes() == b"x"
    finally:
        os.umask(mask)
    assert descriptors() == before


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / ".djproject").touch()
    (tmp_path / ".secrets").mkdir()
    before = descriptors()
    for path, place in (
        (tmp_path / "file/x", tmp_path / "file"),
        (tmp_path / ".djproject/x", tmp_path / ".djproject"),
        (tmp_path / ".djproject/inner/x", tmp_path / ".djproject"),
    ):
        with pytest.raises(NotADirectoryError) as refused, folder_of(path):
            pass
        assert refused.value.filename in {str(place), place}
    with pytest.raises(FileNotFoundError) as missing:
        read_regular(tmp_path / ".secrets/missing")
    assert missing.value.filename == str(tmp_path / ".secrets/missing")
    with folder_of(tmp_path / ".secrets/x") as descriptor:
        assert os.path.samestat(os.fstat(descriptor), (tmp_path / ".secrets").stat())
    assert descriptors() == before


def test_the_part_of_a_path_that_is_a_link_is_named_with_how_to_remove_it(tmp_path: Path) -> None:
    (tmp_path / "away/b").mkdir(parents=True)
    (tmp_path / "away/b/file").touch()
    (tmp_path / ".djproject/.secrets/a/stores").mkdir(parents=True)
    for name, target in {"a/b": "away/b", "link": "away", "a/stores/x": "away", "stores": "away"}.items():
        (tmp_path / ".djproject/.secrets" / name).symlink_to(tmp_path / target)
    stores = "  (a store's place: location in [tool.djproject.targets.embedded.stores.NAME])"
    before = descriptors()
    for path, link, elsewhere in (
        ("a/b/file", "a/b", ""),
        ("link", "link", ""),
        ("link/b/file", "link", ""),
        ("a/stores/x", "a/stores/x", ""),
        ("stores/b", "stores", stores),
    ):
        place, found = tmp_path / ".djproject/.secrets" / path, tmp_path / ".djproject/.secrets" / link
        for use in (refuse_links, read_regular):
            with pytest.raises(ConfigError) as refused:
                use(place)
            assert (
                refused.value.message == f"{found} is a link, and djproject follows no link in .djproject or .secrets."
            )
            assert refused.value.hint == f"rm {found}{elsewhere}"
    refuse_links(tmp_path / ".djproject/.secrets/a/stores/missing/more")
    (tmp_path / "link").symlink_to("away")
    refuse_links(tmp_path / "link")
    refuse_links(tmp_path / "link/b/file")
    assert descriptors() == before


def test_links_in_a_folder_are_found_in_order_and_a_missing_folder_has_none(tmp_path: Path) -> None:
    folder = tmp_path / ".djproject"
    refuse_links_in(folder)
    folder.mkdir()
    (folder / "a").touch()
    for name in ("c", "b"):
        (folder / name).symlink_to(tmp_path)
    with pytest.raises(ConfigError, match=r"/\.djproject/b is a link"):
        refuse_links_in(folder)


def test_a_file_outside_of_the_project_is_named_with_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    link = tmp_path / "p/link"
    link.symlink_to(tmp_path / "q")
    with pytest.raises(ProjectError) as refused:
        refuse_leading_out(link, tmp_path / "p")
    assert refused.value.message == f"{link} leads out of the project, to {tmp_path}/q."
    assert refused.value.hint == f"ls -l {link}"
    refuse_leading_out(tmp_path / "p/new", tmp_path / "p")


def test_a_device_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opens: list[object] = []
    monkeypatch.setattr(os, "open", lambda path, *arguments, **named: opens.append(path))
    with pytest.raises(UnreadableFileError, match="is not a regular file"):
        read_regular("/dev/null")
    assert opens == []
