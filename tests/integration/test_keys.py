"""Keys of every type, and key sources of every form, on both servers: each job has its own end."""

import datetime
import decimal
import os
import random
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import datajoint as dj
import pytest

from djproject.database.history import History
from djproject.database.job_tables import declare_job_table, job_table
from djproject.database.jobs import JobChoice, change_jobs, find_jobs, traceback_of
from djproject.database.keys import key_json
from djproject.database.leases import declare_leases
from djproject.database.loading import LoadedTable
from djproject.database.status import table_statuses
from djproject.worker.attempt import attempt
from djproject.worker.events import Failed, Made, MadeNothing, Postponed
from djproject.worker.queue import Queue
from djproject.worker.recovery import Killed, accuse
from tests.integration.conftest import MySQL, PostgreSQL

PIPELINE = f"keys-{os.getpid()}"  # other processes test at the same server
FIRST = datetime.datetime(2024, 2, 29, 1, 2, 3)
TYPES: dict[str, list[Any]] = {
    "date": [FIRST.date(), datetime.date(1970, 1, 1)],
    "datetime": [FIRST, FIRST.replace(second=4)],
    "datetime(6)": [FIRST.replace(microsecond=123456), FIRST.replace(microsecond=123457)],
    "time": [datetime.time(1, 2, 3), datetime.time(23, 59, 59)],
    "decimal(8,3)": [decimal.Decimal("1.100"), decimal.Decimal("-12345.678")],
    "uuid": [uuid.UUID(int=5), uuid.UUID("a9b60e5c-2762-4c0c-9e0d-5c5c27625c5c")],
    "float32": [0.1, 0.1234567, 16777215.0, 3.4e38],
    "float64": [0.1, 1 / 3, 1e-300],
    "bool": [True, False],
    "enum('a','b c','µ-1')": ["a", "b c", "µ-1"],
    "int64": [2**62, -1],
    "char(8)": ["ab", "a b"],
    "varchar(40)": [
        "50%",
        "100%s",
        "it's",
        'q"x',
        "back\\slash",
        "\\",
        "two\nlines",
        "ünï ✓ 😀",
        "",
        "t ",
        "{x}",
        "\t",
    ],
}
SERVERS = ["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)]


@pytest.fixture(params=SERVERS, scope="module")
def connection(request: pytest.FixtureRequest) -> Iterator[Any]:
    server: PostgreSQL | MySQL = request.getfixturevalue(request.param)
    with dj.config.override(database__backend=request.param):
        connection = dj.Connection(server.host, server.user, server.password, server.port)
    declare_leases(connection)
    yield connection
    connection.close()


@pytest.fixture
def schema(connection: Any) -> Iterator[Any]:
    name = f"keys_{random.randrange(10**9)}"
    yield dj.Schema(name, connection=connection)
    connection.query(
        f"DROP SCHEMA IF EXISTS {name}" + (" CASCADE" if connection.adapter.backend == "postgresql" else "")
    )
    connection.query(f"DELETE FROM djproject.attempt WHERE pipeline='{PIPELINE}'")


def filled(schema: Any, kind: str, make: Callable[[Any, dict[str, Any]], None], *, deploy: bool = True) -> LoadedTable:
    """A computed table with one key of a type for each of its values."""

    class Item(dj.Manual):
        definition = f"k : {kind}"

    class Result(dj.Computed):
        definition = "-> Item\n---\nvalue : int32"

        def make(self, key: dict[str, Any]) -> None:
            make(self, key)

    schema(Item, context={})
    schema(Result, context={"Item": Item})
    if kind == "uuid" and schema.connection.adapter.backend == "postgresql":  # DataJoint cannot insert it (2.3.5)
        for value in TYPES[kind]:
            schema.connection.query(f"INSERT INTO {Item.full_table_name} (k) VALUES (%s)", args=(str(value),))
    else:
        Item.insert({"k": value} for value in TYPES[kind])
    return loaded_of(Result, deploy=deploy)


def loaded_of(cls: Any, *, deploy: bool = True) -> LoadedTable:
    table: Any = SimpleNamespace(full_name="work.Result", tier="computed")
    loaded = LoadedTable(table, cls, cls())
    if deploy:
        declare_job_table(loaded.instance, loaded.name)
    return loaded


def insert(table: Any, key: dict[str, Any]) -> None:
    """Insert a row as `make` would, also a uuid on PostgreSQL, which DataJoint cannot (2.3.5)."""
    if any(isinstance(value, uuid.UUID) for value in key.values()) and table.connection.adapter.backend == "postgresql":
        table.connection.query(f"INSERT INTO {table.full_table_name} VALUES (%s, 1)", args=(str(key["k"]),))
    else:
        table.insert1({**key, "value": 1})


def raise_error(table: Any, key: dict[str, Any]) -> None:
    raise ValueError("it's 100% \\ broken")


def raise_timeout(table: Any, key: dict[str, Any]) -> None:
    raise TimeoutError


def insert_nothing(table: Any, key: dict[str, Any]) -> None:
    return


def rows(loaded: LoadedTable) -> int:
    return int(
        loaded.instance.connection.query(f"SELECT COUNT(*) FROM {loaded.instance.full_table_name}").fetchone()[0]
    )


def statuses(loaded: LoadedTable) -> list[str]:
    jobs = job_table(loaded.instance).full_table_name
    return sorted(
        str(status) for (status,) in loaded.instance.connection.query(f"SELECT status FROM {jobs}").fetchall()
    )


def work(loaded: LoadedTable, history: History) -> list[Any]:
    """Claim and attempt every job, one by one, as a worker does."""
    queue = Queue(loaded)
    queue.refresh()
    outcomes = []
    while keys := queue.claim(1):
        outcomes.append(attempt(queue, keys[0], history, slot=1))
    return outcomes


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_is_made_once(schema: Any, kind: str) -> None:
    loaded = filled(schema, kind, insert)
    history = History(schema.connection, PIPELINE)
    count = len(TYPES[kind])
    assert [type(outcome) for outcome in work(loaded, history)] == [Made] * count
    assert (rows(loaded), statuses(loaded), work(loaded, history)) == (count, [], [])
    (status,) = table_statuses([loaded])
    assert (status.keys, status.done, status.pending) == (count, count, 0)


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_fails_is_listed_shown_and_retried_by_hand(schema: Any, kind: str) -> None:
    does = [raise_error]
    loaded = filled(schema, kind, lambda table, key: does[0](table, key))
    history = History(schema.connection, PIPELINE)
    count = len(TYPES[kind])
    assert [type(outcome) for outcome in work(loaded, history)] == [Failed] * count
    assert statuses(loaded) == ["error"] * count
    jobs = find_jobs([loaded], JobChoice(("error",)))
    assert {job.message for job in jobs} == {"ValueError: it's 100% \\ broken"}
    assert all("in raise_error" in traceback_of(loaded, job) for job in jobs)
    for done, job in enumerate(jobs, 1):
        assert change_jobs([loaded], [job], "pending") == 1
        assert statuses(loaded) == ["error"] * (count - done) + ["pending"] * done
    does[0] = insert
    assert [type(outcome) for outcome in work(loaded, history)] == [Made] * count


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_is_ignored_by_hand_one_at_a_time(schema: Any, kind: str) -> None:
    loaded = filled(schema, kind, insert)
    Queue(loaded).refresh()
    first, *others = find_jobs([loaded], JobChoice())
    assert change_jobs([loaded], [first], "ignore") == 1
    assert len(work(loaded, History(schema.connection, PIPELINE))) == len(others)
    assert (rows(loaded), statuses(loaded)) == (len(others), ["ignore"])
    assert change_jobs([loaded], find_jobs([loaded], JobChoice(("ignore",))), None) == 1
    assert statuses(loaded) == []


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_is_postponed_given_back_and_set_aside(schema: Any, kind: str) -> None:
    does = [raise_timeout]
    loaded = filled(schema, kind, lambda table, key: does[0](table, key))
    history = History(schema.connection, PIPELINE)
    count = len(TYPES[kind])
    assert [type(outcome) for outcome in work(loaded, history)] == [Postponed] * count
    jobs = job_table(loaded.instance).full_table_name
    schema.connection.query(f"UPDATE {jobs} SET scheduled_time=CURRENT_TIMESTAMP(3)")
    queue = Queue(loaded)
    (key,) = queue.claim(1)
    assert queue.is_mine(key)
    queue.give_back(key)
    assert not queue.is_mine(key)
    does[0] = insert_nothing
    assert [type(outcome) for outcome in work(loaded, history)] == [MadeNothing] * count
    assert statuses(loaded) == ["ignore"] * count


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_that_killed_its_worker_waits_again_and_is_an_error_at_last(schema: Any, kind: str) -> None:
    """The key goes to the pool as JSON and comes back."""
    loaded = filled(schema, kind, insert)
    history = History(schema.connection, PIPELINE)
    queue = Queue(loaded)
    queue.refresh()
    count = len(TYPES[kind])
    (key,) = queue.claim(1)
    queue.give_back()
    for number in range(1, 4):
        held = next(iter(k for k in queue.claim(count) if k == key))
        killed = Killed(os.getpid(), loaded.name, key_json(held), ("SIGKILL",) * number)
        assert bool(accuse([loaded], killed, history)) is (number == 3)
        queue.give_back()
    assert len(find_jobs([loaded], JobChoice(("error",)))) == 1
    assert len(work(loaded, history)) == count - 1
    assert rows(loaded) == count - 1


@pytest.mark.parametrize("kind", TYPES)
def test_plain_datajoint_workers_use_the_same_job_table(schema: Any, kind: str) -> None:
    if kind in ("float32", "time") or (kind == "uuid" and schema.connection.adapter.backend == "postgresql"):
        pytest.skip("DataJoint does not find such a key again (2.3.5)")
    loaded = filled(schema, kind, lambda table, key: table.insert1({**key, "value": 1}))
    plain = type(loaded.instance)()
    backslashes = kind == "varchar(40)" and schema.connection.adapter.backend == "postgresql"
    restrictions = ["POSITION(CHR(92) IN k) = 0"] if backslashes else []
    result = plain.populate(*restrictions, reserve_jobs=True)
    assert result["error_list"] == []
    assert rows(loaded) == len(TYPES[kind]) - 2 * backslashes


SOURCES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "fewer attributes": lambda t: t["Subject"].proj(),
    "restriction": lambda t: t["Session"] & "session_id > 1",
    "restriction by a table": lambda t: t["Session"] & t["Chosen"],
    "difference": lambda t: t["Session"] - t["Chosen"],
    "projection": lambda t: t["Session"].proj(),
    "renamed and back": lambda t: t["Session"].proj(s="session_id").proj(session_id="s"),
    "calculated": lambda t: t["Session"].proj(twice="2 * length") & "twice > 20",
    "join": lambda t: t["Subject"] * t["Session"],
    "part": lambda t: t["Session"].Unit,
    "projection of a part": lambda t: (t["Session"].Unit & "unit_id = 1").proj(),
    "aggregation": lambda t: t["Subject"].aggr(t["Session"], count="count(*)") & "count > 1",
    "aggregation of parts": lambda t: t["Session"].aggr(t["Session"].Unit, n="count(*)") & "n > 1",
    "unique values": lambda t: dj.U("subject_id", "session_id") & t["Session"].Unit,
    "unique values of fewer": lambda t: dj.U("subject_id") & t["Session"],
    "union": lambda t: (t["Session"] & "session_id = 1").proj() + (t["Session"] & "session_id = 3").proj(),
    "top": lambda t: t["Session"] & dj.Top(2, order_by="session_id DESC, subject_id"),
    "class": lambda t: t["Session"],
    "instance": lambda t: t["Session"](),
    "percent": lambda t: t["Subject"] & "name LIKE '%a%'",
    "nothing": lambda t: t["Session"] & "session_id > 100",
}


