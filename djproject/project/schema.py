"""Tables of settings, declared once: typed values, errors with their place, documentation and a JSON Schema follow.

Measured before this was written (Python 3.11): `import msgspec` costs 19 ms, attrs 20 ms, cattrs 33 ms, pydantic 61 ms,
as much as a whole `djproject check` of an unchanged project; and msgspec, the fastest, names the place of an error in a
table of tables as `$.workers[...].count`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Union

from djproject.errors import ConfigError
from djproject.project.durations import DURATION, DURATION_PATTERN, read_duration

EDIT = "$EDITOR pyproject.toml"
LONGEST_VALUE = 60
DRAFT = "http://json-schema.org/draft-07/schema#"
Path = tuple[str, ...]
Declared = Union["Scalar", "Table"]


class SettingProblem(NamedTuple):
    """One setting that is refused.

    Attributes
    ----------
    path
        The keys that lead to it, `("tool", "datajoint", "database", "hots")`; or to the table that lacks something.
    message, hint
        As every command prints them.
    """

    path: Path
    message: str
    hint: str

    @property
    def store(self) -> str:
        """The store of `[tool.datajoint.stores]` that it belongs to; empty where it belongs to none."""
        return self.path[3] if len(self.path) > 3 and self.path[:3] == ("tool", "datajoint", "stores") else ""

    def error(self) -> ConfigError:
        """The error that commands end with."""
        return ConfigError(self.message, hint=self.hint)


class Scalar(NamedTuple):
    """A value that is not a table of settings.

    Attributes
    ----------
    words
        What it is, as the end of "count must be ...".
    json
        Its JSON Schema.
    read
        Gives the typed value. ValueError means "is not `words`", ConfigError for a sentence of its own.
    """

    words: str
    json: Mapping[str, object]
    read: Callable[[Any], object]


class Key(NamedTuple):
    """One key of a table.

    Attributes
    ----------
    value
        What it may hold.
    meaning
        In a few words, in Markdown.
    default
        What holds where it is not set, in words; empty where nothing does.
    attribute
        The name of the typed value's attribute, where it is not the key's own.
    hint
        What to type where it is wrong.
    """

    value: Declared
    meaning: str
    default: str = ""
    attribute: str = ""
    hint: str = EDIT


class Table(NamedTuple):
    """A table of settings.

    Attributes
    ----------
    keys
        What it may have.
    others
        What a key means that is not among `keys`, where such keys are names that people choose.
    make
        Makes the typed value from values by attribute.
    required
        Keys that must be there.
    refused
        Yields the keys that are refused for what they are, each with a message and a hint. Given are the table's
        path and the table.
    unknown
        The beginning of the sentence about an unknown key; `{where}` and `{key}` are replaced.
    json
        What else its JSON Schema says.
    """

    keys: Mapping[str, Key]
    others: Callable[[str], Declared] | None = None
    make: Callable[..., object] = dict
    required: tuple[str, ...] = ()
    refused: Callable[[Path, Mapping[str, object]], Iterator[tuple[str, str, str]]] | None = None
    unknown: str = "{where} has no setting {key!r}"
    json: Mapping[str, object] = {}


def read_table(table: Table, value: object, path: Path) -> tuple[Any, list[SettingProblem]]:
    """The typed value of a table without what is refused (None where all of it is), and what is refused."""
    problems: list[SettingProblem] = []
    return _read_table(table, value, path, problems), problems


def place(path: Path) -> str:
    """A table's name as people write it: `[tool.djproject.check]`."""
    return f"[{'.'.join(path)}]"


