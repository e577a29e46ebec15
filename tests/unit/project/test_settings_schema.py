"""One declaration of all settings: what the commands read, and the JSON Schema, agree on what is right and wrong."""

import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from djproject.errors import ConfigError
from djproject.project.checking import CheckTable
from djproject.project.groups import WorkerGroup
from djproject.project.location import read_leniently, read_project
from djproject.project.schema import Key, Table
from djproject.project.settings_schema import CHECK, GROUP, TABLES, pyproject_schema, tool_schema

RIGHT = """
[tool.datajoint]
safemode = false
loglevel = "INFO"
[tool.datajoint.database]
backend = "mysql"
port = 3307
[tool.datajoint.stores]
default = "main"
[tool.datajoint.stores.main]
protocol = "s3"
endpoint = "s3:9000"
bucket = "b"
location = "raw"
subfolding = [2, 2]
secure = true
[tool.datajoint.stores.plugged]
protocol = "dandi"
whatever = 5

[tool.djproject]
package = "a.b"
target = "lab"
schema_prefix = "${USER}_x1"
[tool.djproject.targets.lab]
host = "db"
use_tls = true
schema_prefix = ""
[tool.djproject.targets.embedded.stores.main]
location = "/big"
[tool.djproject.check]
select = ["DJP2", "djp101"]
convention = "advise"
layers = ["subject", ["ephys", "imaging"]]
forbid = ["a -> b"]
[tool.djproject.check.per-file-ignores]
"src/old/*" = ["DJP2"]
[tool.djproject.workers.gpu]
gpus = [0, "GPU-5f"]
grace = 90
job-timeout = "1.5h"
concurrency = { "a.B" = 1 }
environment = { OMP = "1" }
"""
WRONG = {  # a table, and the end of the path of what is refused in it
    "djproject": {
        "packages = 'x'": "packages",
        "package = ''": "package",
        "target = 5": "target",
        "schema_prefix = 'A-b'": "schema_prefix",
        "check = 1": "check",
        "check.fail-level = 'fatal'": "fail-level",
        "check.convention = true": "convention",
        "check.select = 'DJP2'": "select",
        "check.layers = [1]": "layers",
        "check.forbid = ['a']": "forbid",
        "check.forbid = ['a ->']": "forbid",
        "check.baseline = []": "baseline",
        "check.per-file-ignores = {x = 'DJP1'}": "x",
        "check.ignore = ['E501']": "ignore",
        "targets.lab = {user = 'me'}": "lab",
        "targets.lab = {host = 'h', port = 'x1'}": "port",
        "targets.lab = {host = 'h', prt = 1}": "prt",
        "targets.lab = {host = 'h', password = 'pw'}": "password",
        "targets.embedded = {host = 'h'}": "host",
        "targets.lab = {host = 'h', stores.main = {protocol = 's3', secret_key = 'k'}}": "secret_key",
        "targets.lab = {host = 'h', schema_prefix = 'Ä'}": "schema_prefix",
        "workers = []": "workers",
        "workers.a = 1": "a",
        "workers.a.count = 0": "count",
        "workers.a.count = true": "count",
        "workers.a.gpus = [true]": "gpus",
        "workers.a.grace = 'soon'": "grace",
        "workers.a.grace = -1": "grace",
        "workers.a.tables = 'x'": "tables",
        "workers.a.environment = {X = 1}": "X",
        "workers.a.concurrency = {'x.Y' = 0}": "x.Y",
    },
    "datajoint": {
        "loglevle = 'INFO'": "loglevle",
        "loglevel = 5": "loglevel",
        "database.backend = 'oracle'": "backend",
        "database.password = 'pw'": "password",
        "databse.host = 'x'": "databse",
        "safemode = 'perhaps'": "safemode",
        "stores.default = 3": "default",
        "stores.main = 'file'": "main",
        "stores.main = {protocol = 5}": "protocol",
        "stores.main = {protocol = 'file', location = '/x', subfolding = [0]}": "subfolding",
        "stores.main = {protocol = 's3', secret_key = 'k'}": "secret_key",
    },
}
CASES = [(tool, line, end) for tool, lines in WRONG.items() for line, end in lines.items()]


