"""djproject's own tables: made where they are missing, and brought forward where an older version made them.

The comment of a table says its version: "djproject 2". A step forward only adds, so that workers of the version before
work beside new ones.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

SCHEMA = "djproject"
LOCK_SECONDS = 60
_COMMENT = {
    "mysql": "SELECT table_comment FROM information_schema.tables WHERE table_schema=%s AND table_name=%s",
    "postgresql": "SELECT obj_description(c.oid, 'pg_class') FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname=%s AND c.relname=%s",
}


@dataclass(frozen=True, slots=True)
class OwnTable:
    """One table of djproject's own.

    Attributes
    ----------
    name
        Without its schema.
    create
        By backend, the statements that make its newest form.
    forward
        For each version after the first, by backend, the statements that lead to it from the one before.
    """

    name: str
    create: Mapping[str, tuple[str, ...]]
    forward: tuple[Mapping[str, tuple[str, ...]], ...] = ()

    @property
    def version(self) -> int:
        """Of the newest form."""
        return len(self.forward) + 1


def declare(connection: Any, table: OwnTable) -> None:
    """Make a table, or bring it forward; nothing, and one query, where it is as it should be.

    Where the database refuses to make it, that is raised.
    """
    if _version(connection, table) == table.version:
        return
    with exclusive(connection, table.name):
        found = _version(connection, table)
        steps = table.forward[max(found or 0, 1) - 1 :]
        if found is None:
            connection.query(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            _run(connection, table, table.create)
            steps = ()
        elif found >= table.version:
            return
        with suppress(Exception):  # who may not alter it can use the table all the same: a step only adds
            for step in steps:
                _run(connection, table, step)
            _note_version(connection, table)


def _version(connection: Any, table: OwnTable) -> int | None:
    """The version of a table; 0 where nobody wrote it down, None where there is no such table."""
    query = _COMMENT[connection.adapter.backend]
    found = connection.query(query, args=(SCHEMA, table.name)).fetchone()
    if found is None:
        return None
    match = re.fullmatch(r"djproject (\d+)", str(found[0] or ""))
    return int(match[1]) if match else 0


def _run(connection: Any, table: OwnTable, statements: Mapping[str, tuple[str, ...]]) -> None:
    for statement in statements[connection.adapter.backend]:
        connection.query(statement.format(table=f"{SCHEMA}.{table.name}"))


def _note_version(connection: Any, table: OwnTable) -> None:
    name, comment = f"{SCHEMA}.{table.name}", f"djproject {table.version}"
    if connection.adapter.backend == "mysql":
        connection.query(f"ALTER TABLE {name} COMMENT '{comment}'")
    else:
        connection.query(f"COMMENT ON TABLE {name} IS '{comment}'")


@contextmanager
def exclusive(connection: Any, name: str) -> Iterator[None]:
    """One process at a time, at this server, does what has this name; the others wait."""
    if connection.adapter.backend == "mysql":
        take, leave = f"SELECT GET_LOCK('djproject-{name}', {LOCK_SECONDS})", f"SELECT RELEASE_LOCK('djproject-{name}')"
    else:
        number = zlib.crc32(f"djproject table {name}".encode())
        take, leave = f"SELECT pg_advisory_lock({number})", f"SELECT pg_advisory_unlock({number})"
    connection.query(take)
    try:
        yield
    finally:
        connection.query(leave)
