"""DJP2xx: the types of attributes: what DataJoint and the database accept, codecs, stores."""

import re
from collections.abc import Iterator, Sequence

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.findings import Edit
from djproject.pipeline.definition import Attribute, read_codec
from djproject.pipeline.model import Table
from djproject.pipeline.types import (
    SERVERS,
    STORE_ONLY_CODECS,
    Kind,
    core_type,
    refused_parameters,
    type_facts,
)

ADD_STORE = "djproject stores add main --protocol file --location DIRECTORY"


@rule
def stores_are_configured(examined: Examined) -> Iterator[Found]:
    """DJP209 error: The store that an attribute names is configured.

    What it does: compares the names after `@` in types such as `<blob@main>` with the stores of
    `[tool.datajoint.stores]` and of the targets.

    Why it matters: DataJoint declares the table anyway, and the first insert fails.

    Example:
        raw_data : <object@raw>

    Use instead: name a store that exists, or run `djproject stores add raw …`.

    Source: datajoint/settings.py, Config.get_store_spec.
    """
    stores = {*examined.project.datajoint.stores, *examined.broken_stores}
    targets = (*examined.project.targets.values(), *examined.project.managed.values())
    stores |= {name for target in targets for name in target.stores}
    for table, attribute in examined.attributes_where(lambda kind: _store(kind) not in {None, "", *stores}):
        codec = read_codec(attribute.type)
        if codec:
            known = f"Stores: {', '.join(sorted(stores))}; or " if stores else ""
            yield Found(
                examined.of_type(table, attribute),
                f"The store {codec.store!r} of {table.name}.{attribute.name} is not configured.",
                f"{known}djproject stores add {codec.store} --protocol file --location DIRECTORY",
            )


@rule
def types_are_known(examined: Examined) -> Iterator[Found]:
    """DJP211 error: Every attribute has a type that DataJoint 2.3 knows.

    What it does: compares the type with DataJoint's core types, native types and codecs. (DJP212 finds types of older
    versions.)

    Why it matters: DataJoint refuses to declare the table.

    Example:
        count : uint8

    Use instead:
        count : int16

    Source: datajoint/declare.py, TYPE_PATTERN.
    """
    for table, attribute in examined.attributes_where(lambda kind: type_facts(kind).kind is Kind.UNKNOWN):
        yield Found(
            examined.of_type(table, attribute),
            f"DataJoint has no type {attribute.type!r} ({table.name}.{attribute.name}).",
            "Core types: int8 … int64, float32, float64, bool, char(n), varchar(n), enum(…), decimal(m,n), date, "
            "datetime, uuid, json, bytes.",
        )


@rule
def types_are_those_of_datajoint_2(examined: Examined) -> Iterator[Found]:
    """DJP212 error, fix: No attribute has a type of an older DataJoint, or a core type with capitals or extra spaces.

    What it does: finds `object@main`, `blob@main`, `attach`, `filepath@x`, `external-x`, `boolean`, `binary(16)`, and
    core types that DataJoint recognises but cannot translate (`INT32`, `varchar (8)`, `jsonb`).

    Why it matters: DataJoint 2.3 refuses to declare the table.

    Example:
        raw_data : object@main

    Use instead:
        raw_data : <object@main>

    Source: datajoint/declare.py, TYPE_PATTERN; datajoint/adapters, core_type_to_sql.
    """
    for table, attribute in examined.attributes_where(lambda kind: type_facts(kind).kind in {Kind.OLD, Kind.MISSPELT}):
        better = _with_store(examined, type_facts(attribute.type).replacement)
        yield Found(
            examined.of_type(table, attribute),
            f"The type {attribute.type!r} of {table.name}.{attribute.name} is written {better} in DataJoint 2.",
            f"Write {better}.",
            () if "@STORE>" in better else _replaced(examined, table, attribute, better),
        )


@rule
def types_are_core_types(examined: Examined) -> Iterator[Found]:
    """DJP213 warning, fix: Attributes have core types, not native types of one database server.

    What it does: finds native types such as `int`, `float`, `text` and `timestamp`. The fix replaces a native type if a
    core type declares the same column on every configured server.

    Why it matters: DataJoint passes native types to the server unchanged, so the pipeline depends on one kind of
    server. DataJoint warns each time it declares the table.

    Example:
        session_id : int

    Use instead:
        session_id : int32

    Source: datajoint/declare.py, CORE_TYPES.
    """
    for table, attribute in examined.attributes_where(lambda kind: _is_native(kind, examined.backends)):
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
    """DJP214 error: The project's database servers accept every type.

    What it does: compares native types, and the parameters of core types, with those that PostgreSQL and MySQL accept.
    The servers are those of `[tool.datajoint]` and of the targets. PostgreSQL also counts if the target is the embedded
    database or no server is configured.

    Why it matters: DataJoint passes the type to the server, which reports a syntax error in SQL that you did not write.

    Example:
        count : int unsigned

    Use instead:
        count : int32

    Source: PostgreSQL, Data Types; MySQL, Data Types.
    """
    for backend in examined.backends:
        for table, attribute in examined.attributes_where(lambda kind: _refused(kind, backend) is not None):  # noqa: B023
            reason = _refused(attribute.type, backend)
            message = f"{SERVERS[backend]} refuses the type {attribute.type!r} of {table.name}.{attribute.name}"
            yield Found(
                examined.of_type(table, attribute), f"{message}{': ' if reason else ''}{reason}.", _near(attribute.type)
            )