def pipeline(schema: Any, source: Callable[[dict[str, Any]], Any]) -> tuple[LoadedTable, Any]:
    """Sessions of subjects, and two tables of one key source: the queue fills one, plain `populate` the other."""

    class Subject(dj.Manual):
        definition = "subject_id : int32\n---\nname : varchar(20)"

    class Session(dj.Manual):
        definition = "-> Subject\nsession_id : int32\n---\nlength : int32"

        class Unit(dj.Part):
            definition = "-> master\nunit_id : int32"

    class Chosen(dj.Manual):
        definition = "-> Session"

    tables: dict[str, Any] = {"Subject": Subject}
    for cls in (Subject, Session, Chosen):
        schema(cls, context=dict(tables))
        tables[cls.__name__] = cls

    key = {"key_source": property(lambda _: source(tables))}
    parent = "Session.Unit" if source in (SOURCES["part"], SOURCES["projection of a part"]) else "Session"
    calls: dict[str, list[str]] = {"Result": [], "Plain": []}

    def make(self: Any, key: dict[str, Any]) -> None:
        calls[type(self).__name__].append(key_json(key))
        sessions = (Session & key).keys()
        extra = {"unit_id": key["unit_id"]} if "unit_id" in key else {}
        self.insert({**session, **extra, "value": len(sessions)} for session in sessions)

    for name in calls:
        body = {"definition": f"-> {parent}\n---\nvalue : int32", "make": make} | key
        cls = type(name, (dj.Computed,), body)
        schema(cls, context=dict(tables))
        tables[name] = cls
    tables["calls"] = calls
    Subject.insert([(1, "ada"), (2, "bob"), (3, "eve"), (4, "grace")])
    Session.insert([(s, n, 10 * n) for s, count in ((1, 3), (2, 1), (3, 2), (4, 1)) for n in range(1, count + 1)])
    Session.Unit.insert([(1, 1, 1), (1, 1, 2), (1, 3, 1), (3, 2, 1), (3, 2, 2)])
    Chosen.insert([(1, 1), (3, 2)])
    return loaded_of(tables["Result"]), tables


