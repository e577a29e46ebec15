"""DJP2xx: the attributes of a definition: names, types, codecs, stores, defaults and keys."""

import re
from collections.abc import Iterator
from functools import lru_cache

from djproject.checks.defaults import refused_default
from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.pipeline.definition import Attribute, Fault, Index, Malformed
from djproject.pipeline.model import Table
from djproject.pipeline.types import MYSQL, POSTGRESQL, core_type, stored_type
from djproject.project.names import SCHEMA_BYTES

MYSQL_KEY_BYTES = 3072
MYSQL_BYTES = {
    "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4, "float64": 8, "bool": 1, "uuid": 16, "date": 3,
    "datetime": 5, "timestamp": 4, "time": 3, "year": 1,
}  # fmt: skip


@rule
def tables_have_a_primary_key(examined: Examined) -> Iterator[Found]:
    """DJP222 warning: Every table has a primary key.

    What it does: finds definitions with nothing above the `---`.

    Why it matters: DataJoint accepts such a table, and lets it hold at most one row. A primary key that was forgotten
    is only noticed at the second insert.

    Example:
        ---
        subject_name : varchar(100)

    Use instead:
        subject_id : int32
        ---
        subject_name : varchar(100)

    Source: datajoint/declare.py, SINGLETON_DEFINITION.
    """
    for table in examined.tables:
        definition = table.definition
        if definition and not any(type(line) is Malformed or getattr(line, "primary", 0) for line in definition.lines):
            yield Found(
                examined.of_table(table),
                f"{table.name} has no primary key, so it holds at most one row.",
                "Write the attributes that identify a row above the ---.",
            )


@rule
def attributes_are_declared_once(examined: Examined) -> Iterator[Found]:
    """DJP223 error: No attribute is declared twice.

    What it does: finds attributes that repeat the name of another attribute in the definition, or of an attribute that
    comes from a foreign key.

    Why it matters: DataJoint silently ignores the second declaration, with its type and comment.

    Example:
        -> subject.Subject
        subject_id : int32

    Use instead: write only the foreign key, which already adds the attribute.

    Source: datajoint/declare.py, prepare_declare.
    """
    for table in examined.tables:
        if table.definition is None:
            continue
        for line, name, first in examined.headings.of(table).doubled:
            yield Found(
                examined.in_definition(table, line, name),
                f"{table.name} declares the attribute {name!r} again, after line {first} of the definition.",
                "Remove one of the two, or rename it: -> Parent.proj(other='" + name + "')",
            )


@rule
def attribute_names_are_allowed(examined: Examined) -> Iterator[Found]:
    """DJP224 error: Attribute names are lower-case letters, digits and underscores, and start with a letter.

    What it does: finds capitals and other characters, leading underscores, and names longer than 63 characters.

    Why it matters: DataJoint refuses to declare the table; PostgreSQL cuts names after 63 bytes.

    Example:
        SubjectName : varchar(100)
        _private : int32

    Use instead:
        subject_name : varchar(100)

    Source: datajoint/declare.py, build_attribute_parser.
    """
    for table in examined.tables:
        for line in table.definition.lines if table.definition else ():
            if type(line) is Malformed and line.fault in {Fault.UNDERSCORE, Fault.UPPER_CASE}:
                message = f"This line of {table.name}'s definition {line.fault}."
                yield Found(examined.in_definition(table, line.line), message)
            elif type(line) is Attribute and len(line.name) > SCHEMA_BYTES:
                message = f"The attribute name {line.name} has {len(line.name)} characters; {SCHEMA_BYTES} are kept."
                yield Found(examined.in_definition(table, line.line, line.name), message)


