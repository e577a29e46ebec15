"""Tables that are filled, changed into what an edited source declares: no drift afterwards, and the rows that should be."""

import dataclasses
import json
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datajoint as dj
import pytest

from djproject.database.agreement import compare_at, source_places
from djproject.database.catalogue import read_catalogue, read_lineages
from djproject.database.comparison import Aspect, differences, missing_tables
from djproject.database.connections import second_connection
from djproject.database.leases import declare_leases
from djproject.database.source_tables import source_tables
from djproject.errors import EnvironmentUnavailableError
from djproject.migration.applying import Around, apply
from djproject.migration.planning import Wishes, plan_migration
from djproject.migration.rights import require_rights
from djproject.migration.steps import Grade, Plan, identity
from tests.checking import module, pipeline_in, table
from tests.conftest import Run
from tests.integration.conftest import MySQL, insert_items, write_make
from tests.integration.test_check_against_datajoint import Server, project_of, server
from tests.integration.test_drift import BASE, EDITS
from tests.integration.test_pipeline import use_mysql
from tests.integration.test_populate import start, status_of

__all__ = ["server"]  # the fixture
pytestmark = pytest.mark.timeout(120)
VALUE = "value : float64  # replace by what make inserts"


@pytest.fixture(autouse=True)
def _emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        request.getfixturevalue("server").drop()


class Changed:
    """A module that is declared and filled, and its edited text."""

    def __init__(self, server: Server, folder: Path, text: str, changes: list[tuple[str, str]], name: str) -> None:
        self.connection: Any = server.connection
        self.server, self.name = server, name
        for old, new in changes:
            assert text.count(old) == 1, (old, text)
            text = text.replace(old, new)
        self.pipeline = pipeline_in(project_of(folder / "project", text, server))
        self.places = source_places(self.pipeline, str)
        self.source = source_tables(self.pipeline, self.places, server.backend)

    def plan(self, **wishes: Any) -> Plan:
        chosen = frozenset(table.full_name for table in self.pipeline.tables)
        values = Wishes(chosen, wishes.get("renames", {}), wishes.get("dropped", ()))
        declared = read_catalogue(self.connection, [self.name])
        return plan_migration(self.connection, self.pipeline, self.source, declared, values, lambda: None)

    def look(self) -> set[tuple[str, str, str]]:
        declared = read_catalogue(self.connection, [self.name])
        found = differences(self.source, declared, self.server.backend)
        return {identity(difference) for difference in (*found, *missing_tables(self.source, declared))}

    def apply(self, plan: Plan) -> None:
        declare_leases(self.connection)
        apply(self.connection, plan, Around("tests", "", self.look, lambda: None, lambda text: None))

    def left(self) -> list[str]:
        found = compare_at(self.connection, self.pipeline, self.places)
        return [d.text for d in found if d.aspect is not Aspect.TABLE_MISSING]

    def rows(self, table: str) -> list[dict[str, Any]]:
        quote = self.connection.adapter.quote_identifier
        cursor = self.connection.query(f"SELECT * FROM {quote(self.name)}.{quote(table)} ORDER BY 1", as_dict=True)
        return [dict(row) for row in cursor.fetchall()]


def fill(classes: dict[str, Any]) -> None:
    classes["Other"].insert([(1, 10), (2, None)])
    classes["T"].insert(
        [
            {"k": 1, "n": 5, "e": "a", "note": "x", "w": 1.5, "o": 1},
            {"k": 2, "n": 6, "e": "b", "note": 'it\'s 5 % "q"', "w": 2.5, "o": None},
        ]
    )
    classes["Child"].insert([(1, 1, 0.5), (1, 2, 1.5), (2, 1, None)])
    classes["Grandchild"].insert([{"k": 1, "i": 1}], allow_direct_insert=True)


