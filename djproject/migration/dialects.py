"""The statements of each server. DataJoint's `alter` is not used: on PostgreSQL most of what it writes is refused."""

from collections.abc import Sequence
from typing import Any

from djproject.database.declared import Attribute, ForeignKey, Index, Place
from djproject.migration.columns import Column, literal

COUNT = "SELECT COUNT(*)"  # of rows that must not be there
CHECK_AGAIN = "SET foreign_key_checks = 1"
RULES = "ON UPDATE CASCADE ON DELETE RESTRICT"  # as DataJoint declares foreign keys


class Dialect:
    """What both servers share, and the names of things."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def quote(self, name: str) -> str:
        """A name in quotes."""
        return str(self._adapter.quote_identifier(name))

    def table(self, place: Place) -> str:
        """A table's full name."""
        return f"{self.quote(place[0])}.{self.quote(place[1])}"

    def columns(self, names: Sequence[str]) -> str:
        """Names in quotes, with commas between them."""
        return ", ".join(map(self.quote, names))

    def alter(self, place: Place, change: str) -> str:
        """An ALTER TABLE."""
        return f"ALTER TABLE {self.table(place)} {change}"

    def drop_column(self, place: Place, name: str) -> list[str]:
        """A column away."""
        return [self.alter(place, f"DROP COLUMN {self.quote(name)}")]

    def rename_column(self, place: Place, old: str, new: str) -> list[str]:
        """A column by another name."""
        return [self.alter(place, f"RENAME COLUMN {self.quote(old)} TO {self.quote(new)}")]

    def drop_table(self, place: Place) -> list[str]:
        """A table away."""
        return [f"DROP TABLE {self.table(place)}"]

    def add_foreign_key(self, place: Place, key: ForeignKey) -> list[str]:
        """A foreign key, as DataJoint declares it."""
        mine, theirs = zip(*key.attributes, strict=True)
        parent = f"{self.table(key.parent)} ({self.columns(theirs)})"
        return [self.alter(place, f"ADD FOREIGN KEY ({self.columns(mine)}) REFERENCES {parent} {RULES}")]


def orphans(dialect: Dialect, place: Place, key: ForeignKey) -> str:
    """A query that counts the rows without a parent."""
    pairs = [(dialect.quote(mine), dialect.quote(theirs)) for mine, theirs in key.attributes]
    same = " AND ".join(f"p.{theirs} = c.{mine}" for mine, theirs in pairs)
    known = " AND ".join(f"c.{mine} IS NOT NULL" for mine, _ in pairs)
    exists = f"EXISTS (SELECT 1 FROM {dialect.table(key.parent)} p WHERE {same})"
    return f"{COUNT} FROM {dialect.table(place)} c WHERE {known} AND NOT {exists}"


class MySQL(Dialect):
    """MySQL: a column is always given as a whole."""

    def add_foreign_key(self, place: Place, key: ForeignKey) -> list[str]:
        """A foreign key; that all rows have their parent is counted before and after.

        The server's own check copies the whole table, and takes 2.4 kB of the server's memory for each row, which it
        keeps (8.4, tried: 2.3 GB for a million rows).
        """
        counted = orphans(self, place, key)
        added = super().add_foreign_key(place, key)
        return [counted, "SET foreign_key_checks = 0", *added, CHECK_AGAIN, counted]

    def rename_table(self, place: Place, name: str) -> list[str]:
        """A table by another name in its schema."""
        return [f"RENAME TABLE {self.table(place)} TO {self.table((place[0], name))}"]

    def add_column(self, place: Place, column: Column, after: str) -> list[str]:
        """A column, where the source has it."""
        where = f"AFTER {self.quote(after)}" if after else "FIRST"
        return [self.alter(place, f"ADD COLUMN {column.definition} {where}")]

    def change_column(self, place: Place, column: Column, old: Attribute) -> list[str]:
        """A column with another type, default, comment, or null or not."""
        more = " AUTO_INCREMENT" if old.generated and "auto_increment" not in column.definition.lower() else ""
        head, comment, text = column.definition.partition(" COMMENT ")
        return [self.alter(place, f"MODIFY COLUMN {head}{more}{comment}{text}")]

    def change_type(self, place: Place, old: Attribute, kind: str, comment: str) -> list[str]:
        """Another type for a column that the source does not describe: of a job table."""
        null = "NULL" if old.nullable else "NOT NULL"
        said = f" COMMENT {literal(comment)}" if comment else ""
        return [self.alter(place, f"MODIFY COLUMN {self.quote(old.name)} {kind} {null}{said}")]

    def shorten(self, place: Place, name: str, length: int) -> list[str]:
        """Cut texts: the server refuses to do so by itself."""
        column = self.quote(name)
        longer = f"CHAR_LENGTH({column}) > {length}"
        return [f"UPDATE {self.table(place)} SET {column} = LEFT({column}, {length}) WHERE {longer}"]

    def table_comment(self, place: Place, comment: str) -> list[str]:
        """The comment of a table, as in a definition."""
        return [self.alter(place, f'COMMENT "{comment}"')]

    def drop_foreign_key(self, place: Place, key: ForeignKey, supporting: Sequence[Index]) -> list[str]:
        """A foreign key away, with the index that the server made for it."""
        made = [index.name for index in supporting if index.attributes == key.names and not index.unique]
        drops = [f"DROP FOREIGN KEY {self.quote(key.constraint)}", *(f"DROP INDEX {self.quote(n)}" for n in made)]
        return [self.alter(place, drop) for drop in drops]

    def drop_index(self, place: Place, index: Index) -> list[str]:
        """An index away."""
        return [self.alter(place, f"DROP INDEX {self.quote(index.name)}")]

    def add_index(self, place: Place, compiled: str, name: str) -> list[str]:
        """An index, from what DataJoint makes of its line."""
        return [self.alter(place, f"ADD {compiled}")]


