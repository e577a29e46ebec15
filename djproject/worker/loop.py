"""The worker loop: rounds through its tables, a batch of jobs of each, until it has to stop."""

import os
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from djproject.database.connections import second_connection
from djproject.database.history import History
from djproject.database.internals import driver_connection, remember_jobs
from djproject.database.keys import key_json, key_text
from djproject.database.loading import LoadedTable
from djproject.errors import DJProjectError
from djproject.worker.attempt import LONGEST_WAIT_SECONDS, attempt, one_line, roll_back
from djproject.worker.events import Added, Alive, Begins, Event, Failed, Idle, Recovered, SetAside, Tell, Waiting
from djproject.worker.make import check_make
from djproject.worker.migrations import MigrationWatch
from djproject.worker.passing import is_passing
from djproject.worker.pilot import pilot_place
from djproject.worker.queue import Queue
from djproject.worker.quota import LARGEST_BATCH, NO_QUOTA, Quota
from djproject.worker.recovery import recover
from djproject.worker.store_folders import StoreAwayError, require_folders, stores_of
from djproject.worker.wakeup import Wakeup
from djproject.worker.wall_time import WallTime

BATCH_SECONDS = 0.5  # how long the jobs of one claim should take: slow ones are claimed one by one
FIRST_PAUSE_SECONDS, QUIET_PAUSE_SECONDS = 0.02, 4.0
PEEK_SHARE = 0.05  # of the time, at most, the database looks for new keys for an idle worker
ALIVE_SECONDS = 5.0
REFRESH_SHARE = 0.1  # of one worker's time, at most, goes to looking for new keys while there is work
TIDY_SECONDS = 300.0
RECOVER_SECONDS = 5.0
RETRY_SECONDS = 1.0
SET_ASIDE_SECONDS = 10.0  # until a table that could not be filled is tried again
EXCLUDED_SECONDS = 600.0  # until a service tries a table again that killed many workers


@dataclass(slots=True)
class _TableWork:
    """One table, and what its jobs were like so far."""

    queue: Queue
    stores: frozenset[str] = frozenset()
    batch: int = 1
    refreshed: float = float("-inf")  # when a look for new keys began last, and how long it took
    took: float = 0.0
    tidied: float = float("-inf")

    def learn(self, made: int, seconds: float) -> None:
        """Claim as many jobs next time as take half a second, growing step by step."""
        wanted = int(BATCH_SECONDS * made / seconds) if seconds > 0 else LARGEST_BATCH
        self.batch = max(1, min(wanted, self.batch * 2, LARGEST_BATCH))


