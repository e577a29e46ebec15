"""One attempt at one job: `make` in its transaction, and what became of it.

DataJoint's `_populate1` is what its `populate(reserve_jobs=True)` calls for each key; this does the same for a job that
is claimed already, with four differences. The job ends in the transaction of its rows: neither is there without the
other, and a worker that lost its job cannot commit over the new owner. A `make` that inserts nothing is no success.
What went wrong for a transient reason is tried again later. Whether the rows exist is asked once for all jobs of a
claim, and again where `make` stumbles over them.

Source: `datajoint/autopopulate.py`, `AutoPopulate._populate1` (2.3.5).
"""

import datetime
import inspect
import random
import time
import traceback
from typing import Any

from djproject.database.connections import keep_alive
from djproject.database.history import History
from djproject.database.internals import forget_transaction, make_of, making
from djproject.database.keys import key_text
from djproject.database.version import datajoint_version
from djproject.worker.events import Failed, KeyGone, LostJob, Made, MadeNothing, Outcome, Postponed
from djproject.worker.forks import ends_forked_processes
from djproject.worker.passing import chain, is_passing, limit_exceeded
from djproject.worker.queue import LONGEST_MESSAGE, MADE_NOTHING, Queue
from djproject.worker.store_folders import StoreAwayError, missing_folders

MOST_ATTEMPTS = 8
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2.0, 300.0
LONGEST_STACK = 1_000_000


class AbandonJob(BaseException):
    """Raised inside `make` by a signal handler, to give the job back."""


def attempt(queue: Queue, key: dict[str, Any], history: History, *, slot: int) -> Outcome | None:
    """Make one claimed job; None where somebody made its rows since it was claimed.

    Raises
    ------
    AbandonJob, KeyboardInterrupt
        A signal handler raised it: rolled back, and the job waits again as if nothing had been.
    StoreAwayError
        It failed while the folder of a store was not there; the job waits again.
    """
    began = time.monotonic()
    try:
        _make(queue, key, history)
    except (AbandonJob, KeyboardInterrupt):
        roll_back(queue.connection)
        queue.give_back(key)
        raise
    except _Nothing:
        roll_back(queue.connection)
        if _is_gone(queue, key):
            return _gone(queue, key, history, slot=slot, seconds=time.monotonic() - began)
        queue.set_aside(key, MADE_NOTHING)
        history.add(queue.loaded, key, "nothing", time.monotonic() - began, MADE_NOTHING)
        return MadeNothing(slot, queue.name, key_text(key))
    except _NotMine:
        roll_back(queue.connection)
        history.add(queue.loaded, key, "lost", time.monotonic() - began, "another worker has the job")
        return LostJob(slot, queue.name, key_text(key))
    except BaseException as error:
        return _failed(queue, key, history, error, slot=slot, seconds=time.monotonic() - began)
    finished = time.monotonic()
    return Made(slot, queue.name, finished - began, finished, key_text(key))


class _Nothing(Exception):
    """`make` returned, and no row is there."""


class _NotMine(Exception):
    """The job is not this worker's any more."""


def _make(queue: Queue, key: dict[str, Any], history: History) -> None:
    """Call `make` and commit."""
    from datajoint import provenance

    table, connection = queue.table, queue.connection
    make = make_of(table)
    in_parts = inspect.isgeneratorfunction(make)
    began, ticking = time.time(), time.monotonic()  # the clock may be set meanwhile
    if not in_parts:
        connection.start_transaction()
    version = datajoint_version(connection)
    with making(table, key):
        token = provenance.set_ingesting(table.full_table_name, key, version)
        try:
            if in_parts:
                _make_in_parts(make, key, connection)
            else:
                with ends_forked_processes():
                    make(dict(key))
            seconds = time.monotonic() - ticking
            queue.write_metadata(key, datetime.datetime.fromtimestamp(began), seconds, version)
            if not queue.finish(key, seconds, history):
                raise _Nothing if queue.is_mine(key) else _NotMine
            connection.commit_transaction()
        finally:
            provenance.reset_ingesting(token)


