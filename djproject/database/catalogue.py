"""What is declared in a database, read from its catalogue: three queries, whatever the number of schemas and tables."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from djproject.database.declared import (
    EXPRESSION,
    HIDDEN,
    Attribute,
    Declared,
    ForeignKey,
    Index,
    Place,
    Table,
    with_keys_and_indexes,
)
from djproject.pipeline.types import MYSQL

_MARKER = re.compile(r":(?P<type>(?:'[^']*'|[^:'])+):", re.DOTALL)
_CUT_MARKER = re.compile(r":(?P<type>[^:]+):")

# Views have no marker of DataJoint's and no key: only tables are read.
_MYSQL_COLUMNS = """
    SELECT c.table_schema, c.table_name, t.table_comment, c.column_name, c.column_type, c.is_nullable = 'YES',
           c.column_default, c.extra, c.column_comment
    FROM information_schema.columns c JOIN information_schema.tables t
      ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    WHERE t.table_type = 'BASE TABLE' AND c.table_schema IN ({schemas})
    ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""
_MYSQL_INDEXES = """
    SELECT table_schema, table_name, index_name, index_name = 'PRIMARY', non_unique = 0, column_name
    FROM information_schema.statistics WHERE table_schema IN ({schemas})
    ORDER BY table_schema, table_name, index_name, seq_in_index
"""
_MYSQL_FOREIGN_KEYS = """
    SELECT table_schema, table_name, constraint_name, column_name,
           referenced_table_schema, referenced_table_name, referenced_column_name
    FROM information_schema.key_column_usage
    WHERE referenced_table_name IS NOT NULL AND table_schema IN ({schemas})
    ORDER BY table_schema, table_name, constraint_name, ordinal_position
"""
_POSTGRESQL_COLUMNS = """
    SELECT n.nspname, c.relname, obj_description(c.oid, 'pg_class'), a.attname,
           CASE WHEN t.typtype = 'e' THEN 'enum(' || (
             SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
             FROM pg_enum e WHERE e.enumtypid = t.oid) || ')'
           ELSE format_type(a.atttypid, a.atttypmod) END,
           NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, col_description(c.oid, a.attnum)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname IN ({schemas})
    ORDER BY n.nspname, c.relname, a.attnum
"""
_POSTGRESQL_INDEXES = """
    SELECT n.nspname, c.relname, i.indexrelid::regclass::text, i.indisprimary, i.indisunique, a.attname
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (number, position)
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
    WHERE c.relkind IN ('r', 'p') AND k.position <= i.indnkeyatts AND n.nspname IN ({schemas})
    ORDER BY n.nspname, c.relname, i.indexrelid, k.position
"""
_POSTGRESQL_FOREIGN_KEYS = """
    SELECT n.nspname, c.relname, f.conname, mine.attname, pn.nspname, p.relname, theirs.attname
    FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class p ON p.oid = f.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
    CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY k (mine, theirs, position)
    JOIN pg_attribute mine ON mine.attrelid = c.oid AND mine.attnum = k.mine
    JOIN pg_attribute theirs ON theirs.attrelid = p.oid AND theirs.attnum = k.theirs
    WHERE f.contype = 'f' AND n.nspname IN ({schemas})
    ORDER BY n.nspname, c.relname, f.oid, k.position
"""


def read_catalogue(connection: Any, schemas: Iterable[str]) -> Declared:
    """The tables of some schemas, by schema and name; schemas that do not exist are left out."""
    names = tuple(sorted(set(schemas)))
    if not names:
        return {}
    is_mysql = connection.adapter.backend == MYSQL

    def rows(mysql: str, postgresql: str) -> Iterator[tuple[Any, ...]]:
        query = (mysql if is_mysql else postgresql).format(schemas=", ".join(["%s"] * len(names)))
        for row in connection.query(query, args=names).fetchall():
            yield _decoded(row)

    attributes, comments = _attributes(rows(_MYSQL_COLUMNS, _POSTGRESQL_COLUMNS))
    primary, indexes = _indexes(rows(_MYSQL_INDEXES, _POSTGRESQL_INDEXES))
    keys = _foreign_keys(rows(_MYSQL_FOREIGN_KEYS, _POSTGRESQL_FOREIGN_KEYS))
    found: Declared = {}
    for place, those in attributes.items():
        all_indexes = tuple(indexes.get(place, ()))
        of_table, own = with_keys_and_indexes(tuple(those), tuple(keys.get(place, ())), all_indexes)
        supporting = tuple(index for index in all_indexes if index not in own)
        key = tuple(primary.get(place, ()))
        found[place] = Table(place, tuple(those), key, of_table, own, comments[place], supporting=supporting)
    return found