def shown(value: object) -> str:
    """A value as a sentence can hold it."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _read_table(table: Table, value: object, path: Path, problems: list[SettingProblem]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(SettingProblem(path, f"{place(path)} is not a table.", EDIT))
        return None
    refused: dict[str, list[tuple[str, str]]] = {}
    for key, message, hint in table.refused(path, value) if table.refused else ():
        refused.setdefault(key, []).append((message, hint))
    values: dict[str, object] = {}
    for key, inner in value.items():
        key = str(key)
        declared = table.keys.get(key) or (Key(table.others(key), "") if table.others else None)
        if key in refused:
            problems += [SettingProblem((*path, key), *why) for why in refused[key]]
        elif declared is None:
            problems.append(_unknown(table, key, path))
        elif isinstance(declared.value, Table):
            read = _read_table(declared.value, inner, (*path, key), problems)
            if read is not None:
                values[declared.attribute or key] = read
        else:
            _read_scalar(declared, key, inner, path, problems, values)
    missing = [key for key in table.required if key not in value]
    if missing:
        problems.append(SettingProblem(path, f"{place(path)} has no {missing[0]}.", EDIT))
        return None
    return table.make(**values)


def _read_scalar(
    declared: Key, key: str, value: object, path: Path, problems: list[SettingProblem], values: dict[str, object]
) -> None:
    scalar = declared.value
    try:
        values[declared.attribute or key] = scalar.read(value)  # type: ignore[union-attr]
    except ConfigError as error:
        problems.append(SettingProblem((*path, key), error.message, error.hint))
    except ValueError:
        message = f"{place(path)} {key} must be {scalar.words}, not {shown(value)}."  # type: ignore[union-attr]
        problems.append(SettingProblem((*path, key), message, declared.hint))


def _unknown(table: Table, key: str, path: Path) -> SettingProblem:
    from difflib import get_close_matches

    close = get_close_matches(key, table.keys)
    sentence = table.unknown.format(where=place(path), key=key)
    return SettingProblem(
        (*path, key),
        f"{sentence}{f'; did you mean {close[0]!r}?' if close else '.'}",
        f"Settings: {', '.join(table.keys)}",
    )


def _is(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ValueError
        return value

    return read


def _at_least_one(value: Any) -> int:
    if _is(int)(value) < 1:
        raise ValueError
    return int(value)


def _filled(value: Any) -> str:
    if not _is(str)(value):
        raise ValueError
    return str(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError
    return tuple(value)


def _seconds(value: Any) -> float:
    seconds = read_duration(str(value)) if isinstance(value, str | int | float) else None
    if seconds is None:
        raise ValueError
    return seconds


TEXT = Scalar("a string", {"type": "string"}, _is(str))
NAME = Scalar("a string that is not empty", {"type": "string", "minLength": 1}, _filled)
FLAG = Scalar("true or false", {"type": "boolean"}, _is(bool))
INTEGER = Scalar("an integer", {"type": "integer"}, _is(int))
WHOLE = Scalar("a whole number above 0", {"type": "integer", "minimum": 1}, _at_least_one)
SECONDS = Scalar(
    f"a duration such as {DURATION}",
    {"type": ["string", "number"], "pattern": DURATION_PATTERN, "minimum": 0},
    _seconds,
)


def texts(words: str = "a list of strings") -> Scalar:
    """A list of strings, as a tuple; `words` say which."""
    return Scalar(words, {"type": "array", "items": {"type": "string"}}, _texts)


def choice(*names: str) -> Scalar:
    """One of a few names."""

    def read(value: Any) -> str:
        if value not in names:
            raise ValueError
        return str(value)

    words = f"{', '.join(names[:-1])} or {names[-1]}"
    return Scalar(words, {"type": "string", "enum": list(names)}, read)


def json_schema(table: Table, identity: str, title: str) -> dict[str, object]:
    """The JSON Schema (draft 7) of a table, as editors and `validate-pyproject` read it."""
    return {"$schema": DRAFT, "$id": identity, "title": title, **_json(table)}


def _json(declared: Declared) -> dict[str, object]:
    if isinstance(declared, Scalar):
        return dict(declared.json)
    found: dict[str, object] = {
        "type": "object",
        "properties": {key: {"description": _plain(inner.meaning), **_json(inner.value)} for key, inner in
                       declared.keys.items()},
        "additionalProperties": _json(declared.others("")) if declared.others else False,
    }  # fmt: skip
    if declared.required:
        found["required"] = list(declared.required)
    return {**found, **declared.json}


def _plain(markdown: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "")


def leaves(keys: Mapping[str, Key], prefix: str = "") -> Iterable[tuple[str, Key]]:
    """All keys that hold no table of settings, by dotted name."""
    for name, key in keys.items():
        if isinstance(key.value, Table):
            yield from leaves(key.value.keys, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", key