def _make_in_parts(make: Any, key: dict[str, Any], connection: Any) -> None:
    """Fetch and compute outside the transaction; fetch again in it, and insert if nothing changed meanwhile."""
    import deepdiff
    from datajoint.errors import DataJointError

    with ends_forked_processes():
        steps = make(dict(key))
        fetched = next(steps)
        before = deepdiff.DeepHash(fetched, ignore_iterable_order=False)[fetched]
        computed = next(steps)
    connection.start_transaction()
    with ends_forked_processes():
        steps = make(dict(key))
        fetched = next(steps)
    if before != deepdiff.DeepHash(fetched, ignore_iterable_order=False)[fetched]:
        raise DataJointError("Referential integrity failed! The `make_fetch` data has changed")
    with ends_forked_processes():
        steps.send(computed)


def _failed(
    queue: Queue, key: dict[str, Any], history: History, error: BaseException, *, slot: int, seconds: float
) -> Outcome | None:
    """Record an error, or postpone the job where the reason may pass; None where its rows are there after all."""
    from datajoint.errors import DuplicateError

    message = one_line(error)[:LONGEST_MESSAGE]
    stack = "".join(traceback.format_exception(error))
    if len(stack) > LONGEST_STACK:
        stack = f"{stack[: LONGEST_STACK // 2]}\n…\n{stack[-LONGEST_STACK // 2 :]}"
    roll_back(queue.connection)
    if isinstance(error, DuplicateError) and queue.drop_made(key):
        return None
    if not is_passing(error) and _is_gone(queue, key):
        return _gone(queue, key, history, slot=slot, seconds=seconds)
    if (away := _missing_store(queue, error)) is not None:
        queue.give_back(key)
        raise away
    shown = key_text(key)
    if limit := limit_exceeded(error, queue.connection, seconds):
        message = f"{one_line(error).rstrip('.')}: {limit}"[:LONGEST_MESSAGE]
    elif is_passing(error):
        tried = history.count(queue.loaded, key, "passing") + 1
        if tried < MOST_ATTEMPTS:
            wait = pause_before(tried)
            if queue.postpone(key, wait, message):
                history.add(queue.loaded, key, "passing", seconds, message)
                return Postponed(slot, queue.name, shown, message, wait)
            history.add(queue.loaded, key, "lost", seconds, message)
            return LostJob(slot, queue.name, shown)
        message = f"{message} (after {tried} attempts)"
    if not queue.fail(key, message, stack):
        history.add(queue.loaded, key, "lost", seconds, message)
        return LostJob(slot, queue.name, shown)
    history.add(queue.loaded, key, "error", seconds, message)
    return Failed(slot, queue.name, shown, message)


def _is_gone(queue: Queue, key: dict[str, Any]) -> bool:
    """End the job where its key is not there any more; whether it was so."""
    try:
        return queue.drop_without_key(key)
    except Exception:  # the key source is the user's code
        roll_back(queue.connection)
        return False


def _gone(queue: Queue, key: dict[str, Any], history: History, *, slot: int, seconds: float) -> KeyGone:
    history.add(queue.loaded, key, "gone", seconds, "its key was deleted meanwhile")
    return KeyGone(slot, queue.name, key_text(key))


def _missing_store(queue: Queue, error: BaseException) -> StoreAwayError | None:
    """What explains an error that names the folder of a store, where that folder is not there."""
    text = " ".join(str(link) for link in chain(error))
    return next((away for away in missing_folders(queue.connection) if away.location in text), None)


def pause_before(attempt: int) -> float:
    """Seconds until the next attempt: twice as long each time, and not the same for all workers."""
    longest = min(FIRST_WAIT_SECONDS * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)
    return random.uniform(longest / 2, longest)  # noqa: S311 (to spread workers)


def one_line(error: BaseException) -> str:
    """An error's type and message in one line."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return "".join(c if c.isprintable() else "�" for c in (f"{name}: {text}" if text else name))


def roll_back(connection: Any) -> None:
    """End whatever transaction is open, on a new connection where the old one is gone."""
    try:
        connection.cancel_transaction()
    except Exception:  # any driver's word for a connection that is gone
        forget_transaction(connection)
        connection.connect()
        keep_alive(connection)