def read_lineages(connection: Any, schemas: Iterable[str]) -> set[tuple[str, str, str]]:
    """The attributes whose lineage DataJoint knows, as (schema, table, attribute); each schema has its `~lineage`."""
    names = sorted(set(schemas))
    if not names:
        return set()
    quote = connection.adapter.quote_identifier
    queries = [
        f"SELECT %s, table_name, attribute_name FROM {quote(name)}.{quote('~lineage')} WHERE lineage IS NOT NULL"
        for name in names
    ]
    rows = connection.query(" UNION ALL ".join(queries), args=tuple(names)).fetchall()
    return {_decoded(row) for row in rows}


def split_comment(comment: str) -> tuple[str, str]:
    """The marker of a column's comment, and the rest.

    Examples
    --------
    >>> split_comment(":<blob@main>:the trace"), split_comment("seconds: after start"), split_comment(":enum('a:b'):")
    (('<blob@main>', 'the trace'), ('', 'seconds: after start'), ("enum('a:b')", ''))
    """
    match = _MARKER.match(comment) or _CUT_MARKER.match(comment)
    return (match["type"], comment[match.end() :]) if match else ("", comment)


def _decoded(row: Iterable[Any]) -> tuple[Any, ...]:
    """A row without bytes, as which MySQL gives some texts."""
    return tuple(value.decode() if isinstance(value, bytes) else value for value in row)


def _attributes(rows: Iterator[tuple[Any, ...]]) -> tuple[dict[Place, list[Attribute]], dict[Place, str]]:
    """The attributes and the comment of each table."""
    found: dict[Place, list[Attribute]] = {}
    comments: dict[Place, str] = {}
    for schema, table, table_comment, name, column, nullable, default, extra, comment in rows:
        those = found.setdefault((schema, table), [])
        comments[schema, table] = table_comment or ""
        if name.startswith(HIDDEN):
            continue
        marker, text = split_comment(comment or "")
        word = str(extra or "").lower()
        generated = bool(word and "default_generated" not in word) or str(default).startswith("nextval(")
        if default is not None and "default_generated" in word:
            default = f"({default})"  # an expression, not a text
        those.append(Attribute(name, marker, column, bool(nullable), None if generated else default, text, generated))
    return found, comments


def _indexes(rows: Iterator[tuple[Any, ...]]) -> tuple[dict[Place, list[str]], dict[Place, list[Index]]]:
    """The primary key and the other indexes of each table."""
    primary: dict[Place, list[str]] = {}
    grouped: dict[tuple[Place, str, bool], list[str]] = {}
    for schema, table, name, is_primary, unique, column in rows:
        if is_primary:
            primary.setdefault((schema, table), []).append(column)
        else:
            grouped.setdefault(((schema, table), name, bool(unique)), []).append(column or EXPRESSION)
    indexes: dict[Place, list[Index]] = {}
    for (place, name, unique), columns in grouped.items():
        indexes.setdefault(place, []).append(Index(tuple(columns), unique, name=name))
    return primary, indexes


def _foreign_keys(rows: Iterator[tuple[Any, ...]]) -> dict[Place, list[ForeignKey]]:
    grouped: dict[tuple[Place, str, Place], list[tuple[str, str]]] = {}
    for schema, table, name, mine, parent_schema, parent, theirs in rows:
        grouped.setdefault(((schema, table), name, (parent_schema, parent)), []).append((mine, theirs))
    found: dict[Place, list[ForeignKey]] = {}
    for (place, name, parent_place), pairs in grouped.items():
        found.setdefault(place, []).append(ForeignKey(tuple(pairs), parent_place, constraint=name))
    return found