@rule
def primary_keys_are_not_nullable(examined: Examined) -> Iterator[Found]:
    """DJP225 error: Primary keys have no nullable attributes or foreign keys.

    What it does: finds `= null` and `[nullable]` above the `---`.

    Why it matters: DataJoint refuses to declare the table.

    Example:
        session_id = null : int32
        ---

    Use instead: move the attribute below the `---`, or remove `= null`.

    Source: datajoint/declare.py, compile_attribute and compile_foreign_key.
    """
    for table in examined.tables:
        if table.definition is None:
            continue
        for attribute in table.definition.attributes:
            if attribute.primary and attribute.default is not None and attribute.nullable:
                where = examined.in_definition(table, attribute.line)
                yield Found(where, f"{table.name}.{attribute.name} is in the primary key and nullable.")
        for key in table.definition.foreign_keys:
            if key.primary and "nullable" in key.options:
                where = examined.in_definition(table, key.line, "nullable")
                yield Found(
                    where, f"The foreign key -> {key.target} of {table.name} is in the primary key and nullable."
                )


@rule
def defaults_fit_their_types(examined: Examined) -> Iterator[Found]:
    """DJP230 error: Every default is a valid value of its attribute's type.

    What it does: compares defaults with the number range, length, date format or enum values of the type. DataJoint
    reads every default except null and CURRENT_TIMESTAMP as a literal. Blobs and types with a codec can only have the
    default null; on MySQL, the same holds for `bytes`, `json` and text types.

    Why it matters: the server refuses to create the table, or refuses every row that uses the default.

    Example:
        side = "up" : enum('left', 'right')

    Use instead:
        side = "left" : enum('left', 'right')

    Source: datajoint/declare.py, compile_attribute; the servers' rules for DEFAULT.
    """
    given = [(table, attribute) for table, attribute in examined.attributes if attribute.default]
    for table, attribute in given:
        if attribute.nullable:
            continue
        reason = refused_default(attribute, examined.backends)
        if reason:
            where = examined.in_definition(table, attribute.line, attribute.default or "")
            yield Found(where, f"The default of {table.name}.{attribute.name} {reason}.")


@rule
def keys_can_be_indexed(examined: Examined) -> Iterator[Found]:
    """DJP231 error: Attributes in primary keys and indexes have types that can be indexed.

    What it does: finds blobs, `bytes` and types with a codec above the `---` and in `index(…)`. On MySQL it also finds
    `json` and text types, and primary keys and indexes longer than 3072 bytes in total: each character of a string
    counts four bytes, and attributes from foreign keys count as well.

    Why it matters: the server refuses to create the table, or compares rows by their serialised bytes.

    Example:
        image : <blob>
        ---

    Use instead: put a short identifier in the primary key, and the data below the `---`.

    Source: MySQL, Column Indexes; PostgreSQL, Unique Indexes; tested on both servers.
    """
    for table in examined.tables:
        if table.definition is None:
            continue
        indexes = [line for line in table.definition.lines if type(line) is Index]
        indexed = {name for line in indexes for name in line.attributes}
        for attribute in table.definition.attributes:
            if (attribute.primary or attribute.name in indexed) and _is_not_for_keys(attribute.type, examined.backends):
                where = examined.of_type(table, attribute)
                message = f"{table.name}.{attribute.name} is in a key, but its type {attribute.type} cannot be indexed."
                yield Found(where, message)
        if MYSQL in examined.backends:
            yield from _too_long_for_mysql(examined, table, indexes)


def _too_long_for_mysql(examined: Examined, table: Table, indexes: list[Index]) -> Iterator[Found]:
    heading = examined.headings.of(table)
    length = sum(mysql_key_bytes(heading.types[name]) for name in heading.primary)
    if length > MYSQL_KEY_BYTES:
        message = f"The primary key of {table.name} is {length} bytes long; MySQL takes {MYSQL_KEY_BYTES}."
        yield Found(examined.of_table(table), message, "Refer to the parent below the ---, or shorten its strings.")
    for index in indexes:
        plain = set(index.attributes) - {expression.partition("(")[0].strip() for expression in index.expressions}
        length = sum(mysql_key_bytes(heading.types.get(name, "")) for name in plain)
        if length > MYSQL_KEY_BYTES:
            where = examined.in_definition(table, index.line)
            message = f"This index of {table.name} is {length} bytes long; MySQL takes {MYSQL_KEY_BYTES}."
            yield Found(where, message, "On MySQL, index only the start of a string: index(name(50)).")


