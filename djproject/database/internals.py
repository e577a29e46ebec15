"""What djproject uses of DataJoint that is not public: here, and nowhere else.

A worker does what DataJoint's `populate()` does: same transaction, same guard against inserts, same job table. Some of
that has no public name. `tests/unit/test_private_names.py` fails where DataJoint renames one of these.

Source: `datajoint/autopopulate.py`, `connection.py`, `jobs.py` and `adapters/postgres.py` (2.3.5).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


def config_of(connection: Any) -> Any:
    """The settings that a connection was made with: `dj.config`, or those of its `dj.Instance`."""
    return connection._config


def driver_connection(connection: Any) -> Any:
    """The connection of the driver, PyMySQL or psycopg2."""
    return connection._conn


def replace_driver_connection(connection: Any, other: Any) -> None:
    """Let a connection continue with another one of the driver, outside of any transaction."""
    forget_transaction(connection)
    connection._conn = other


def forget_transaction(connection: Any) -> None:
    """Let a connection know that its transaction is over; the server ended it."""
    connection._in_transaction = False


def file_descriptor(connection: Any) -> int:
    """The number of the socket to the server.

    Raises
    ------
    OSError, AttributeError, ValueError
        It is closed, or the driver is another one.
    """
    raw = connection._conn
    return int(raw.fileno() if hasattr(raw, "fileno") else raw._sock.fileno())


def remembered_jobs(table: Any) -> Any:
    """The job table that a table's instance remembers; None at first."""
    return table._jobs


def remember_jobs(table: Any, jobs: Any) -> None:
    """Let a table's instance remember its job table, or forget it (None), so that its heading is read again."""
    table._jobs = jobs


def keys_to_make(table: Any, restrictions: tuple[Any, ...] = ()) -> Any:
    """The query of all keys that `make` is called with, those already made included."""
    return table._jobs_to_do(restrictions)


def has_job_metadata(table: Any) -> bool:
    """Whether a table has the hidden columns about its jobs."""
    return bool(table._has_job_metadata_attrs())


def job_version(connection: Any) -> str:
    """What DataJoint writes as a job's version of the code."""
    from datajoint.jobs import _get_job_version

    return str(_get_job_version(connection._config))


def make_of(table: Any) -> Callable[..., Any]:
    """A table's `make`, by its older name where it has that."""
    make: Callable[..., Any] = table._make_tuples if hasattr(table, "_make_tuples") else table.make
    return make


@contextmanager
def making(table: Any, key: Mapping[str, Any]) -> Iterator[None]:
    """Let `make` insert into its table, and know its key as `self.upstream` does."""
    cls = type(table)
    cls._allow_insert = True
    table._upstream_key, table._upstream = dict(key), None
    try:
        yield
    finally:
        cls._allow_insert = False
        table._upstream = table._upstream_key = None


def forbid_inserts(cls: type[Any]) -> None:
    """Let a table refuse inserts again, in a process forked while `make` was running."""
    cls._allow_insert = False


def pending_enums(adapter: Any) -> Mapping[str, Sequence[str]]:
    """The enums that PostgreSQL needs a type for, by the name of the type: those compiled since it was last asked."""
    found: Mapping[str, Sequence[str]] = adapter._pending_enum_types
    return found