@pytest.fixture
def change(server: Server, tmp_path: Path) -> Any:
    def make(edit: str, *, filled: bool = True) -> Changed:
        name = f"migrate_{uuid.uuid4().hex[:10]}"
        text = module(name, *BASE)
        classes = server.classes(text, name)
        if filled:
            fill(classes)
            _ = classes["Grandchild"]().jobs.refresh()
        return Changed(server, tmp_path, text, EDITS[edit][0], name)

    return make


# What happens on filled tables: the grades of the steps, and why the rest is refused.
FILLED: dict[str, tuple[set[str], str]] = {
    "add nullable": ({"safe"}, ""),
    "add with default": ({"safe"}, ""),
    "add required": (set(), "no value for it, and it has no default"),
    "add enum": ({"safe"}, ""),
    "add codec": ({"safe"}, ""),
    "drop": ({"lossy"}, ""),
    "widen": ({"rewrite"}, ""),
    "widen text": ({"rewrite"}, ""),
    "narrow": ({"rewrite"}, ""),
    "comment of attribute": ({"safe"}, ""),
    "comment of table": ({"safe"}, ""),
    "default": ({"safe"}, ""),
    "default dropped": ({"safe"}, ""),
    "rename": ({"lossy"}, "no value for it, and it has no default"),
    "add foreign key": ({"safe", "rewrite"}, ""),
    "drop foreign key": ({"safe", "lossy"}, ""),
    "foreign key required": (set(), "it is null in 1 row"),
    "foreign key unique": ({"safe"}, ""),
    "add index": ({"rewrite"}, ""),
    "add unique index": ({"rewrite"}, ""),
    "drop index": ({"safe"}, ""),
    "drop unique index": ({"safe"}, ""),
    "widen key with children": ({"rewrite"}, ""),
    "add key attribute": (set(), "may lack a value for the new key"),
    "reorder": (set(), ""),
    "extend enum": ({"safe"}, ""),
    "shrink enum": (set(), "1 row does not fit"),
    "codec": (set(), "encoded differently"),
    "nullable removed": (set(), "it is null in 1 row"),
    "tier": ({"safe"}, ""),
    "table added": ({"safe"}, ""),
}


def test_every_edit_is_here() -> None:
    assert set(FILLED) == set(EDITS)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_on_filled_tables(change: Any, edit: str) -> None:
    grades, refused = FILLED[edit]
    changed = change(edit)
    before = {name: changed.rows(name) for name in ("t", "child", "__grandchild")}
    plan = changed.plan()
    assert {str(step.grade) for step in plan.steps} == grades, plan
    assert (refused in plan.refusals[0].why) if refused else not plan.refusals, plan.refusals
    if refused:
        assert all(refusal.way_out for refusal in plan.refusals)
        return
    changed.apply(plan)
    assert changed.left() == []
    declared = [t for place, t in read_catalogue(changed.connection, [changed.name]).items() if place[1][0] != "~"]
    keys = {(*t.place, n) for t in declared for n in (*t.primary, *(n for key in t.foreign_keys for n in key.names))}
    assert {known for known in read_lineages(changed.connection, [changed.name]) if known[1][0] != "~"} == keys
    for name, rows in before.items():
        after = changed.rows(name)
        shared = set(rows[0]) & set(after[0])
        assert [{k: row[k] for k in shared} for row in after] == [{k: row[k] for k in shared} for row in rows]
        assert len(set(rows[0]) - set(after[0])) == (1 if name == "t" and "lossy" in grades else 0)
    assert [step for step in changed.plan().steps if step.sql] == [], "the second time there is nothing to do"


@pytest.mark.parametrize("edit", [edit for edit in EDITS if edit != "add key attribute"])
def test_an_edit_on_empty_tables_is_always_possible(change: Any, edit: str) -> None:
    changed = change(edit, filled=False)
    plan = changed.plan()
    assert plan.refusals == ()
    assert Grade.LOSSY not in {step.grade for step in plan.steps}
    changed.apply(plan)
    assert changed.left() == []


