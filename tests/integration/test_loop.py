"""A worker's loop in this process, on both servers: what it fills, what it sets aside, and when it has nothing to do."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import datajoint as dj
import pytest

from djproject.database.connections import SESSION, keep_alive
from djproject.database.history import History
from djproject.database.job_tables import declare_job_table, job_table
from djproject.database.leases import declare_leases
from djproject.database.loading import LoadedTable
from djproject.database.status import table_statuses
from djproject.worker.attempt import LONGEST_WAIT_SECONDS, roll_back
from djproject.worker.events import Event, Failed, Idle, Made, SetAside
from djproject.worker.loop import Loop
from djproject.worker.wakeup import Wakeup
from tests.integration.conftest import MySQL, PostgreSQL

PIPELINE = f"loop-{os.getpid()}"  # other processes test at the same server
SERVERS = ["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)]
Body = Callable[[Any, dict[str, Any]], Any]
pytestmark = pytest.mark.timeout(200)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> tuple[str, PostgreSQL | MySQL]:
    return request.param, request.getfixturevalue(request.param)


def connect(server: tuple[str, PostgreSQL | MySQL]) -> Any:
    backend, where = server
    with dj.config.override(database__backend=backend):
        return dj.Connection(where.host, where.user, where.password, where.port)


@pytest.fixture
def connection(server: tuple[str, PostgreSQL | MySQL]) -> Iterator[Any]:
    connection = connect(server)
    declare_leases(connection)
    keep_alive(connection)
    yield connection
    connection.close()


@pytest.fixture
def schema(connection: Any) -> Iterator[Any]:
    name = f"loop_{random.randrange(10**9)}"
    yield dj.Schema(name, connection=connection)
    connection._in_transaction = False
    connection.connect()
    cascade = " CASCADE" if connection.adapter.backend == "postgresql" else ""
    connection.query(f"DROP SCHEMA IF EXISTS {name}{cascade}")
    connection.query(f"DELETE FROM djproject.attempt WHERE pipeline='{PIPELINE}'")


def insert(table: Any, key: dict[str, Any]) -> None:
    table.insert1({**key, "value": 1})


def tables_of(schema: Any, bodies: dict[str, dict[str, Any]], count: int = 3) -> list[LoadedTable]:
    """Computed tables of one parent with `count` rows, each with its own class body."""

    class Item(dj.Manual):
        definition = "item_id : int32"

    schema(Item, context={})
    Item.insert([i] for i in range(count))
    found = []
    for name, body in bodies.items():
        definition = {"definition": "-> Item\n---\nvalue : int32"}
        cls = type(name, (dj.Computed,), {**definition, **body})
        schema(cls, context={"Item": Item})
        table: Any = SimpleNamespace(full_name=f"work.{name}", tier="computed")
        loaded = LoadedTable(table, cls, cls())
        declare_job_table(loaded.instance, loaded.name)
        found.append(loaded)
    return found


def turn(tables: list[LoadedTable], **options: Any) -> list[Event]:
    """What a worker tells until it has nothing to do."""
    wakeup, told = Wakeup(), []

    def tell(*events: Event) -> None:
        told.extend(events)
        if any(isinstance(event, Idle) for event in events):
            wakeup.stop()

    history = History(tables[0].instance.connection, PIPELINE)
    Loop(tables, (), slot=1, history=history, tell=tell, wakeup=wakeup, **options).run()
    return told


def of(kind: type, events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def raises(self: Any) -> Any:
    raise KeyError("a mistake")


async def coroutine(self: Any, key: dict[str, Any]) -> None:
    """No make that DataJoint can call."""


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "key source": ({"make": insert, "key_source": property(raises)}, "The key source of work.Broken raises KeyError"),
    "no make": ({}, "work.Broken has no make"),
    "async": ({"make": coroutine}, "make of work.Broken is async"),
    "arguments": ({"make": lambda self: None}, "make of work.Broken cannot be called with a key"),
    "no function": ({"make": 3}, "make of work.Broken is not a function"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_table_that_cannot_work_is_set_aside_and_the_others_are_filled(schema: Any, kind: str) -> None:
    body, reason = BROKEN[kind]
    tables = tables_of(schema, {"First": {"make": insert}, "Broken": body, "Last": {"make": insert}})
    events = turn(tables)
    (aside,) = of(SetAside, events)
    assert (aside.table, aside.message.startswith(reason)) == ("work.Broken", True), aside
    assert [len(table.instance) for table in tables] == [3, 0, 3]
    if kind == "key source":
        first, broken, _ = table_statuses(tables)
        assert (first.done, first.pending, broken.done, broken.pending) == (3, 0, None, None)


def test_a_broken_job_table_sets_its_table_aside(schema: Any) -> None:
    tables = tables_of(schema, {"First": {"make": insert}, "Broken": {"make": insert}, "Last": {"make": insert}})
    job_table(tables[1].instance).drop_quick()
    events = turn(tables)
    assert [(event.table, event.hint) for event in of(SetAside, events)] == [("work.Broken", "djproject deploy")]
    assert [len(table.instance) for table in tables] == [3, 0, 3]


@pytest.mark.parametrize(("seconds", "rows"), [(float("inf"), [0, 3]), (-1.0, [3, 3])])
def test_a_table_that_killed_many_workers_is_not_filled_until_its_time_is_over(
    schema: Any, seconds: float, rows: list[int]
) -> None:
    tables = tables_of(schema, {"Deadly": {"make": insert}, "Other": {"make": insert}})
    turn(tables, excluded=["work.Deadly"], excluded_seconds=seconds)
    assert [len(table.instance) for table in tables] == rows


def test_a_key_source_that_breaks_later_sets_its_table_aside(schema: Any) -> None:
    breaks: list[bool] = []
    quote = schema.connection.adapter.quote_identifier
    item = f"{quote(schema.database)}.{quote('item')}"

    def source(self: Any) -> Any:
        if breaks:
            raise ValueError("no more")
        return dj.FreeTable(self.connection, item)

    def make(self: Any, key: dict[str, Any]) -> None:
        breaks.append(True)
        insert(self, key)

    body = {"make": make, "key_source": property(source)}
    tables = tables_of(schema, {"Broken": body, "Last": {"make": insert}})
    events = turn(tables)
    (aside,) = of(SetAside, events)
    assert (aside.table, "no more" in aside.message) == ("work.Broken", True)
    assert len(tables[1].instance) == 3
    jobs = tables[0].instance.connection.query(
        f"SELECT COUNT(*) FROM {job_table(tables[0].instance).full_table_name} WHERE status='reserved'"
    )
    assert jobs.fetchone()[0] == 0


def schedule(loaded: LoadedTable, seconds: float) -> None:
    """Let one job wait for so long."""
    jobs = job_table(loaded.instance)
    jobs.refresh()
    later = f"CURRENT_TIMESTAMP(3) + {jobs.connection.adapter.interval_expr(seconds, 'second')}"
    jobs.connection.query(f"UPDATE {jobs.full_table_name} SET scheduled_time={later} WHERE item_id=0")


def test_a_job_that_is_due_soon_is_waited_for(schema: Any) -> None:
    (loaded,) = tables_of(schema, {"Result": {"make": insert}})
    schedule(loaded, 2)
    events = turn([loaded])
    assert len(of(Made, events)) == 3
    assert of(Idle, events)[-1].later == {}


def test_a_job_that_is_due_much_later_is_told_and_not_waited_for(schema: Any) -> None:
    (loaded,) = tables_of(schema, {"Result": {"make": insert}})
    schedule(loaded, 12 * LONGEST_WAIT_SECONDS)
    events = turn([loaded])
    assert len(of(Made, events)) == 2
    ((count, seconds),) = of(Idle, events)[-1].later.values()
    assert count == 1
    assert 11 * LONGEST_WAIT_SECONDS < seconds <= 12 * LONGEST_WAIT_SECONDS


def test_a_job_that_another_session_has_locked_is_waited_for(
    schema: Any, server: tuple[str, PostgreSQL | MySQL]
) -> None:
    (loaded,) = tables_of(schema, {"Result": {"make": insert}})
    schedule(loaded, 0)
    other = connect(server)
    other.start_transaction()
    jobs = job_table(loaded.instance).full_table_name
    other.query(f"SELECT 1 FROM {jobs} WHERE item_id=0 FOR UPDATE").fetchall()
    freed = threading.Timer(1.5, other.cancel_transaction)
    freed.start()
    assert len(of(Made, turn([loaded]))) == 3
    freed.join()
    other.close()


def test_rows_that_were_deleted_by_hand_are_made_again_where_completed_jobs_are_kept(schema: Any) -> None:
    (loaded,) = tables_of(schema, {"Result": {"make": insert}})
    with schema.connection._config.override(jobs__keep_completed=True):
        assert len(of(Made, turn([loaded]))) == 3
        (loaded.instance & "item_id = 1").delete_quick()
        assert len(of(Made, turn([loaded]))) == 1
    assert len(loaded.instance) == 3


def goes_idle(self: Any, key: dict[str, Any]) -> None:
    time.sleep(2.5)
    insert(self, key)


def sends_too_much(self: Any, key: dict[str, Any]) -> None:
    if self.connection.adapter.backend == "mysql":
        limit = self.connection.query("SELECT @@GLOBAL.max_allowed_packet").fetchone()[0]
        self.connection.query("SELECT LENGTH(%s)", args=("x" * (limit + 1000),))
    columns = ", ".join(f"c{i} bigint" for i in range(1500))
    self.connection.query(f"CREATE TEMPORARY TABLE wide ({columns}) ON COMMIT DROP")
    self.connection.query(f"INSERT INTO wide VALUES ({', '.join(['1'] * 1500)})")


LIMITS: dict[str, tuple[Body, dict[str, str]]] = {
    "idle": (goes_idle, {"mysql": "wait_timeout", "postgresql": "longer than the server lets a connection stay idle"}),
    "size": (sends_too_much, {"mysql": "max_allowed_packet", "postgresql": "row is too big"}),
}


SHORT = {
    "mysql": "SET SESSION wait_timeout = 1",
    "postgresql": "SELECT set_config('idle_in_transaction_session_timeout', '500', false)",
}


@pytest.mark.parametrize("kind", LIMITS)
def test_a_limit_of_the_server_is_named_at_the_first_loss(
    schema: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, reasons = LIMITS[kind]
    (loaded,) = tables_of(schema, {"Result": {"make": make}}, count=1)
    if kind == "idle":  # a limit that cannot be raised
        for backend, statement in SHORT.items():
            monkeypatch.setitem(SESSION, backend, statement)
        keep_alive(schema.connection)
    events = turn([loaded])
    (failed,) = of(Failed, events)
    assert reasons[schema.connection.adapter.backend] in failed.message
    assert "attempts" not in failed.message


def test_the_servers_idle_limits_are_raised_also_after_a_loss(
    schema: Any, server: tuple[str, PostgreSQL | MySQL]
) -> None:
    mysql = server[0] == "mysql"
    limit = "SELECT @@SESSION.wait_timeout" if mysql else "SHOW idle_in_transaction_session_timeout"
    query = schema.connection.query
    if not mysql:
        query(f"ALTER ROLE {server[1].user} SET idle_in_transaction_session_timeout = '1s'")
    try:
        for _ in range(2):
            number = query("SELECT CONNECTION_ID()" if mysql else "SELECT pg_backend_pid()").fetchone()[0]
            other = connect(server)
            other.query(f"KILL {number}" if mysql else f"SELECT pg_terminate_backend({number})")
            other.close()
            with suppress(Exception):  # DataJoint does not connect to PostgreSQL again by itself, a worker does
                query("SELECT 1")
            roll_back(schema.connection)
            assert query(limit).fetchone()[0] in (2147483, "0")
            if not mysql:  # it notices by itself that a worker's machine is gone
                assert query("SHOW tcp_keepalives_idle").fetchone()[0] == "20"
                assert query("SHOW tcp_user_timeout").fetchone()[0] == "60000"
    finally:
        if not mysql:
            query(f"ALTER ROLE {server[1].user} RESET idle_in_transaction_session_timeout")
