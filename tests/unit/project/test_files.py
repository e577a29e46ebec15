"""Files are replaced whole or not at all, one editor at a time."""

import multiprocessing
import os
from pathlib import Path

import pytest

from djproject.errors import ConfigError, ProjectError
from djproject.project.files import edit_file, make_state_directory, replace_file
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
