"""What is declared in a database, read from its catalogue: two questions, whatever the number of schemas and tables."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_MARKER = re.compile(r":(?P<type>(?:'[^']*'|[^:'])+):")
_CUT_MARKER = re.compile(r":(?P<type>[^:]+):")

# Views have no marker of DataJoint's and no key: only tables are read.
_MYSQL_COLUMNS = """
    SELECT c.table_schema, c.table_name, c.column_name, c.column_type, c.is_nullable, c.column_comment
    FROM information_schema.columns c JOIN information_schema.tables t
      ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    WHERE t.table_type = 'BASE TABLE' AND c.table_schema IN ({schemas})
    ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""
_MYSQL_KEYS = """
    SELECT table_schema, table_name, column_name FROM information_schema.key_column_usage
    WHERE constraint_name = 'PRIMARY' AND table_schema IN ({schemas})
    ORDER BY table_schema, table_name, ordinal_position
"""
_POSTGRESQL_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
           col_description(c.oid, a.attnum)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname IN ({schemas})
    ORDER BY n.nspname, c.relname, a.attnum
"""
_POSTGRESQL_KEYS = """
    SELECT n.nspname, c.relname, a.attname
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
    WHERE i.indisprimary AND n.nspname IN ({schemas})
    ORDER BY n.nspname, c.relname, array_position(i.indkey::int2[], a.attnum)
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    name
        Of the attribute.
    type
        The server's word: `int unsigned`, `character varying(20)`.
    nullable
        Whether it may be null.
    marker
        The type that DataJoint wrote before the comment: `int32`, `<blob>`; empty where there is none, as in native
        types, in what older DataJoint versions declared, and on PostgreSQL in what foreign keys bring.
    comment
        Without the marker.
    """

    name: str
    type: str
    nullable: bool
    marker: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredTable:
    """One table of a database: its columns in order, and the names of those in its primary key."""

    columns: tuple[Column, ...]
    primary: tuple[str, ...]

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


Catalogue = dict[tuple[str, str], DeclaredTable]


def read_catalogue(connection: Any, schemas: Iterable[str]) -> Catalogue:
    """The tables of some schemas, by schema and name; schemas that do not exist are left out."""
    names = sorted(set(schemas))
    if not names:
        return {}
    is_mysql = connection.adapter.backend == "mysql"
    of_columns, of_keys = (_MYSQL_COLUMNS, _MYSQL_KEYS) if is_mysql else (_POSTGRESQL_COLUMNS, _POSTGRESQL_KEYS)
    marks = ", ".join(["%s"] * len(names))
    columns: dict[tuple[str, str], list[Column]] = {}
    for row in connection.query(of_columns.format(schemas=marks), args=tuple(names)).fetchall():
        schema, table, name, kind, nullable, comment = row
        marker, text = split_comment(_text(comment))
        column = Column(_text(name), _text(kind), nullable in (True, "YES"), marker, text)
        columns.setdefault((_text(schema), _text(table)), []).append(column)
    keys: dict[tuple[str, str], list[str]] = {}
    for schema, table, name in connection.query(of_keys.format(schemas=marks), args=tuple(names)).fetchall():
        keys.setdefault((_text(schema), _text(table)), []).append(_text(name))
    return {place: DeclaredTable(tuple(found), tuple(keys.get(place, ()))) for place, found in columns.items()}


def split_comment(comment: str) -> tuple[str, str]:
    """The marker of a column's comment, and the rest.

    Examples
    --------
    >>> split_comment(":<blob@main>:the trace"), split_comment("seconds: after start"), split_comment(":enum('a:b'):")
    (('<blob@main>', 'the trace'), ('', 'seconds: after start'), ("enum('a:b')", ''))
    """
    match = _MARKER.match(comment) or _CUT_MARKER.match(comment)
    return (match["type"], comment[match.end() :]) if match else ("", comment)


def _text(value: Any) -> str:
    """A value of the catalogue as text; MySQL gives some as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value or "")