def test_a_rename_that_is_declared_keeps_the_values(change: Any) -> None:
    changed = change("rename")
    assert changed.plan().notes == ("To rename mine.T.w to weight: djproject migrate --rename mine.T.w=weight",)
    before = [row["w"] for row in changed.rows("t")]
    plan = changed.plan(renames={"mine.T.w": "weight"})
    assert [step.what for step in plan.steps] == ["rename w to weight"]
    changed.apply(plan)
    assert (changed.left(), [row["weight"] for row in changed.rows("t")]) == ([], before)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ((("w : float32", "weight : float64"),), ["rename", "weight becomes float64"]),
        ((("w : float32", "weight : float32"), ("index(n)", "unique index(weight)")), ["rename", "drop", "unique index"]),
        ((("w : float32", "weight : float32\n    x = 5 : int8"), ("index(n)", "unique index(x)")), "1 value occurs more than once"),
        ((("w : float32", "weight : float32\n    x = null : int8"), ("index(n)", "unique index(x)")), ["rename", "drop", "x", "unique"]),
        ((("e = 'a' : enum('a','b')", "weight = 'a' : enum('a')"),), "1 row does not fit"),
    ],
)  # fmt: skip
def test_an_attribute_is_renamed_and_changed_at_once(
    server: Server, tmp_path: Path, edits: tuple[tuple[str, str], ...], expected: list[str] | str
) -> None:
    name = f"migrate_{uuid.uuid4().hex[:10]}"
    text = module(name, *BASE)
    classes = server.classes(text, name)
    fill(classes)
    changed = Changed(server, tmp_path, text, list(edits), name)
    plan = changed.plan(renames={f"mine.T.{edits[0][0].split()[0]}": "weight"})
    if isinstance(expected, str):
        assert [expected in refusal.why for refusal in plan.refusals] == [True]
        return
    assert not plan.refusals
    assert len(plan.steps) == len(expected)
    for word, step in zip(expected, plan.steps, strict=True):
        assert word in step.what
    changed.apply(plan)
    assert changed.left() == []


def test_a_key_is_renamed_with_the_columns_of_all_tables_below(server: Server, tmp_path: Path) -> None:
    name = f"migrate_{uuid.uuid4().hex[:10]}"
    twice = table("Twice", "-> T", "---", "-> [nullable] T.proj(other='k')")
    text = module(name, *BASE, twice)
    classes = server.classes(text, name)
    fill(classes)
    _ = classes["Grandchild"]().jobs.refresh()
    changed = Changed(
        server, tmp_path, text, [("k : int32  # the key", "key : int64  # the key"), ("other='k'", "other='key'")], name
    )
    plan = changed.plan(renames={"mine.T.k": "key"})
    assert not plan.refusals
    assert [(step.table, step.what) for step in plan.steps[:4]] == [
        ("mine.Twice", "rename k to key"), ("mine.Grandchild", "rename k to key"), ("mine.Child", "rename k to key"), ("mine.T", "rename k to key")
    ]  # fmt: skip
    changed.apply(plan)
    assert changed.left() == []
    assert [(row["key"], row["i"]) for row in changed.rows("__grandchild")] == [(1, 1)]
    assert {row["key"] for row in changed.rows("~~grandchild")} == {1, 2}


def test_a_key_that_another_pipeline_refers_to_is_left_alone(change: Any, server: Server) -> None:
    changed = change("widen key with children")
    other = f"other_{uuid.uuid4().hex[:10]}"
    schema = dj.Schema(other, connection=server.connection)
    server.schemas.append(other)
    schema(type("Stranger", (dj.Manual,), {"definition": "-> T"}), context={"T": server.namespace["T"]})
    (refusal, *_) = changed.plan().refusals
    assert refusal.why == f"{other}.stranger, a table outside this pipeline, has a foreign key to it"