@pytest.mark.parametrize("form", SOURCES)
def test_a_key_source_of_any_form_works_as_in_plain_populate(schema: Any, form: str) -> None:
    if form == "renamed and back" and schema.connection.adapter.backend == "postgresql":
        pytest.skip("DataJoint writes MySQL's quotes (2.3.5)")
    loaded, tables = pipeline(schema, SOURCES[form])
    calls = tables["calls"]
    before = tables["Plain"]().progress(display=False)
    (status,) = table_statuses([loaded])
    assert (status.pending, status.keys) == before
    assert tables["Plain"].populate(suppress_errors=True)["error_list"] == []
    queue = Queue(loaded)
    assert queue.refresh() == before[0]
    assert table_statuses([loaded])[0].pending == before[0]
    outcomes = work(loaded, History(schema.connection, PIPELINE))
    assert [type(outcome) for outcome in outcomes] == [Made] * before[0]
    assert sorted(calls["Result"]) == sorted(calls["Plain"])
    assert tables["Result"]().to_dicts(order_by="KEY") == tables["Plain"]().to_dicts(order_by="KEY")
    assert work(loaded, History(schema.connection, PIPELINE)) == []
    (status,) = table_statuses([loaded])
    assert (status.keys, status.done, status.pending) == (before[1], before[1], 0)
    queue.tidy()
    assert schema.connection.query(queue_question(queue)).fetchone()[0] in (0, False)


def queue_question(queue: Queue) -> str:
    return f"SELECT {queue.anything()}"
