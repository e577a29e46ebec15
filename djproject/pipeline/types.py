"""What an attribute's type is to DataJoint 2.3 and to the two database servers.

Source: datajoint/declare.py (CORE_TYPES, TYPE_PATTERN), datajoint/adapters (core_type_to_sql), 2.3.5; what the servers
accept was tried on PostgreSQL 18 and MySQL 8.4.
"""

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from djproject.pipeline.definition import read_codec

POSTGRESQL, MYSQL = "postgresql", "mysql"
BACKENDS = (POSTGRESQL, MYSQL)
SERVERS = {POSTGRESQL: "PostgreSQL", MYSQL: "MySQL"}
BUILT_IN_CODECS = frozenset({"blob", "attach", "hash", "object", "npy", "filepath"})
STORE_ONLY_CODECS = frozenset({"hash", "object", "npy", "filepath"})
SIMPLE_CORE = frozenset(
    ["int8", "int16", "int32", "int64", "float32", "float64", "bool", "uuid", "json", "bytes", "date", "datetime"],
)
_CORE = re.compile(r"(?:datetime\s*\(\d+\)|char\(\d+\)|varchar\(\d+\)|decimal\(\d+\s*,\s*\d+\)|enum\(.+\))")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_NATIVE = (
    r"(?:(?:tiny|small|medium|big|)int|integer)(?:\s*\(.+\))?(?:\s+unsigned)?(?:\s+auto_increment)?|serial",
    r"(?:decimal|numeric|dec|fixed)(?:\s*\(.+\))?(?:\s+unsigned)?(?:\s+zerofill)?",
    r"(?:double|float|real)(?:\s*\(.+\))?(?:\s+unsigned)?",
    r"(?:var)?char\s*\(.+\)",
    r"(?:time|timestamp|year)(?:\s*\(.+\))?",
    r"(?:tiny|small|medium|long)?blob",
    r"(?:tiny|small|medium|long)?text",
)
_NATIVE_TYPE = re.compile("|".join(f"(?:{pattern})" for pattern in _NATIVE), re.IGNORECASE)
_CORE_LOOSELY = re.compile(
    r"(?:int8|int16|int32|int64|float32|float64|bool|uuid|jsonb?|bytes|date|datetime(?:\s*\(\d+\))?"
    r"|(?:var)?char\s*\(\d+\)|enum\s*\(.+\)|decimal\s*\(\d+\s*,\s*\d+\))",
    re.IGNORECASE,
)
# Native types of which PostgreSQL knows nothing, and those MySQL refuses in a column that may not be null.
_NOT_POSTGRESQL = re.compile(
    r"(?:tiny|medium)int.*|.*\bunsigned.*|.*\bauto_increment.*|.*\bzerofill.*|double.*|fixed.*|year.*"
    r"|(?:tiny|small|medium|long)?blob|(?:tiny|small|medium|long)text|(?:small|big|)int(?:eger)?\s*\(.*|real\s*\(.*"
    r"|float\s*\(\s*\d+\s*,.*",
    re.IGNORECASE,
)
_NOT_MYSQL = re.compile(r"small(?:text|blob)|.*\bauto_increment.*", re.IGNORECASE)
_INTEGERS = {"tinyint": "int8", "smallint": "int16", "int": "int32", "integer": "int32", "bigint": "int64"}
# A native type → the core type that is the same column on that server; float and real differ between the two.
_SAME_COLUMN = {
    MYSQL: _INTEGERS | {"double": "float64", "float": "float32", "real": "float64"},
    POSTGRESQL: _INTEGERS | {"float": "float64", "real": "float32"},
}
# Types that older DataJoint versions had → how they are written now.
_OLD = {"boolean": "bool", "attach": "<attach>", "jsonb": "json", "binary(16)": "uuid"}


class Kind(StrEnum):
    """Where a type comes from."""

    CORE = "core"
    NATIVE = "native"
    RAW_BLOB = "raw blob"
    CODEC = "codec"
    OLD = "old"
    MISSPELT = "misspelt"
    UNKNOWN = "unknown"


class TypeFacts(NamedTuple):
    """One attribute type.

    Attributes
    ----------
    kind
        Core and codec types are portable; native ones are passed to the server as they are; raw blobs hold bytes that
        nothing serialises; old ones were another DataJoint's; misspelt ones differ from a core type in case or space.
    replacement
        The type to use instead, where one means the same; else empty.
    refused_by
        The backends that refuse it.
    """

    kind: Kind
    replacement: str = ""
    refused_by: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def type_facts(text: str) -> TypeFacts:
    """What DataJoint makes of a type.

    Examples
    --------
    >>> type_facts("int32").kind, type_facts("int").kind, type_facts("object@main").replacement
    (<Kind.CORE: 'core'>, <Kind.NATIVE: 'native'>, '<object@main>')
    >>> type_facts("int unsigned").refused_by
    ('postgresql',)
    """
    if text in SIMPLE_CORE or _CORE.fullmatch(text):
        return TypeFacts(Kind.CORE)
    if text.startswith("<"):
        return TypeFacts(Kind.CODEC)
    if _CORE_LOOSELY.fullmatch(text):
        return TypeFacts(Kind.MISSPELT, _spelt_right(text), BACKENDS)
    if _NATIVE_TYPE.fullmatch(text):
        return _native(text)
    return _old(text)


@lru_cache(maxsize=4096)
def core_type(native: str, backend: str) -> str:
    """The core type that declares the same column as a native type; empty where there is none.

    Examples
    --------
    >>> core_type("int(11)", "mysql"), core_type("float", "mysql"), core_type("float", "postgresql")
    ('int32', 'float32', 'float64')
    >>> core_type("float(5)", "postgresql")  # its precision decides which one it is
    ''
    """
    return _SAME_COLUMN[backend].get(re.sub(r"(int|integer)\s*\(\d+\)", r"\1", native.lower()), "")


