"""Commands that only read connect by the driver alone: they see, and refuse, what DataJoint's connection does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from djproject.errors import EnvironmentUnavailableError
from djproject.project.location import load_project
from djproject.targets.choice import load_target
from djproject.targets.direct import connect_directly
from tests.conftest import PYTHON_ENVIRONMENT, Run
from tests.integration.lab_clusters import add_target

READS = [["drift"], ["workers"], ["migrate", "--log"], ["diff", "HEAD", "--target", ""]]
CATALOGUES = """
import sys
from pathlib import Path
from djproject.database.catalogue import read_catalogue, read_lineages
from djproject.project.location import load_project
from djproject.targets.choice import load_target
from djproject.targets.connection import connect
from djproject.targets.direct import connect_directly
target = load_target(load_project(Path.cwd()))
names = [sys.argv[1]]
other, one = connect_directly(target), connect(target)
assert read_catalogue(one, names) and read_catalogue(one, names) == read_catalogue(other, names)
assert read_lineages(one, names) and read_lineages(one, names) == read_lineages(other, names)
zone = "SELECT @@time_zone" if one.adapter.backend == "mysql" else "SHOW timezone"
assert one.query(zone).fetchone() == other.query(zone).fetchone()
assert one.adapter.quote_identifier("plain") == other.adapter.quote_identifier("plain")
(row,) = other.query("SELECT 41 + 1 AS answer", as_dict=True).fetchall()
assert dict(row) == {"answer": 42}
print("the same")
"""
BOTH_REFUSE = """
from pathlib import Path
from djproject.errors import DJProjectError
from djproject.project.location import load_project
from djproject.targets.choice import load_target
from djproject.targets.connection import connect
from djproject.targets.direct import connect_directly
target, told = load_target(load_project(Path.cwd())), []
for way in (connect_directly, connect):
    try:
        way(target)
    except DJProjectError as error:
        told.append((type(error).__name__, error.message, error.hint))
assert len(told) == 2 and told[0] == told[1], told
print(told[0][1])
"""


def test_readers_see_the_same_by_both_connections(server_project: Path, run: Run) -> None:
    run("deploy", cwd=server_project)
    schema = (server_project / "src/workflow/work.py").read_text().partition('dj.Schema("')[2].partition('"')[0]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CATALOGUES, schema], cwd=server_project,
        env={**os.environ, **PYTHON_ENVIRONMENT, "PGTZ": "Asia/Tokyo"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("the same\n"), done.stderr


def test_commands_that_read_do_not_import_datajoint(server_project: Path, run: Run) -> None:
    run("deploy", cwd=server_project)
    git = ["git", "-C", str(server_project)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    target = json.loads(run("config", "show", "--format", "json", cwd=server_project).stdout)["target"]
    name = target["name"] if isinstance(target, dict) else target
    for command in READS:
        arguments = [word or name for word in command]
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "djproject", *arguments], cwd=server_project,
            env={**os.environ, **PYTHON_ENVIRONMENT}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-500:]
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
        assert "djproject.targets.direct" in imported, arguments
        assert not imported & {"datajoint", "numpy", "pandas"}, arguments


@pytest.fixture(params=["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def lab(request: pytest.FixtureRequest, tmp_path: Path, run: Run) -> Path:
    """A project at a server with an address, a user and a password."""
    root = tmp_path / "p"
    run("init", str(root), "--yes", "--no-git", cwd=tmp_path)
    add_target(root, "lab", request.getfixturevalue(request.param))
    run("use", "lab", cwd=root)
    return root


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("user", '"nobody_here"', "does not accept the user 'nobody_here'"),
        ("port", "1", "does not answer at"),
        ("host", '"no-such-host.invalid"', "does not answer at"),
        ("password", "wrong", "does not accept the user"),
    ],
)
def test_what_refuses_one_connection_refuses_the_other_in_the_same_words(
    lab: Path, key: str, value: str, sentence: str
) -> None:
    if key == "password":
        (lab / ".secrets/targets.lab.password").write_text(value)
    else:
        set_key(lab, key, value)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BOTH_REFUSE], cwd=lab, env={**os.environ, **PYTHON_ENVIRONMENT},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert sentence in done.stdout, done.stderr


@pytest.mark.parametrize("lab", ["postgresql"], indirect=True)
def test_a_database_that_is_not_there(lab: Path) -> None:
    set_key(lab, "name", '"nothing"')
    with pytest.raises(EnvironmentUnavailableError, match="has no database called 'nothing'"):
        connect_directly(load_target(load_project(lab)))


@pytest.mark.parametrize(("use_tls", "encrypted"), [(None, True), ("true", True)])
@pytest.mark.parametrize("lab", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_tls_is_used_where_the_server_has_it(lab: Path, use_tls: str | None, encrypted: bool) -> None:
    set_key(lab, "use_tls", use_tls)
    connection = connect_directly(load_target(load_project(lab)))
    assert bool(connection.query("SHOW STATUS LIKE 'Ssl_cipher'").fetchone()[1]) is encrypted


@pytest.mark.parametrize("lab", ["postgresql"], indirect=True)
def test_tls_that_must_be_and_that_the_server_has_not(lab: Path) -> None:
    set_key(lab, "use_tls", None)
    assert connect_directly(load_target(load_project(lab))).query("SELECT 1").fetchone() == (1,)
    set_key(lab, "use_tls", "true")
    with pytest.raises(EnvironmentUnavailableError, match="SSL"):
        connect_directly(load_target(load_project(lab)))


def set_key(root: Path, key: str, value: str | None) -> None:
    """Another value in the target's table, or none."""
    path = root / "pyproject.toml"
    head, table, rest = path.read_text().partition("[tool.djproject.targets.lab]\n")
    kept = [line for line in rest.splitlines() if not line.startswith(f"{key} =")]
    path.write_text("\n".join([f"{head}{table}{key} = {value}" if value else f"{head}{table}".rstrip(), *kept]) + "\n")


LOST = """
from pathlib import Path
from djproject.project.location import load_project
from djproject.targets.choice import load_target
from djproject.targets.connection import connect
from djproject.targets.direct import connect_directly
target = load_target(load_project(Path.cwd()))
first, other = connect(target), connect_directly(target)
end = "KILL {}" if other.adapter.backend == "mysql" else "SELECT pg_terminate_backend({})"
other.query(end.format(first.connection_id))
second = connect(target)
assert second is first and second.query("SELECT 41 + 1").fetchone() == (42,)
print("connected again")
"""


def test_a_connection_that_was_lost_is_opened_again(lab: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOST], cwd=lab, env={**os.environ, **PYTHON_ENVIRONMENT},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("connected again\n"), done.stderr