@rule
def indexes_name_attributes(examined: Examined) -> Iterator[Found]:
    """DJP232 error: Indexes list attributes of their table, each once; on PostgreSQL, only names, and no index twice.

    What it does: compares the names in `index(…)` with the table's attributes, including those from foreign keys. On
    MySQL it finds a name that is repeated within an index. On PostgreSQL it finds an index that is declared twice, and
    anything that is not a plain name: `x desc`, `x(10)`, `(lower(x))`, a JSON path.

    Why it matters: the server refuses the table or the index. On PostgreSQL, DataJoint 2.3.5 quotes an expression as if
    it were a name.

    Example:
        subject_name : varchar(100)
        index(name)

    Use instead:
        index(subject_name)

    Source: datajoint/declare.py, compile_index; tested on both servers.
    """
    for table in examined.tables:
        if table.definition is None:
            continue
        heading, seen = examined.headings.of(table), set[tuple[str, ...]]()
        for line in table.definition.lines:
            if type(line) is not Index:
                continue
            where = examined.in_definition(table, line.line)
            for name in dict.fromkeys(line.attributes) if heading.complete else ():
                if name not in heading.names:
                    place = examined.in_definition(table, line.line, name)
                    yield Found(place, f"The index of {table.name} names {name!r}, which is not an attribute of it.")
            problem = _refused_index(examined, line, again=line.attributes in seen)
            if problem:
                yield Found(where, f"The index of {table.name} {problem}.")
            seen.add(line.attributes)


def _refused_index(examined: Examined, index: Index, *, again: bool) -> str:
    """Why a server refuses an index, as the end of a sentence; empty where it does not."""
    if index.expressions and POSTGRESQL in examined.backends:
        return f"has {index.expressions[0]!r}, but DataJoint accepts only attribute names on PostgreSQL"
    if again and not index.expressions and POSTGRESQL in examined.backends:
        return "is declared twice, and PostgreSQL gives both the same name"
    if len(set(index.attributes)) < len(index.attributes) and not index.expressions and MYSQL in examined.backends:
        return "names an attribute twice, which MySQL refuses"
    return ""


@rule
def comments_do_not_begin_with_a_colon(examined: Examined) -> Iterator[Found]:
    """DJP233 error: No comment of an attribute starts with a colon.

    What it does: looks at the text after `#`.

    Why it matters: DataJoint stores types in comments that start with a colon, and refuses to declare a table that uses
    such a comment.

    Example:
        rate : float64  # : in Hz

    Use instead:
        rate : float64  # in Hz

    Source: datajoint/declare.py, compile_attribute.
    """
    for table, attribute in examined.attributes:
        if attribute.comment[:1] == ":":
            where = examined.in_definition(table, attribute.line, "#")
            yield Found(where, f"The comment of {table.name}.{attribute.name} starts with a colon.")


@lru_cache(maxsize=4096)
def _is_not_for_keys(written: str, backends: tuple[str, ...]) -> bool:
    """Whether a key of that type is refused, or compares serialised bytes; PostgreSQL takes json and text."""
    kind = stored_type(written).lower()
    if kind == "bytes" or written.startswith("<") or kind.endswith("blob"):
        return True
    return MYSQL in backends and bool(re.fullmatch(r"json|(tiny|medium|long)?text", kind))


@lru_cache(maxsize=4096)
def mysql_key_bytes(written: str) -> int:
    """How many bytes an attribute of that type takes in a key of MySQL; 0 where that is not known.

    Examples
    --------
    >>> [mysql_key_bytes(kind) for kind in ("varchar(20)", "int32", "uuid", "datetime(3)", "decimal(12,3)")]
    [80, 4, 16, 7, 6]
    """
    kind = core_type(written, MYSQL) or written
    numbers = [int(number) for number in re.findall(r"\d+", kind.partition("(")[2])]
    match kind.partition("(")[0].strip(), numbers:
        case "char" | "varchar", [length]:
            return length * 4
        case "decimal", [digits, scale]:
            return sum(number // 9 * 4 + (number % 9 + 1) // 2 for number in (digits - scale, scale))
        case "datetime", [precision]:
            return 5 + (precision + 1) // 2
        case "enum", _:
            return 1 if kind.count("'") < 512 else 2
        case name, []:
            return MYSQL_BYTES.get(name, 0)
    return 0
