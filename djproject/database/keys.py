"""Primary keys: as exact SQL conditions, as text for people, and as JSON between processes.

DataJoint compares some keys with something else than what is stored (2.3.5): a float32 with the digits that were shown,
a backslash twice on PostgreSQL, a time without quotes. Here every value is a parameter of the query, in a form that
equals the stored one.
"""

import datetime
import decimal
import json
import re
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

AT_ONCE = 200  # keys in one condition


class Kind(StrEnum):
    """How a key attribute is compared and written."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    DECIMAL = "decimal"
    BOOL = "bool"
    UUID = "uuid"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    BYTES = "bytes"
    OTHER = "other"


KINDS = (
    (Kind.FLOAT32, r"float\b|real\b"),
    (Kind.FLOAT64, r"double\b"),
    (Kind.DECIMAL, r"decimal|numeric"),
    (Kind.BOOL, r"bool"),
    (Kind.UUID, r"uuid"),
    (Kind.DATETIME, r"datetime|timestamp"),
    (Kind.DATE, r"date\b"),
    (Kind.TIME, r"time\b"),
    (Kind.BYTES, r"binary|varbinary|bytea"),
)


class Condition(NamedTuple):
    """An SQL condition with its parameters, in their order."""

    sql: str
    args: tuple[object, ...] = ()

    def __and__(self, other: "Condition") -> "Condition":
        """Both hold."""
        return Condition(f"({self.sql}) AND ({other.sql})", (*self.args, *other.args))


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One attribute of a primary key in a database.

    Attributes
    ----------
    name
        Of the attribute.
    quoted
        The same in SQL.
    kind
        How it is compared.
    backend
        `mysql` or `postgresql`.
    """

    name: str
    quoted: str
    kind: Kind
    backend: str

    @property
    def selected(self) -> str:
        """What to select to get the exact value: MySQL shows six digits of a FLOAT."""
        if self.kind is not Kind.FLOAT32:
            return self.quoted
        return f"{self.quoted} + 0e0" if self.backend == "mysql" else f"CAST({self.quoted} AS double precision)"

    def value(self, raw: Any) -> Any:
        """The value as `make` gets it, from a driver's value or from JSON.

        It is such that DataJoint finds the row by it, too, where it can.
        """
        read = READERS.get(self.kind)
        return raw if read is None or raw is None else read(raw)

    def parameter(self, value: Any) -> object:
        """The value as a parameter of a query."""
        exact = self.value(value)
        match self.kind:
            case Kind.UUID:
                return exact.bytes if self.backend == "mysql" else str(exact)
            case Kind.TIME:
                return str(exact)
        return exact


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """The primary key of a table, as SQL."""

    columns: tuple[KeyColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes, in the order of the key."""
        return tuple(column.name for column in self.columns)

    @property
    def quoted(self) -> str:
        """The columns, as in `INSERT INTO t (…)`."""
        return ", ".join(column.quoted for column in self.columns)

    @property
    def selected(self) -> str:
        """What to select to get exact values."""
        return ", ".join(column.selected for column in self.columns)

    def key(self, values: Sequence[Any]) -> dict[str, Any]:
        """The key in the row of a query for `selected`; further columns are left out."""
        return {column.name: column.value(value) for column, value in zip(self.columns, values, strict=False)}

    def read(self, text: str) -> dict[str, Any]:
        """The key that `key_json` wrote."""
        values = json.loads(text)
        return {column.name: column.value(values[column.name]) for column in self.columns}

    def equal(self, key: Mapping[str, Any]) -> Condition:
        """The condition that a row is of this key."""
        same = " AND ".join(f"{column.quoted}=%s" for column in self.columns)
        return Condition(same, tuple(column.parameter(key[column.name]) for column in self.columns))

    def among(self, keys: Sequence[Mapping[str, Any]]) -> Condition:
        """The condition that a row is of one of these keys; of no row where there are none."""
        conditions = [self.equal(key) for key in keys]
        text = " OR ".join(f"({condition.sql})" for condition in conditions) or "1=0"
        return Condition(text, tuple(value for condition in conditions for value in condition.args))


def key_columns(table: Any, names: Sequence[str] | None = None) -> KeyColumns:
    """The primary key of a DataJoint table, or some of its attributes."""
    adapter = table.connection.adapter
    heading = table.heading
    return KeyColumns(
        tuple(
            KeyColumn(name, str(adapter.quote_identifier(name)), _kind(heading[name]), str(adapter.backend))
            for name in (table.primary_key if names is None else names)
        )
    )


def key_json(key: dict[str, Any], *, in_order: bool = False) -> str:
    r"""A key as JSON: sorted by name, so that equal keys give equal texts, or in its own order.

    Examples
    --------
    >>> key_json({"b": datetime.date(2024, 1, 2), "a": b"\x01"})
    '{"a": "01", "b": "2024-01-02"}'
    >>> key_json({"session": 1, "block": 2}, in_order=True)
    '{"session": 1, "block": 2}'
    """
    return json.dumps(
        key, default=lambda value: value.hex() if isinstance(value, bytes) else str(value), sort_keys=not in_order
    )


def key_text(key: dict[str, Any]) -> str:
    r"""A key in one line; a text that would not show as it is, is quoted.

    Examples
    --------
    >>> key_text({"subject_id": 1, "name": "two\nlines", "code": ""})
    "subject_id=1, name='two\\nlines', code=''"
    """
    return ", ".join(f"{name}={_shown(value)}" for name, value in key.items())


def _shown(value: Any) -> str:
    text = str(value)
    if isinstance(value, str) and (not text.isprintable() or text != text.lstrip() or not text):
        return repr(value)
    return text


def _kind(attribute: Any) -> Kind:
    if attribute.uuid:
        return Kind.UUID
    declared = str(attribute.type).lower()
    return next((kind for kind, pattern in KINDS if re.match(pattern, declared)), Kind.OTHER)


def _float32(raw: Any) -> float:
    return float(struct.unpack("f", struct.pack("f", float(raw)))[0])


def _uuid(raw: Any) -> uuid.UUID:
    if isinstance(raw, bytes | bytearray | memoryview):
        return uuid.UUID(bytes=bytes(raw))
    return raw if isinstance(raw, uuid.UUID) else uuid.UUID(str(raw))


def _time(raw: Any) -> datetime.time | str:
    """MySQL's times may be negative or longer than a day: those stay text."""
    if isinstance(raw, datetime.timedelta):
        seconds, rest = divmod(abs(raw), datetime.timedelta(seconds=1))
        sign = "-" if raw < datetime.timedelta(0) else ""
        micro = f".{rest.microseconds:06d}" if rest else ""
        text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{micro}"
        raw = text
    read: datetime.time | str = _or_text(datetime.time.fromisoformat)(raw)
    return read


def _or_text(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Read a text where it can be read: MySQL has the date 0000-00-00."""

    def value(raw: Any) -> Any:
        try:
            return read(raw) if isinstance(raw, str) else raw
        except ValueError:
            return raw

    return value


READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.FLOAT32: _float32,
    Kind.FLOAT64: float,
    Kind.DECIMAL: lambda raw: raw if isinstance(raw, decimal.Decimal) else decimal.Decimal(str(raw)),
    Kind.BOOL: bool,
    Kind.UUID: _uuid,
    Kind.DATE: _or_text(datetime.date.fromisoformat),
    Kind.DATETIME: _or_text(datetime.datetime.fromisoformat),
    Kind.TIME: _time,
    Kind.BYTES: lambda raw: bytes.fromhex(raw) if isinstance(raw, str) else bytes(raw),
}
