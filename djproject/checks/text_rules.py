"""DJP2xx: texts in a definition that do not reach the server as they are written."""

import re
from collections.abc import Iterator

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.pipeline.definition import Attribute, Index
from djproject.pipeline.model import Table
from djproject.pipeline.types import MYSQL

_MYSQL_TEXT = re.compile(r'(?:[^"\\]|\\.|"")*', re.DOTALL)


@rule
def percent_signs_are_doubled(examined: Examined) -> Iterator[Found]:
    """DJP235 error: Percent signs in definitions are doubled; on MySQL, attributes that foreign keys copy contain none.

    What it does: finds a single `%` in the comment of a table, in attributes (type, default, comment) and in indexes.
    On MySQL it also finds `%%` in an attribute that foreign keys copy to other tables: DataJoint reads the type and the
    comment back from the server, where the sign is single.

    Why it matters: DataJoint passes the SQL statement to the driver as a format string, so declaring the table fails:
    "not enough arguments for format string", "tuple index out of range". The server stores `%%` as a single `%`.

    Example:
        contrast : float32  # in %

    Use instead:
        contrast : float32  # in %%

    On MySQL, in attributes that foreign keys copy, write "percent" instead of the sign.

    Source: datajoint/connection.py, Connection.query; PyMySQL and psycopg2, execute; tested on both servers.
    """
    for table in examined.tables:
        if table.definition is None or "%" not in table.definition.text:
            continue
        for line, text in _texts(table):
            if "%" in text.replace("%%", ""):
                where = examined.in_definition(table, line, "%")
                yield Found(where, f"A % in the definition of {table.name} is not doubled.", "Write %%.")
    if MYSQL in examined.backends:
        for table, attribute in _copied(examined):
            if "%%" in attribute.comment + attribute.type:
                where = examined.in_definition(table, attribute.line, "%%")
                yield Found(
                    where,
                    f"The percent sign of {table.name}.{attribute.name} is copied into the tables that refer to "
                    f"{table.name}, which MySQL then refuses.",
                    "Write 'percent'.",
                )


@rule
def comments_stay_within_their_quotes(examined: Examined) -> Iterator[Found]:
    """DJP236 error: Comments contain no quotes or backslashes that break the SQL statement.

    What it does: on MySQL, finds `"` in the comment of a table, a backslash at the end of a comment or before a `"`,
    and `"` in the comment of an attribute that foreign keys copy to other tables.

    Why it matters: DataJoint puts comments between double quotes and does not escape these characters, so the server
    refuses to create the table.

    Example:
        # Sessions of the "new" rig
        session_id : int32

    Use instead:
        # Sessions of the 'new' rig
        session_id : int32

    Source: datajoint/adapters/mysql.py, create_table_sql and format_column_definition; tested on MySQL 8.4.
    """
    if MYSQL not in examined.backends:
        return
    for table in examined.tables:
        comment = table.definition.comment if table.definition else None
        if comment and not _MYSQL_TEXT.fullmatch(comment.text):
            where = examined.in_definition(table, comment.line)
            yield Found(where, f"MySQL cannot read the comment of {table.name}: {_what(comment.text)}.", "Write '.")
    for table, attribute in examined.attributes:
        if not _MYSQL_TEXT.fullmatch(attribute.comment.replace('"', '\\"')):
            where = examined.in_definition(table, attribute.line, "#")
            yield Found(where, f"MySQL cannot read the comment of {table.name}.{attribute.name}: it has a backslash.")
    for table, attribute in _copied(examined):
        if not _MYSQL_TEXT.fullmatch(re.sub(r"\\(.)", r"\1", attribute.comment)):
            where = examined.in_definition(table, attribute.line, "#")
            yield Found(
                where,
                f"The comment of {table.name}.{attribute.name} is copied into the tables that refer to {table.name}, "
                f"where MySQL cannot read it: {_what(attribute.comment)}.",
                "Write '.",
            )


def _what(comment: str) -> str:
    return "it has a double quote" if '"' in comment else "it has a backslash"


def _texts(table: Table) -> Iterator[tuple[int, str]]:
    """The parts of a definition that are sent to the server, each with its line."""
    definition = table.definition
    if definition is None:
        return
    if definition.comment:
        yield definition.comment.line, definition.comment.text
    written = definition.text.split("\n")
    for line in definition.lines:
        if type(line) is Attribute:
            yield line.line, written[line.line - 1]
        elif type(line) is Index:
            yield line.line, written[line.line - 1].partition("#")[0]


def _copied(examined: Examined) -> Iterator[tuple[Table, Attribute]]:
    """The attributes that are declared in a table and brought by a foreign key into another."""
    suspects = [pair for pair in examined.attributes if re.search(r'["\\%]', pair[1].comment + pair[1].type)]
    if not suspects:
        return
    brought = {
        (link.parent, theirs)
        for table in examined.tables
        for link in examined.headings.of(table).links
        for _, theirs in link.attributes
    }
    yield from ((table, attribute) for table, attribute in suspects if (table.full_name, attribute.name) in brought)
