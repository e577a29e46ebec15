"""DJP2xx: the attributes of a definition: names, types, codecs, stores, defaults and keys."""

import re
from collections.abc import Iterator

from djproject.checks.defaults import refused_default
from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.pipeline.definition import Attribute, Fault, Index, Malformed, read_codec
from djproject.pipeline.source import Table
from djproject.pipeline.types import (
    MYSQL,
    STORE_ONLY_CODECS,
    Kind,
    core_type,
    refused_parameters,
    stored_type,
    type_facts,
)
from djproject.project.names import SCHEMA_BYTES

SERVERS = {"postgresql": "PostgreSQL", "mysql": "MySQL"}


@rule
def stores_are_configured(examined: Examined) -> Iterator[Found]:
    """DJP209 error: The store that an attribute names is configured.

    What it does: compares the names after `@` in types such as `<blob@main>` with `[tool.datajoint.stores]` and the
    stores of targets.

    Why it matters: DataJoint declares the table all the same and fails at the first insert.

    Example:
        raw_data : <object@raw>

    Use instead: a store that exists, or `djproject stores add raw …`.

    Source: datajoint/settings.py, Config.get_store_spec.
    """
    stores = set(examined.project.datajoint.stores)
    stores |= {name for target in examined.project.targets.values() for name in target.stores}
    for table, attribute in _attributes(examined):
        codec = read_codec(attribute.type) if "@" in attribute.type else None
        if codec and codec.store and codec.store not in stores:
            known = f"Stores: {', '.join(sorted(stores))}; or " if stores else ""
            yield Found(
                examined.of_type(table, attribute),
                f"The store {codec.store!r} of {table.name}.{attribute.name} is not configured.",
                f"{known}djproject stores add {codec.store} --protocol file --location DIRECTORY",
            )


@rule
def types_are_known(examined: Examined) -> Iterator[Found]:
    """DJP211 error: Every attribute has a type that DataJoint 2.3 knows.

    What it does: compares the type with DataJoint's core types, native types and codecs. Types of older versions are
    DJP212.

    Why it matters: DataJoint refuses the table when it is declared.

    Example:
        count : uint8

    Use instead:
        count : int16

    Source: datajoint/declare.py, TYPE_PATTERN.
    """
    for table, attribute in _attributes(examined):
        if type_facts(attribute.type).kind is Kind.UNKNOWN:
            yield Found(
                examined.of_type(table, attribute),
                f"DataJoint has no type {attribute.type!r} ({table.name}.{attribute.name}).",
                "Core types: int8 … int64, float32, float64, bool, char(n), varchar(n), enum(…), decimal(m,n), date, "
                "datetime, uuid, json, bytes.",
            )


@rule
def types_are_those_of_datajoint_2(examined: Examined) -> Iterator[Found]:
    """DJP212 error, fix: No attribute has a type of an older DataJoint, or one in capitals or with a space.

    What it does: finds `object@main`, `blob@main`, `attach`, `filepath@x`, `external-x`, `boolean`, `binary(16)`, and
    core types that DataJoint recognises but cannot translate (`INT32`, `varchar (8)`, `jsonb`).

    Why it matters: DataJoint 2.3 refuses the table when it is declared.

    Example:
        raw_data : object@main

    Use instead:
        raw_data : <object@main>

    Source: datajoint/declare.py, TYPE_PATTERN; datajoint/adapters, core_type_to_sql.
    """
    for table, attribute in _attributes(examined):
        facts = type_facts(attribute.type)
        if facts.kind in {Kind.OLD, Kind.MISSPELT}:
            where = examined.of_type(table, attribute)
            yield Found(
                where,
                f"The type {attribute.type!r} of {table.name}.{attribute.name} is written {facts.replacement} in "
                "DataJoint 2.",
                f"Write {facts.replacement}.",
                _replaced(examined, table, attribute, facts.replacement),
            )


