"""What drift says after each kind of edit, about the tables of samples, and as a command; on both servers."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from djproject.database.agreement import compare_at, source_places
from djproject.database.comparison import Aspect
from tests.checking import module, pipeline_in, table
from tests.conftest import Run
from tests.integration.conftest import MySQL
from tests.integration.test_check_against_datajoint import Server, project_of, server
from tests.integration.test_pipeline import use_mysql
from tests.unit.checks.cases import CASES, Case

__all__ = ["server"]  # the fixture


@pytest.fixture(autouse=True)
def _emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        request.getfixturevalue("server").drop()


BASE = [
    table("Other", "o : int16", "---", "p = null : int32"),
    table("T", "# a table", "k : int32  # the key", "---", "n : int16  # how many", "e = 'a' : enum('a','b')", "note = '' : varchar(20)",
          "w : float32", "-> [nullable] Other", "index(n)", "unique index(note, n)"),
    table("Child", "-> T", "i : int8", "---", "v = null : float64"),
    table("Grandchild", "-> Child", tier="Computed", body="    def make(self, key): pass"),
]  # fmt: skip
WIDER = "is int64 in the source and {int} in the database"
EDITS: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
    "add nullable": ([("w : float32", "w : float32\n    x = null : int32")], ["T: the database has no attribute x (int32)"]),
    "add with default": ([("w : float32", "w : float32\n    x = 5 : int32")], ["T: the database has no attribute x (int32)"]),
    "add required": ([("w : float32", "w : float32\n    x : int32")], ["T: the database has no attribute x (int32)"]),
    "add enum": ([("w : float32", "w : float32\n    x = null : enum('l','r')")], ["T: the database has no attribute x (enum('l','r'))"]),
    "add codec": ([("w : float32", "w : float32\n    x = null : <blob@main>")], ["T: the database has no attribute x (<blob@main>)"]),
    "drop": ([("    w : float32\n", "")], ["T: the source has no attribute w (float32 in the database)"]),
    "widen": ([("n : int16", "n : int32")], ["T: n is int32 in the source and int16 in the database"]),
    "widen text": ([("varchar(20)", "varchar(40)")], ["T: note is varchar(40) in the source and varchar(20) in the database"]),
    "narrow": ([("n : int16", "n : int8")], ["T: n is int8 in the source and int16 in the database"]),
    "comment of attribute": ([("# how many", '# how "many", 5 %')], ['T: the comment of n is "how {q}many{q}, 5 %" in the source and "how many" in the database']),
    "comment of table": ([("# a table", "# the table")], ['T: the comment of the table is "the table" in the source and "a table" in the database']),
    "default": ([("e = 'a'", "e = 'b'")], ["T: the default of e is 'b' in the source and \"a\" in the database"]),
    "default dropped": ([("e = 'a'", "e")], ["T: the default of e is none in the source and \"a\" in the database"]),
    "rename": ([("w : float32", "weight : float32")], ["T: the database has no attribute weight (float32)", "T: the source has no attribute w (float32 in the database)"]),
    "add foreign key": ([("w : float32", "w : float32\n    -> [nullable] Other.proj(second='o')")],
                        ["T: the database has no attribute second (int16)", "T: the database has no foreign key (second = o) to {schema}.other"]),
    "drop foreign key": ([("    -> [nullable] Other\n", "")],
                         ["T: the source has no attribute o ({small} in the database)", "T: the source has no foreign key (o) to {schema}.other"]),
    "foreign key required": ([("-> [nullable] Other", "-> Other")], ["T: o is required in the source and nullable in the database"]),
    "foreign key unique": ([("-> [nullable] Other", "-> [nullable, unique] Other")], ["T: the foreign key (o) is unique in the source and not unique in the database"]),
    "add index": ([("index(n)", "index(n)\n    index(w)")], ["T: the database has no index (w)"]),
    "add unique index": ([("index(n)", "index(n)\n    unique index(w)")], ["T: the database has no unique index (w)"]),
    "drop index": ([("    index(n)\n", "")], ["T: the source has no index (n)"]),
    "drop unique index": ([("    unique index(note, n)\n", "")], ["T: the source has no unique index (note, n)"]),
    "widen key with children": ([("k : int32", "k : int64")], ["T: k is int64 in the source and int32 in the database",
                                f"Child: k {WIDER}", f"Grandchild: k {WIDER}"]),
    "add key attribute": ([("# the key", "# the key\n    m : int8")],
                          ["T: the primary key is (k, m) in the source and (k) in the database",
                           "Child: the primary key is (k, m, i) in the source and (k, i) in the database",
                           "Child: the database has no foreign key (k, m) to {schema}.t",
                           "Child: the source has no foreign key (k) to {schema}.t",
                           "Grandchild: the primary key is (k, m, i) in the source and (k, i) in the database",
                           "Grandchild: the database has no foreign key (k, m, i) to {schema}.child",
                           "Grandchild: the source has no foreign key (k, i) to {schema}.child"]),
    "reorder": ([("    w : float32\n", ""), ("n : int16", "w : float32\n    n : int16")], []),
    "extend enum": ([("enum('a','b')", "enum('a','b','c')")], ["T: e is enum('a','b','c') in the source and enum('a','b') in the database"]),
    "shrink enum": ([("enum('a','b')", "enum('a')")], ["T: e is enum('a') in the source and enum('a','b') in the database"]),
    "codec": ([("v = null : float64", "v = null : <blob>")], ["Child: v is <blob> in the source and float64 in the database"]),
    "nullable removed": ([("v = null", "v")], ["Child: v is required in the source and nullable in the database"]),
    "tier": ([("class Other(dj.Manual)", "class Other(dj.Lookup)")],
             ["Other: `other` is in the database, the source says Lookup",
              "T: the database has no foreign key (o) to {schema}.#other", "T: the source has no foreign key (o) to {schema}.other"]),
    "table added": ([("class Grandchild", 'class New(dj.Manual):\n    definition = """\n    z : int8\n    """\n\n\n@schema\nclass Grandchild')],
                    ["New: is not declared in the database"]),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_source_is_told_exactly(server: Server, tmp_path: Path, edit: str) -> None:
    changes, expected = EDITS[edit]
    name = f"drift_{uuid.uuid4().hex[:10]}"
    text = module(name, *BASE)
    assert server.declare(text, name) == ""
    for old, new in changes:
        assert text.count(old) == 1, (old, text)
        text = text.replace(old, new)
    mysql = server.backend == "mysql"
    words = {"schema": name, "int": "int" if mysql else "integer", "small": "smallint",
             "q": '"' if mysql else '\\"'}  # fmt: skip
    found = [f"{d.table.removeprefix('mine.')}: {d.text}" for d in differences_at(server, tmp_path, text)]
    assert found == [filled(line, words) for line in expected]


def filled(text: str, words: dict[str, str]) -> str:
    """A text with words in its braces."""
    return re.sub(r"\{(\w+)\}", lambda match: words[match[1]], text)


ALTERATIONS = {
    "a column": ("ALTER TABLE {t} ADD COLUMN x int", [("T: the source has no attribute x ({int} in the database)", False)]),
    "a required column": ("ALTER TABLE {t} ADD COLUMN x int NOT NULL", [("T: the source has no attribute x ({int} in the database)", True)]),
    "a required column with a default": ("ALTER TABLE {t} ADD COLUMN x int NOT NULL DEFAULT 3", [("T: the source has no attribute x ({int} in the database)", False)]),
    "a hidden column": ("ALTER TABLE {t} ADD COLUMN _x int", []),
    "a dropped column": ("ALTER TABLE {t} DROP COLUMN w", [("T: the database has no attribute w (float32)", True)]),
    "a table of somebody": ("CREATE TABLE {schema}.more (x int PRIMARY KEY)", [("{name}.more: is only in the database", False)]),
    "a table of DataJoint": ("CREATE TABLE {schema}.{tilde} (x int PRIMARY KEY)", []),
    "a view": ("CREATE VIEW {schema}.looked AS SELECT * FROM {t}", []),
    "another tier": ("CREATE TABLE {schema}.{hash} (x int PRIMARY KEY)", [("Other: `#other` is in the database, the source says Manual", False)]),
}  # fmt: skip


def test_an_enum_by_hand_extended_is_told(server: Server, tmp_path: Path) -> None:
    """The marker in the comment still has the old values."""
    name = f"drift_{uuid.uuid4().hex[:10]}"
    text = module(name, table("T", "k : int32", "---", "e : enum('a','b')"))
    assert server.declare(text, name) == ""
    query = server.connection.query  # type: ignore[attr-defined]
    if server.backend == "postgresql":
        (kind,) = query(
            "SELECT udt_name FROM information_schema.columns WHERE udt_schema = %s", args=(name,)
        ).fetchone()
        query(f"ALTER TYPE {name}.{kind} ADD VALUE 'c'")
    else:
        query(f"ALTER TABLE {name}.t MODIFY e enum('a','b','c') NOT NULL COMMENT \"{':'}enum('a','b'):\"")
    (difference,) = differences_at(server, tmp_path, text)
    assert difference.text == "e is enum('a','b') in the source and enum('a','b','c') in the database"


@pytest.mark.parametrize("change", ALTERATIONS)
def test_a_change_in_the_database_is_told_with_whether_it_blocks(server: Server, tmp_path: Path, change: str) -> None:
    statement, expected = ALTERATIONS[change]
    name = f"drift_{uuid.uuid4().hex[:10]}"
    text = module(name, *BASE)
    assert server.declare(text, name) == ""
    quote = server.connection.adapter.quote_identifier  # type: ignore[attr-defined]
    words = {
        "t": f"{quote(name)}.{quote('t')}",
        "schema": quote(name),
        "tilde": quote("~lineage_of"),
        "hash": quote("#other"),
    }
    server.connection.query(statement.format(**words))  # type: ignore[attr-defined]
    found = [(f"{d.table.removeprefix('mine.')}: {d.text}", d.blocks) for d in differences_at(server, tmp_path, text)]
    kind = "int" if server.backend == "mysql" else "integer"
    assert found == [(filled(line, {"int": kind, "name": name}), blocks) for line, blocks in expected]


@pytest.mark.parametrize("case", CASES, ids=[case.code for case in CASES])
def test_the_tables_of_the_rules_cases_do_not_differ(server: Server, tmp_path: Path, case: Case) -> None:
    for files in (case.bad, case.good):
        for path, content in files.items():
            text = content if isinstance(content, str) else content.decode("utf-8", errors="replace")
            match = re.search(r'dj\.Schema\("(\w+)"\)', text)
            if not path.endswith(".py") or match is None:
                continue
            name = f"drift_{uuid.uuid4().hex[:10]}"
            text = text.replace(match[0], f'dj.Schema("{name}")')
            if server.declare(text, name) == "":
                found = differences_at(server, tmp_path, text)
                if files is case.bad:  # a class without a decorator, two classes of one name
                    found = tuple(d for d in found if d.aspect not in (Aspect.TABLE_MISSING, Aspect.TIER))
                assert found == (), text


def differences_at(server: Server, tmp_path: Path, text: str) -> tuple[Any, ...]:
    pipeline = pipeline_in(project_of(tmp_path / "project", text, server))
    return compare_at(server.connection, pipeline, source_places(pipeline, str))


def test_the_command_and_what_others_say_of_drift(jobs_project: Path, run: Run, python: Run) -> None:
    follow_drift(jobs_project, run, python)


@pytest.mark.mysql
def test_the_command_on_mysql(jobs_project: Path, run: Run, python: Run, mysql_alone: MySQL) -> None:
    mysql_alone.drop("work")
    use_mysql(jobs_project, run, mysql_alone)
    try:
        follow_drift(jobs_project, run, python)
    finally:
        mysql_alone.drop("work")


def follow_drift(root: Path, run: Run, python: Run) -> None:
    """Before a deployment, after it, after a change that does not block, after one that does."""
    before = run("drift", cwd=root, code=1)
    assert before.stdout.splitlines()[0].endswith(": work.Item: is not declared in the database")
    assert "Next: djproject deploy" in before.stderr
    run("deploy", cwd=root)
    assert "No drift: 3 tables match the source." in run("drift", cwd=root).stderr
    python("from workflow import work; work.Item.insert1(dict(item_id=1))", cwd=root)

    path = root / "src/workflow/work.py"
    text = path.read_text()
    path.write_text(text.replace('notes = "" : varchar(1000)', 'notes = "-" : varchar(1000)  # by hand', 1))
    number = next(n for n, line in enumerate(path.read_text().split("\n"), start=1) if 'notes = "-"' in line)
    changed = run("drift", cwd=root, code=1)
    default, comment = changed.stdout.splitlines()
    assert default == (
        f'src/workflow/work.py:{number}: work.Item: the default of notes is "-" in the source and "" in the database'
    )
    assert (
        comment
        == f'src/workflow/work.py:{number}: work.Item: the comment of notes is "by hand" in the source and "" in the database'
    )
    sentence = "The database differs from the source: 2 differences in 1 table  (djproject drift)"
    deployed = run("deploy", cwd=root)
    assert sentence in deployed.stderr
    assert "Nothing to do" not in deployed.stderr
    assert sentence in run("status", cwd=root).stderr
    assert sentence in run("populate", "--dry-run", cwd=root).stderr
    probes = json.loads(run("doctor", "--format", "json", cwd=root).stdout)["probes"]
    assert [(p["state"], p["fix"]) for p in probes if p["name"] == "tables"] == [("warning", "djproject drift")]
    populated = run("populate", cwd=root)
    assert populated.stderr.count(sentence) == 1
    annotated = run("drift", "--format", "github", cwd=root, code=1).stdout.splitlines()
    assert annotated[1].startswith(
        f"::warning file=src/workflow/work.py,line={number},title=drift::work.Item: the comment"
    )
    assert run("drift", "work.Result", cwd=root).stdout == ""
    document = json.loads(run("drift", "work.Item", "--format", "json", cwd=root, code=1).stdout)
    assert [(d["aspect"], d["blocks"], d["line"]) for d in document["differences"]] == [
        ("default", False, number), ("comment", False, number),
    ]  # fmt: skip

    path.write_text(text.replace("value : float64", "value : float64\n    more = null : int32", 1))
    blocked = run("populate", cwd=root, code=1)
    assert "not populated: work.Result differs from the database: the database has no attribute more" in blocked.stderr
    assert "::error file=" in run("drift", "--format", "github", cwd=root, code=1).stdout
    nothing = run("drift", "nothing.Here", cwd=root, code=2)
    assert "nothing.Here" in nothing.stderr
    away = run("drift", "--target", "nowhere", cwd=root, code=2)
    assert "nowhere" in away.stderr
