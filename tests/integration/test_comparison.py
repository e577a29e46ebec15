"""What plain DataJoint declares from a definition does not differ from it; what was changed since does."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from djproject.database.agreement import compare_at, source_places
from djproject.database.catalogue import read_catalogue
from djproject.database.comparison import Difference
from tests.checking import errors_in, module, pipeline_in, table
from tests.conftest import Run
from tests.integration.conftest import MySQL, write_make
from tests.integration.test_check_against_datajoint import (
    ATTRIBUTES,
    EXAMPLES,
    Server,
    one_module,
    pipelines,
    project_of,
    server,
)
from tests.integration.test_pipeline import use_mysql

__all__ = ["server"]  # the fixture

FEWER = settings(EXAMPLES, max_examples=50)
BOTH = [
    "int8", "int16", "int32", "int64", "float32", "float64", "bool", "uuid", "json", "bytes", "date", "datetime",
    "datetime(3)", "datetime(0)", "datetime(6)", "char(4)", "char(1)", "varchar(1)", "varchar(4000)", "enum('a','b')",
    "enum('a', 'b')", "enum('left: on', 'right#2')", "enum('it''s')", "enum('5', 'Upper')", "decimal(5,2)",
    "decimal(6, 3)", "decimal(3,0)", "<blob>", "<attach>", "<blob@main>", "<object@main>", "<npy@main>", "<hash@main>",
    "<filepath@main>", "<attach@main>", "<blob@other>", "int", "integer", "smallint", "bigint", "float", "real",
    "numeric(4,1)", "numeric(4)", "numeric", "decimal", "text", "timestamp", "timestamp(3)", "time", "time(3)",
]  # fmt: skip
MYSQL_ONLY = [
    "int unsigned", "int(11)", "int (5) unsigned", "tinyint", "tinyint(1)", "tinyint unsigned", "mediumint", "bigint unsigned", "bigint(20)",
    "double", "double unsigned", "float(7,2)", "float(30)", "double(9,3)", "float unsigned", "decimal(5,2) unsigned", "dec(4,1)", "fixed(3)", "year", "datetime (3)",
    "tinyblob", "blob", "mediumblob", "longblob", "tinytext", "mediumtext", "longtext", "INT", "LongBlob", "Numeric(4,2)",
]  # fmt: skip
POSTGRESQL_ONLY = ["datetime(9)", "float(20)", "float(53)", "serial"]
KEYS = ["int8", "int16", "int32", "int64", "float64", "bool", "uuid", "date", "datetime", "datetime(3)", "char(4)",
        "varchar(20)", "enum('a','b')", "enum('x: y', 'z')", "decimal(5,2)", "int", "smallint", "bigint", "timestamp",
        "time"]  # fmt: skip
MYSQL_KEYS = ["int unsigned", "tinyint unsigned", "mediumint", "bigint(20)", "double", "year", "float32"]


def found_in(server: Server, tmp_path: Path, text: str, declared: str = "") -> tuple[Difference, ...]:
    """The differences between a module's text and what plain DataJoint declared from it, or from another."""
    name = f"compare_{uuid.uuid4().hex[:10]}"
    refused = server.declare((declared or text).replace("SCHEMA", name), name)
    assert not refused, refused
    return differences_at(server, tmp_path, text.replace("SCHEMA", name))


def differences_at(server: Server, tmp_path: Path, text: str) -> tuple[Difference, ...]:
    pipeline = pipeline_in(project_of(tmp_path / "project", text, server))
    return compare_at(server.connection, pipeline, source_places(pipeline, str))


@pytest.fixture(autouse=True)
def _emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        request.getfixturevalue("server").drop()


def attributes(server: Server) -> list[str]:
    return BOTH + (MYSQL_ONLY if server.backend == "mysql" else POSTGRESQL_ONLY)


def test_a_table_of_every_type_does_not_differ(server: Server, tmp_path: Path) -> None:
    lines = []
    for number, kind in enumerate(attributes(server)):
        lines.append(f'a{number} : {kind}  # it\'s "one": one # of many')
        if not kind.startswith("serial"):
            lines.append(f"n{number} = null : {kind}")
    tables = [
        table(f"T{chr(65 + start // 25)}", "k : int32", "---", *lines[start : start + 25])
        for start in range(0, len(lines), 25)
    ]
    assert found_in(server, tmp_path, module("SCHEMA", *tables)) == ()