@rule
def types_are_core_types(examined: Examined) -> Iterator[Found]:
    """DJP213 warning, fix: Attributes have core types, not native types of one database server.

    What it does: finds native types such as `int`, `float`, `text`, `timestamp`. It replaces those that are the same
    column under a core type's name on every configured server.

    Why it matters: native types reach the server as they are, so the pipeline depends on one server; DataJoint warns at
    every declaration.

    Example:
        session_id : int

    Use instead:
        session_id : int32

    Source: datajoint/declare.py, CORE_TYPES.
    """
    for table, attribute in _attributes(examined):
        if type_facts(attribute.type).kind is not Kind.NATIVE:
            continue
        choices = {core_type(attribute.type, backend) for backend in examined.backends}
        better = choices.pop() if len(choices) == 1 else ""
        yield Found(
            examined.of_type(table, attribute),
            f"{table.name}.{attribute.name} has the native type {attribute.type!r}.",
            f"Write {better}." if better else _near(attribute.type),
            _replaced(examined, table, attribute, better) if better else (),
        )


@rule
def types_are_valid_on_the_database(examined: Examined) -> Iterator[Found]:
    """DJP214 error: The database servers of the project accept every type.

    What it does: compares native types, and the numbers of core types, with what PostgreSQL and MySQL accept. The
    servers are those of `[tool.datajoint]`, of the targets, and PostgreSQL where the target is the embedded database.

    Why it matters: DataJoint passes the type on and the server answers with a syntax error in SQL nobody wrote.

    Example:
        count : int unsigned

    Use instead:
        count : int32

    Source: PostgreSQL, Data Types; MySQL, Data Types.
    """
    for table, attribute in _attributes(examined):
        facts = type_facts(attribute.type)
        if facts.kind not in {Kind.CORE, Kind.NATIVE, Kind.RAW_BLOB}:
            continue
        for backend in examined.backends:
            reason = refused_parameters(attribute.type, backend) if facts.kind is Kind.CORE else ""
            if backend in facts.refused_by or reason:
                message = f"{SERVERS[backend]} refuses the type {attribute.type!r} of {table.name}.{attribute.name}"
                yield Found(
                    examined.of_type(table, attribute),
                    f"{message}{': ' if reason else ''}{reason}.",
                    _near(attribute.type),
                )


@rule
def blobs_are_serialised(examined: Examined) -> Iterator[Found]:
    """DJP215 error: No attribute is a bare `blob` or `longblob`.

    What it does: finds `blob`, `tinyblob`, `mediumblob` and `longblob` as types.

    Why it matters: DataJoint 2 stores raw bytes in them and serialises nothing: an array is silently kept as the text
    of its representation, and the data are lost.

    Example:
        trace : longblob

    Use instead:
        trace : <blob>

    Source: datajoint/declare.py, compile_attribute (NATIVE_BLOB).
    """
    for table, attribute in _attributes(examined):
        if type_facts(attribute.type).kind is Kind.RAW_BLOB:
            yield Found(
                examined.of_type(table, attribute),
                f"{table.name}.{attribute.name} is a bare {attribute.type}: arrays would be stored as text.",
                "Write <blob> for arrays and objects, or bytes where raw bytes are meant.",
            )


@rule
def codecs_are_known(examined: Examined) -> Iterator[Found]:
    """DJP216 error: Every codec exists, and has an `@` where it needs a store.

    What it does: looks for the codec among DataJoint's own, those the package defines (`name = "…"` in a Codec class),
    and those of installed plugins.

    Why it matters: DataJoint refuses the table when it is declared.

    Example:
        raw_data : <object>

    Use instead:
        raw_data : <object@main>

    Source: datajoint/codecs.py, lookup_codec; datajoint/builtin_codecs.
    """
    for table, attribute in _attributes(examined):
        if not attribute.type.startswith("<"):
            continue
        codec = read_codec(attribute.type)
        name = codec.codec if codec else attribute.type
        if codec is None or (name not in examined.own_codecs and name not in examined.installed_codecs):
            yield Found(
                examined.of_type(table, attribute),
                f"There is no codec called {name!r} ({table.name}.{attribute.name}).",
                f"DataJoint's own: {', '.join(sorted(examined.own_codecs))}. Others are installed as plugins.",
            )
        elif name in STORE_ONLY_CODECS and codec.store is None:
            yield Found(
                examined.of_type(table, attribute),
                f"The codec <{name}> of {table.name}.{attribute.name} keeps its data in a store and has no '@'.",
                f"Write <{name}@> for the default store, or <{name}@STORE>.",
            )


