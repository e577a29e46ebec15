"""`docker/.env`: made once, with random passwords, for its owner only; what was set is kept."""

import os
import re
from pathlib import Path

import pytest

from djproject.errors import ConfigError, ProjectError
from djproject.stack.environment import SECRETS, change_environment, complete_environment
from djproject.stack.stopping import own_store_folder

EXAMPLE = """# A comment
DATABASE_PASSWORD=
STORE_ACCESS_KEY=
STORE_SECRET_KEY=
# DATABASE_PORT=5432
# WORKER_UID=1000
COMPOSE_PROJECT_NAME=
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def test_a_new_file(folder: Path) -> None:
    values = complete_environment(folder, "lab")
    assert values["COMPOSE_PROJECT_NAME"] == "lab"
    assert all(len(values[name]) >= 16 and re.fullmatch(r"[A-Za-z0-9_x]+", values[name]) for name in SECRETS)
    (folder / ".env").rename(folder / "first")
    again = complete_environment(folder, "lab")
    assert len({made[name] for name in SECRETS for made in (values, again)}) == 6
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    assert (folder / ".env").read_text().startswith("# A comment\n")
    assert values.get("WORKER_UID") == (str(os.getuid()) if os.getuid() else None)


def test_what_was_set_is_kept_and_what_is_empty_is_filled_in(folder: Path) -> None:
    first = complete_environment(folder, "lab")
    assert complete_environment(folder, "another") == first
    change_environment(folder, {"STORE_SECRET_KEY": "", "DATABASE_PASSWORD": "mine"})
    second = complete_environment(folder, "another")
    assert second["DATABASE_PASSWORD"] == "mine"
    assert second["STORE_SECRET_KEY"] not in {"", first["STORE_SECRET_KEY"]}
    assert second["COMPOSE_PROJECT_NAME"] == "lab"


def test_a_file_others_can_read_is_closed(folder: Path) -> None:
    complete_environment(folder, "lab")
    (folder / ".env").chmod(0o644)
    complete_environment(folder, "lab")
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("password", ["a b", "a'b", 'a"b', "a$b", "a#b", "ä"])
def test_a_password_that_not_every_place_can_take_is_refused(folder: Path, password: str) -> None:
    (folder / ".env").write_text(
        f"DATABASE_PASSWORD='{password}'\n" if "'" not in password else 'DATABASE_PASSWORD="a\'b"\n'
    )
    with pytest.raises(ConfigError, match="DATABASE_PASSWORD"):
        complete_environment(folder, "lab")


def test_without_an_example_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"\.env\.example"):
        complete_environment(tmp_path, "lab")
    assert not (tmp_path / ".env").exists()


def test_a_variable_in_a_comment_becomes_a_line_and_a_new_one_is_added(folder: Path) -> None:
    complete_environment(folder, "lab")
    change_environment(folder, {"DATABASE_PORT": "7", "NEW": "1"})
    lines = (folder / ".env").read_text().splitlines()
    assert "DATABASE_PORT=7" in lines
    assert "# WORKER_UID=1000" in lines or os.getuid()
    assert lines[-1] == "NEW=1"


def test_only_the_stack_s_own_folder_is_deleted(tmp_path: Path) -> None:
    compose, state = tmp_path / "docker", tmp_path / ".djproject" / "stack"
    assert own_store_folder(compose, state, "../.djproject/stack/stores") == state / "stores"
    assert own_store_folder(compose, state, "") is None
    assert own_store_folder(compose, state, "/data/raw") is None
    assert own_store_folder(compose, state, "../.djproject/stack/../../data") is None
    assert own_store_folder(compose, state, "../.djproject/stack-other") is None
