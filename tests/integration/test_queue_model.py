"""The queue against a model in plain Python: whatever workers do in whatever order, both agree after every step."""

import json
import random
import secrets
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import datajoint as dj
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from djproject.database.history import History
from djproject.database.job_tables import declare_job_table
from djproject.database.leases import TABLE, declare_leases
from djproject.database.loading import LoadedTable
from djproject.database.own_tables import SCHEMA
from djproject.targets.machine import machine_id
from djproject.worker.attempt import AbandonJob, attempt, roll_back
from djproject.worker.events import Failed, LostJob, Made, MadeNothing, Postponed
from djproject.worker.queue import Queue
from djproject.worker.recovery import recover
from tests.integration.conftest import MySQL, PostgreSQL

KEYS = st.integers(0, 11)
WORKERS = st.integers(0, 2)


def outcome_of(key: int) -> str:
    return {0: "nothing", 1: "error", 2: "passing"}.get(key % 6, "made")


class Worker:
    """A worker of the machine: its own connection, queue and lease."""

    def __init__(self, connect: Any, schema_name: str, number: int) -> None:
        self.connection = connect()
        schema = dj.Schema(schema_name, connection=self.connection)
        abandons: set[int] = set()
        self.abandons = abandons

        @schema
        class Item(dj.Manual):
            definition = "item_id : int32"

        @schema
        class Result(dj.Computed):
            definition = """
            -> Item
            ---
            value : float64
            """

            def make(self, key: dict[str, Any]) -> None:
                number = key["item_id"]
                if number in abandons:
                    self.insert1({**key, "value": 0.0})
                    raise AbandonJob
                match outcome_of(number):
                    case "error":
                        self.insert1({**key, "value": 0.0})
                        raise ValueError(number)
                    case "passing":
                        self.insert1({**key, "value": 0.0})
                        raise TimeoutError(number)
                    case "made":
                        self.insert1({**key, "value": 1.0})

        self.items, self.results = Item(), Result()
        table: Any = SimpleNamespace(full_name="work.Result", tier="computed")
        self.loaded = LoadedTable(table, Result, self.results)
        declare_job_table(self.results, "work.Result")
        self.queue = Queue(self.loaded)
        self.history = History(None, "model")
        self.id = f"{secrets.token_hex(8)}-{number}"  # another test at this server has workers too
        self.lease()

    def wake(self) -> None:
        """Connect again where somebody ended the session, as the loop of a worker does."""
        try:
            self.connection.query("SELECT 1")
        except Exception:  # either driver's word for it
            roll_back(self.connection)

    def lease(self) -> None:
        host, pid, connection_id = self.queue._owner
        self.connection.query(f"DELETE FROM {TABLE} WHERE worker=%s", args=(self.id,))
        self.connection.query(
            f"INSERT INTO {TABLE} "
            "(worker, pipeline, host, machine, pid, connection_id, process_started, job_tables, seconds) "
            "VALUES (%s, 'model', %s, 'elsewhere', %s, %s, 0, %s, 86400)",
            args=(self.id, host, pid, connection_id, json.dumps([self.queue.jobs.full_table_name])),
        )

    def expire(self) -> None:
        self.lease()  # its beat makes it anew where another worker took it for dead
        self.connection.query(f"UPDATE {TABLE} SET seconds=-1 WHERE worker=%s", args=(self.id,))