def test_a_user_without_the_right_is_told_before_the_first_step(change: Any, request: pytest.FixtureRequest) -> None:
    changed = change("widen")
    plan, user = changed.plan(), f"guest_{uuid.uuid4().hex[:8]}"
    query = changed.connection.query
    mysql = changed.server.backend == "mysql"
    if mysql:
        query(f"CREATE USER {user} IDENTIFIED BY 'guest'")
        query(f"GRANT SELECT, INSERT ON `{changed.name}`.* TO {user}")
    else:
        query(f"CREATE USER {user} PASSWORD 'guest'")
        query(f"GRANT USAGE ON SCHEMA {changed.name} TO {user}")
    info = changed.connection.conn_info
    guest = dj.Connection(info["host"], user, "guest", info["port"], backend=changed.server.backend)
    before = changed.look()
    try:
        with pytest.raises(EnvironmentUnavailableError, match="nothing was changed"):
            apply(guest, plan, Around("tests", "", changed.look, lambda: None, lambda text: None))
        assert changed.look() == before
        if mysql:
            query(f"GRANT ALTER ON `{changed.name}`.* TO {user}")
            require_rights(guest, plan.places)
    finally:
        guest.close()
        query(f"DROP USER {user}" if mysql else f"DROP OWNED BY {user}; DROP USER {user}")


def test_names_that_need_quotes_and_texts_with_quotes(server: Server, tmp_path: Path) -> None:
    name = f"migrate_{uuid.uuid4().hex[:10]}"
    text = module(name, table("Order", "group : int32", "---", "select : varchar(20)  # it's 100 %% of it"))
    classes = server.classes(text, name)
    classes["Order"].insert([(1, "it's"), (2, '"q" 5 %')])
    changes = [
        ("select : varchar(20)", "select : varchar(40)"),
        ("100 %% of it", "50 %% of what it's"),
        ('of what it\'s\n    """', "of what it's\n    table = 'it''s 5 %%' : varchar(12)\n    \"\"\""),
    ]
    changed = Changed(server, tmp_path, text, changes, name)
    changed.apply(changed.plan())
    assert changed.left() == []
    assert [row["select"] for row in changed.rows("order")] == ["it's", '"q" 5 %']
    assert {row["table"] for row in changed.rows("order")} == {"it's 5 %"}


def test_a_view_on_the_table_stops_postgresql_and_nothing_is_changed(change: Any) -> None:
    changed = change("widen")
    quote = changed.connection.adapter.quote_identifier
    there = f"{quote(changed.name)}.{quote('t')}"
    changed.connection.query(f"CREATE VIEW {quote(changed.name)}.{quote('looked')} AS SELECT k, n FROM {there}")
    if changed.server.backend == "postgresql":
        before = changed.look()
        with pytest.raises(EnvironmentUnavailableError, match="used by a view or rule"):
            changed.apply(changed.plan())
        assert changed.look() == before
    else:
        changed.apply(changed.plan())
        assert changed.left() == []


