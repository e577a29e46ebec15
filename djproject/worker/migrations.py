"""Migrations as a worker sees them: it keeps away from tables that are being changed, and begins again afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from djproject.database.migrations import RUNNING, Migration, read_migrations


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker finds.

    Attributes
    ----------
    paused
        For each of its tables that is being changed: by whom, in words.
    changed
        One of its tables that was changed since it began; empty where none was. What the process knows of columns and
        keys is old then.
    """

    paused: Mapping[str, str]
    changed: str = ""


class MigrationWatch:
    """Looks for migrations of some tables.

    Parameters
    ----------
    connection
        The worker's.
    tables
        `module.Table` by the name in SQL.
    """

    def __init__(self, connection: Any, tables: Mapping[str, str]) -> None:
        self._connection, self._tables = connection, tables
        found = read_migrations(connection)
        self._since = max((migration.number for migration in found), default=0)
        self._running = {migration.number for migration in found if migration.state == RUNNING}

    def look(self) -> Look:
        """Ask the database."""
        paused: dict[str, str] = {}
        changed = ""
        for migration in read_migrations(self._connection, min(self._running, default=self._since + 1) - 1):
            if migration.number <= self._since and migration.number not in self._running:
                continue
            own = [self._tables[name] for name in migration.tables if name in self._tables]
            if migration.state == RUNNING:
                paused |= dict.fromkeys(own, _words(migration))
            else:
                changed = changed or next(iter(own), "")
        return Look(paused, changed)


def _words(migration: Migration) -> str:
    return f"{migration.user} on {migration.host} is migrating it"