@rule
def blobs_are_serialised(examined: Examined) -> Iterator[Found]:
    """DJP215 error: No attribute is a bare `tinyblob`, `blob`, `mediumblob` or `longblob`.

    What it does: finds these four types. With `--unsafe-fixes`, `--fix` replaces them with `<blob>`, which is what they
    meant in DataJoint 0.14.

    Why it matters: DataJoint 2 stores raw bytes in these columns and does not serialise values. An array is silently
    stored as its printed text, and the data are lost.

    Example:
        trace : longblob

    Use instead:
        trace : <blob>

    Source: datajoint/declare.py, compile_attribute (NATIVE_BLOB).
    """
    for table, attribute in examined.attributes_where(lambda kind: type_facts(kind).kind is Kind.RAW_BLOB):
        where = examined.of_type(table, attribute)
        yield Found(
            where,
            f"{table.name}.{attribute.name} is a bare {attribute.type}: arrays would be stored as text.",
            "Write <blob> for arrays and objects, or bytes where raw bytes are wanted.",
            unsafe=_replaced(examined, table, attribute, "<blob>"),
        )


@rule
def codecs_are_known(examined: Examined) -> Iterator[Found]:
    """DJP216 error: Every codec exists, and has an `@` if it needs a store.

    What it does: looks for the codec among those of DataJoint, those that the package defines (`name = "…"` in a Codec
    class), and those of installed plugins.

    Why it matters: DataJoint refuses to declare the table.

    Example:
        raw_data : <object>

    Use instead:
        raw_data : <object@main>

    Source: datajoint/codecs.py, lookup_codec; datajoint/builtin_codecs.
    """
    for table, attribute in examined.attributes_where(lambda kind: kind.startswith("<")):
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
                f"Write {_with_store(examined, f'<{name}@>')}.",
            )


@rule
def codecs_name_their_store(examined: Examined) -> Iterator[Found]:
    """DJP217 error, fix: A codec with an `@` names its store.

    What it does: finds types such as `<blob@>` and `<filepath@>`, with any codec. The fix writes the name of the
    default store, which is `stores.default` (for `<filepath@>`, `stores.filepath_default` if it is set). Without a
    default, it writes the name of the only store; with several stores, it changes nothing.

    Why it matters: DataJoint 2.3.5 declares the table, but every insert fails: "Storage '' is requested but not
    configured in stores". A setting that made the inserts work would write rows without the name of their store.
    Garbage collection would treat their data as unused, and plain DataJoint could not read them.

    Example:
        trace : <blob@>

    Use instead:
        trace : <blob@main>

    Source: datajoint/codecs.py, parse_type_spec; datajoint/settings.py, Config.get_store_spec; tested with every codec.
    """
    for table, attribute in examined.attributes_where(lambda kind: _store(kind) == ""):
        codec = read_codec(attribute.type)
        if codec is None:
            continue
        store = _default_store(examined, codec.codec)
        yield Found(
            examined.of_type(table, attribute),
            f"The type {attribute.type} of {table.name}.{attribute.name} names no store, so every insert would fail.",
            f"Write <{codec.codec}@{store}>." if store else f"{ADD_STORE}, and write <{codec.codec}@main>",
            _replaced(examined, table, attribute, f"<{codec.codec}@{store}>") if store else (),
        )


def _default_store(examined: Examined, codec: str) -> str:
    """The store that a codec without the name of one would mean; empty where the project does not say."""
    datajoint = examined.project.datajoint
    keys = ("filepath_default", "default") if codec == "filepath" else ("default",)
    stores = tuple(datajoint.stores)
    named = (datajoint.defaults[key] for key in keys if datajoint.defaults.get(key) in stores)
    return next(named, stores[0] if len(stores) == 1 else "")


def _with_store(examined: Examined, text: str) -> str:
    """A type with the default store's name where it names none; `STORE` where there is no default."""
    codec = read_codec(text)
    if codec is None or codec.store != "":
        return text
    return f"<{codec.codec}@{_default_store(examined, codec.codec) or 'STORE'}>"


def _store(kind: str) -> str | None:
    """The store that a type names; "" for the default store, None for no store."""
    codec = read_codec(kind) if "@" in kind else None
    return codec.store if codec else None


def _is_native(kind: str, backends: Sequence[str]) -> bool:
    """Whether a type is native and taken by all servers; what one of them refuses is DJP214."""
    facts = type_facts(kind)
    return facts.kind is Kind.NATIVE and not any(
        backend in facts.refused_by and not core_type(kind, backend) for backend in backends
    )


def _refused(kind: str, backend: str) -> str | None:
    """Why a server refuses a type: a reason, or an empty text where it does not know it; None where it takes it."""
    facts = type_facts(kind)
    if facts.kind not in {Kind.CORE, Kind.NATIVE}:
        return None
    reason = refused_parameters(kind, backend)
    return reason if reason or backend in facts.refused_by else None


def _near(text: str) -> str:
    """What to use instead of a native type that no core type equals."""
    lowered = text.lower()
    for pattern, better in (
        (r".*int.*unsigned.*|.*auto_increment.*|serial", "int32 or int64"),
        (r"double.*|float.*|real.*", "float32 or float64"),
        (r".*int.*", "int8, int16, int32 or int64"),
        (r"(numeric|dec|fixed).*", "decimal(m,n)"),
        (r".*text", "varchar(n)"),
        (r"timestamp.*|time.*|year.*", "datetime, date or int16"),
    ):
        if re.fullmatch(pattern, lowered):
            return f"Write {better}."
    return ""


def _replaced(examined: Examined, table: Table, attribute: Attribute, text: str) -> tuple[Edit, ...]:
    """The edit that replaces a type; none where the type is not in the file as one text."""
    where = examined.of_type(table, attribute)
    return examined.replacement(where, text) if examined.text_at(where) == attribute.type else ()
