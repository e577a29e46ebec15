"""What changes while jobs are made, on both servers: keys that are deleted, disks that are unmounted, time zones."""

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import datajoint as dj
import pytest

from djproject.database.connections import second_connection
from djproject.database.history import History
from djproject.database.job_tables import job_table
from djproject.database.leases import AGE, NOW, STARTED
from djproject.database.migrations import recorded
from djproject.targets.connection import use_server_time
from djproject.worker.events import Event, Failed, Idle, KeyGone, Made, Waiting
from djproject.worker.loop import Loop
from djproject.worker.wakeup import Wakeup
from tests.conftest import Run
from tests.integration.conftest import insert_items
from tests.integration.test_loop import PIPELINE, connection, insert, of, schema, server, tables_of, turn
from tests.integration.test_populate import status_of

__all__ = ["connection", "schema", "server"]  # fixtures
pytestmark = pytest.mark.timeout(200)


def delete_item(table: Any, number: int) -> None:
    """As another session does it: committed at once."""
    connection = dj.Connection(*(table.connection.conn_info[name] for name in ("host", "user", "passwd", "port")))
    quote = table.connection.adapter.quote_identifier
    connection.query(f"DELETE FROM {quote(table.database)}.{quote('item')} WHERE item_id={number}")
    connection.close()


@pytest.mark.parametrize("kind", ["insert", "nothing", "fetch"])
def test_a_job_whose_key_was_deleted_meanwhile_ends_quietly(schema: Any, kind: str) -> None:
    def make(self: Any, key: dict[str, Any]) -> None:
        if key["item_id"] == 1:
            self.connection.cancel_transaction()  # MySQL's foreign keys would let the deletion wait
            delete_item(self, 1)
            self.connection.start_transaction()
            if kind == "nothing":
                return
            if kind == "fetch":
                raise KeyError("the row is not there")
        insert(self, key)

    (loaded,) = tables_of(schema, {"Result": {"make": make}})
    with dj.config.override(database__backend=schema.connection.adapter.backend):
        events = turn([loaded])
    assert [(type(event), event.key) for event in of(KeyGone, events) + of(Failed, events)] == [(KeyGone, "item_id=1")]
    assert len(of(Made, events)) == 2
    assert len(job_table(loaded.instance)) == 0
    outcomes = f"SELECT outcome FROM djproject.attempt WHERE pipeline='{PIPELINE}' AND outcome <> 'made'"
    assert [row[0] for row in schema.connection.query(outcomes).fetchall()] == ["gone"]


def test_an_error_of_a_key_that_is_there_is_still_an_error(schema: Any) -> None:
    def make(self: Any, key: dict[str, Any]) -> None:
        raise KeyError("a mistake")

    (loaded,) = tables_of(schema, {"Result": {"make": make}})
    events = turn([loaded])
    assert len(of(Failed, events)) == 3
    assert not of(KeyGone, events)


def fill_without_a_store(schema: Any, folder: Path, *, reads: bool) -> list[Event]:
    """Two tables, one of which needs a store whose folder comes back after two seconds."""
    store = {"protocol": "file", "location": str(folder)}
    calls = []

    def store_something(self: Any, key: dict[str, Any]) -> None:
        calls.append(key)
        if reads and not folder.is_dir():
            (folder / "raw.dat").read_bytes()
        self.insert1({**key, "value": 1} if reads else {**key, "value": [1, 2]})

    kind = "int32" if reads else "<blob@disk>"
    body = {"definition": f"-> Item\n---\nvalue : {kind}", "make": store_something}
    config = schema.connection._config
    other = {"protocol": "file", "location": str(folder.with_name("never mounted here"))}
    with config.override(stores={"a": other, "disk": store, "z": other}):
        tables = tables_of(schema, {"Stored": body, "Other": {"make": insert}})
        shutil.rmtree(folder, ignore_errors=True)
        back = threading.Timer(2, folder.mkdir)
        back.start()
        events = turn(tables)
        back.join()
        assert [len(table.instance) for table in tables] == [3, 3]
        assert len(job_table(tables[0].instance)) == 0
        assert reads or len(calls) == 3, "a table that is kept in the store is not tried without it"
    return events