class Model(RuleBasedStateMachine):
    """Two dictionaries are the whole reference: a key's job, and the keys that have rows."""

    connect: Any
    schema_name: str
    workers: list[Worker]

    def __init__(self) -> None:
        super().__init__()
        first = self.workers[0]
        for name in (first.results.full_table_name, first.results.jobs.full_table_name, first.items.full_table_name):
            first.connection.query(f"DELETE FROM {name}")
        for worker in self.workers:
            worker.abandons.clear()
            worker.lease()
        self.keys: set[int] = set()
        self.rows: set[int] = set()
        self.jobs: dict[int, tuple[str, int | None]] = {}  # status and, where reserved, the worker
        self.held: dict[int, list[int]] = {0: [], 1: [], 2: []}  # what each worker believes to have claimed
        self.expired: set[int] = set()

    @rule(key=KEYS)
    def insert(self, key: int) -> None:
        self.workers[0].items.insert1({"item_id": key}, skip_duplicates=True)
        self.keys.add(key)

    @rule(number=WORKERS)
    def refresh(self, number: int) -> None:
        new = self.keys - self.rows - set(self.jobs)
        assert self.workers[number].queue.refresh() == len(new)
        self.jobs |= dict.fromkeys(new, ("pending", None))

    @rule(number=WORKERS, count=st.integers(1, 4))
    def claim(self, number: int, count: int) -> None:
        pending = {key for key, (status, _) in self.jobs.items() if status == "pending"}
        before = set(self.held[number])
        claimed = {key["item_id"] for key in self.workers[number].queue.claim(count)}
        mine = {key for key, job in self.jobs.items() if job == ("reserved", number)}
        new = claimed - mine
        assert new <= pending
        assert len(new) == min(count, len(pending))
        self.jobs |= dict.fromkeys(new, ("reserved", number))
        self.held[number] = sorted(before | new)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([number for number, held in self.held.items() if held]))
        key = data.draw(st.sampled_from(self.held[number]))
        self.held[number].remove(key)
        worker = self.workers[number]
        told = attempt(worker.queue, {"item_id": key}, worker.history, slot=number)
        mine = self.jobs.get(key) == ("reserved", number)
        if key in self.rows:  # another worker made it while this one was taken for dead
            assert told is None
            if mine:
                del self.jobs[key]
            return
        expected: dict[str, type] = {"made": Made, "nothing": MadeNothing, "error": Failed, "passing": Postponed}
        if not mine:
            assert isinstance(told, LostJob)
            return
        outcome = outcome_of(key)
        assert isinstance(told, expected[outcome])
        if outcome == "made":
            self.rows.add(key)
            del self.jobs[key]
        else:
            self.jobs[key] = ({"nothing": "ignore", "error": "error", "passing": "later"}[outcome], None)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def stop_in_make(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([number for number, held in self.held.items() if held]))
        key = data.draw(st.sampled_from(self.held[number]))
        self.held[number].remove(key)
        worker = self.workers[number]
        worker.abandons.add(key)
        try:
            told = attempt(worker.queue, {"item_id": key}, worker.history, slot=number)
            assert told is None
            assert key in self.rows
            if self.jobs.get(key) == ("reserved", number):
                del self.jobs[key]
        except AbandonJob:
            if self.jobs.get(key) == ("reserved", number):
                self.jobs[key] = ("pending", None)
        finally:
            worker.abandons.clear()

    @rule(number=WORKERS)
    def give_back(self, number: int) -> None:
        self.workers[number].queue.give_back()
        self.held[number] = []
        self._free(number)

    @rule(number=WORKERS)
    def fall_asleep(self, number: int) -> None:
        """The lease runs out; the worker lives, and goes on later as if nothing had been."""
        self.workers[number].expire()
        self.expired.add(number)

    @rule(number=WORKERS)
    def crash(self, number: int) -> None:
        """The worker is no more; another one begins in its place, with a connection of its own."""
        old = self.workers[number]
        old.expire()
        old.connection.close()
        self._recover((number + 1) % 3, gone=old)
        self.held[number] = []
        self._free(number, *self.expired)
        self.expired.clear()
        type(self).workers[number] = Worker(self.connect, self.schema_name, number)

    def _recover(self, number: int, gone: Worker | None = None) -> None:
        """One worker ends the sessions of those that it takes for dead; those that live connect again."""
        recover([self.workers[number].loaded], self.workers[number].history)
        for worker in self.workers:
            if worker is not gone:
                worker.wake()

    @rule(number=WORKERS)
    def take_over(self, number: int) -> None:
        self._recover(number)
        self._free(*self.expired)
        self.expired.clear()

    @rule()
    def retry(self) -> None:
        """What `jobs retry` does to errors and to what was set aside."""
        table = self.workers[0].results.jobs.full_table_name
        self.workers[0].connection.query(f"UPDATE {table} SET status='pending' WHERE status IN ('error', 'ignore')")
        for key, (status, _) in list(self.jobs.items()):
            if status in {"error", "ignore"}:
                self.jobs[key] = ("pending", None)

    @rule(key=KEYS)
    def delete_row(self, key: int) -> None:
        table = self.workers[0].results.full_table_name
        self.workers[0].connection.query(f"DELETE FROM {table} WHERE item_id={key}")
        self.rows.discard(key)

    @rule(number=WORKERS)
    def tidy(self, number: int) -> None:
        self.workers[number].queue.tidy()  # nothing is old enough to be removed

    @invariant()
    def both_agree(self) -> None:
        connection, table = self.workers[0].connection, self.workers[0].results
        rows = {int(key) for (key,) in connection.query(f"SELECT item_id FROM {table.full_table_name}").fetchall()}
        assert rows == self.rows
        owners = {worker.queue._owner[2]: number for number, worker in enumerate(self.workers)}
        found = {}
        now = "scheduled_time <= CURRENT_TIMESTAMP(3)"
        for key, status, owner, due in connection.query(
            f"SELECT item_id, status, connection_id, {now} FROM {table.jobs.full_table_name}"
        ).fetchall():
            later = status == "pending" and not due
            found[int(key)] = ("later" if later else str(status), owners[int(owner)] if status == "reserved" else None)
        assert found == self.jobs

    def _free(self, *numbers: int) -> None:
        for key, job in list(self.jobs.items()):
            if job[0] == "reserved" and job[1] in numbers:
                self.jobs[key] = ("pending", None)


