"""What keeps a queue right over days, on both servers: leases, old jobs, retries, jobs changed by hand."""

import json
import os
import platform
import random
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import datajoint as dj
import pytest

from djproject.database.connections import second_connection
from djproject.database.history import History
from djproject.database.job_tables import declare_job_table, job_table
from djproject.database.jobs import JobChoice, change_jobs, find_jobs
from djproject.database.leases import declare_leases, read_leases
from djproject.database.loading import LoadedTable
from djproject.worker import lease
from djproject.worker.attempt import MOST_ATTEMPTS, attempt
from djproject.worker.events import Failed, LostJob, Made, Postponed
from djproject.worker.queue import Queue
from djproject.worker.recovery import recover
from tests.integration.conftest import MySQL, PostgreSQL

SERVERS = ["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)]
FillTable = Callable[..., LoadedTable]


@pytest.fixture(params=SERVERS)
def connection(request: pytest.FixtureRequest) -> Iterator[Any]:
    server: PostgreSQL | MySQL = request.getfixturevalue(request.param)
    with dj.config.override(database__backend=request.param):
        connection = dj.Connection(server.host, server.user, server.password, server.port)
        declare_leases(connection)
        yield connection
    connection.close()


@pytest.fixture
def pipeline(connection: Any) -> Iterator[str]:
    """A name under which nothing was recorded before."""
    name = f"upkeep_{random.randrange(10**9)}"
    yield name
    for table in ("worker_lease", "attempt"):
        connection.query(f"DELETE FROM djproject.{table} WHERE pipeline='{name}'")


@pytest.fixture
def fill(connection: Any, pipeline: str) -> Iterator[FillTable]:
    """A computed table over items 0, 1, 2 …, with the make that is given."""
    schema = dj.Schema(pipeline, connection=connection)

    def build(items: int, **methods: Any) -> LoadedTable:
        class Item(dj.Manual):
            definition = "k : int32\n---\nvalue = 0 : int32"

        result = type("Result", (dj.Computed,), {"definition": "-> Item\n---\nvalue : int32", **methods})
        schema(Item, context={})
        schema(result, context={"Item": Item})
        Item.insert({"k": number} for number in range(items))
        table: Any = SimpleNamespace(full_name="work.Result", tier="computed", Item=Item)
        loaded = LoadedTable(table, result, result())
        declare_job_table(loaded.instance, loaded.name)
        return loaded

    yield build
    cascade = " CASCADE" if connection.adapter.backend == "postgresql" else ""
    connection.query(f"DROP SCHEMA IF EXISTS {pipeline}{cascade}")


def insert_row(self: Any, key: dict[str, Any]) -> None:
    self.insert1({**key, "value": 1})


def jobs_of(loaded: LoadedTable) -> dict[int, str]:
    query = f"SELECT k, status FROM {job_table(loaded.instance).full_table_name}"
    return {int(key): str(status) for key, status in loaded.instance.connection.query(query).fetchall()}


def work(loaded: LoadedTable, pipeline: str, queue: Queue | None = None) -> list[Any]:
    queue = queue or Queue(loaded)
    queue.refresh()
    history = History(loaded.instance.connection, pipeline)
    outcomes = []
    while keys := queue.claim(1):
        outcomes.append(attempt(queue, keys[0], history, slot=1))
    return outcomes


def delete_item(loaded: LoadedTable, key: int) -> None:
    name = loaded.table.Item.full_table_name  # type: ignore[attr-defined]
    loaded.instance.connection.query(f"DELETE FROM {name} WHERE k={key}")


def test_errors_of_keys_that_are_gone_are_removed_and_no_others(fill: FillTable, pipeline: str) -> None:
    def fails(self: Any, key: dict[str, Any]) -> None:
        raise ValueError

    loaded = fill(3, make=fails)
    assert all(isinstance(outcome, Failed) for outcome in work(loaded, pipeline))
    delete_item(loaded, 1)
    Queue(loaded).tidy()
    assert jobs_of(loaded) == {0: "error", 2: "error"}


def test_a_completed_job_whose_row_was_deleted_is_made_again(fill: FillTable, pipeline: str) -> None:
    loaded = fill(3, make=insert_row)
    with loaded.instance.connection._config.override(jobs__keep_completed=True):
        assert len(work(loaded, pipeline)) == 3
        loaded.instance.connection.query(f"DELETE FROM {loaded.instance.full_table_name} WHERE k=1")
        Queue(loaded).tidy()
        assert jobs_of(loaded) == {0: "success", 1: "pending", 2: "success"}


def test_a_restriction_holds_for_jobs_that_wait_already(fill: FillTable, pipeline: str) -> None:
    loaded = fill(4, make=insert_row)
    Queue(loaded).refresh()
    assert len(work(loaded, pipeline, Queue(loaded, ["k > 1"]))) == 2
    assert jobs_of(loaded) == {0: "pending", 1: "pending"}


def test_a_transient_error_becomes_an_error_in_the_end(fill: FillTable, pipeline: str) -> None:
    def fails(self: Any, key: dict[str, Any]) -> None:
        raise TimeoutError("the store is away")

    loaded = fill(1, make=fails)
    jobs, outcomes = job_table(loaded.instance).full_table_name, []
    for _ in range(MOST_ATTEMPTS + 2):
        outcomes += work(loaded, pipeline)
        loaded.instance.connection.query(
            f"UPDATE {jobs} SET scheduled_time=CURRENT_TIMESTAMP(3) WHERE status='pending'"
        )
    assert [type(outcome) for outcome in outcomes] == [Postponed] * (MOST_ATTEMPTS - 1) + [Failed]
    assert MOST_ATTEMPTS < 20
    assert outcomes[-1].message == f"TimeoutError: the store is away (after {MOST_ATTEMPTS} attempts)"
    assert jobs_of(loaded) == {0: "error"}


def test_rows_cannot_be_inserted_by_hand_after_a_make(fill: FillTable, pipeline: str) -> None:
    loaded = fill(1, make=insert_row)
    assert isinstance(work(loaded, pipeline)[0], Made)
    loaded.instance.delete_quick()
    with pytest.raises(dj.DataJointError, match="populate"):
        loaded.instance.insert1({"k": 0, "value": 5})


def test_a_make_in_three_parts_notices_that_its_input_changed(fill: FillTable, pipeline: str) -> None:
    changes = {0: False, 1: True}

    def fetch(self: Any, key: dict[str, Any]) -> tuple[Any, ...]:
        query = f"SELECT value FROM {item.full_table_name} WHERE k={key['k']}"
        return tuple(self.connection.query(query).fetchone())

    def compute(self: Any, key: dict[str, Any], value: int) -> tuple[int]:
        if changes[key["k"]]:
            self.connection.query(f"UPDATE {item.full_table_name} SET value=7 WHERE k={key['k']}")
        return (value,)

    def insert(self: Any, key: dict[str, Any], value: int) -> None:
        self.insert1({**key, "value": value})

    loaded = fill(2, make_fetch=fetch, make_compute=compute, make_insert=insert)
    item = loaded.table.Item  # type: ignore[attr-defined]
    outcomes = work(loaded, pipeline)
    assert [type(outcome) for outcome in outcomes] == [Made, Failed]
    assert "has changed" in outcomes[1].message


def test_what_changed_meanwhile_is_not_changed_by_hand(fill: FillTable, pipeline: str) -> None:
    loaded = fill(2, make=insert_row)
    Queue(loaded).refresh()
    pending = find_jobs([loaded], JobChoice(("pending",)))
    loaded.instance.connection.query(
        f"UPDATE {job_table(loaded.instance).full_table_name} SET status='reserved' WHERE k=1"
    )
    assert change_jobs([loaded], pending, "ignore") == 1
    assert jobs_of(loaded) == {0: "ignore", 1: "reserved"}


def raise_error(self: Any, key: dict[str, Any]) -> None:
    raise ValueError


def raise_timeout(self: Any, key: dict[str, Any]) -> None:
    raise TimeoutError


def insert_nothing(self: Any, key: dict[str, Any]) -> None:
    return


@pytest.mark.parametrize("make", [insert_row, raise_error, raise_timeout, insert_nothing])
def test_a_worker_that_lost_its_job_leaves_it_to_the_new_owner(
    fill: FillTable, pipeline: str, make: Callable[..., None]
) -> None:
    loaded = fill(1, make=make)
    connection, jobs = loaded.instance.connection, job_table(loaded.instance).full_table_name
    queue = Queue(loaded)
    queue.refresh()
    (key,) = queue.claim(1)
    connection.query(f"UPDATE {jobs} SET connection_id=connection_id+1")
    before = connection.query(f"SELECT * FROM {jobs}").fetchall()
    outcome = attempt(queue, key, History(connection, pipeline), slot=1)
    if make is not insert_nothing:  # which changes nothing, whoever has the job
        assert isinstance(outcome, LostJob)
    assert connection.query(f"SELECT * FROM {jobs}").fetchall() == before
    assert len(loaded.instance) == 0, "no row is committed over the new owner"
    queue.give_back()
    assert connection.query(f"SELECT * FROM {jobs}").fetchall() == before


def test_a_postponed_job_is_not_claimed_before_it_is_due(fill: FillTable, pipeline: str) -> None:
    loaded = fill(2, make=insert_row)
    queue = Queue(loaded)
    queue.refresh()
    (key,) = queue.claim(1)
    assert queue.postpone(key, 3600.0, "away")
    assert [other["k"] for other in queue.claim(5)] == [1 - key["k"]]
    connection = loaded.instance.connection
    connection.query(f"DELETE FROM {job_table(loaded.instance).full_table_name} WHERE k={1 - key['k']}")
    connection.query(f"INSERT INTO {loaded.instance.full_table_name} VALUES ({1 - key['k']}, 1)")
    assert not connection.query(f"SELECT {queue.anything()}").fetchone()[0], "nothing waits now"


def wait_until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def test_a_lease_comes_back_after_a_false_death_and_goes_with_its_worker(
    fill: FillTable, pipeline: str, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.05)
    loaded = fill(1, make=insert_row)

    def leases() -> list[str]:
        return [found.started for found in read_leases(connection) if found.worker == worker]

    def mine() -> bool:
        return bool(leases())

    with lease.leased(loaded.instance.connection, pipeline, [loaded]) as worker:
        before = leases()
        assert before
        connection.query(f"DELETE FROM djproject.worker_lease WHERE worker='{worker}'")
        assert wait_until(mine), "another worker took it for dead"
        assert leases() == before, "a session that began since is somebody else's"
    assert not mine()


@pytest.mark.parametrize(("error", "has_one"), [(OSError(28, "No space left"), True), (ValueError("no"), False)])
def test_a_worker_waits_for_its_lease_where_that_helps(
    fill: FillTable, pipeline: str, connection: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, has_one: bool
) -> None:
    monkeypatch.setattr(lease, "RETRY_SECONDS", 0.01)
    loaded, errors = fill(1, make=insert_row), [error, error]

    def connect(connection: Any) -> Any:
        if errors:
            raise errors.pop()
        return second_connection(connection)

    monkeypatch.setattr(lease, "second_connection", connect)
    with lease.leased(connection, pipeline, [loaded]) as worker:
        assert bool(worker) == has_one


def test_connections_that_are_of_no_use_for_a_lease_are_closed(
    fill: FillTable, pipeline: str, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, opened = fill(1, make=insert_row), []

    def connect(connection: Any) -> Any:
        opened.append(second_connection(connection))
        return opened[-1]

    def declare(own: Any) -> None:
        if len(opened) < 3:
            raise OSError(28, "No space left")
        declare_leases(own)

    monkeypatch.setattr(lease, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(lease, "second_connection", connect)
    monkeypatch.setattr(lease, "declare_leases", declare)
    with lease.leased(connection, pipeline, [loaded]) as worker:
        assert worker
        assert [own.is_connected for own in opened] == [False, False, True]


def test_a_worker_that_crashes_leaves_its_lease(fill: FillTable, pipeline: str, connection: Any) -> None:
    loaded = fill(1, make=insert_row)
    with pytest.raises(RuntimeError), lease.leased(loaded.instance.connection, pipeline, [loaded]) as worker:
        raise RuntimeError
    assert [found.job_tables for found in read_leases(connection) if found.worker == worker] == [
        {job_table(loaded.instance).full_table_name}
    ]


def test_what_a_dead_worker_had_in_other_tables_stays_on_its_lease(
    fill: FillTable, pipeline: str, connection: Any
) -> None:
    loaded = fill(1, make=insert_row)
    with pytest.raises(RuntimeError), lease.leased(loaded.instance.connection, pipeline, [loaded]) as worker:
        raise RuntimeError
    mine, other = job_table(loaded.instance).full_table_name, "another.table"
    connection.query(
        "UPDATE djproject.worker_lease SET seconds=-1, machine='elsewhere', job_tables=%s WHERE worker=%s",
        args=(json.dumps([mine, other]), worker),
    )
    recover([loaded], History(connection, pipeline))
    assert [found.job_tables for found in read_leases(connection) if found.worker == worker] == [{other}]


def test_what_dead_workers_have_locked_is_set_free(fill: FillTable, pipeline: str, connection: Any) -> None:
    """As where the link was cut just before COMMIT: the server keeps the session of a machine that is gone."""
    loaded = fill(3, make=insert_row)
    Queue(loaded).refresh()
    jobs, rows = job_table(loaded.instance).full_table_name, loaded.instance.full_table_name
    mysql = connection.adapter.backend == "mysql"
    for count in (1, 2, 3):
        dead = [second_connection(connection) for _ in range(count)]
        for key, other in enumerate(dead):
            number = other.connection_id
            with pytest.raises(RuntimeError), lease.leased(other, pipeline, [loaded]) as worker:
                raise RuntimeError
            query = f"UPDATE {jobs} SET status='reserved', host=%s, pid=%s, connection_id={number} WHERE k={key}"
            connection.query(query, args=(platform.node(), os.getpid()))
            expire = f"UPDATE djproject.worker_lease SET seconds=-1, machine='elsewhere' WHERE worker='{worker}'"
            connection.query(expire)
        for key, other in enumerate(dead):
            other.start_transaction()
            other.query(f"INSERT INTO {rows} VALUES ({key}, 1)")
            other.query(f"DELETE FROM {jobs} WHERE k={key}")
        connection.query("SET innodb_lock_wait_timeout = 3" if mysql else "SET lock_timeout = '3s'")
        assert recover([loaded], History(connection, pipeline)).count == count
        assert jobs_of(loaded) == dict.fromkeys(range(3), "pending")
        assert len(loaded.instance) == 0
        assert not [found for found in read_leases(connection) if found.pipeline == pipeline]


def test_the_session_of_a_dead_worker_that_may_not_be_ended_keeps_no_job(
    fill: FillTable, pipeline: str, connection: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """As by number it is gone, or another program's by now: neither ends anything, and neither is worth a word."""
    loaded = fill(1, make=insert_row)
    queue = Queue(loaded)
    queue.refresh()
    other = second_connection(connection)
    for number in (other.connection_id, 2**31 - 2):
        assert queue.claim(1) == [{"k": 0}]
        with pytest.raises(RuntimeError), lease.leased(connection, pipeline, [loaded]) as worker:
            raise RuntimeError
        jobs = job_table(loaded.instance).full_table_name
        connection.query(f"UPDATE {jobs} SET connection_id={number} WHERE k=0")
        connection.query(
            f"UPDATE djproject.worker_lease SET seconds=-1, machine='elsewhere', connection_id={number}, "
            f"started='2001-01-01' WHERE worker='{worker}'"
        )
        assert recover([loaded], History(connection, pipeline)).count == 1
        assert other.query("SELECT 1").fetchone()[0] == 1
    assert "Traceback" not in capfd.readouterr().err


def test_a_job_whose_pilots_vanish_is_an_error_in_the_end(fill: FillTable, pipeline: str, connection: Any) -> None:
    """As where a whole pod is killed for its memory, so that nobody is left to say so. Other workers are not counted."""
    loaded = fill(1, make=insert_row)
    history = History(connection, pipeline)
    queue = Queue(loaded)
    queue.refresh()

    def vanish(pilot: str) -> None:
        assert queue.claim(1) == [{"k": 0}]
        with pytest.raises(RuntimeError), lease.leased(connection, pipeline, [loaded]) as worker:
            raise RuntimeError
        values = (pilot, "n7" if pilot else "", worker)
        connection.query(
            "UPDATE djproject.worker_lease SET seconds=-1, machine='elsewhere', pilot=%s, node=%s WHERE worker=%s",
            args=values,
        )
        found = recover([loaded], history)
        if pilot == "p4":
            ((table, key, message),) = found.deadly
            assert (table, key) == (loaded.name, {"k": 0})
            assert message.startswith(
                "5 pilots disappeared while running this job, possibly because they ran out of memory: p0 on n7, "
            )
            assert jobs_of(loaded) == {0: "error"}
        else:
            assert (found.deadly, jobs_of(loaded)) == ((), {0: "pending"})

    for _ in range(6):
        vanish("")
    for number in range(5):
        vanish(f"p{number}")