@pytest.mark.parametrize("reads", [False, True], ids=["writes", "reads"])
def test_a_store_whose_folder_is_missing_is_waited_for_and_said_once(schema: Any, tmp_path: Path, reads: bool) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    events = fill_without_a_store(schema, folder, reads=reads)
    (waiting,) = of(Waiting, events)
    assert waiting.message == f"The folder of the store disk is not there: {folder}."
    assert not of(Failed, events)
    made = [event.table for event in of(Made, events)]
    assert made[:3] == ["work.Other"] * 3, "the other table is filled meanwhile"


@pytest.mark.parametrize("error", [KeyError("a mistake"), FileNotFoundError(2, "No such file", "/data/session.dat")])
def test_a_mistake_is_no_store_that_is_missing(schema: Any, tmp_path: Path, error: Exception) -> None:
    def make(self: Any, key: dict[str, Any]) -> None:
        raise error

    with schema.connection._config.override(stores={"old": {"protocol": "file", "location": str(tmp_path / "old")}}):
        events = turn(tables_of(schema, {"Result": {"make": make}}))
    assert len(of(Failed, events)) == 3
    assert not of(Waiting, events)


def test_a_table_that_is_migrated_is_left_alone_and_then_taken_over_by_another_process(schema: Any) -> None:
    tables = tables_of(schema, {"Changed": {"make": insert}, "Other": {"make": insert}})
    name = tables[0].instance.full_table_name
    wakeup, told = Wakeup(), []

    def tell(*events: Event) -> None:
        told.extend(events)

    loop = Loop(tables, (), slot=1, history=History(None, PIPELINE), tell=tell, wakeup=wakeup)
    thread = threading.Thread(target=loop.run)
    with recorded(second_connection(schema.connection), PIPELINE, [name], [], ""):
        thread.start()
        deadline = time.monotonic() + 10
        while len(of(Made, told)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        assert [event.table for event in of(Made, told)] == ["work.Other"] * 3
        assert not of(Idle, told)
    thread.join(timeout=20)
    wakeup.stop()
    assert loop.retired == "a migration of work.Changed"
    assert [event.message.partition(":")[0] for event in of(Waiting, told)] == ["work.Changed is paused"]
    turn(tables)
    assert [len(table.instance) for table in tables] == [3, 3]


ZONES = {
    "mysql": ["SET time_zone='+13:00'", "SET time_zone='-11:00'"],
    "postgresql": ["SET TIME ZONE 'Pacific/Kiritimati'", "SET TIME ZONE 'Etc/GMT+12'"],
}


def test_a_lease_is_as_old_in_every_time_zone(schema: Any) -> None:
    connection, table = schema.connection, f"{schema.database}.beats"
    backend = connection.adapter.backend
    connection.query(f"CREATE TABLE {table} (beat TIMESTAMP(3) NOT NULL, started TIMESTAMP(3) NOT NULL)")
    east, west = ZONES[backend]
    connection.query(east)
    connection.query(f"INSERT INTO {table} VALUES ({NOW[backend]}, {NOW[backend]})")
    connection.query(west)
    age, started = connection.query(f"SELECT {AGE[backend]}, {STARTED[backend]} FROM {table}").fetchone()
    assert abs(float(age)) < 5
    utc = connection.query("SELECT UTC_TIMESTAMP()" if backend == "mysql" else "SELECT NOW() AT TIME ZONE 'UTC'")
    assert abs((utc.fetchone()[0] - started).total_seconds()) < 5


def test_a_session_has_the_time_zone_of_the_server(connection: Any) -> None:
    backend = connection.adapter.backend
    asked = "SELECT @@session.time_zone" if backend == "mysql" else "SHOW TimeZone"
    servers = "SELECT @@global.time_zone" if backend == "mysql" else "SHOW log_timezone"
    connection.query(ZONES[backend][0])
    use_server_time(connection)
    assert connection.query(asked).fetchone() == connection.query(servers).fetchone()


def test_jobs_that_a_client_of_another_time_zone_added_are_made_at_once(
    jobs_project: Path, run: Run, python: Run
) -> None:
    run("deploy", cwd=jobs_project)
    insert_items(python, jobs_project, 8)
    run("populate", "Result", "--workers", "1", "--max-jobs", "2", cwd=jobs_project, env={"PGTZ": "Pacific/Kiritimati"})
    assert status_of(run, jobs_project)["done"] == 2
    run("populate", "Result", "--workers", "1", cwd=jobs_project, env={"PGTZ": "Etc/GMT+12"})
    status = status_of(run, jobs_project)
    assert (status["done"], status["pending"], status["errors"]) == (8, 0, 0)
