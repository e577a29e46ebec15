"""Files are replaced whole or not at all, one editor at a time."""

import fcntl
import multiprocessing
import os
from pathlib import Path

import pytest

from djproject.errors import ConfigError, ProjectError
from djproject.project.files import edit_file, locked, make_state_directory, replace_file, state_directory
from djproject.project.location import load_project


def _append_numbers(path: Path, lock: Path, start: int) -> None:
    for number in range(start, start + 20):
        edit_file(path, lambda text: f"{text}{number}\n", lock=lock, within=path.parent)  # noqa: B023 (called at once)


def test_two_editors_at_once_lose_nothing(tmp_path: Path) -> None:
    path, lock = tmp_path / "numbers", tmp_path / "lock"
    path.write_text("")
    context = multiprocessing.get_context("spawn")
    editors = [context.Process(target=_append_numbers, args=(path, lock, start)) for start in (0, 100, 200)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    expected = {*range(20), *range(100, 120), *range(200, 220)}
    assert {int(line) for line in path.read_text().splitlines()} == expected


def test_an_edit_that_fails_leaves_the_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old\r\n")

    def fail(text: str) -> str:
        raise ConfigError("no")

    with pytest.raises(ConfigError):
        edit_file(path, fail, lock=tmp_path / "lock", within=tmp_path)
    assert path.read_bytes() == b"old\r\n"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "gitconfig") == ["file", "lock"]


def test_permissions_and_links_survive(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_new_file_is_closed_to_others_from_its_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def note(descriptor: int, mode: int) -> None:
        made.append(os.fstat(descriptor).st_mode & 0o777)
        fchmod(descriptor, mode)

    fchmod = os.fchmod
    monkeypatch.setattr(os, "fchmod", note)
    before = os.umask(0)
    try:
        replace_file(tmp_path / "secret", b"hush", mode=0o640)
    finally:
        os.umask(before)
    assert made == [0o600]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o640


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.name != "gitconfig"] == ["file"]


def test_a_project_is_found_from_its_folders(tmp_path: Path) -> None:
    package = tmp_path / "src" / "workflow"
    package.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.djproject]\n")
    (package / "__init__.py").touch()
    assert load_project(package, {}).root == tmp_path.resolve()
    with pytest.raises(ProjectError, match="not in a djproject project") as refused:
        load_project(tmp_path.parent, {})
    assert "djproject init" in refused.value.hint


def test_malformed_toml_is_refused_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.djproject]\npackage = \n")
    with pytest.raises(ConfigError, match=r"line 2, column 11"):
        load_project(tmp_path, {})


def test_git_never_sees_the_state_directory(tmp_path: Path) -> None:
    folder = make_state_directory(tmp_path / "a/.djproject")
    assert (folder / ".gitignore").read_text() == "*\n"
    (folder / ".gitignore").write_text("mine\n")
    make_state_directory(folder)
    assert (folder / ".gitignore").read_text() == "mine\n"


def test_a_new_file_has_the_usual_mode_and_another_where_it_is_asked_for(tmp_path: Path) -> None:
    mask = os.umask(0o002)
    try:
        replace_file(tmp_path / "usual", b"a")
        replace_file(tmp_path / "secret", b"b", mode=0o600)
    finally:
        os.umask(mask)
    assert os.umask(mask) == mask
    modes = {name: (tmp_path / name).stat().st_mode & 0o7777 for name in ("usual", "secret")}
    assert modes == {"usual": 0o664, "secret": 0o600}
    (tmp_path / "usual").chmod(0o1705)
    replace_file(tmp_path / "usual", b"c")
    assert (tmp_path / "usual").stat().st_mode & 0o7777 == 0o1705
    assert (tmp_path / "usual").read_bytes() == b"c"


def test_the_disk_is_waited_for_unless_it_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: written.append(Path(f"/proc/self/fd/{descriptor}").read_bytes())
    )
    replace_file(tmp_path / "a", b"first", durable=False)
    assert written == []
    replace_file(tmp_path / "a", b"second")
    assert written == [b"second"]


@pytest.mark.parametrize("error", [OSError(28, "No space"), KeyboardInterrupt()])
@pytest.mark.parametrize("folder", ["plain", ".djproject"])
def test_an_error_names_the_file_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, folder: str
) -> None:
    (tmp_path / folder).mkdir()
    path = tmp_path / folder / "file"
    path.write_text("old")

    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(type(error)) as raised:
        replace_file(path, b"new")
    assert raised.value is error
    assert getattr(error, "filename", "none") == (str(path) if isinstance(error, OSError) else "none")
    assert [item.name for item in path.parent.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_an_edit_sees_the_line_ends_and_writes_only_what_changed(tmp_path: Path) -> None:
    path, lock = tmp_path / "file", tmp_path / "made/for/lock"
    path.write_bytes("Größe\r\n".encode())
    before = path.stat()
    assert edit_file(path, lambda text: text, lock=lock, within=tmp_path) is False
    assert path.stat().st_ino == before.st_ino
    assert edit_file(path, lambda text: text.replace("\r\n", "!\r\n"), lock=lock, within=tmp_path) is True
    assert path.read_bytes() == "Größe!\r\n".encode()
    (tmp_path / "p").mkdir()
    link = tmp_path / "p/link"
    link.symlink_to(path)
    with pytest.raises(ProjectError, match="leads out of the project"):
        edit_file(link, lambda text: "", lock=lock, within=tmp_path / "p")


def test_a_lock_is_held_until_it_is_left_and_its_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    path.write_text("kept")
    held: list[tuple[int, int]] = []
    lock = fcntl.flock

    def record(descriptor: int, kind: int) -> None:
        held.append((fcntl.fcntl(descriptor, fcntl.F_GETFL), kind))
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", record)
    with path.open() as other:
        with locked(path), pytest.raises(BlockingIOError):
            lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    ((flags, kind),) = held
    assert kind == fcntl.LOCK_EX
    assert flags & (os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK) == os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK
    assert path.read_text() == "kept"


def test_the_state_of_a_machine_is_in_the_project_or_where_a_variable_says(tmp_path: Path) -> None:
    assert (
        state_directory(tmp_path, {}) == state_directory(tmp_path, {"DJPROJECT_STATE": ""}) == tmp_path / ".djproject"
    )
    assert state_directory(tmp_path, {"DJPROJECT_STATE": "/fast/state"}) == Path("/fast/state")