class PostgreSQL(Dialect):
    """PostgreSQL: each property of a column by itself."""

    def rename_table(self, place: Place, name: str) -> list[str]:
        """A table by another name in its schema."""
        return [self.alter(place, f"RENAME TO {self.quote(name)}")]

    def add_column(self, place: Place, column: Column, after: str) -> list[str]:
        """A column; at the end, because the server knows no other place."""
        return [*column.before, self.alter(place, f"ADD COLUMN {column.definition}"), *self._comment(place, column)]

    def change_column(self, place: Place, column: Column, old: Attribute) -> list[str]:
        """A column with another default, comment, or null or not; the type stays."""
        name = f"ALTER COLUMN {self.quote(column.name)}"
        changes = []
        if not old.generated and (column.default or old.default is not None):
            changes.append(f"{name} SET DEFAULT {column.default}" if column.default else f"{name} DROP DEFAULT")
        if column.nullable != old.nullable:
            changes.append(f"{name} DROP NOT NULL" if column.nullable else f"{name} SET NOT NULL")
        return [*(self.alter(place, change) for change in changes), *self._comment(place, column)]

    def retype_column(self, place: Place, column: Column, old: Attribute, *, empty: bool) -> list[str]:
        """A column with another type, then the rest of it; in a table that is empty, any other type."""
        name = f"ALTER COLUMN {self.quote(column.name)}"
        by_text = "::text" if "enum" in column.type or old.column.startswith("enum(") else ""
        value = "NULL" if empty else f"{self.quote(column.name)}{by_text}"
        using = f"USING {value}::{column.type}"
        first = [] if old.generated else [self.alter(place, f"{name} DROP DEFAULT")]
        retyped = self.alter(place, f"{name} TYPE {column.type} {using}")
        return [*column.before, *first, retyped, *self.change_column(place, column, old)]

    def change_type(self, place: Place, old: Attribute, kind: str, comment: str) -> list[str]:
        """Another type for a column that the source does not describe: of a job table."""
        name = self.quote(old.name)
        by_text = "::text" if old.column.startswith("enum(") else ""
        return [self.alter(place, f"ALTER COLUMN {name} TYPE {kind} USING {name}{by_text}::{kind}")]

    def table_comment(self, place: Place, comment: str) -> list[str]:
        """The comment of a table."""
        return [str(self._adapter.table_comment_ddl(self.table(place), comment))]

    def drop_foreign_key(self, place: Place, key: ForeignKey, supporting: Sequence[Index]) -> list[str]:
        """A foreign key away, with the index that DataJoint made for it."""
        made = [index for index in supporting if index.attributes == key.names and not index.unique]
        dropped = self.alter(place, f"DROP CONSTRAINT {self.quote(key.constraint)}")
        return [dropped, *(statement for index in made for statement in self.drop_index(place, index))]

    def drop_index(self, place: Place, index: Index) -> list[str]:
        """An index away; its name comes from the server, quoted and qualified where it has to be."""
        return [f"DROP INDEX {index.name}"]

    def add_index(self, place: Place, compiled: str, name: str) -> list[str]:
        """An index, from what DataJoint makes of its line."""
        kind, _, columns = compiled.partition("(")
        unique = "UNIQUE " if kind.lower().startswith("unique") else ""
        return [f"CREATE {unique}INDEX {self.quote(name)} ON {self.table(place)} ({columns}"]

    def _comment(self, place: Place, column: Column) -> list[str]:
        if not column.comment:
            return []
        return [str(self._adapter.column_comment_ddl(self.table(place), column.name, column.comment))]