def test_keys_of_every_type_and_what_they_bring_do_not_differ(server: Server, tmp_path: Path) -> None:
    kinds = KEYS + (MYSQL_KEYS if server.backend == "mysql" else [])
    tables = []
    for number, kind in enumerate(kinds):
        name = f"P{chr(65 + number // 26)}{chr(97 + number % 26)}"
        tables += [
            table(name, f"k{number} : {kind}  # the key", "extra : int32", "---", "v = null : int32"),
            table(
                f"C{name}", f"-> {name}", "---", "w : float64", tier="Computed", body="    def make(self, key): pass"
            ),
            table(f"D{name}", "own : int32", "---", f"-> [nullable] {name}"),
            table(f"E{name}", f"-> {name}.proj(other='k{number}')", "---", f"-> [unique, nullable] C{name}"),
            table(f"F{name}", f"-> E{name}"),
        ]
    assert found_in(server, tmp_path, module("SCHEMA", *tables)) == ()


FORMS = [
    table("Sole", "---", "a : int32"),
    table("Order", "b : int32", "a : int32", "---", "c : int32"),
    table("After", "x : int32", "-> Order", "---", "y = 5 : int32", 'z = "" : varchar(5)', "t = CURRENT_TIMESTAMP : datetime"),
    table("Split", "-> Order.proj(first='b')", "a2 : int32", "---", "-> [nullable] Order.proj(one='a', two='b')", "index(one)", "unique index(two, one)"),
    table("Twice", "-> Order", "-> Order.proj(other_a='a', other_b='b')", "---", "-> [nullable, unique] Order.proj(u='a', v='b')"),
    table("Again", "-> Order", "-> After", "---", "-> Order", "c : int32"),
    table("Kinds", "k : varchar(3)", tier="Lookup", body="    contents = [('a',)]"),
    table("Deep", "-> After", "---", "r : <blob>", tier="Imported",
          body='    class Piece(dj.Part):\n        definition = """\n        -> master\n        n : int16\n        ---\n'
               '        -> [nullable] Kinds\n        u = null : uuid\n        """\n    def make(self, key): pass'),
    table("Below", "-> Deep.Piece", "---", "q = null : <npy@main>", tier="Computed", body="    def make(self, key): pass"),
]  # fmt: skip


def test_every_form_of_table_does_not_differ(server: Server, tmp_path: Path) -> None:
    assert found_in(server, tmp_path, module("SCHEMA", *FORMS)) == ()


@FEWER
@given(parts=pipelines())
def test_generated_definitions_do_not_differ(
    server: Server, tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]
) -> None:
    folder, name = tmp_path_factory.getbasetemp() / "generated-comparison", f"compare_{uuid.uuid4().hex[:10]}"
    text = one_module(parts, name)
    if not server.declare(text, name) and not errors_in(project_of(folder / "project", text, server)):
        assert differences_at(server, folder, text) == (), text
    server.drop()


@FEWER
@given(line=ATTRIBUTES)
def test_generated_lines_do_not_differ(server: Server, tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    folder, name = tmp_path_factory.getbasetemp() / "generated-lines", f"compare_{uuid.uuid4().hex[:10]}"
    text = module(name, table("T", "id : int32", "---", line))
    if not server.declare(text, name):
        assert differences_at(server, folder, text) == (), text
    server.drop()


TEXTS = st.text(
    st.one_of(st.sampled_from("ab '\"%\\#:;`{}$éµ→字-_()"), st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])),
    max_size=12,
)  # fmt: skip
VALUES = {
    "int8": ["5", '"5"', "-3", "007", "'12'"], "int32": ["70000", "-1", "0"], "int64": ["9007199254740993"],
    "float32": ["0.1", "1e3", "-2.50", "3.14159265"], "float64": ["0.1", "1e-7", "123456789.123456789", "1e20"],
    "bool": ["0", "1", "true", "false"], "decimal(6,3)": ["1", "1.5", "-2.3456", "0.1250", "999"],
    "date": ['"2026-01-31"', "'2026-1-2'", "2026-01-31"], "datetime": ['"2026-01-31 10:20:30"', '"2026-01-31"', "CURRENT_TIMESTAMP"],
    "datetime(3)": ['"2026-01-31 10:20:30.125"', '"2026-01-31 10:20:30.5"', "CURRENT_TIMESTAMP(3)", "current_timestamp(3)"],
    "time": ['"10:20:30"', '"10:20"'], "timestamp": ["CURRENT_TIMESTAMP", '"2026-01-31 10:20:30"'],
    "char(4)": ['""', '"a"', "'it''s'", '"a b"'], "varchar(20)": ['""', '"it\'s"', '"50%"', '"µ→"', "plain", "'a: b'"],
    "enum('left','right')": ['"left"', "'right'", "left"], "enum('it''s', 'a#b')": ["'a#b'"], "uuid": ['"00000000-0000-0000-0000-000000000001"'],
    "json": ["'{\"a\": [1, 2.0]}'"], "int": ["5", "1.5"], "smallint": ["5"], "float": ["0.25"], "real": ["0.1"], "numeric(4,1)": ["2.25"],
    "text": ['"a"'], "bigint": ["-1"], "bytes": [], "<blob>": [], "<blob@main>": [], "<attach@main>": [], "<npy@main>": [],
}  # fmt: skip


