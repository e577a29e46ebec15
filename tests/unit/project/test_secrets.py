"""Secrets are files of their owner; their names are found, renamed and removed by how they begin."""

import os
from pathlib import Path

import pytest

from djproject.errors import ConfigError
from djproject.project.secrets import (
    load_secrets,
    make_secrets_directory,
    read_secret,
    remove_secrets,
    rename_secrets,
    secret_names,
    target_password,
    write_secret,
)
from djproject.project.settings import Layer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with secrets of two stores, and what is none beside them."""
    for name in ("stores.b.secret_key", "stores.a.token", "stores.a.access_key", "database.password"):
        write_secret(tmp_path, name, f" {name}!\n")
    (tmp_path / ".secrets/stores.a.folder").mkdir()
    (tmp_path / ".secrets/.stores.a.swp").touch()
    return tmp_path


def test_a_secret_is_written_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / ".secrets"
    folder.mkdir(mode=0o755)
    assert write_secret(tmp_path, "a.b", " x y \n") == folder / "a.b"
    assert (folder / "a.b").read_bytes() == b"x y\n"
    assert [path.stat().st_mode & 0o7777 for path in (folder, folder / "a.b")] == [0o700, 0o600]


def test_the_folder_of_secrets_is_ignored_by_git(tmp_path: Path) -> None:
    folder, mask = tmp_path / ".secrets", os.umask(0)
    try:
        assert make_secrets_directory(tmp_path) == folder
    finally:
        os.umask(mask)
    assert folder.stat().st_mode & 0o7777 == 0o700
    assert (folder / ".gitignore").read_bytes() == b"# Secrets are never committed.\n*\n!.gitignore\n"
    (folder / ".gitignore").write_text("mine\n")
    make_secrets_directory(tmp_path)
    assert (folder / ".gitignore").read_text() == "mine\n"


def test_the_folder_is_made_for_its_owner_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    monkeypatch.setattr(Path, "chmod", lambda path, mode: modes.append(path.stat().st_mode & 0o7777))
    mask = os.umask(0)
    try:
        make_secrets_directory(tmp_path)
    finally:
        os.umask(mask)
    assert modes == [0o700]


def test_secrets_are_named_renamed_and_removed_by_how_they_begin(root: Path) -> None:
    assert secret_names(root, "stores.a.") == ("stores.a.access_key", "stores.a.token")
    rename_secrets(root, "stores.a.", "stores.c.stores.a.")
    assert secret_names(root, "") == (
        "database.password",
        "stores.b.secret_key",
        "stores.c.stores.a.access_key",
        "stores.c.stores.a.token",
    )
    assert read_secret(root / ".secrets", "stores.c.stores.a.token") == "stores.a.token!"
    assert remove_secrets(root, "stores.c.") == ("stores.c.stores.a.access_key", "stores.c.stores.a.token")
    assert secret_names(root, "") == ("database.password", "stores.b.secret_key")
    assert remove_secrets(root / "missing", "stores.") == secret_names(root / "missing", "") == ()
    assert read_secret(root / ".secrets", "missing") is None


def test_a_folder_of_secrets_is_a_layer_of_settings(root: Path) -> None:
    for name in ("database.unknown", "database.host.x", "stores.a", "stores.a.b.c", "other.password"):
        write_secret(root, name, "x")
    assert load_secrets(root / ".secrets", "here") == Layer(
        {"database.password": "database.password!"},
        {"database.password": "here/database.password"},
        {
            "a": {"access_key": "stores.a.access_key!", "token": "stores.a.token!"},
            "b": {"secret_key": "stores.b.secret_key!"},
        },
        "here",
    )
    assert load_secrets(root / "missing", "x") == Layer({}, {}, {}, "x")


def test_a_folder_of_secrets_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / ".secrets").symlink_to("away")
    for use in (
        make_secrets_directory,
        lambda root: secret_names(root, ""),
        lambda root: load_secrets(root / ".secrets", ""),
    ):
        with pytest.raises(ConfigError, match=r"\.secrets is a link"):
            use(tmp_path)


def test_the_password_of_a_target_is_its_file_or_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert target_password(tmp_path, "my-lab", {"DJPROJECT_MY_LAB_PASSWORD": ""}) is None
    monkeypatch.setenv("DJPROJECT_MY_LAB_PASSWORD", "from here")
    assert target_password(tmp_path, "my-lab") == ("from here", "DJPROJECT_MY_LAB_PASSWORD")
    assert target_password(tmp_path, "lab") is None
    write_secret(tmp_path, "targets.my-lab.password", "")
    assert target_password(tmp_path, "my-lab") == ("", ".secrets/targets.my-lab.password")