def test_what_is_right_is_right_for_both() -> None:
    document = tomllib.loads(RIGHT)
    jsonschema.Draft7Validator.check_schema(pyproject_schema())
    jsonschema.validate(document, pyproject_schema())
    project = read_project(Path("/lab"), document)
    assert project.groups["gpu"].job_seconds == 5400
    assert project.groups["gpu"].grace_seconds == 90
    assert project.check.layers == (("subject",), ("ephys", "imaging"))
    assert project.check.forbid == (("a", "b"),)
    assert project.check.select == ("DJP2", "DJP101")
    assert project.targets["lab"].values == {"database.host": "db", "database.use_tls": True}
    assert project.targets["lab"].schema_prefix == ""
    assert project.managed["embedded"].stores == {"main": {"location": "/big"}}
    assert project.datajoint.values["database.port"] == 3307
    assert project.datajoint.defaults == {"default": "main"}
    assert list(project.datajoint.stores) == ["main", "plugged"]


@pytest.mark.parametrize(("tool", "line", "end"), CASES, ids=[line for _, line, _ in CASES])
def test_what_is_wrong_is_wrong_for_both_and_has_its_place(tool: str, line: str, end: str) -> None:
    document = {"tool": {tool: tomllib.loads(line)}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, pyproject_schema())
    _, (problem, *others) = read_leniently(Path("/lab"), document)
    assert not others
    assert problem.path[:2] == ("tool", tool)
    assert problem.path[-1] == end
    assert f"[tool.{tool}" in problem.message or end == "ignore"
    assert problem.hint
    with pytest.raises(ConfigError) as refused:
        read_project(Path("/lab"), document)
    assert refused.value.message == problem.message


def test_the_rest_of_a_table_stays_known_and_the_nearest_key_is_named() -> None:
    document = {"tool": {"djproject": tomllib.loads("workers.a = {cuont = 3, threads = 2}\npackage = 'lab'")}}
    project, (problem,) = read_leniently(Path("/lab"), document)
    assert project.groups["a"].threads == 2
    assert project.package == "lab"
    assert problem.message == "[tool.djproject.workers.a] has no setting 'cuont'; did you mean 'count'?"
    assert problem.hint.startswith("Settings: tables, exclude, count")


def test_a_long_value_is_cut() -> None:
    _, (problem,) = read_leniently(Path("/lab"), {"tool": {"djproject": {"target": ["x" * 500]}}})
    assert len(problem.message) < 160


def test_every_key_has_a_meaning_and_every_attribute_a_key() -> None:
    def keys_of(table: Table) -> list[tuple[str, Key]]:
        inner = [key for _, key in table.keys.items() if isinstance(key.value, Table)]
        return [
            *table.keys.items(),
            *(pair for key in inner if isinstance(key.value, Table) for pair in keys_of(key.value)),
        ]

    assert [name for table in TABLES.values() for name, key in keys_of(table) if not key.meaning] == []
    assert {key.attribute or name for name, key in CHECK.keys.items()} == set(CheckTable._fields)
    assert {key.attribute or name for name, key in GROUP.keys.items()} == set(WorkerGroup._fields) - {"name"}


@pytest.mark.slow
def test_validate_pyproject_knows_both_tables(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    command = [sys.executable, "-W", "ignore", "-m", "validate_pyproject", str(path)]
    path.write_text(RIGHT)
    right = subprocess.run(command, capture_output=True, text=True, check=False)
    assert right.returncode == 0, right.stderr + right.stdout
    path.write_text(RIGHT.replace("gpus =", "gpsu ="))
    wrong = subprocess.run(command, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "gpsu" in wrong.stderr + wrong.stdout


def test_the_schemas_are_told_apart() -> None:
    assert tool_schema("djproject")["$id"] != tool_schema("datajoint")["$id"]


def test_a_default_is_shown_as_it_is_written_in_toml() -> None:
    keys = TABLES["datajoint"].keys
    shown = {name: keys[name].default for name in ("safemode", "loglevel", "query_cache", "stores")}
    assert shown == {"safemode": "`true`", "loglevel": "`INFO`", "query_cache": "", "stores": ""}