@st.composite
def rich_lines(draw: st.DrawFn) -> list[str]:
    """Attributes of all kinds with defaults and comments, and indexes on them."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=6))
    lines = []
    for number, kind in enumerate(kinds):
        default = draw(st.sampled_from(["", "", " = null", *(f" = {value}" for value in VALUES[kind])]))
        comment = draw(st.one_of(st.just(""), TEXTS.map(lambda text: f"  # {text}")))
        lines.append(f"a{number}{default} : {kind}{comment}")
    names = [f"a{number}" for number in range(len(kinds))]
    for _ in range(draw(st.integers(0, 2))):
        chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        lines.append(f"{draw(st.sampled_from(['', 'unique ']))}index({', '.join(chosen)})")
    return lines


@FEWER
@given(comment=st.one_of(st.just(""), TEXTS.map(lambda text: f"# {text}")), lines=rich_lines())
def test_generated_defaults_comments_and_indexes_do_not_differ(
    server: Server, tmp_path_factory: pytest.TempPathFactory, comment: str, lines: list[str]
) -> None:
    folder, name = tmp_path_factory.getbasetemp() / "generated-rich", f"compare_{uuid.uuid4().hex[:10]}"
    text = "\n".join([comment, "k : int32", "---", *lines])
    module_text = (
        f'import datajoint as dj\n\nschema = dj.Schema("{name}")\n\n\n@schema\nclass T(dj.Manual):\n'
        f"    definition = {text!r}\n"
    )
    if not server.declare(module_text, name):
        assert differences_at(server, folder, module_text) == (), text
    server.drop()


def test_a_serial_of_mysql_is_unique_and_does_not_differ(server: Server, tmp_path: Path) -> None:
    assert found_in(server, tmp_path, module("SCHEMA", table("T", "k : int32", "---", "n : serial  # counted"))) == ()


OLD = ["k : int32", "---", "raw : longblob", "note = null : varchar(40)", "score : float32", "old : date"]
NEW = ["k : int32", "---", "raw : <blob>", "note : varchar(40)", "score : float64", "new : <npy@main>"]


def test_what_was_changed_since_differs(server: Server, tmp_path: Path) -> None:
    raw = "longblob" if server.backend == "mysql" else "bytes"
    old, new = (
        module("SCHEMA", table("T", *lines), table("C", *key, "---", "v : int32", tier="Computed"))
        for lines, key in (([*OLD[:2], f"raw : {raw}", *OLD[3:]], ["-> T"]), (NEW, ["-> T", "n : int32"]))
    )
    found = found_in(server, tmp_path, new, old)
    assert [(f.table, f.text) for f in found] == [
        ("mine.T", f"raw is <blob> in the source and {raw} in the database"),
        ("mine.T", "note is required in the source and nullable in the database"),
        ("mine.T", "score is float64 in the source and float32 in the database"),
        ("mine.T", "the database has no attribute new (<npy@main>)"),
        ("mine.T", "the source has no attribute old (date in the database)"),
        ("mine.C", "the primary key is (k, n) in the source and (k) in the database"),
    ]


def test_tables_of_many_schemas_are_compared_in_three_queries(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [f"compare_{uuid.uuid4().hex[:10]}" for _ in range(3)]
    for name in names:
        assert not server.declare(module(name, *(table(f"T{letter}", "k : int32") for letter in "abcdef")), name)
    asked: list[str] = []
    query = server.connection.query  # type: ignore[attr-defined]
    monkeypatch.setattr(server.connection, "query", lambda text, *a, **k: asked.append(text) or query(text, *a, **k))
    catalogue = read_catalogue(server.connection, names)
    assert len(asked) == 3
    assert {place for place in catalogue if "~" not in place[1]} == {
        (n, f"t{letter}") for n in names for letter in "abcdef"
    }
    assert all(declared.primary for declared in catalogue.values())


@pytest.mark.mysql
def test_a_table_of_an_older_datajoint_does_not_differ_where_it_works_as_it_is(mysql: MySQL, tmp_path: Path) -> None:
    """As DataJoint 0.14 declared them: no marker but those of uuid, attach and external types."""
    name = f"compare_{uuid.uuid4().hex[:10]}"
    connection = mysql_connection(mysql)
    mysql.execute(
        f"CREATE DATABASE {name}",
        f"CREATE TABLE {name}.t (k int NOT NULL, u binary(16) NOT NULL COMMENT ':uuid:', "
        "x float NOT NULL, n int unsigned DEFAULT NULL, small tinyint unsigned NOT NULL, b longblob NOT NULL, "
        "c longblob NOT NULL, e enum('a','b') NOT NULL, d decimal(4,1) NOT NULL, "
        "t timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, s varchar(12) NOT NULL DEFAULT '', PRIMARY KEY (k)) ENGINE=InnoDB",
    )
    try:
        same = ["k : int32", "---", "u : uuid", "x : float32", "n = null : int64", "small : int16", "b : longblob",
                "c : <blob>", "e : enum('a', 'b')", "d : decimal(4,1)", "t = CURRENT_TIMESTAMP : timestamp", 's = "" : varchar(12)']  # fmt: skip
        pipeline = pipeline_in(
            project_of(tmp_path / "project", module(name, table("T", *same)), Server("mysql", connection))
        )
        found = compare_at(connection, pipeline, source_places(pipeline, str))
        assert [f.text for f in found] == ["c is <blob> in the source and longblob in the database"]
        mysql.execute(f"ALTER TABLE {name}.t MODIFY c longblob NOT NULL COMMENT ':<blob>:'")
        assert compare_at(connection, pipeline, source_places(pipeline, str)) == ()
    finally:
        connection.close()
        mysql.drop(name)


def mysql_connection(mysql: MySQL) -> Any:
    import datajoint as dj

    return dj.Connection(mysql.host, mysql.user, mysql.password, mysql.port, backend="mysql", use_tls=False)


def test_deploy_says_and_populate_refuses_what_differs(jobs_project: Path, run: Run, python: Run) -> None:
    follow_a_change(jobs_project, run, python)


@pytest.mark.mysql
def test_the_same_on_mysql(jobs_project: Path, run: Run, python: Run, mysql_alone: MySQL) -> None:
    mysql_alone.drop("work")
    use_mysql(jobs_project, run, mysql_alone)
    try:
        follow_a_change(jobs_project, run, python)
    finally:
        mysql_alone.drop("work")


def line_with(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().split("\n"), start=1) if text in line)


def follow_a_change(root: Path, run: Run, python: Run) -> None:
    """An attribute gets a codec that its column has not; then the column gets it."""
    module = root / "src/workflow/work.py"
    text = module.read_text()
    raw = text.replace('notes = "" : varchar(1000)', "trace = null : bytes")
    module.write_text(raw)
    run("deploy", cwd=root)
    assert "Nothing to do: all 3 tables match the source." in run("deploy", cwd=root).stderr
    python("from workflow import work; work.Item.insert1(dict(item_id=1, trace=b'abc'))", cwd=root)
    module.write_text(raw.replace("trace = null : bytes", "trace = null : <blob>"))
    sentence = "work.Item differs from the database: trace is <blob> in the source and bytes in the database."

    deployed = run("deploy", "--format", "json", cwd=root, code=1)
    (difference,) = json.loads(deployed.stdout)["differences"]
    assert difference == {
        "table": "work.Item", "attribute": "trace", "aspect": "codec", "source": "<blob>", "database": "bytes",
        "blocks": True, "path": "src/workflow/work.py", "line": line_with(module, "trace"),
        "text": "trace is <blob> in the source and bytes in the database",
    }  # fmt: skip
    shown = run("deploy", "--dry-run", cwd=root, code=1)
    assert shown.stdout.splitlines() == [sentence]
    assert "Nothing to do" not in shown.stderr
    refused = run("populate", cwd=root, code=2)
    assert f"work.Result would read wrong values: {sentence}" in refused.stderr
    assert sentence in run("populate", "--dry-run", cwd=root).stderr
    probes = json.loads(run("doctor", "--format", "json", cwd=root, code=1).stdout)["probes"]
    assert [(p["state"], p["detail"]) for p in probes if p["name"] == "tables"] == [("failed", sentence)]
    assert python("from workflow import work; print(len(work.Result()))", cwd=root).stdout.split()[-1] == "0"

    module.write_text(raw.replace("value : float64", "value : float64\n    extra = null : int32", 1))
    partly = run("populate", cwd=root, code=1)
    assert "not populated: work.Result differs from the database: the database has no attribute extra" in partly.stderr
    assert "Next: djproject migrate work.Result" in partly.stderr
    module.write_text(raw)
    write_make(root, 'self.insert1({**key, "value": 1.0})')
    run("populate", cwd=root)
