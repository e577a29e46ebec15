"""Modules written from a database declare what was there, on both servers; and `check` finds nothing in them."""

import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datajoint as dj
import pytest
from hypothesis import given

from djproject.database.agreement import compare_at, source_places
from djproject.database.catalogue import read_catalogue
from djproject.errors import ProjectError
from djproject.scaffold.from_database import ImportedModule, Importer
from tests.checking import errors_in, findings_in, module, pipeline_in, table
from tests.conftest import Run
from tests.integration.test_check_against_datajoint import EXAMPLES, Server, one_module, pipelines, project_of, server
from tests.integration.test_comparison import FORMS, KEYS, MYSQL_KEYS, attributes
from tests.integration.test_drift import BASE
from tests.unit.checks.cases import CASES

__all__ = ["server"]  # the fixture


@pytest.fixture(autouse=True)
def _emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        request.getfixturevalue("server").drop()


def imported(server: Server, *schemas: str, rows: Any = None) -> tuple[ImportedModule, ...]:
    declared = read_catalogue(server.connection, schemas)
    return Importer(declared, {name: name for name in schemas}, {}, server.backend, rows).modules()


def follow(server: Server, folder: Path, name: str) -> str:
    """Import a schema: no drift; declare what was written elsewhere: no drift either. The text comes back."""
    (found,) = imported(server, name)
    pipeline = pipeline_in(project_of(folder, found.text, server))
    assert compare_at(server.connection, pipeline, source_places(pipeline, str)) == (), found.text
    # A store that is not configured, and a column of raw bytes: both are right to say.
    assert [f for f in errors_in(folder) if f.code not in {"DJP209", "DJP215"}] == [], found.text
    other = f"again_{uuid.uuid4().hex[:10]}"
    text = found.text.replace(f'dj.Schema("{name}")', f'dj.Schema("{other}")')
    assert server.declare(text, other) == "", text
    pipeline = pipeline_in(project_of(folder, text, server))
    assert compare_at(server.connection, pipeline, source_places(pipeline, str)) == (), text
    return found.text


def test_tables_of_every_form_come_back(server: Server, tmp_path: Path) -> None:
    name = f"import_{uuid.uuid4().hex[:10]}"
    assert server.declare(module(name, *FORMS), name) == ""
    text = follow(server, tmp_path, name)
    assert "    class Piece(dj.Part):" in text
    assert "        -> master" in text
    assert "-> Order.proj(other_b='b', other_a='a')" in text
    assert "-> [nullable, unique] Order.proj(v='b', u='a')" in text
    assert 'raise NotImplementedError("Deep.make is still to be written")' in text


def test_the_tables_of_the_edits_come_back(server: Server, tmp_path: Path) -> None:
    name = f"import_{uuid.uuid4().hex[:10]}"
    assert server.declare(module(name, *BASE), name) == ""
    text = follow(server, tmp_path, name)
    assert "    n : int16  # how many\n" in text
    assert "    # a table\n" in text
    assert "    unique index(note, n)\n" in text


def test_every_type_comes_back(server: Server, tmp_path: Path) -> None:
    lines = []
    for number, kind in enumerate(attributes(server)):
        lines.append(f'a{number} : {kind}  # it\'s "one": one # of 100 %% many')
        if not kind.startswith("serial"):
            lines.append(f"n{number} = null : {kind}")
    tables = [
        table(f"T{chr(65 + start // 25)}", "k : int32", "---", *lines[start : start + 25])
        for start in range(0, len(lines), 25)
    ]
    name = f"import_{uuid.uuid4().hex[:10]}"
    assert server.declare(module(name, *tables), name) == ""
    follow(server, tmp_path, name)


def test_keys_of_every_type_come_back(server: Server, tmp_path: Path) -> None:
    tables = []
    for number, kind in enumerate(KEYS + (MYSQL_KEYS if server.backend == "mysql" else [])):
        name = f"P{chr(65 + number // 26)}{chr(97 + number % 26)}"
        tables += [table(name, f"k{number} : {kind}  # the key"), table(f"C{name}", f"-> {name}", "---", "w : float64")]
    name = f"import_{uuid.uuid4().hex[:10]}"
    assert server.declare(module(name, *tables), name) == ""
    follow(server, tmp_path, name)


@EXAMPLES
@given(parts=pipelines())
def test_generated_pipelines_come_back(
    server: Server, tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]
) -> None:
    name = f"import_{uuid.uuid4().hex[:10]}"
    if server.declare(one_module(parts, name), name) == "":
        follow(server, tmp_path_factory.getbasetemp() / "imported", name)
    server.drop()


def test_the_tables_of_the_rules_cases_come_back(server: Server, tmp_path: Path) -> None:
    for case in CASES:
        for path, content in case.good.items():
            text = content if isinstance(content, str) else content.decode("utf-8", errors="replace")
            match = re.search(r'dj\.Schema\("(\w+)"\)', text)
            if not path.endswith(".py") or match is None:
                continue
            name = f"import_{uuid.uuid4().hex[:10]}"
            declared = server.declare(text.replace(match[0], f'dj.Schema("{name}")'), name) == ""
            if declared and any(place[1][0] != "~" for place in read_catalogue(server.connection, [name])):
                follow(server, tmp_path, name)
        server.drop()