@pytest.fixture(params=["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def machine(request: pytest.FixtureRequest) -> Iterator[type[Model]]:
    server: PostgreSQL | MySQL = request.getfixturevalue(request.param)
    name = f"model_{random.randrange(10**9)}"

    def connect() -> Any:
        with dj.config.override(database__backend=request.param):
            return dj.Connection(server.host, server.user, server.password, server.port)

    first = connect()
    declare_leases(first)
    first.query(f"DELETE FROM {TABLE} WHERE pipeline='model'")
    kind = type("ModelAtServer", (Model,), {"connect": staticmethod(connect), "schema_name": name})
    kind.workers = [Worker(connect, name, number) for number in range(3)]  # type: ignore[attr-defined]
    yield kind
    for worker in kind.workers:  # type: ignore[attr-defined]
        worker.connection.close()
    drop_schema(first, name)
    first.query(f"DELETE FROM {SCHEMA}.worker_lease WHERE pipeline='model'")
    first.close()


@pytest.mark.timeout(300)
def test_any_order_of_steps(machine: type[Model]) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck),
            derandomize=False,
        ),
    )  # fmt: skip


def drop_schema(connection: Any, name: str) -> None:
    connection.query(
        f"DROP SCHEMA IF EXISTS {name}" + (" CASCADE" if connection.adapter.backend == "postgresql" else "")
    )


ODD = ("50%", "100%s", "a'b", 'q"x', "back\\slash", "ünï ✓", "%%", "{x}", "")


def names_queue(connection: Any, schema_name: str, names: list[str]) -> tuple[Queue, Any]:
    """A queue of a table that computes the length of each name, and the table."""
    schema = dj.Schema(schema_name, connection=connection)

    @schema
    class Name(dj.Manual):
        definition = "name : varchar(60)"

    @schema
    class Length(dj.Computed):
        definition = """
        -> Name
        ---
        length : int32
        """

        def make(self, key: dict[str, Any]) -> None:
            self.insert1({**key, "length": len(key["name"])})

    Name.insert([{"name": name} for name in names], skip_duplicates=True)
    table: Any = SimpleNamespace(full_name="work.Length", tier="computed")
    loaded = LoadedTable(table, Length, Length())
    declare_job_table(loaded.instance, loaded.name)
    return Queue(loaded), Length


def test_a_claim_takes_no_more_than_asked_whatever_the_planner_knows(machine: type[Model]) -> None:
    connection = machine.connect()
    queue, _ = names_queue(connection, f"{machine.schema_name}_many", [f"{number:06}" for number in range(4000)])
    jobs = queue.jobs.full_table_name
    if connection.adapter.backend == "postgresql":  # as of a table that was empty when it was looked at last
        connection.query(f"ALTER TABLE {jobs} SET (autovacuum_enabled = off)")
        queue.refresh()
        connection.query(f"DELETE FROM {jobs}")
        connection.query(f"ANALYZE {jobs}")
    assert queue.refresh() == 4000
    for count in (1, 200):
        assert len(queue.claim(count)) == count
        queue.give_back()
    drop_schema(connection, f"{machine.schema_name}_many")
    connection.close()


def test_the_most_urgent_job_is_claimed_first(machine: type[Model]) -> None:
    connection = machine.connect()
    name = f"{machine.schema_name}_urgent"
    queue, _ = names_queue(connection, name, ["a", "b", "c", "d"])
    queue.refresh()
    for value, priority in (("c", 1), ("b", 2), ("a", 9)):
        connection.query(f"UPDATE {queue.jobs.full_table_name} SET priority={priority} WHERE name='{value}'")
    assert [key["name"] for key in queue.claim(2)] == ["c", "b"]
    assert [key["name"] for key in queue.claim(2)] == ["c", "b", "d", "a"]  # with what was claimed before
    drop_schema(connection, name)
    connection.close()