def test_a_trigger_on_the_table_stays(change: Any) -> None:
    changed = change("add with default")
    quote = changed.connection.adapter.quote_identifier
    there = f"{quote(changed.name)}.{quote('t')}"
    if changed.server.backend == "mysql":
        changed.connection.query(
            f"CREATE TRIGGER {quote(changed.name)}.{quote('loud')} BEFORE INSERT ON {there} FOR EACH ROW SET NEW.n = 99"
        )
    else:
        function = f"{quote(changed.name)}.{quote('loud')}"
        changed.connection.query(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n = 99; RETURN NEW; END'"
        )
        changed.connection.query(
            f"CREATE TRIGGER loud BEFORE INSERT ON {there} FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
    changed.apply(changed.plan())
    assert changed.left() == []
    changed.connection.query(f"INSERT INTO {there} (k, n, w) VALUES (3, 1, 1.0)")
    assert [row["n"] for row in changed.rows("t")] == [5, 6, 99]


@pytest.mark.mysql
def test_a_table_in_latin1(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """As MySQL 5.7 made them."""
    with dj.config.override(database__backend="mysql"):
        mysql: MySQL = request.getfixturevalue("mysql")
        connection = dj.Connection(mysql.host, mysql.user, mysql.password, mysql.port)
    server = Server("mysql", connection)
    name = f"migrate_{uuid.uuid4().hex[:10]}"
    text = module(name, table("Word", "word : varchar(20)", "---", "n = null : int16"))
    classes = server.classes(text, name)
    try:
        connection.query(f"ALTER TABLE {name}.word CONVERT TO CHARACTER SET latin1")
        classes["Word"].insert([("Käse", 1)])
        changes = [("varchar(20)", "varchar(30)"), ("n = null : int16", "n = null : int32\n    m = 'ü' : varchar(3)")]
        changed = Changed(server, tmp_path, text, changes, name)
        changed.apply(changed.plan())
        assert changed.left() == []
        assert [(row["word"], row["n"], row["m"]) for row in changed.rows("word")] == [("Käse", 1, "ü")]
    finally:
        server.drop()
        connection.close()


# The second step is at its second statement when it meets the lock.
@pytest.mark.parametrize("edit", ["widen", "widen key with children"])
def test_another_session_that_uses_the_table_is_waited_for(change: Any, edit: str) -> None:
    changed = change(edit)
    other = second_connection(changed.connection)
    quote = other.adapter.quote_identifier
    other.start_transaction()
    other.query(f"SELECT * FROM {quote(changed.name)}.{quote('t')}").fetchall()
    said: list[str] = []
    timer = threading.Timer(5, other.commit_transaction)
    timer.start()
    apply(changed.connection, changed.plan(), Around("tests", "", changed.look, lambda: None, said.append))
    timer.join()
    other.close()
    assert changed.left() == []
    assert any(text.startswith("Another session uses the tables; the next try is in") for text in said)


UNCHECKED = {"mysql": "SET foreign_key_checks = 0", "postgresql": "SET session_replication_role = replica"}


def test_a_row_without_parent_that_is_written_meanwhile_is_refused(change: Any) -> None:
    changed = change("widen key with children")
    plan = changed.plan()
    other, backend = second_connection(changed.connection), changed.server.backend
    child = f"{other.adapter.quote_identifier(changed.name)}.{other.adapter.quote_identifier('child')}"
    other.query(UNCHECKED[backend])
    other.query(f"INSERT INTO {child} (k, i) VALUES (99, 1)")
    with pytest.raises(
        EnvironmentUnavailableError, match="no parent" if backend == "mysql" else "violates foreign key"
    ):
        changed.apply(plan)
    other.query(f"DELETE FROM {child} WHERE k = 99")
    other.close()
    changed.apply(changed.plan())
    assert changed.left() == []


@pytest.mark.parametrize("server", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_foreign_keys_are_checked_again_after_a_step_that_failed(change: Any) -> None:
    changed = change("widen")
    plan = changed.plan()
    broken = dataclasses.replace(plan.steps[0], sql=("SET foreign_key_checks = 0", "no statement"))
    with pytest.raises(EnvironmentUnavailableError, match="The server rejected a step for mine.T"):
        changed.apply(dataclasses.replace(plan, steps=(broken,)))
    assert changed.connection.query("SELECT @@foreign_key_checks").fetchone() == (1,)


def test_a_plan_that_does_not_do_what_it_says_is_taken_back(change: Any) -> None:
    changed = change("widen")
    plan = changed.plan()
    (step,) = plan.steps
    other = f"ALTER TABLE {changed.connection.adapter.make_full_table_name(changed.name, 't')} DROP COLUMN w"
    with pytest.raises(EnvironmentUnavailableError, match="remove every difference: mine.T still differs: type n"):
        changed.apply(dataclasses.replace(plan, steps=(dataclasses.replace(step, sql=(other,)),)))
    if changed.server.backend == "postgresql":
        assert "w" in changed.rows("t")[0]


def test_a_step_that_the_server_refuses_leaves_everything_on_postgresql(change: Any) -> None:
    changed = change("widen")
    plan = changed.plan()
    (step,) = plan.steps
    broken = Plan((step, type(step)("mine.T", "break", Grade.SAFE, ("ALTER TABLE nowhere DROP COLUMN x",))))
    before = changed.look()
    with pytest.raises(Exception, match=r"The server rejected a step for mine.T \(break\)"):
        changed.apply(broken)
    if changed.server.backend == "postgresql":
        assert changed.look() == before
    changed.apply(changed.plan())
    assert changed.left() == []


def test_random_edits_one_after_another(server: Server, tmp_path: Path) -> None:
    """From one version of the definitions to another and on, with rows in the tables; and killed between two steps."""
    chance = random.Random(7)
    possible = [
        edit for edit, (grades, refused) in FILLED.items() if not refused and edit not in ("table added", "tier")
    ]
    for number in range(12):
        name = f"migrate_{uuid.uuid4().hex[:10]}"
        text = module(name, *BASE)
        classes = server.classes(text, name)
        fill(classes)
        changes: list[tuple[str, str]] = []
        result = text
        for edit in chance.sample(possible, 4):
            steps = EDITS[edit][0]
            if all(result.count(old) == 1 for old, _ in steps):
                for old, new in steps:
                    result = result.replace(old, new)
                changes += steps
        changed = Changed(server, tmp_path / str(number), text, changes, name)
        rows = changed.rows("t")
        plan = changed.plan()
        assert plan.refusals == ()
        if server.backend == "mysql" and len(plan.steps) > 1:  # as a run that was killed leaves it
            for statement in plan.steps[0].sql:
                changed.connection.query(statement)
            plan = changed.plan()
        changed.apply(plan)
        assert changed.left() == [], changes
        after = changed.rows("t")
        shared = set(rows[0]) & set(after[0])
        assert [{k: row[k] for k in shared} for row in after] == [{k: row[k] for k in shared} for row in rows]


def test_a_snapshot_is_kept_first_and_put_back(jobs_project: Path, run: Run, python: Run) -> None:
    root = jobs_project
    run("deploy", cwd=root)
    insert_items(python, root, 2)
    path = root / "src/workflow/work.py"
    text = path.read_text()
    write_make(root, 'self.insert1({**key, "value": 1.0})')
    run("populate", cwd=root)
    path.write_text(text.replace(VALUE, "", 1))
    lossy = run("migrate", "work.Result", "--yes", cwd=root, code=2)
    assert "djproject migrate work.Result --allow-loss --snapshot" in lossy.stderr
    asked = run("migrate", "work.Result", "--allow-loss", "--no-snapshot", cwd=root, code=2)
    assert "djproject migrate work.Result --allow-loss --no-snapshot --yes" in asked.stderr
    told = run("migrate", "--yes", "--allow-loss", "--snapshot", cwd=root).stderr
    (file,) = (root / ".djproject/snapshots").iterdir()
    assert f"To go back: djproject migrate --restore .djproject/snapshots/{file.name}" in told
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.write_text(text)
    run("drift", cwd=root, code=1)
    assert "add --yes" in run("migrate", "--restore", str(file), cwd=root, code=2).stderr
    whole = file.read_text()
    file.write_text(whole.replace("COPY", "NONSENSE", 1))
    assert "psql failed" in run("migrate", "--restore", str(file), "--yes", cwd=root, code=2).stderr
    count = 'from workflow import work; print("rows", len(work.Result()))'
    assert python(count, cwd=root).stdout.splitlines()[-1] == "rows 2"
    file.write_text(whole)
    assert "The database was restored from" in run("migrate", "--restore", str(file), "--yes", cwd=root).stderr
    assert "No drift" in run("drift", cwd=root).stderr
    assert status_of(run, root)["done"] == 2
    assert "is not a snapshot" in run("migrate", "--restore", "pyproject.toml", "--yes", cwd=root, code=2).stderr
    assert "cannot be read" in run("migrate", "--restore", "nothing.sql", "--yes", cwd=root, code=2).stderr


def test_the_command(jobs_project: Path, run: Run, python: Run) -> None:
    follow(jobs_project, run, python)


@pytest.mark.mysql
def test_the_command_on_mysql(jobs_project: Path, run: Run, python: Run, mysql_alone: MySQL) -> None:
    mysql_alone.drop("work")
    use_mysql(jobs_project, run, mysql_alone)
    try:
        follow(jobs_project, run, python)
    finally:
        mysql_alone.drop("work")


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def follow(root: Path, run: Run, python: Run) -> None:
    """An attribute added to tables that are filled, with a worker at work; then a loss, a refusal, and a plan in a file."""
    run("deploy", cwd=root)
    insert_items(python, root, 3)
    write_make(root, 'self.insert1({**key, "value": 1.0})')
    path = root / "src/workflow/work.py"
    text = path.read_text()
    worker = start(root, "populate", "--workers", "1", "--watch")
    wait_until(lambda: status_of(run, root)["done"] == 3)

    path.write_text(text.replace(VALUE, f'{VALUE}\n    unit = "mV" : varchar(8)', 1))
    shown = run("migrate", "--plan-only", cwd=root)
    assert 'safe     work.Result: add unit (varchar(8), default "mV")' in shown.stdout
    assert "ALTER TABLE" in shown.stdout
    assert "There is no terminal to ask on" in run("migrate", cwd=root, code=2).stderr
    assert json.loads(run("migrate", "--dry-run", "--format", "json", cwd=root).stdout)["steps"][0]["grade"] == "safe"
    assert "the database has no attribute unit" in run("drift", cwd=root, code=1).stdout

    plan = root / "plan.json"
    assert "Next: djproject migrate -o plan.json" in run("migrate", "-o", "plan.txt", cwd=root, code=2).stderr
    run("migrate", "-o", str(plan), cwd=root)
    path.write_text(path.read_text().replace('"mV"', '"uV"'))
    stale = run("migrate", str(plan), "--yes", cwd=root, code=2)
    assert "has changed since" in stale.stderr
    path.write_text(path.read_text().replace('"uV"', '"mV"'))
    assert "Migrated: 1 step done." in run("migrate", str(plan), "--yes", cwd=root).stderr
    assert "No drift" in run("drift", cwd=root).stderr
    insert_items(python, root, 5)
    wait_until(lambda: status_of(run, root)["done"] == 5)
    worker.send_signal(signal.SIGINT)
    _, told = worker.communicate(timeout=60)
    assert "a new process replaces worker 1 after a migration of work.Result" in told
    code = "from workflow import work; print(sorted(set(work.Result.to_arrays('unit').tolist())), len(work.Result()))"
    assert python(code, cwd=root).stdout.splitlines()[-1] == "['mV'] 5"
    assert status_of(run, root)["errors"] == 0

    path.write_text(text)
    lossy = run("migrate", "--yes", cwd=root, code=2)
    assert "lossy    work.Result: drop unit (varchar(8)); 5 rows lose a value" in lossy.stdout
    assert "5 values would be lost" in lossy.stderr
    run("migrate", "--yes", "--allow-loss", cwd=root)
    path.write_text(text.replace(VALUE, f"{VALUE}\n    more : int32", 1))
    refused = run("migrate", "--yes", cwd=root, code=1)
    assert "refused  work.Result: cannot be changed in place: add more (int32)" in refused.stdout
    assert "recomputes 5 rows" in refused.stdout
    path.write_text(text.replace(VALUE, VALUE.replace("value", "amount"), 1))
    run("migrate", "--rename", "work.Result.value=amount", "-o", str(plan), cwd=root)
    assert "Migrated: 1 step done." in run("migrate", str(plan), "--yes", cwd=root).stderr
    run("migrate", "--rename", "work.Result.value=amount", cwd=root, code=2)
    path.write_text(text)
    run("migrate", "--rename", "work.Result.amount=value", "--yes", cwd=root)
    assert "Nothing to do" in run("migrate", cwd=root).stderr
    log = json.loads(run("migrate", "--log", "--format", "json", cwd=root).stdout)["migrations"]
    own = [migration for migration in log if "unit" in str(migration["steps"])]
    assert [(migration["state"], migration["steps_done"]) for migration in own[-2:]] == [("done", 1), ("done", 1)]
    for arguments, words in (
        (["--rename", "unit=x"], "must have the form module.Table.old=new"),
        (["--rename", "work.Result.nothing=value"], "has no attribute work.Result.nothing"),
        (["nothing.Here"], "nothing.Here"),
        (["missing.json"], "There is no file missing.json"),
        (["--wait", "soon"], "not a valid duration"),
    ):
        assert words in run("migrate", *arguments, cwd=root, code=2).stderr


@pytest.mark.timeout(240)
def test_eight_workers_fill_a_table_while_it_is_migrated(server_project: Path, run: Run, python: Run) -> None:
    root, count = server_project, 500  # 216 are made in the eight seconds in which workers may not have noticed
    path = root / "src/workflow/work.py"
    run("deploy", cwd=root)
    insert_items(python, root, count)
    # However busy the machine is, the migration comes in the middle: when forty are made, jobs wait for it.
    go = root / "go"
    wait = f"while len(self) >= 40 and not os.path.exists({str(go)!r}): time.sleep(0.1)"
    write_make(root, f'import os, time; time.sleep(0.3)\n        {wait}\n        self.insert1({{**key, "value": 1.0}})')
    text = path.read_text()
    workers = start(root, "populate", "Result", "--workers", "8")
    wait_until(lambda: status_of(run, root)["done"] > 10)
    changed = text.replace(VALUE, f"{VALUE}\n    unit = 'old' : varchar(8)", 1)
    path.write_text(changed.replace('"value": 1.0}', '"value": 1.0, "unit": "new"}'))
    migration = start(root, "migrate", "--yes")
    wait_until(lambda: "running" in run("migrate", "--log", cwd=root).stdout)
    go.touch()
    _, migrated = migration.communicate(timeout=120)
    assert "Migrated: 1 step done." in migrated
    done = status_of(run, root)["done"]
    _, told = workers.communicate(timeout=120)
    assert workers.returncode == 0, told
    status = status_of(run, root)
    assert (status["done"], status["errors"], status["reserved"], status["pending"]) == (count, 0, 0, 0), told
    code = (
        "import collections; from workflow import work; "
        "print(dict(collections.Counter(work.Result.to_arrays('unit').tolist())))"
    )
    made = eval(python(code, cwd=root).stdout.splitlines()[-1])
    assert set(made) == {"old", "new"}, told
    assert made["old"] <= done, "no row of the old form after it"
    assert done < count, "the migration came in the middle"


def test_many_rows_are_estimated_though_nobody_analysed_the_table(change: Any) -> None:
    changed = change("widen")
    quote = changed.connection.adapter.quote_identifier
    there, key = f"{quote(changed.name)}.{quote('t')}", quote("k")
    digits = "(" + " UNION ALL ".join(f"SELECT {number} AS n" for number in range(10)) + ")"
    names = ("a", "b", "c", "d")
    numbers = " + ".join(f"{10**place} * {name}.n" for place, name in enumerate(names))
    tables = ", ".join(f"{digits} AS {name}" for name in (*names, "e", "f"))
    changed.connection.query(
        f"INSERT INTO {there} ({key}, n, w, note) SELECT 100 + {numbers} + 10000 * e.n, f.n, 1.0, {numbers} + 10000 * e.n "
        f"FROM {tables} WHERE e.n < 3 AND f.n = 0"
    )
    (step,) = changed.plan().steps
    assert 12_000 < step.rows < 60_000  # PostgreSQL guesses by the size of its files
