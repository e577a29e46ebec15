"""Columns as DataJoint declares them: its own compiler is asked for each attribute."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from djproject.database.declared import Attribute, Table
from djproject.database.internals import pending_enums
from djproject.errors import ProjectError
from djproject.pipeline import model


@dataclass(frozen=True, slots=True)
class Column:
    """What DataJoint writes for one attribute.

    Attributes
    ----------
    name
        Of the attribute.
    type
        In SQL.
    nullable
        Whether it may be null.
    default
        The value or expression in SQL; empty where there is none.
    comment
        As in the statement, with the marker of the type; empty where there is none.
    definition
        The whole, for CREATE TABLE and ADD COLUMN.
    before
        Statements that come first: an enum of PostgreSQL is a type of its own.
    """

    name: str
    type: str
    nullable: bool
    default: str
    comment: str
    definition: str
    before: tuple[str, ...] = ()


class Columns:
    """The columns of a pipeline's tables.

    Parameters
    ----------
    connection
        To the server.
    pipeline, source
        What the source says, and its declarations.
    load
        Imports the pipeline; called once, where a codec is the project's own.
    """

    def __init__(
        self, connection: Any, pipeline: model.Pipeline, source: Mapping[str, Table], load: Callable[[], object]
    ) -> None:
        self._connection, self._adapter = connection, connection.adapter
        self._pipeline, self._source, self._load = pipeline, source, load
        self._names = {table.place: name for name, table in source.items()}

    def of(self, table: str, attribute: Attribute) -> Column:
        """The column of an attribute; one that a foreign key brings is as its parent's.

        Raises
        ------
        ProjectError
            DataJoint refuses the line.
        """
        if not attribute.inherited:
            return self._compiled(table, attribute.line)
        name, origin = self._origin(table, attribute)
        column = self._compiled(name, origin.line)
        comment = column.comment if self._adapter.backend == "mysql" else ""
        definition = self._adapter.format_column_definition(
            name=attribute.name, sql_type=column.type, nullable=attribute.nullable, default=None,
            comment=comment or None,
        )  # fmt: skip
        return Column(attribute.name, column.type, attribute.nullable, "", comment, definition, column.before)

    def _origin(self, table: str, attribute: Attribute) -> tuple[str, Attribute]:
        """The table and the attribute where it is written down."""
        while attribute.inherited:
            for key in self._source[table].foreign_keys:
                theirs = dict(key.attributes).get(attribute.name)
                parent = self._names.get(key.parent)
                found = self._source[parent].attribute(theirs) if parent and theirs else None
                if parent and found is not None:
                    table, attribute = parent, found
                    break
            else:
                raise ProjectError(f"The parent of {table}.{attribute.name} is not known.", hint="djproject check")
        return table, attribute

    def _compiled(self, table: str, line: int) -> Column:
        from datajoint.errors import DataJointError

        found = self._pipeline.table(table)
        if found is None or found.definition is None:
            raise KeyError(table)
        text = found.definition.text.split("\n")[line - 1].strip()
        try:
            return self._compile(text, self._source[table].place[0])
        except DataJointError:
            self._load()  # a codec of the project registers itself
        try:
            return self._compile(text, self._source[table].place[0])
        except DataJointError as error:
            raise ProjectError(
                f"{found.path}: DataJoint refuses {text!r}: {str(error).strip().splitlines()[0].rstrip('.')}.",
                hint="djproject check",
            ) from error

    def _compile(self, text: str, schema: str) -> Column:
        from datajoint.declare import compile_attribute

        asked: dict[str, Any] = {}
        adapter = _Listening(self._adapter, asked)
        name, definition, _, _ = compile_attribute(text, False, [], {}, adapter)
        kind, before = str(asked["sql_type"]), tuple[str, ...]()
        if match := re.search(r'"(enum_\w+)"$', kind):  # DataJoint leaves the schema open: "{database}"."enum_…"
            (values,) = pending_enums(self._adapter).values()
            self._adapter.get_pending_enum_ddl(schema)  # forgets it
            qualified, before = self._enum(schema, match[1], values)
            definition, kind = definition.replace(kind, qualified), qualified
        default = re.sub(r"^(NOT NULL)?\s*(DEFAULT\s+)?", "", asked.get("default") or "")
        nullable = bool(asked.get("nullable"))
        return Column(
            name, kind, nullable, "" if default == "NULL" else default, asked.get("comment") or "", definition, before
        )

    def _enum(self, schema: str, kind: str, values: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """A type of PostgreSQL for an enum, qualified, and the statement that makes it where it is not there.

        DataJoint names it by a hash of its values in any order, so the one of that name may be another one.
        """
        quote = self._adapter.quote_identifier
        query = (
            "SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e JOIN pg_type t "
            "ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname=%s AND t.typname=%s"
        )
        number = 1
        while True:
            name = kind if number == 1 else f"{kind}_{number}"
            (labels,) = self._connection.query(query, args=(schema, name)).fetchone()
            qualified = f"{quote(schema)}.{quote(name)}"
            if labels is None:
                return qualified, (f"CREATE TYPE {qualified} AS ENUM ({', '.join(map(literal, values))})",)
            if labels == ",".join(values):
                return qualified, ()
            number += 1


class _Listening:
    """DataJoint's adapter, which remembers what a column was made of."""

    def __init__(self, adapter: Any, asked: dict[str, Any]) -> None:
        self._adapter, self._asked = adapter, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def format_column_definition(self, **values: Any) -> str:
        self._asked.update(values)
        return str(self._adapter.format_column_definition(**values))


def literal(text: str) -> str:
    """A text as a literal of standard SQL."""
    return "'" + text.replace("'", "''") + "'"
