"""Whether a type of the source and a column of a server are the same: equal wherever that is not known for sure."""

import re
from functools import lru_cache

from djproject.pipeline.types import MYSQL, stored_type

_BYTES = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "integer": 4, "bigint": 8,
          "int8": 1, "int16": 2, "int32": 4, "int64": 8}  # fmt: skip
_FLOATS = {
    MYSQL: {"float": 4, "float32": 4, "double": 8, "double precision": 8, "real": 8, "float64": 8},
    "postgresql": {"real": 4, "float32": 4, "float": 8, "double precision": 8, "float64": 8},
}
_SPELLINGS = {"character varying": "varchar", "character": "char", "numeric": "decimal", "dec": "decimal",
              "fixed": "decimal", "timestamp without time zone": "timestamp", "time without time zone": "time",
              "jsonb": "json", "boolean": "bool"}  # fmt: skip
# An unsigned column of an older DataJoint → what it is called now. Source: datajoint/migrate.py, NATIVE_TO_CORE_TYPE.
_SUCCESSORS = {"tinyint unsigned": "int16", "smallint unsigned": "int32", "mediumint unsigned": "int32",
               "int unsigned": "int64", "bigint unsigned": "int64", "mediumint": "int32"}  # fmt: skip

Form = tuple[str | int, ...]
_MYSQL_FORMS: dict[str, Form | None] = {
    **{
        name: (name,)
        for name in ("date", "tinyblob", "blob", "mediumblob", "longblob", "tinytext", "text", "mediumtext", "longtext")
    },
    "bool": ("int", 1),
    "uuid": ("binary", 16),
    "bytes": ("longblob",),
    "json": None,  # a long text in MariaDB
}
_POSTGRESQL_FORMS: dict[str, Form | None] = {
    **{name: (name,) for name in ("date", "bool", "uuid", "json", "text", "bytea")},
    "bytes": ("bytea",),
}


def plain_type(text: str) -> str:
    """A type without what does not matter in it: spaces, upper case and the kind of quotes, outside of values.

    Examples
    --------
    >>> plain_type('ENUM( "Left", "right")'), plain_type("decimal(5, 2)"), plain_type("<blob @ main>")
    ("enum('Left','right')", 'decimal(5,2)', '<blob@main>')
    """
    parts = re.split(r"""('[^']*'|"[^"]*")""", text.replace("\\", ""))
    plain = [f"'{part[1:-1]}'" if number % 2 else "".join(part.lower().split()) for number, part in enumerate(parts)]
    return "".join(plain)


_CORE_INTEGERS = {1: "int8", 2: "int16", 4: "int32", 8: "int64"}


def core_type(column: str, backend: str) -> str:
    """The type of a definition that declares a column like this: a core type where there is one, else the server's own.

    Examples
    --------
    >>> core_type("int unsigned", "mysql"), core_type("character varying(20)", "postgresql"), core_type("year", "mysql")
    ('int64', 'varchar(20)', 'year')
    """
    bare = re.sub(r"\s*\(\d+\)", "", column.lower())
    if backend == MYSQL and bare in _SUCCESSORS:
        return _SUCCESSORS[bare]
    match column_form(column, backend):
        case ("int", int(size)):
            return "bool" if column.lower() == "tinyint(1)" else _CORE_INTEGERS.get(size, column)
        case ("float", int(size)):
            return f"float{8 * size}"
        case ("decimal", int(digits), int(scale)):
            return f"decimal({digits},{scale})"
        case ("char" | "varchar" as name, int(size)):
            return f"{name}({size})"
        case ("datetime", *numbers):
            plain = "datetime" if backend == MYSQL else "timestamp"
            return f"datetime({numbers[0]})" if numbers else plain
        case ("date" | "bool" | "uuid" | "json" as name, *_):
            return str(name)
        case ("longblob" | "bytea",):
            return "bytes"
    return column.removesuffix(" without time zone")


def is_codec(text: str) -> bool:
    """Whether a type is a codec: `<blob>`, `<object@main>`."""
    return text.strip().startswith("<")


@lru_cache(maxsize=4096)
def is_same_column(source: str, column: str, backend: str) -> bool:
    """Whether a type of the source declares a column of this type; also where that is not known.

    Parameters
    ----------
    source
        As in a definition.
    column
        The server's word.
    backend
        `mysql` or `postgresql`.

    Examples
    --------
    >>> is_same_column("int32", "int(11)", "mysql"), is_same_column("int32", "bigint", "postgresql")
    (True, False)
    """
    mine = column_form(source, backend)
    theirs = column_form(column, backend)
    if mine is None or theirs is None or mine == theirs:
        return True
    bare = re.sub(r"\s*\(\d+\)", "", column.lower())
    return backend == MYSQL and _SUCCESSORS.get(bare) == source.lower()


@lru_cache(maxsize=4096)
def is_same_kind(source: str, column: str, backend: str) -> bool:
    """Whether a foreign key to an attribute of a type declares a column like this; also where that is not known.

    DataJoint copies the type of the parent's attribute, on PostgreSQL without its length, precision and scale.

    Examples
    --------
    >>> is_same_kind("varchar(8)", "character varying", "postgresql"), is_same_kind("int32", "bigint", "postgresql")
    (True, False)
    """
    mine, theirs = column_form(source, backend), column_form(column, backend)
    if mine is None or theirs is None or backend == MYSQL or {mine[0], theirs[0]} <= {"int", "float", "enum"}:
        return is_same_column(source, column, backend)
    return mine[0] == theirs[0]


def column_form(text: str, backend: str) -> Form | None:
    """A type in a form that is the same for all spellings of one column; None where it is not known."""
    text = stored_type(text)
    lowered = text.strip().lower()
    match = re.fullmatch(r"([a-z]\w*(?: [a-z]\w*)*?)\s*(?:\((.*)\))?((?: [a-z_]+)*)", lowered, re.DOTALL)
    if match is None:
        return None
    name, inside, after = match[1].strip(), match[2], match[3].split()
    numbers = tuple(int(number) for number in re.findall(r"\d+", inside or ""))
    if after and after[0] in ("without", "with", "precision", "varying"):  # timestamp(3) without time zone
        name, after = f"{name} {' '.join(after)}", []
    name = _SPELLINGS.get(name, name)
    if name in _BYTES:
        size = _BYTES[name] if backend == MYSQL else max(_BYTES[name], 2)
        return ("int", size, *(word for word in after if word == "unsigned"))
    if name in _FLOATS[backend]:
        return None if numbers else ("float", _FLOATS[backend][name])
    return _other_form(name, numbers, text, backend)


def _other_form(name: str, numbers: tuple[int, ...], text: str, backend: str) -> Form | None:
    known = _MYSQL_FORMS if backend == MYSQL else _POSTGRESQL_FORMS
    match name:
        case _ if name in known:
            return known[name]
        case "decimal" if numbers:
            return (name, numbers[0], numbers[1] if len(numbers) > 1 else 0)
        case "char" | "varchar" | "binary" | "varbinary" if numbers:
            return (name, *numbers)
        case "datetime" | "timestamp":
            if backend == MYSQL:
                return (name, *(number for number in numbers if number))
            return ("datetime", *(min(number, 6) for number in numbers))
        case "enum":
            return ("enum", *re.findall(r"'((?:[^']|'')*)'", plain_type(text)))
    return None