@rule
def the_default_store_is_set(examined: Examined) -> Iterator[Found]:
    """DJP217 error: There is a default store where an attribute relies on one.

    What it does: finds types such as `<blob@>` in a project without `stores.default` (for `<filepath@>`:
    `stores.filepath_default`).

    Why it matters: DataJoint fails at the first insert: "stores.default is not configured".

    Example:
        trace : <blob@>

    Use instead: `djproject stores default main`, or the store's name after the `@`.

    Source: datajoint/settings.py, Config.get_store_spec.
    """
    defaults = examined.project.datajoint.defaults
    for table, attribute in _attributes(examined):
        codec = read_codec(attribute.type) if "@" in attribute.type else None
        if codec is None or codec.store != "":
            continue
        key = "filepath_default" if codec.codec == "filepath" else "default"
        if key not in defaults and not (key == "filepath_default" and "default" in defaults):
            yield Found(
                examined.of_type(table, attribute),
                f"{table.name}.{attribute.name} relies on the default store, and stores.{key} is not set.",
                "djproject stores default NAME",
            )


@rule
def tables_have_a_primary_key(examined: Examined) -> Iterator[Found]:
    """DJP222 warning: Every table has a primary key.

    What it does: finds definitions with nothing above the `---`.

    Why it matters: DataJoint makes such a table a singleton that holds at most one row; a forgotten primary key is
    legal and shows at the second insert.

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
                f"{table.name} has no primary key, so it holds one row at most.",
                "Write the attributes that identify a row above the ---.",
            )


@rule
def attributes_are_declared_once(examined: Examined) -> Iterator[Found]:
    """DJP223 error: No attribute is declared twice.

    What it does: looks for attribute lines that repeat a name of the definition or of a foreign key's attributes.

    Why it matters: DataJoint silently drops the second one, with its type and comment.

    Example:
        -> subject.Subject
        subject_id : int32

    Use instead: the foreign key alone, which brings the attribute.

    Source: datajoint/declare.py, prepare_declare.
    """
    for table in examined.tables:
        if table.definition is None:
            continue
        for line, name, first in examined.headings.of(table).doubled:
            yield Found(
                examined.in_definition(table, line, name),
                f"{table.name} declares the attribute {name!r} again; line {first} of the definition has it.",
                "Remove one of the two, or rename it: -> Parent.proj(other='" + name + "')",
            )


@rule
def attribute_names_are_allowed(examined: Examined) -> Iterator[Found]:
    """DJP224 error: Attribute names are lower-case letters, digits and underscores, and begin with a letter.

    What it does: finds capitals, other characters, leading underscores, and names longer than the database keeps.

    Why it matters: DataJoint refuses such a name when the table is declared; PostgreSQL cuts names after 63 bytes.

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
    """DJP225 error: Nothing in a primary key is nullable.

    What it does: finds `= null` and `[nullable]` above the `---`.

    Why it matters: DataJoint refuses the table when it is declared.

    Example:
        session_id = null : int32
        ---

    Use instead: the attribute below the `---`, or without the default.

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
    """DJP230 error: A default is a value of its attribute's type.

    What it does: compares literal defaults with numbers, lengths, dates and enum values; a blob, a store attribute and
    json have no default but null. What is no literal is left to the server.

    Why it matters: the server refuses the table, or every row that relies on the default.

    Example:
        side = "up" : enum('left', 'right')

    Use instead:
        side = "left" : enum('left', 'right')

    Source: datajoint/declare.py, compile_attribute; the servers' rules for DEFAULT.
    """
    for table, attribute in _attributes(examined):
        if attribute.default is None or attribute.nullable or attribute.default == "":
            continue
        reason = refused_default(attribute, examined.backends)
        if reason:
            where = examined.in_definition(table, attribute.line, attribute.default)
            yield Found(where, f"The default of {table.name}.{attribute.name} {reason}.")


@rule
def keys_can_be_indexed(examined: Examined) -> Iterator[Found]:
    """DJP231 error: Attributes of primary keys and indexes have types that a database can index.

    What it does: finds blobs, json, text and codec types above the `---` and in `index(…)`, and strings too long for
    MySQL's keys (3072 bytes in all, four bytes a character).

    Why it matters: the server refuses the table; where it does not, rows are compared by their serialised bytes.

    Example:
        image : <blob>
        ---

    Use instead: a short identifier in the primary key, the data below the `---`.

    Source: MySQL, Column Indexes; PostgreSQL, Unique Indexes; tried on both servers.
    """
    for table in examined.tables:
        if table.definition is None:
            continue
        indexed = {name for line in table.definition.lines if type(line) is Index for name in line.attributes}
        length = 0
        for attribute in table.definition.attributes:
            if not (attribute.primary or attribute.name in indexed):
                continue
            kind = stored_type(attribute.type).lower()
            if kind in {"bytes", "json"} or re.fullmatch(r"(tiny|medium|long)?(text|blob)", kind):
                where = examined.of_type(table, attribute)
                yield Found(
                    where, f"{table.name}.{attribute.name} is in a key and its type {attribute.type} is not for keys."
                )
            elif attribute.primary and (match := re.fullmatch(r"(?:var)?char\((\d+)\)", kind)):
                length += int(match[1]) * 4
                if length > 3072 and MYSQL in examined.backends:
                    where = examined.of_type(table, attribute)
                    yield Found(where, f"The primary key of {table.name} is {length} bytes long; MySQL takes 3072.")


@rule
def indexes_name_attributes(examined: Examined) -> Iterator[Found]:
    """DJP232 error: An index names attributes of its table.

    What it does: compares the names in `index(…)` with the table's attributes, those of foreign keys too.

    Why it matters: the server refuses the table when it is declared.

    Example:
        subject_name : varchar(100)
        index(name)

    Use instead:
        index(subject_name)

    Source: datajoint/declare.py, compile_index.
    """
    for table in examined.tables:
        if table.definition is None:
            continue
        for line in table.definition.lines:
            if type(line) is Index and examined.headings.of(table).complete:
                for name in line.attributes:
                    if name not in examined.headings.of(table).names:
                        where = examined.in_definition(table, line.line, name)
                        yield Found(
                            where, f"The index of {table.name} names {name!r}, which is not an attribute of it."
                        )


@rule
def comments_do_not_begin_with_a_colon(examined: Examined) -> Iterator[Found]:
    """DJP233 error: No comment of an attribute begins with a colon.

    What it does: looks at the text after `#`.

    Why it matters: DataJoint keeps types in comments that begin with a colon, and refuses the user's.

    Example:
        rate : float64  # : in Hz

    Use instead:
        rate : float64  # in Hz

    Source: datajoint/declare.py, compile_attribute.
    """
    for table, attribute in _attributes(examined):
        if attribute.comment[:1] == ":":
            where = examined.in_definition(table, attribute.line, "#")
            yield Found(where, f"The comment of {table.name}.{attribute.name} begins with a colon.")


def _attributes(examined: Examined) -> Iterator[tuple[Table, Attribute]]:
    for table in examined.tables:
        if table.definition is not None:
            for attribute in table.definition.attributes:
                yield table, attribute


def _near(text: str) -> str:
    """What to use instead of a native type that no core type equals."""
    lowered = text.lower()
    for pattern, better in (
        (r".*unsigned.*|.*auto_increment.*|serial", "int32 or int64"),
        (r"double.*|float.*|real.*", "float32 or float64"),
        (r".*int.*", "int8, int16, int32 or int64"),
        (r"(numeric|dec|fixed).*", "decimal(m,n)"),
        (r".*text", "varchar(n)"),
        (r"timestamp.*|time.*|year.*", "datetime, date or int16"),
    ):
        if re.fullmatch(pattern, lowered):
            return f"Write {better}."
    return ""


def _replaced(examined: Examined, table: Table, attribute: Attribute, text: str) -> tuple:  # type: ignore[type-arg]
    where = examined.of_type(table, attribute)
    if where.end_column - where.column != len(attribute.type):
        return ()
    line = examined.lines(table.text_path)[where.line - 1]
    if line[where.column - 1 : where.end_column - 1] != attribute.type:
        return ()
    return examined.replacement(where, text)
