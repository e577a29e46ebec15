"""Whether a default of a definition is the one that a server keeps: equal wherever that is not known for sure."""

import json
import re
from decimal import Decimal, InvalidOperation

from djproject.database.column_types import Form, column_form
from djproject.database.source_tables import stored_text
from djproject.pipeline.types import MYSQL

_MOMENT = re.compile(
    r"(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2}))?[ T]?"
    r"(?:(?P<hour>\d{1,3}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,6}))?)?)?"
)
_TRUE, _FALSE = {"1", "t", "true", "y", "yes", "on"}, {"0", "f", "false", "n", "no", "off"}
_TEMPORAL = {"date", "datetime", "timestamp", "time"}
_TEXTS = {"char", "varchar", "text", "tinytext", "mediumtext", "longtext"}


def is_same_default(source: str | None, stored: str | None, kind: str, backend: str) -> bool:
    """Whether both are the same default of an attribute of this type.

    Parameters
    ----------
    source
        As in a definition: `5`, `"left"`, `CURRENT_TIMESTAMP`; None where there is none.
    stored
        As the server's catalogue has it.
    kind
        The type of the attribute in the definition.
    backend
        `mysql` or `postgresql`.

    Examples
    --------
    >>> is_same_default("1", "1.00", "decimal(5,2)", "mysql")
    True
    >>> is_same_default("'a'", "'b'::bpchar", "char(1)", "postgresql")
    False
    """
    mine, theirs = _of_source(source, backend), _of_server(stored, backend)
    if mine is None or theirs is None:
        return mine is theirs
    mine_text, mine_called = mine
    theirs_text, theirs_called = theirs
    if mine_called or theirs_called:
        return mine_called == theirs_called and _plain(mine_text) == _plain(theirs_text)
    return mine_text == theirs_text or _is_same_value(mine_text, theirs_text, column_form(kind, backend), backend)


def default_words(stored: str | None, backend: str) -> str:
    """A default of the server's catalogue as a person would write it in a definition.

    Examples
    --------
    >>> default_words("'a'::bpchar", "postgresql"), default_words("5", "mysql"), default_words(None, "mysql")
    ('"a"', '5', 'none')
    """
    found = _of_server(stored, backend)
    if found is None:
        return "none"
    text, is_expression = found
    return text if is_expression or re.fullmatch(r"-?\d+(\.\d+)?", text) else f'"{text}"'


def _plain(expression: str) -> str:
    return re.sub(r"[\s()]", "", expression).lower()


def _of_source(text: str | None, backend: str) -> tuple[str, bool] | None:
    """The value and whether the server works it out forevery row. Source: datajoint/declare.py, compile_attribute."""
    if not text or text.lower() == "null":
        return None
    if text.partition("(")[0].upper() in ("CURRENT_TIMESTAMP", "NULL"):
        return text, True
    if len(text) > 1 and text[0] == text[-1] == '"':
        return stored_text(text[1:-1], backend), False
    if len(text) > 1 and text[0] == text[-1] == "'":
        return stored_text(text[1:-1].replace("''", "'"), backend), False
    return stored_text(text, backend), False


def _of_server(text: str | None, backend: str) -> tuple[str, bool] | None:
    if text is None or text.upper().startswith("NULL"):
        return None
    if backend == MYSQL:
        return text, (text.startswith("(") and text.endswith(")")) or text.upper().startswith("CURRENT_TIMESTAMP")
    if match := re.fullmatch(r"(E?)'((?:[^']|'')*)'(?:::.*)?", text, re.DOTALL):
        inside = match[2].replace("''", "'")
        return inside.replace("\\\\", "\\") if match[1] else inside, False
    if match := re.fullmatch(r"\(?(-?[\d.]+(?:e[+-]?\d+)?|true|false)\)?(?:::.*)?", text, re.IGNORECASE):
        return match[1], False
    return text, True


def _is_same_value(mine: str, theirs: str, form: Form | None, backend: str) -> bool:
    match form:
        case ("int" | "float" | "decimal" | "year", *_) | None:
            return _is_same_number(mine, theirs, form, backend)
        case ("bool", *_):
            return any(mine.strip().lower() in words and theirs.lower() in words for words in (_TRUE, _FALSE))
        case (str(name), *rest) if name in _TEMPORAL:
            return _is_same_moment(mine, theirs, name, rest)
        case ("json", *_):
            return _is_same_json(mine, theirs)
        case ("enum", *_):
            return mine.lower() == theirs.lower() if backend == MYSQL else False
        case (str(name), *_) if name in _TEXTS:
            return name == "char" and mine.rstrip(" ") == theirs.rstrip(" ")
        case ("uuid", *_):
            return re.sub(r"[{}-]", "", mine).lower() == re.sub(r"[{}-]", "", theirs).lower()
    return True


def _is_same_number(mine: str, theirs: str, form: Form | None, backend: str) -> bool:
    try:
        first, second = Decimal(mine.strip()), Decimal(theirs.strip())
    except InvalidOperation:
        return form is None or mine.strip().lower() in _TRUE | _FALSE
    if first == second:
        return True
    difference, size = abs(first - second), max(abs(first), abs(second))
    match form:
        case ("float", 4):
            return difference <= size * Decimal("1e-5")
        case ("float", _) | None:
            return difference <= size * Decimal("1e-12") or form is None
        case ("int", *_):
            return difference <= Decimal("0.5") and backend == MYSQL
        case ("decimal", _, int(scale)):
            return difference <= Decimal(5) / Decimal(10) ** (scale + 1) and backend == MYSQL
    return form[:1] == ("year",) and first < 100


def _is_same_moment(mine: str, theirs: str, name: str, rest: list[str | int]) -> bool:
    first, second = _moment(mine), _moment(theirs)
    if first is None or second is None:
        return True  # `now`, `Jan 31 2026`, `20260131`: the server reads more than this does
    precision = next((number for number in rest if isinstance(number, int)), 6 if name != "date" else 0)
    shown = 3 if name == "date" else 6
    return first[:shown] == second[:shown] and (shown == 3 or abs(first[6] - second[6]) <= 10 ** (6 - precision))


def _moment(text: str) -> tuple[int, ...] | None:
    match = _MOMENT.fullmatch(text.strip())
    if match is None or not text.strip():
        return None
    parts = [int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")]
    return (*parts, int((match["fraction"] or "").ljust(6, "0")))


def _is_same_json(mine: str, theirs: str) -> bool:
    try:
        return bool(json.loads(mine) == json.loads(theirs))
    except ValueError:
        return True
