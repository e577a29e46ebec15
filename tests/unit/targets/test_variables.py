"""DJ_* variables of the shell against a target: the closest wins, as one address, and the rest is named."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from djproject.project.location import Project, read_project
from djproject.targets.choice import Target, load_target, use_target
from djproject.targets.variables import target_variables

OTHER = {
    "DJ_HOST": "other", "DJ_PORT": "7", "DJ_USER": "bob", "DJ_PASS": "x", "DJ_BACKEND": "mysql",
    "DJ_DATABASE_NAME": "d", "DJ_USE_TLS": "true",
}  # fmt: skip
STORES = {"DJ_STORES": json.dumps({"main": {"protocol": "file", "location": "/elsewhere"}})}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a target that names neither port nor password."""
    targets = {"lab": {"host": "db.example.org", "user": "alice", "backend": "postgresql"}}
    stores = {"main": {"protocol": "file", "location": "/data"}}
    tool = {"datajoint": {"stores": stores}, "djproject": {"package": "workflow", "targets": targets}}
    return read_project(tmp_path, {"project": {"name": "demo"}, "tool": tool})


def address(target: Target) -> tuple[str, ...]:
    return tuple(target.settings.text(f"database.{key}") for key in ("backend", "host", "port", "user", "name"))


@pytest.mark.parametrize("environ", [{}, {"DJPROJECT_TARGET": "lab"}])
def test_a_target_that_is_named_keeps_its_address_and_its_stores(project: Project, environ: Mapping[str, str]) -> None:
    option = None if environ else "lab"
    target = load_target(project, option, {**environ, **OTHER, **STORES})
    assert address(target) == ("postgresql", "db.example.org", "5432", "alice", "")
    assert target.settings["database.use_tls"] is None
    assert target.settings["database.password"] == "x"  # the target has none of its own
    assert target.settings.stores["main"] == {"protocol": "file", "location": "/data"}
    assert set(target.ignored) == {*OTHER, *STORES} - {"DJ_PASS"}
    assert target.description.startswith("lab (postgresql://alice@db.example.org:5432); ")
    assert target.description.endswith(f"are ignored (unset {' '.join(target.ignored)})")


@pytest.mark.parametrize("name", ["embedded", "lab"])
def test_dj_host_beats_a_target_that_a_file_names(project: Project, name: str) -> None:
    use_target(project, name, {})
    target = load_target(project, None, OTHER)
    assert address(target) == ("mysql", "other", "7", "bob", "d")
    assert target.server is None
    assert target.ignored == ()
    assert f"by DJ_HOST; to ignore it: --target {name}, or unset DJ_HOST" in target.description


def test_another_server_is_never_given_what_belongs_to_the_embedded_one(project: Project) -> None:
    """Neither its backend, user and password nor its folders: rows there would name files here."""
    target = load_target(project, None, {"DJ_HOST": "other"})
    assert address(target) == ("mysql", "other", "3306", "", "")
    assert target.settings["database.password"] is None
    assert target.settings.stores["main"] == {"protocol": "file", "location": "/data"}
    assert target.folders == ()


def test_the_embedded_database_does_not_take_a_user_or_port_meant_for_another_server(project: Project) -> None:
    target = load_target(project, None, {"DJ_USER": "bob", "DJ_PORT": "7", "DJ_LOG_LEVEL": "DEBUG"})
    assert target.server is not None
    assert target.settings["database.user"] == "postgres"
    assert target.settings["loglevel"] == "DEBUG"
    assert target.ignored == ("DJ_PORT", "DJ_USER")


def test_a_variable_that_says_the_same_is_not_mentioned(project: Project) -> None:
    target = load_target(project, "lab", {"DJ_HOST": "db.example.org", "DJ_USER": "alice"})
    assert target.ignored == ()


@pytest.mark.parametrize("option", [None, "embedded"])
def test_another_process_gets_the_same_answer(project: Project, option: str | None) -> None:
    here = load_target(project, option, OTHER)
    there = load_target(project, None, {**OTHER, **target_variables(here.name, here.chosen_by)})
    worker = load_target(project, here.name, OTHER, chosen_by=here.chosen_by)
    for other in (there, worker):
        assert other.settings.settings == here.settings.settings
        assert (other.chosen_by, other.ignored) == (here.chosen_by, here.ignored)


def test_a_target_typed_later_does_not_inherit_where_the_first_one_came_from(project: Project) -> None:
    passed_on = target_variables("embedded", "pyproject.toml")
    target = load_target(project, None, {**passed_on, **OTHER, "DJPROJECT_TARGET": "lab"})
    assert (target.name, target.chosen_by) == ("lab", "DJPROJECT_TARGET")
    assert target.settings["database.host"] == "db.example.org"