def test_a_worker_of_other_tables_leaves_the_lease_to_those_who_need_it(machine: type[Model]) -> None:
    first, second, _ = machine.workers
    first.lease()
    first.items.insert1({"item_id": 3}, skip_duplicates=True)
    first.queue.refresh()
    assert first.queue.claim(1)
    first.expire()
    others, _ = names_queue(machine.connect(), f"{machine.schema_name}_other", ["a"])
    assert others.refresh() == 1
    assert recover([others.loaded], History(None, "other")).count == 0
    assert len(first.queue.jobs & "status='reserved'") == 1
    assert recover([second.loaded], second.history).count == 1
    first.wake()
    assert len(first.queue.jobs & "status='reserved'") == 0
    assert first.connection.query(f"SELECT COUNT(*) FROM {TABLE} WHERE worker=%s", args=(first.id,)).fetchone()[0] == 0
    drop_schema(others.connection, f"{machine.schema_name}_other")
    others.connection.close()


def test_a_job_that_killed_two_workers_waits_for_what_is_said_of_the_third(machine: type[Model]) -> None:
    first, second, _ = machine.workers
    first.lease()
    first.items.insert1({"item_id": 4}, skip_duplicates=True)
    first.queue.refresh()
    (key,) = first.queue.claim(1)
    history = History(second.connection, "model")
    for _ in range(2):
        history.add(first.loaded, key, "killed", 0.0, "SIGSEGV")
    here = (machine_id(), 1.0, first.id)  # of this machine, and no process began then
    second.connection.query(f"UPDATE {TABLE} SET machine=%s, process_started=%s WHERE worker=%s", args=here)
    assert recover([second.loaded], history).undecided == 1
    assert len(second.queue.jobs & "status='reserved'") == 1
    first.wake()
    first.connection.query(f"UPDATE {TABLE} SET seconds=-1 WHERE worker=%s", args=(first.id,))
    recovery = recover([second.loaded], history)
    assert (recovery.count, recovery.undecided) == (1, 0)
    assert len(second.queue.jobs & "status='pending'") == 1
    second.connection.query("DELETE FROM djproject.attempt WHERE pipeline='model'")


def test_keys_that_need_quoting(machine: type[Model]) -> None:
    connection = machine.connect()
    queue, table = names_queue(connection, machine.schema_name, list(ODD))
    history = History(connection, "model")
    assert queue.refresh() == len(ODD)
    told = [attempt(queue, key, history, slot=1) for key in queue.claim(20)]
    assert {type(event) for event in told} == {Made}
    assert len(table()) == len(ODD)
    assert len(table.jobs) == 0
    rows = connection.query(
        "SELECT COUNT(*) FROM djproject.attempt WHERE pipeline='model' AND outcome='made'"
    ).fetchone()
    assert rows[0] >= len(ODD)
    connection.query("DELETE FROM djproject.attempt WHERE pipeline='model'")
    connection.close()


def test_rows_that_somebody_made_meanwhile_are_no_error(machine: type[Model]) -> None:
    connection = machine.connect()
    name = f"{machine.schema_name}_meanwhile"
    queue, table = names_queue(connection, name, ["a", "bb", "ccc"])
    history = History(connection, "model")
    assert queue.refresh() == 3
    table.insert1({"name": "a", "length": 1}, allow_direct_insert=True)
    assert len(queue.claim(1)) == 1
    key, other = queue.claim(2)  # what is claimed by now; the job whose row is there has ended, whichever came first
    assert {key["name"], other["name"]} == {"bb", "ccc"}
    table.insert1({**key, "length": 7}, allow_direct_insert=True)
    assert attempt(queue, key, history, slot=1) is None
    assert isinstance(attempt(queue, other, history, slot=1), Made)
    assert len(table.jobs) == 0
    assert dict(zip(*table.to_arrays("name", "length"), strict=True))[key["name"]] == 7
    drop_schema(connection, name)
    connection.close()


def test_two_pipelines_of_one_name_have_histories_of_their_own(machine: type[Model]) -> None:
    connection = machine.connect()
    mine, _ = names_queue(connection, f"{machine.schema_name}_mine", ["a"])
    yours, _ = names_queue(connection, f"{machine.schema_name}_yours", ["a"])
    history = History(connection, "model")
    history.add(mine.loaded, {"name": "a"}, "killed", 0.0, "SIGSEGV")
    assert history.messages(mine.loaded, {"name": "a"}, "killed") == ["SIGSEGV"]
    assert history.messages(yours.loaded, {"name": "a"}, "killed") == []
    assert history.with_outcome(yours.loaded, [{"name": "a"}], "killed") == []
    for schema in ("mine", "yours"):
        drop_schema(connection, f"{machine.schema_name}_{schema}")
    connection.query("DELETE FROM djproject.attempt WHERE pipeline='model'")
    connection.close()
