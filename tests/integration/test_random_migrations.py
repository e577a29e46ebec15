"""Random edits of random pipelines that are filled: migrated, also by a run that is killed, nothing differs and no row is lost.

`DJPROJECT_MIGRATIONS=500` tries more of them.
"""

import datetime
import os
import random
import uuid
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datajoint as dj
import pytest

from djproject.database.agreement import compare_at, source_places
from djproject.database.catalogue import read_catalogue
from djproject.database.comparison import Aspect, differences, missing_tables
from djproject.database.connections import second_connection
from djproject.database.leases import declare_leases
from djproject.database.source_tables import source_tables
from djproject.migration.applying import Around, apply
from djproject.migration.planning import Wishes, plan_migration
from djproject.migration.steps import Plan, identity
from djproject.pipeline.model import Pipeline
from tests.checking import pipeline_in
from tests.integration.random_pipelines import Drawing, Drawn
from tests.integration.test_check_against_datajoint import Server, project_of, server

__all__ = ["server"]  # the fixture
COUNT = int(os.environ.get("DJPROJECT_MIGRATIONS", "12"))
pytestmark = pytest.mark.timeout(120 + 5 * COUNT)


class Killed(BaseException):
    """The process is gone, and its connection with it."""


def declared_classes(server: Server, texts: dict[str, str], schemas: dict[str, str]) -> dict[str, Any]:
    """The classes of both modules, declared."""
    found: dict[str, Any] = {}
    for module, text in texts.items():
        name = schemas[module]
        server.schemas.append(name)
        schema = dj.Schema(name, connection=server.connection)
        names: dict[str, Any] = {"schema": schema, "one": SimpleNamespace(**found)}
        text = text.replace("from . import one\n", "").replace(f'schema = dj.Schema("{name}")', "")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(text, module, "exec"), names)
        found |= {key: value for key, value in names.items() if isinstance(value, type) and issubclass(value, dj.Table)}
    return found


class Case:
    """One pipeline in the database, and its edited source."""

    def __init__(self, server: Server, folder: Path, before: Drawing, after: Drawing) -> None:
        self.server, self.after = server, after
        self.schemas = {module: f"random_{module}_{uuid.uuid4().hex[:10]}" for module in ("one", "two")}
        self.classes = declared_classes(server, before.texts(self.schemas), self.schemas)
        for table in before.tables:
            self.classes[table.name].insert(table.rows)
        texts = after.texts(self.schemas)
        root = project_of(folder, "", server)
        (root / "src/workflow/mine.py").unlink()
        for module, text in texts.items():
            (root / f"src/workflow/{module}.py").write_text(text)
        self.texts = texts
        self.pipeline: Pipeline = pipeline_in(root)
        self.places = source_places(self.pipeline, str)
        self.source = source_tables(self.pipeline, self.places, server.backend)

    def plan(self, connection: Any) -> Plan:
        declared = read_catalogue(connection, self.schemas.values())
        names = {f"{table.module}.{table.name}": table for table in self.after.tables}
        there = {place[1] for place in declared}
        renames = {
            old: new
            for old, new in self.after.renames.items()
            if (place := self.places.get(old.rpartition(".")[0])) and place[1] in there
            and any(a.name == old.rpartition(".")[2] for a in declared[place].attributes)
        }  # fmt: skip
        return plan_migration(connection, self.pipeline, self.source, declared, Wishes(frozenset(names), renames), list)

    def apply(self, connection: Any, plan: Plan) -> None:
        def look() -> set[tuple[str, str, str]]:
            declared = read_catalogue(connection, self.schemas.values())
            found = differences(self.source, declared, self.server.backend)
            return {identity(difference) for difference in (*found, *missing_tables(self.source, declared))}

        apply(connection, plan, Around("tests", "", look, lambda: None, lambda text: None))

    def differs(self) -> list[str]:
        found = compare_at(self.server.connection, self.pipeline, self.places)
        return [f"{d.table}: {d.text}" for d in found if d.aspect is not Aspect.TABLE_MISSING]

    def rows(self, table: Drawn) -> list[dict[str, Any]]:
        """The rows of a table as DataJoint reads them by its new definition."""
        rows: list[dict[str, Any]] = self.now[table.name]().to_dicts()
        return rows

    def check(self) -> None:
        assert self.differs() == []
        self.now = declared_classes(self.server, self.texts, self.schemas)
        for table in self.after.tables:
            if table.name not in self.after.new:
                found = sorted((plain(row) for row in self.rows(table)), key=repr)
                assert found == sorted((plain(row) for row in self.after.expected(table)), key=repr), table.text()


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose values are alike on both servers, defaults as the definition spells them too."""

    def value(found: Any) -> Any:
        if isinstance(found, str) and found[:1] in "'\"" and found[-1:] == found[:1] and len(found) > 1:
            found = found[1:-1].replace("''", "'")
        if found is None or found == "null":
            return None
        if isinstance(found, uuid.UUID | datetime.date):
            return str(found)
        try:
            return float(found)
        except (TypeError, ValueError):
            return repr(found)

    return {name: value(found) for name, found in sorted(row.items())}


@pytest.mark.parametrize("killed", [False, True], ids=["in one run", "killed and run again"])
def test_random_edits_of_random_pipelines(server: Server, tmp_path: Path, killed: bool) -> None:
    declare_leases(server.connection)
    kills = 0
    for seed in range(COUNT):
        before = Drawing(random.Random(f"{seed} {killed}"))
        after = before.edited()
        case = Case(server, tmp_path / str(seed), before, after)
        try:
            if killed:
                kills += kill_one(case, random.Random(seed))
            plan = case.plan(server.connection)
            assert plan.refusals == (), (seed, plan.refusals)
            case.apply(server.connection, plan)
            case.check()
            assert [step for step in case.plan(server.connection).steps if step.sql] == [], seed
        except BaseException as error:
            error.add_note(f"seed {seed}\n" + "\n".join(after.texts(case.schemas).values()))
            raise
        finally:
            server.drop()
    assert not killed or kills > COUNT / 3


def kill_one(case: Case, chance: random.Random) -> bool:
    """Apply the plan on a connection that is gone at some statement."""
    other: Any = second_connection(case.server.connection)
    plan = case.plan(other)
    real, left = other.query, chance.randint(1, len(plan.sql) + 20)

    def query(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            other.close()
            raise Killed
        return real(*arguments, **options)

    other.query = query
    try:
        case.apply(other, plan)
    except BaseException:
        return True
    other.close()
    return False
