"""Whether a literal default is a value of an attribute's type."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, localcontext
from math import inf

from djproject.pipeline.definition import Attribute
from djproject.pipeline.types import MYSQL, POSTGRESQL, core_type, enum_values, stored_type

CONSTANTS = frozenset({"CURRENT_TIMESTAMP", "NULL"})
MOST_DIGITS = 1000  # of a decimal; a type with more is refused as such
INTEGERS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


def refused_default(attribute: Attribute, backends: Sequence[str]) -> str:
    """Why a default is refused, as the end of a sentence; empty where it is a value or cannot be judged.

    Examples
    --------
    >>> refused_default(Attribute("x", "int16", "70000", "", False, 1), ["mysql"])
    'is not an int16: 70000'
    """
    written = attribute.default or ""
    kind = _as_core(stored_type(attribute.type), backends)
    if kind in {"bytes", "json"} or re.fullmatch("(tiny|medium|long)?(blob|text)", kind):
        refused = MYSQL in backends or "blob" in kind or attribute.type.startswith("<")
        return f"can only be null: {attribute.type} allows no other default" if refused else ""
    constant = written.split("(")[0].upper()
    if constant in CONSTANTS:
        return _refused_constant(constant, written, kind, backends)
    value = _value(written)
    if value is None:
        return "is not one string in one pair of quotes"
    return _refused_value(value, kind, backends)


def _as_core(kind: str, backends: Sequence[str]) -> str:
    """A native type as the core type whose values it has, so that one set of rules is enough."""
    native = kind.lower()
    if native.startswith("enum"):
        return kind  # its values keep their case, and may be called anything
    known = next(filter(None, (core_type(native, backend) for backend in backends)), "")
    if known:
        return known
    name, parenthesis, rest = native.replace("unsigned", "").replace("zerofill", "").strip().partition("(")
    name = {"numeric": "decimal", "dec": "decimal", "fixed": "decimal", "timestamp": "datetime"}.get(name.strip(), name)
    return name + parenthesis + rest


def _refused_constant(constant: str, written: str, kind: str, backends: Sequence[str]) -> str:
    if constant == "NULL":
        return "is not null as DataJoint reads it: write null"
    if not kind.startswith(("datetime", "timestamp")):
        return f"is the current time, which is not a {kind}"
    digits = re.findall(r"\d+", kind)
    given = re.findall(r"\d+", written)
    if MYSQL in backends and digits != given:
        precision = f"({digits[0]})" if digits else ""
        return f"has another precision than its type: MySQL takes CURRENT_TIMESTAMP{precision}"
    if POSTGRESQL in backends and written.endswith("()"):
        return "is written CURRENT_TIMESTAMP, without parentheses"
    return ""


def _value(written: str) -> str | None:
    """The text that the server keeps; None where it is not one text."""
    text = written.replace("%%", "%")
    quote = text[:1]
    if quote not in {'"', "'"}:
        return None if "'" in text else text
    inside = text[1:-1]
    if len(text) < 2 or text[-1] != quote or quote in inside.replace(quote * 2, ""):
        return None
    return inside.replace("''", "'") if quote == "'" else inside


def _refused_value(value: str, kind: str, backends: Sequence[str]) -> str:
    if kind in INTEGERS:
        bits = INTEGERS[kind] if kind != "int8" or MYSQL in backends else 16
        fits = re.fullmatch(r"[+-]?\d+", value) and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)
        return "" if fits else f"is not an {kind}: {value}"
    if kind in {"float32", "float64"} or kind.startswith("decimal"):
        return _refused_number(value, kind, backends)
    if kind == "bool":
        allowed = {"0", "1"} if MYSQL in backends else {"0", "1", "true", "false", "yes", "no", "on", "off", "t", "f"}
        return "" if value.lower() in allowed else f"is not a bool: {value} (0 and 1 are)"
    if kind.startswith("enum("):
        return "" if value in enum_values(kind) else f"is not one of the values of its enum: {value}"
    if kind == "date":
        return _refused_time(value, date.fromisoformat, kind)
    if kind.startswith("datetime"):
        return _refused_time(value, datetime.fromisoformat, kind)
    if match := re.fullmatch(r"(?:var)?char\((\d+)\)", kind):
        return "" if len(value) <= int(match[1]) else f"is longer than its type: {len(value)} characters"
    if kind == "uuid":
        return "can only be null: a uuid identifies one row"
    pattern = {"year": r"\d{1,4}", "time": r"\d{1,3}:\d\d(:\d\d(\.\d+)?)?"}.get(kind.partition("(")[0])
    if kind == "serial":
        return "is not allowed: a serial counts by itself"
    return "" if pattern is None or re.fullmatch(pattern, value) else f"is not a {kind}: {value}"


def _refused_number(value: str, kind: str, backends: Sequence[str]) -> str:
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", value):
        special = value.lower() in {"nan", "infinity", "-infinity"} and MYSQL not in backends
        return "" if special else f"is not a number: {value}"
    if kind == "float32" and abs(float(value)) > 3.4e38:
        return f"is too large for float32: {value}"
    if kind == "float64" and abs(float(value)) == inf:
        return f"is too large for float64: {value}"
    if match := re.fullmatch(r"decimal\((\d+)\s*,\s*(\d+)\)", kind):
        return "" if _fits(value, int(match[1]), int(match[2])) else f"has more digits than {kind}: {value}"
    return ""


def _fits(value: str, digits: int, places: int) -> bool:
    """Whether a number has no more digits before the point than its type, once it is rounded to `places`."""
    rough = abs(float(value))
    if rough in {0.0, inf} or digits > MOST_DIGITS:
        return rough < inf
    with localcontext(prec=digits + places + 2):
        return Decimal(value).copy_abs() < 10 ** Decimal(digits - places) - Decimal(5).scaleb(-places - 1)


def _refused_time(value: str, read: Callable[[str], object], kind: str) -> str:
    if kind == "date" and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return f"is not a date as in 2026-01-31: {value}"
    if kind != "date" and not re.fullmatch(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?)?", value):
        return f"is not a date and time as in 2026-01-31 12:00:00: {value}"
    try:
        read(value)
    except ValueError:
        return f"is not a {kind}: {value}"
    return ""
