"""PostgreSQL says when rows are inserted by hand, so that an idle worker begins at once.

One trigger per statement on the tables that people fill. Tables that workers fill have none: their children are looked
at anyway, and a notice in each of their transactions would make all commits wait for each other.
"""

from collections.abc import Sequence
from typing import Any

from djproject.database.loading import LoadedTable
from djproject.database.own_tables import SCHEMA

CHANNEL = "djproject_rows"
BY_HAND = ("manual", "lookup")
TRIGGER = "djproject_rows"
FUNCTION = f"{SCHEMA}.tell_rows"
BODY = f"BEGIN NOTIFY {CHANNEL}; RETURN NULL; END"


def declare_notices(connection: Any, tables: Sequence[LoadedTable]) -> None:
    """Make the triggers that are missing, where the database can have them; what it refuses is raised."""
    if str(connection.adapter.backend) != "postgresql":
        return
    by_hand = [loaded for loaded in tables if loaded.table.tier in BY_HAND]
    rows = connection.query(
        "SELECT n.nspname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.tgname = %s",
        args=(TRIGGER,),
    ).fetchall()
    known = {(str(schema), str(name)) for schema, name in rows}
    lacking = [
        loaded.instance.full_table_name
        for loaded in by_hand
        if (loaded.schema, str(loaded.cls.table_name)) not in known
    ]
    if not lacking:
        return
    connection.query(f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $${BODY}$$")
    for name in lacking:
        connection.query("SET lock_timeout = '2s'")  # a table that is being written to gets its trigger another time
        try:
            connection.query(
                f"CREATE TRIGGER {TRIGGER} AFTER INSERT ON {name} FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
            )
        finally:
            connection.query("SET lock_timeout = DEFAULT")