def test_two_schemas_and_what_is_refused(server: Server, tmp_path: Path) -> None:
    first, second = (f"import_{uuid.uuid4().hex[:10]}" for _ in range(2))
    parents = server.classes(module(first, table("Setup", "s : int32", "---", "w = 5 : int16", tier="Lookup")), first)
    schema = dj.Schema(second, connection=server.connection)
    server.schemas.append(second)
    schema(type("Use", (dj.Manual,), {"definition": "-> Setup\nu : int32"}), context={"Setup": parents["Setup"]})
    one, two = imported(server, second, first)
    assert (one.schema, two.schema) == (first, second)
    assert f"from . import {first}\n" in two.text
    assert f"    -> {first}.Setup\n" in two.text
    with pytest.raises(ProjectError, match=f"refers to the table {first}.#setup, which is not imported") as caught:
        imported(server, second)
    assert first in caught.value.hint
    server.connection.query(f"CREATE TABLE {second}.a__B (x int PRIMARY KEY)")  # type: ignore[attr-defined]
    if server.backend == "mysql":
        with pytest.raises(ProjectError, match="has a name that DataJoint gives to no class"):
            imported(server, second, first)


def test_the_command_makes_a_pipeline_of_a_database(example: Path, run: Run, python: Run, tmp_path: Path) -> None:
    """The example's database, without its code: modules, no drift, no finding, and ruff has nothing to say."""
    run("deploy", cwd=example)
    names = ["acquisition", "analysis", "processing", "subject"]
    for name in names:
        (example / f"src/workflow/{name}.py").unlink()
    (example / "src/workflow/sample_data.py").unlink()
    shown = run("import-schema", *names, "--dry-run", cwd=example)
    assert not (example / "src/workflow/subject.py").exists()
    assert "src/workflow/subject.py" in shown.stdout
    run("import-schema", *names, "--contents", cwd=example)
    assert '("mouse", "Mus musculus"),' in (example / "src/workflow/subject.py").read_text()
    assert "No drift: 11 tables" in run("drift", cwd=example).stderr
    assert [f for f in findings_in(example, ["DJP1", "DJP2"]) if f.severity == "error"] == []
    for arguments in (("check",), ("format", "--check")):  # with the settings that init wrote
        ruff = subprocess.run([sys.executable, "-m", "ruff", *arguments, "src"], cwd=example, check=False)
        assert ruff.returncode == 0
    assert "Nothing to do" in run("deploy", cwd=example).stderr
    again = run("import-schema", *names, "--contents", cwd=example)
    assert "Next: djproject status" in again.stderr
    (example / "src/workflow/subject.py").write_text("x = 1\n")
    assert "already exists" in run("import-schema", "subject", cwd=example, code=2).stderr
    nothing = run("import-schema", "nowhere", cwd=example, code=2)
    assert "The database has no schema nowhere" in nothing.stderr
    assert "subject" in nothing.stderr
    code = (
        "import datajoint as dj; import workflow; schema = dj.Schema('coded')\n"
        "class Probe(dj.Lookup):\n    definition = 'name : varchar(9)\\n---\\nmap : <blob>'\n"
        "schema(Probe).insert1(('a', [1]))"
    )
    python(code, cwd=example)
    told = run("import-schema", "coded", "--contents", "--dry-run", cwd=example).stderr
    assert "The rows of coded.#probe are left out: map has a codec." in told
    which = run("import-schema", cwd=example, code=2).stderr
    assert "Name the schemas to import." in which
    assert "acquisition, analysis, coded, processing, subject" in which


@pytest.mark.mysql
def test_a_table_of_an_older_datajoint_comes_back(server: Server, tmp_path: Path) -> None:
    """Without markers of types: unsigned numbers, longblob, timestamps."""
    if server.backend != "mysql":
        pytest.skip("older versions had MySQL only")
    name = f"import_{uuid.uuid4().hex[:10]}"
    server.schemas.append(name)
    query = server.connection.query  # type: ignore[attr-defined]
    query(f"CREATE DATABASE {name}")
    query(
        f"CREATE TABLE {name}.`#kind` (`kind` varchar(20) NOT NULL COMMENT 'which', PRIMARY KEY (`kind`)) COMMENT 'Kinds.'"
    )
    query(
        f"CREATE TABLE {name}.`_scan` (`scan_id` int unsigned NOT NULL COMMENT '5 %% of \\\\\\\\mu', "
        "`kind` varchar(20) NOT NULL COMMENT 'which', `side` enum('L','r') NOT NULL DEFAULT 'L' COMMENT '', "
        "`depth` float DEFAULT NULL COMMENT 'um', `trace` longblob COMMENT 'an array', `small` tinyint unsigned NOT NULL "
        "DEFAULT '3' COMMENT '', `at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '', `key_id` binary(16) NOT "
        "NULL COMMENT ':uuid:of the file', `count` mediumint NOT NULL COMMENT '', PRIMARY KEY (`scan_id`), "
        f"KEY `kind` (`kind`), CONSTRAINT `a` FOREIGN KEY (`kind`) REFERENCES {name}.`#kind` (`kind`) ON UPDATE CASCADE)"
    )
    (found,) = imported(server, name)
    pipeline = pipeline_in(project_of(tmp_path, found.text, server))
    assert compare_at(server.connection, pipeline, source_places(pipeline, str)) == (), found.text
    assert "scan_id : int64" in found.text
    assert "key_id : uuid  # of the file" in found.text
    assert any("trace has no codec" in note for note in found.notes)