class Loop:
    """The rounds of one worker.

    Parameters
    ----------
    tables
        Those to be filled, parents first.
    restrictions
        SQL conditions on their key sources.
    slot
        The worker's number, for its events.
    history
        Where attempts are recorded.
    tell
        Called with events, in their order: those that come together are passed on together.
    wakeup
        Says when to stop, and ends a wait.
    quota
        How much this process does at most.
    workers
        How many on this machine share the looking for new keys.

    Attributes
    ----------
    retired
        Why it ended although there may be more to do; empty where it was told to stop.
    """

    def __init__(
        self,
        tables: Sequence[LoadedTable],
        restrictions: Sequence[str],
        *,
        slot: int,
        history: History,
        tell: Tell,
        wakeup: Wakeup,
        quota: Quota = NO_QUOTA,
        workers: int = 1,
        excluded: Sequence[str] = (),
        excluded_seconds: float = float("inf"),
    ) -> None:
        self._tables = tables
        self._restrictions = restrictions
        self._slot, self._history, self._tell = slot, history, tell
        self._wakeup = wakeup
        self._quota, self._jobs, self.retired = quota, 0, ""
        self._workers = workers
        self._recovered = float("-inf")
        self._undecided = 0  # jobs that may have killed their workers, and may wait again in a moment
        self._said_alive = float("-inf")
        self._due = 0.0  # seconds until the first pending job is due, when last asked
        back = time.monotonic() + excluded_seconds - SET_ASIDE_SECONDS
        self._aside = dict.fromkeys(excluded, back)  # since when a table is set aside
        self._reasons: dict[str, str] = {}
        self._waiting: dict[str, str] = {}  # by table, "" for all: what was said that it waits for
        self._work: list[_TableWork] = []
        names = {loaded.instance.full_table_name: loaded.name for loaded in tables}
        self._migrations = MigrationWatch(tables[0].instance.connection, names)
        self._wall_time = WallTime(pilot_place(os.environ), tables[0].instance.connection)
        self._paused: Mapping[str, str] = {}
        self._open_tables()

    @property
    def working(self) -> list[LoadedTable]:
        """The tables that can be filled: all but those that are set aside."""
        return [work.queue.loaded for work in self._work]

    def _open_tables(self) -> None:
        """Begin with the tables that are not worked on, unless they were set aside a moment ago."""
        now = time.monotonic()
        working = {work.queue.name: work for work in self._work}
        for loaded in self._tables:
            if loaded.name in working or now - self._aside.get(loaded.name, float("-inf")) < SET_ASIDE_SECONDS:
                continue
            with self._setting_aside(loaded):
                check_make(loaded.instance, loaded.name)
                working[loaded.name] = _TableWork(Queue(loaded, self._restrictions), stores_of(loaded.instance))
                self._aside.pop(loaded.name, None)
        self._work = [working[loaded.name] for loaded in self._tables if loaded.name in working]

    @contextmanager
    def _setting_aside(self, loaded: LoadedTable) -> Iterator[None]:
        """Set a table aside where something fails that no wait helps against; the other tables are filled."""
        try:
            yield
        except Exception as error:
            if is_passing(error):
                raise
            self._set_aside(loaded, error)

    def _set_aside(self, loaded: LoadedTable, error: Exception) -> None:
        roll_back(loaded.instance.connection)
        for work in self._work:
            if work.queue.name == loaded.name:
                with suppress(Exception):  # its job table may be what is broken
                    work.queue.give_back()
        self._work = [work for work in self._work if work.queue.name != loaded.name]
        self._aside[loaded.name] = time.monotonic()
        remember_jobs(loaded.instance, None)
        if isinstance(error, DJProjectError):
            reason, hint = error.message, error.hint
        else:
            reason, hint = f"{loaded.name}: {one_line(error)}", "djproject doctor"
        if self._reasons.get(loaded.name) != reason:  # it is tried repeatedly
            self._reasons[loaded.name] = reason
            traceback.print_exception(error)
            self._tell(SetAside(self._slot, loaded.name, reason, hint))

    def _should_stop(self) -> bool:
        return bool(self.retired) or self._wakeup.stopping

    def run(self) -> None:
        """Go round until told to stop; whatever happens, no job stays claimed.

        Raises
        ------
        Exception
            What no wait helps against, or a database that cannot be connected to again.
        """
        try:
            while not self._should_stop():
                try:
                    self._run()
                except Exception as error:
                    if not is_passing(error):
                        raise
                    self._say_waiting("", error)
                    self._give_back()
                    self._wakeup.wait(RETRY_SECONDS)
        finally:
            self._wakeup.close()
            self._give_back()

    def _give_back(self) -> None:
        """End what transaction is open, on a new connection where the old one is gone, and keep no job."""
        if self._tables:
            roll_back(self._tables[0].instance.connection)
        for work in self._work:
            with self._setting_aside(work.queue.loaded):
                work.queue.give_back()

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._should_stop():
            began = time.monotonic()
            self._turn(began)
            self._open_tables()
            done = self._round()
            self._waiting.pop("", None)
            if done:
                pause = FIRST_PAUSE_SECONDS
                continue
            if self._should_stop():
                break
            looked = self._look_everywhere()
            if looked is None:  # new jobs
                pause = FIRST_PAUSE_SECONDS
                continue
            if looked:
                self._say_idle(began)
            if pause < QUIET_PAUSE_SECONDS:
                self._wakeup.wait(pause)
                pause *= 2
            else:
                self._be_quiet()

    def _be_quiet(self) -> None:
        """Wait until there is work, with one small question to the database every few seconds.

        PostgreSQL says by itself when rows are inserted by hand; see `deploy`.
        """
        connection = self._tables[0].instance.connection
        pause = QUIET_PAUSE_SECONDS
        while not self._should_stop():
            if connection.adapter.backend == "postgresql":
                self._wakeup.listen(lambda: driver_connection(second_connection(connection)))
            if self._wakeup.wait(min(pause, max(self._due, RETRY_SECONDS))):
                return
            began = time.monotonic()
            if self._turn(began) or self._should_stop() or self._aside or self._is_anything_new():
                return
            self._say_idle(began)
            pause = max(QUIET_PAUSE_SECONDS, (time.monotonic() - began) / PEEK_SHARE)

    def _is_anything_new(self) -> bool:
        """Whether a table has work, or cannot be asked any more."""
        connection = self._tables[0].instance.connection
        question = " OR ".join(work.queue.anything() for work in self._work)
        try:
            return bool(connection.query(f"SELECT {question}").fetchone()[0])
        except Exception as error:
            if is_passing(error):
                raise
            return True  # which table it is turns out in the next round

    def _say_idle(self, began: float) -> None:
        """Report that there is nothing to do, unless the database has a job that is due within the time of a retry."""
        waiting: dict[str, tuple[int, float]] = {}
        for work in self._work:
            with self._setting_aside(work.queue.loaded):
                waiting[work.queue.name] = work.queue.waiting()
        later = {name: (count, seconds) for name, (count, seconds) in waiting.items() if count}
        self._due = min((seconds for _, seconds in later.values()), default=QUIET_PAUSE_SECONDS)
        if (
            not self._undecided
            and not self._waiting
            and not self._paused
            and (not later or self._due > LONGEST_WAIT_SECONDS)
        ):
            self._tell(Idle(self._slot, began, later))

    def _turn(self, now: float) -> int:
        """What is to be done now and then; how many jobs of workers that are gone wait again."""
        if now - self._said_alive > ALIVE_SECONDS:
            self._said_alive = now
            self._tell(Alive(self._slot))
        if now - self._recovered <= RECOVER_SECONDS:
            return 0
        self._recovered = now
        if self._work and not any(self._wall_time.fits(work.queue.loaded) for work in self._work):
            self._wakeup.stop()
            return 0
        self._look_for_migrations()
        recovery = recover(self.working, self._history)
        self._undecided = recovery.undecided
        for table, key, message in recovery.deadly:
            self._tell(Failed(self._slot, table, key_text(key), message))
        if recovery.count:
            self._tell(Recovered(self._slot, recovery.count))
        return recovery.count

    def _look_for_migrations(self) -> None:
        """Keep away from tables that somebody changes, and let another process take over once they are changed."""
        look = self._migrations.look()
        for name, reason in look.paused.items():
            if name not in self._paused:
                self._tell(Waiting(self._slot, f"{name} is paused: {reason}.", "djproject migrate --log"))
        self._paused = look.paused
        if look.changed:
            self.retired = f"a migration of {look.changed}"

    def _round(self) -> int:
        """One batch of each table, children right after their parents; how many jobs were worked on."""
        count = 0
        for work in self._work:
            if self._should_stop():
                break
            if work.queue.name in self._paused or not self._wall_time.fits(work.queue.loaded):
                continue
            with self._setting_aside(work.queue.loaded), self._waiting_for_stores(work):
                require_folders(work.queue.connection, work.stores)
                count += self._batch(work)
                if count and self._is_due(work):  # what waits comes first; without work, all tables are looked at
                    self._look(work)
        return count

    @contextmanager
    def _waiting_for_stores(self, work: _TableWork) -> Iterator[None]:
        """Leave a table out of this round where the folder of a store is missing, and fill the others."""
        name = work.queue.name
        try:
            yield
        except StoreAwayError as away:
            work.stores |= {away.store}  # a make may need more than its own table
            self._say_waiting(name, away)
        else:
            self._waiting.pop(name, None)

    def _say_waiting(self, table: str, error: Exception) -> None:
        """Say once what is waited for, by a table or by all of them ("")."""
        message, hint = (error.message, error.hint) if isinstance(error, DJProjectError) else (one_line(error), "")
        if self._waiting.get(table) != message:
            if message not in self._waiting.values():
                self._tell(Waiting(self._slot, message, hint or "djproject doctor"))
            self._waiting[table] = message

    def _batch(self, work: _TableWork) -> int:
        keys = work.queue.claim(min(work.batch, self._quota.left(self._jobs)))
        began, done = time.monotonic(), 0
        told: list[Event] = []
        try:
            while keys and not self._should_stop():
                if time.monotonic() - began > 4 * BATCH_SECONDS:
                    break  # slower than they were: the rest is for others too
                if not self._wall_time.fits(work.queue.loaded):
                    break
                key = keys.pop(0)
                self._tell(*told, Begins(self._slot, work.queue.name, key_json(key, in_order=True)))
                told.clear()
                outcome = attempt(work.queue, key, self._history, slot=self._slot)
                done += 1
                self._jobs += 1
                self.retired = self._quota.reached(self._jobs)
                if outcome is not None:
                    told.append(outcome)
        finally:
            self._tell(*told)
            if keys:
                work.queue.give_back()
        if done:
            work.learn(done, time.monotonic() - began)
        return done

    def _is_due(self, work: _TableWork) -> bool:
        since = time.monotonic() - work.refreshed
        return since > max(work.took * self._workers / REFRESH_SHARE, 1.0)

    def _look(self, work: _TableWork) -> int:
        """Look for new keys of one table; how many jobs were added, -1 where another worker is looking."""
        began = work.refreshed = time.monotonic()
        if began - work.tidied > TIDY_SECONDS and work.queue.tidy():
            work.tidied = began
        added = work.queue.refresh()
        work.took = time.monotonic() - began
        if added > 0:
            self._tell(Added(self._slot, work.queue.name, added))
        return added

    def _look_everywhere(self) -> bool | None:
        """Look for new keys of all tables: None where there are some, else whether all could be looked at."""
        found = []
        for work in self._work:
            with self._setting_aside(work.queue.loaded):
                found.append(self._look(work))
        if any(added > 0 for added in found):
            return None
        return all(added == 0 for added in found)
