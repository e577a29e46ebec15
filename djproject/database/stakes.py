"""The rows that a change of the code concerns, and which versions of the code made them, from the attempts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from djproject.database.declared import Place
from djproject.database.history import OF_TABLE, TABLE
from djproject.database.leases import is_missing


@dataclass(frozen=True, slots=True)
class Stake:
    """The rows of one table.

    Attributes
    ----------
    rows
        How many there are; None where the table is not declared.
    versions
        By version of the code, how many keys were made with it; the newest last. Rows that no worker of djproject made
        are in none.
    seconds
        How long the workers took for the keys that are there, all in all.
    """

    rows: int | None
    versions: Mapping[str, int]
    seconds: float


def stakes(connection: Any, places: Mapping[str, Place], names: Collection[str]) -> dict[str, Stake]:
    """The rows of some tables, by `module.Table`.

    Parameters
    ----------
    connection
        To the server.
    places
        The schema and the name that tables have in the database.
    names
        Which tables.
    """
    quote = connection.adapter.quote_identifier
    found = {}
    for name in names:
        if name not in places:
            continue
        schema, table = places[name]
        try:
            (rows,) = connection.query(f"SELECT COUNT(*) FROM {quote(schema)}.{quote(table)}").fetchone()
        except Exception as error:
            if not is_missing(error):
                raise
            found[name] = Stake(None, {}, 0.0)
            continue
        found[name] = Stake(int(rows), *_made(connection, schema, name))
    return found


def _made(connection: Any, schema: str, name: str) -> tuple[dict[str, int], float]:
    """By version, the keys whose last attempt was made with it; and the seconds of these attempts."""
    last = f"SELECT MAX(attempt) FROM {TABLE} WHERE {OF_TABLE} AND outcome='made' GROUP BY key_hash"
    query = (
        f"SELECT version, COUNT(*), SUM(seconds) FROM {TABLE} WHERE attempt IN ({last}) "
        "GROUP BY version ORDER BY MAX(attempt)"
    )
    try:
        rows = connection.query(query, args=(schema, name)).fetchall()
    except Exception as error:
        if is_missing(error):
            return {}, 0.0
        raise
    return {str(version): int(count) for version, count, _ in rows}, sum(float(seconds) for _, _, seconds in rows)
