"""djproject's own tables on both servers: made once, brought forward under a lock, old workers beside new ones."""

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from djproject.database.connections import second_connection
from djproject.database.history import ATTEMPT
from djproject.database.leases import COLUMNS as LEASE_COLUMNS
from djproject.database.leases import WORKER_LEASE, declare_leases, read_leases
from djproject.database.migrations import MIGRATION
from djproject.database.own_tables import OwnTable, declare
from tests.integration.test_loop import connection, server

__all__ = ["connection", "server"]  # fixtures
pytestmark = pytest.mark.timeout(200)
SECOND = {"mysql": ("ALTER TABLE {table} ADD COLUMN more INT NULL",), "postgresql": ("ALTER TABLE {table} ADD COLUMN more INT NULL",)}  # fmt: skip


def version_of(connection: Any, name: str) -> str:
    if connection.adapter.backend == "mysql":
        query = f"SELECT table_comment FROM information_schema.tables WHERE table_schema='djproject' AND table_name='{name}'"
    else:
        query = f"SELECT obj_description('djproject.{name}'::regclass)"
    return str(connection.query(query).fetchone()[0] or "")


@pytest.fixture
def first(connection: Any) -> Iterator[OwnTable]:
    """The first form of a table of a name of its own."""
    create = ("CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY)",)
    table = OwnTable(f"test_{random.randrange(10**9)}", {"mysql": create, "postgresql": create})
    yield table
    connection.query(f"DROP TABLE IF EXISTS djproject.{table.name}")


def test_a_table_is_made_once_and_then_costs_one_query(connection: Any, first: OwnTable) -> None:
    declare(connection, first)
    assert version_of(connection, first.name) == "djproject 1"
    connection.query(f"INSERT INTO djproject.{first.name} VALUES (1)")
    asked, real = [], connection.query
    connection.query = lambda *a, **k: (asked.append(a), real(*a, **k))[1]
    declare(connection, first)
    connection.query = real
    assert len(asked) == 1
    assert real(f"SELECT COUNT(*) FROM djproject.{first.name}").fetchone()[0] == 1


@pytest.mark.parametrize("noted", [True, False], ids=["with its version", "of before versions were noted"])
def test_an_older_table_is_brought_forward_and_keeps_its_rows(connection: Any, first: OwnTable, noted: bool) -> None:
    name = f"djproject.{first.name}"
    declare(connection, first)
    if not noted:
        connection.query(
            f"ALTER TABLE {name} COMMENT ''"
            if connection.adapter.backend == "mysql"
            else f"COMMENT ON TABLE {name} IS NULL"
        )
    connection.query(f"INSERT INTO {name} VALUES (1)")
    declare(connection, replace(first, forward=(SECOND,)))
    assert version_of(connection, first.name) == "djproject 2"
    declare(connection, first)  # a worker of the version before
    connection.query(f"INSERT INTO {name} (id) VALUES (2)")
    assert list(connection.query(f"SELECT id, more FROM {name} ORDER BY id").fetchall()) == [(1, None), (2, None)]
    assert version_of(connection, first.name) == "djproject 2"


def test_many_processes_at_once_make_the_step_once(connection: Any, first: OwnTable) -> None:
    declare(connection, first)
    newer, errors = replace(first, forward=(SECOND,)), []

    def bring_forward() -> None:
        own = second_connection(connection)
        try:
            declare(own, newer)
        except Exception as error:
            errors.append(error)
        own.close()

    threads = [threading.Thread(target=bring_forward) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert version_of(connection, first.name) == "djproject 2"


@pytest.mark.parametrize("table", [WORKER_LEASE, ATTEMPT, MIGRATION], ids=lambda table: table.name)
def test_the_tables_of_djproject_know_their_version(connection: Any, table: OwnTable) -> None:
    declare(connection, table)
    assert version_of(connection, table.name) == f"djproject {table.version}"


FIRST_LEASE = (f"CREATE TABLE {{table}} ({LEASE_COLUMNS})",)


def test_leases_of_the_first_version_are_read_and_brought_forward(connection: Any) -> None:
    """With the row of a worker of that version in them; and one by whom nothing may be altered."""
    first = replace(WORKER_LEASE, create={"mysql": FIRST_LEASE, "postgresql": FIRST_LEASE}, forward=())
    connection.query(f"DROP TABLE IF EXISTS djproject.{first.name}")
    declare(connection, first)
    values = "'{}', 'p', 'h', 'm', 1, 2, 3.0, '[]', 30"
    columns = "worker, pipeline, host, machine, pid, connection_id, process_started, job_tables, seconds"
    connection.query(f"INSERT INTO djproject.{first.name} ({columns}) VALUES ({values.format('w' * 32)})")
    (lease,) = read_leases(connection)
    assert (lease.worker, lease.cluster, lease.pilot) == ("w" * 32, "", "")
    declare_leases(connection)
    assert version_of(connection, first.name) == f"djproject {WORKER_LEASE.version}"
    connection.query(f"UPDATE djproject.{first.name} SET cluster='hpc', pilot='8_1', node='n7'")
    (lease,) = read_leases(connection)
    assert (lease.worker, lease.cluster, lease.pilot, lease.node) == ("w" * 32, "hpc", "8_1", "n7")
    connection.query(f"INSERT INTO djproject.{first.name} ({columns}) VALUES ({values.format('x' * 32)})")
    assert {lease.pilot for lease in read_leases(connection)} == {"8_1", ""}, "a worker of the version before"
    connection.query(f"DELETE FROM djproject.{first.name}")
