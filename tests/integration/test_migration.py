"""Tables that are filled, changed into what an edited source declares: no drift afterwards, and the rows that should be."""

import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from djproject.database.agreement import compare_at, source_places
from djproject.database.catalogue import read_catalogue
from djproject.database.comparison import Aspect, differences, missing_tables
from djproject.database.leases import declare_leases
from djproject.database.source_tables import source_tables
from djproject.migration.applying import Around, apply
from djproject.migration.planning import Wishes, plan_migration
from djproject.migration.steps import Grade, Plan, identity
from tests.checking import module, pipeline_in
from tests.integration.test_check_against_datajoint import Server, project_of, server
from tests.integration.test_drift import BASE, EDITS

__all__ = ["server"]  # the fixture
pytestmark = pytest.mark.timeout(120)


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
    "add key attribute": (set(), "no value for it, or more than one for a key"),
    "reorder": (set(), ""),
    "extend enum": ({"safe"}, ""),
    "shrink enum": (set(), "1 row do not fit"),
    "codec": (set(), "encoded otherwise"),
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
    assert changed.plan().notes == ("If mine.T.w is called weight now: djproject migrate --rename mine.T.w=weight",)
    before = [row["w"] for row in changed.rows("t")]
    plan = changed.plan(renames={"mine.T.w": "weight"})
    assert [step.what for step in plan.steps] == ["rename w to weight"]
    changed.apply(plan)
    assert (changed.left(), [row["weight"] for row in changed.rows("t")]) == ([], before)


def test_a_step_that_the_server_refuses_leaves_everything_on_postgresql(change: Any) -> None:
    changed = change("widen")
    plan = changed.plan()
    (step,) = plan.steps
    broken = Plan((step, type(step)("mine.T", "break", Grade.SAFE, ("ALTER TABLE nowhere DROP COLUMN x",))))
    before = changed.look()
    with pytest.raises(Exception, match="The server refuses to break of mine.T"):
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