@lru_cache(maxsize=4096)
def refused_parameters(text: str, backend: str) -> str:
    """Why a server refuses the numbers of a core type; empty where it does not.

    Examples
    --------
    >>> refused_parameters("datetime(9)", "mysql"), refused_parameters("varchar(80)", "mysql")
    ('the precision is at most 6', '')
    """
    numbers = [int(number) for number in re.findall(r"\d+", text)] if not text.startswith("enum") else []
    match text.partition("(")[0].strip(), numbers:
        case "datetime", [precision] if precision > 6 and backend == MYSQL:
            return "the precision is at most 6"
        case "varchar" | "char", [0] if backend == POSTGRESQL:
            return "PostgreSQL needs a length of at least 1"
        case "char", [length] if length > 255 and backend == MYSQL:
            return "MySQL's char has at most 255 characters"
        case "varchar", [length] if length > 16383 and backend == MYSQL:
            return "MySQL's varchar has at most 16383 characters"
        case "varchar" | "char", [length] if length > 10485760:
            return "PostgreSQL's strings with a length have at most 10485760 characters"
        case "decimal", [digits, scale]:
            return _refused_decimal(digits, scale, backend)
    return _refused_enum(text, backend) if text.startswith("enum(") else ""


def enum_values(text: str) -> tuple[str, ...]:
    """The values of an `enum(…)`, without their quotes.

    Examples
    --------
    >>> enum_values("enum('left, right', 'it''s')")
    ('left, right', "it's")
    """
    inside = text.partition("(")[2].rpartition(")")[0]
    return tuple(
        match[0][1:-1].replace(match[0][0] * 2, match[0][0]).replace("%%", "%") for match in _QUOTED.finditer(inside)
    )


@lru_cache(maxsize=4096)
def stored_type(text: str) -> str:
    """The core type that a codec of DataJoint's own keeps in the table; the text itself where it is not a codec."""
    codec = read_codec(text)
    if codec is None:
        return text
    if codec.store is not None or codec.codec in STORE_ONLY_CODECS:
        return "json"
    return "bytes"


def _refused_decimal(digits: int, scale: int, backend: str) -> str:
    most = (65, 30) if backend == MYSQL else (1000, 1000)
    if digits < 1 and backend == POSTGRESQL:
        return "a decimal has at least 1 digit"
    if digits > most[0] or scale > most[1]:
        return f"a decimal has at most {most[0]} digits, {most[1]} of them after the point"
    return "it has more digits after the point than it has digits" if scale > digits else ""


def _refused_enum(text: str, backend: str) -> str:
    inside = text[len("enum(") : -1]
    if not re.fullmatch(rf"\s*(?:{_QUOTED.pattern})\s*(?:,\s*(?:{_QUOTED.pattern})\s*)*", inside):
        return "its values are written in single quotes, with commas between them"
    values = enum_values(text)
    if backend == MYSQL and '"' in inside:
        return "MySQL takes no double quote in an enum: DataJoint puts the type into a text between them"
    if backend == MYSQL and "\\" in inside:
        return "MySQL reads the backslash in a value as an escape, and keeps another value"
    if backend == POSTGRESQL and any("," in value for value in values):
        return "DataJoint splits the value at its comma on PostgreSQL, and keeps two others"
    if len({_as_compared(value, backend) for value in values}) != len(values):
        return "two values are equal" + (" to MySQL, which ignores case, accents and final spaces" * (backend == MYSQL))
    return "a value is longer than 63 bytes" if any(len(value.encode()) > 63 for value in values) else ""


def _as_compared(value: str, backend: str) -> str:
    """An enum's value in a form that is the same where the server takes two values for one."""
    if backend != MYSQL:
        return value
    letters = unicodedata.normalize("NFKD", value.casefold().rstrip(" "))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _spelt_right(text: str) -> str:
    name, parenthesis, rest = text.partition("(")
    name = name.strip().lower()
    return {"jsonb": "json"}.get(name, name) + parenthesis + rest


def _native(text: str) -> TypeFacts:
    lowered = text.lower()
    if lowered.endswith("blob"):
        refused = tuple(b for b, known in ((POSTGRESQL, False), (MYSQL, lowered != "smallblob")) if not known)
        return TypeFacts(Kind.RAW_BLOB, "", refused)
    refused = tuple(
        backend
        for backend, pattern in ((POSTGRESQL, _NOT_POSTGRESQL), (MYSQL, _NOT_MYSQL))
        if pattern.fullmatch(lowered)
    )
    if re.match(r"(var)?char", lowered):
        return TypeFacts(Kind.UNKNOWN, "", BACKENDS)
    return TypeFacts(Kind.NATIVE, "", refused)


def _old(text: str) -> TypeFacts:
    lowered = text.lower()
    if lowered in _OLD:
        return TypeFacts(Kind.OLD, _OLD[lowered], BACKENDS)
    if match := re.fullmatch(r"(blob|attach|filepath|object|npy|hash)\s*@\s*(\w*)", lowered):
        return TypeFacts(Kind.OLD, f"<{match[1]}@{match[2]}>", BACKENDS)
    if match := re.fullmatch(r"external(?:-(\w+))?", lowered):
        return TypeFacts(Kind.OLD, f"<blob@{match[1] or ''}>", BACKENDS)
    if match := re.fullmatch(r"(object|filepath|npy)", lowered):
        return TypeFacts(Kind.OLD, f"<{match[1]}@>", BACKENDS)
    return TypeFacts(Kind.UNKNOWN, "", BACKENDS)
