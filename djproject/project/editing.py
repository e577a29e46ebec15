"""pyproject.toml edited: from its text to its new text, every byte elsewhere as it was.

Only the block of the table that changes is given to tomlkit; the result is compared, as `tomllib` reads it, with
what was intended, and refused where they differ.
"""

import re
import tomllib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable

from djproject.errors import ConfigError
from djproject.project.stores import DEFAULT_KEYS, StoreSpec

STORES = ("tool", "datajoint", "stores")
Document = dict[str, Any]  # a parsed TOML document: what tomllib returns
FORM_HINT = (
    "Write [tool.datajoint.stores] as tables ([tool.datajoint.stores.NAME], one key per line), "
    "then type the command again."
)
_HEADER_KEYS = re.compile(r"""(?<=\[)(?:"(?:\\.|[^"\\])*"|'[^']*'|[^\]"'])*""")


def with_store(text: str, name: str, spec: StoreSpec) -> str:
    """`text` with a store added, or replaced where there is one of that name.

    Parameters
    ----------
    text
        The whole of pyproject.toml.
    name
        The store.
    spec
        All attributes it shall have, none of them secret.

    Raises
    ------
    ConfigError
        The file is malformed, or written in a form that cannot be edited without changing other bytes.
    """
    new = tomllib.loads(text)
    stores = _table(new, STORES)
    existing = stores.get(name)
    stores[name] = dict(spec)
    if isinstance(existing, dict):
        return _checked(_with_changed_store(text, name, existing, spec), new, name)
    block = _rendered_block((*STORES, name), spec)
    try:
        return _checked(_with_block(text, block, after=("tool", "datajoint")), new, name)
    except ConfigError:
        return _checked(_with_fragment(text, STORES, lambda table: table.update({name: _inline(spec)})), new, name)


def without_store(text: str, name: str) -> str:
    """`text` without the store; `default`, `filepath_default` and the targets' tables lose the name too."""
    new = tomllib.loads(text)
    stores = _table(new, STORES)
    for key in DEFAULT_KEYS:
        if stores.get(key) == name:
            text = _without_default(text, key)
            stores.pop(key)
    for path in _tables_with_store(new, name):
        _table(new, path).pop(name)
        text = _without_entry(text, path, name)
    return _checked(_tidy_end(text), new, name)


def with_renamed_store(text: str, old_name: str, new_name: str) -> str:
    """`text` with the store called otherwise, in `default`, `filepath_default` and the targets' tables too."""
    new = tomllib.loads(text)
    stores = _table(new, STORES)
    for key in DEFAULT_KEYS:
        if stores.get(key) == old_name:
            stores[key] = new_name
            text = with_default_store(text, new_name, key=key)
    for path in _tables_with_store(new, old_name):
        table = _table(new, path)
        table[new_name] = table.pop(old_name)
        text = _with_renamed_entry(text, path, old_name, new_name)
    return _checked(text, new, new_name)


def with_default_store(text: str, name: str, *, key: str = "default") -> str:
    """`text` with the default store set; `key` may be `filepath_default`."""
    new = tomllib.loads(text)
    stores = _table(new, STORES)
    stores[key] = name
    spans = _blocks(text)
    if any(span.path == STORES for span in spans) or key in _table(tomllib.loads(text), STORES):
        return _checked(_with_fragment(text, STORES, lambda table: table.update({key: name})), new, name)
    block = f"[{'.'.join(STORES)}]\n{key} = {tomlkit.item(name).as_string()}\n"
    first = next((span for span in spans if span.path[:3] == STORES), None)
    if first is None:
        try:
            return _checked(_with_block(text, block, after=("tool", "datajoint")), new, name)
        except ConfigError:
            fragment = _with_fragment(text, STORES, lambda table: table.update({key: name}))
            return _checked(fragment, new, name)
    block = (block + "\n").replace("\n", _newline(text))
    position = _end_of_block(text, spans[spans.index(first) - 1])
    return _checked(text[:position] + block + text[position:], new, name)


def with_target_choice(text: str, name: str) -> str:
    """`text` with `target = NAME` in `[tool.djproject]`."""
    new = tomllib.loads(text)
    _table(new, ("tool", "djproject"))["target"] = name
    return _checked(
        _with_fragment(text, ("tool", "djproject"), lambda table: table.update({"target": name})), new, name
    )


def _tables_with_store(document: Document, name: str) -> list[tuple[str, ...]]:
    """The tables that have an entry for the store: `[tool.datajoint.stores]`, and the stores of targets."""
    targets = document["tool"].get("djproject", {}).get("targets", {})
    paths = [STORES, *(("tool", "djproject", "targets", target, "stores") for target in targets)]
    return [path for path in paths if name in _lookup(document, path)]


def _lookup(document: Document, path: tuple[str, ...]) -> Document:
    found = _at(document, path)
    return found if isinstance(found, dict) else {}


def _at(document: Document, path: tuple[str, ...]) -> object:
    found: object = document
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _without_entry(text: str, path: tuple[str, ...], name: str) -> str:
    own = [span for span in _blocks(text) if span.path[: len(path) + 1] == (*path, name)]
    for span in reversed(own):
        text = text[: span.start] + text[_end_of_block(text, span) :]
    return text if own else _with_fragment(text, path, lambda table: table.remove(name))


def _with_renamed_entry(text: str, path: tuple[str, ...], old_name: str, new_name: str) -> str:
    own = [span for span in _blocks(text) if span.path[: len(path) + 1] == (*path, old_name)]
    for span in reversed(own):
        header = ".".join(_key(part) for part in (*path, new_name, *span.path[len(path) + 1 :]))
        opening, rest = _HEADER_KEYS.split(text[span.start :], maxsplit=1)
        text = text[: span.start] + opening + header + rest
    return text if own else _with_fragment(text, path, lambda table: _rename(table, old_name, new_name))


class _Span:
    """One `[header]` and the text below it, up to the next header."""

    def __init__(self, path: tuple[str, ...], start: int, end: int) -> None:
        self.path, self.start, self.end = path, start, end


def _blocks(text: str) -> list[_Span]:
    """The blocks of a document in file order; the text before the first header has the path ()."""
    starts: list[tuple[tuple[str, ...], int]] = [((), 0)]
    for match in re.finditer(r"^[ \t]*\[", text, re.MULTILINE):
        line = text[match.start() :].partition("\n")[0].rstrip("\r")
        try:
            tomllib.loads(text[: match.start()])  # fails inside a multi-line string or array
            path = _header_path(tomllib.loads(line))
        except tomllib.TOMLDecodeError:
            continue
        starts.append((path, match.start()))
    return [_Span(path, start, end) for (path, start), (_, end) in pairwise([*starts, ((), len(text))])]


def _header_path(document: Document) -> tuple[str, ...]:
    path: list[str] = []
    while document:
        key, inner = next(iter(document.items()))
        path.append(key)
        document = inner[0] if isinstance(inner, list) else inner
    return tuple(path)


def _end_of_block(text: str, span: _Span) -> int:
    """Where a block ends if comments directly above the next header belong to that header."""
    if span.end == len(text):
        return span.end
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text[span.start : span.end])
    end = span.end
    for line in reversed(lines[1:]):
        if not line.lstrip().startswith("#"):
            break
        end -= len(line)
    return end


def _with_block(text: str, block: str, *, after: tuple[str, ...]) -> str:
    """`text` with a block of its own, behind the last block of the table `after`, else at the end."""
    newline = _newline(text)
    block = block.replace("\n", newline)
    related = [span for span in _blocks(text) if span.path[: len(after)] == after]
    position = _end_of_block(text, related[-1]) if related else len(text)
    before, behind = text[:position], text[position:]
    if behind:
        gap = "" if before.endswith(newline * 2) else newline
        return before + gap + block + newline + behind
    if not before:
        return block
    ended = before.endswith("\n")
    gap = ("" if ended else newline) + ("" if before.endswith(newline * 2) else newline)
    return before + gap + (block if ended else block.rstrip("\r\n"))


def _with_changed_store(text: str, name: str, existing: Document, spec: StoreSpec) -> str:
    def change(table: AbstractTable) -> None:
        for key in [key for key in existing if key not in spec]:
            table.remove(key)
        for key, value in spec.items():
            if key not in existing or existing[key] != value:
                table[key] = value

    return _with_fragment(text, (*STORES, name), change)


def _with_fragment(text: str, path: tuple[str, ...], change: Callable[[Any], object]) -> str:
    """`text` with the table at `path` changed by tomlkit, within the one block that holds it."""
    span = next((span for span in _blocks(text) if _holds(text, span, path)), None)
    if span is None:
        raise ConfigError(f"pyproject.toml has no [{'.'.join(path)}] that could be edited.", hint=FORM_HINT)
    start, end = span.start, _end_of_block(text, span)
    fragment = text[start:end]
    body = fragment.rstrip()
    trailing = fragment[len(body) :]
    newline = _newline(text)
    try:
        document = tomlkit.parse(body.replace("\r\n", "\n"))
        table: Any = document
        for key in path:
            table = table[key]
        change(table)
        edited = tomlkit.dumps(document).rstrip("\n")
    except (TOMLKitError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError("pyproject.toml is written in a form that cannot be edited.", hint=FORM_HINT) from error
    if newline == "\r\n":
        edited = edited.replace("\n", "\r\n")
    return text[:start] + edited + trailing + text[end:]


def _holds(text: str, span: _Span, path: tuple[str, ...]) -> bool:
    """Whether the table at `path` is written in this block, under its header or in a line of it."""
    if span.path != path[: len(span.path)]:
        return False
    return isinstance(_at(tomllib.loads(text[span.start : span.end]), path), dict)


def _without_default(text: str, key: str) -> str:
    return _with_fragment(text, STORES, lambda table: table.remove(key))


def _rename(table: Any, old: str, new: str) -> None:
    value = table[old]
    table.remove(old)
    table[new] = value


def _checked(text: str, expected: Document, name: str) -> str:
    """`text`, if `tomllib` reads from it exactly what was intended."""
    refusal = ConfigError(
        f"{name!r} cannot be written into pyproject.toml as the file is: its tables are in a form that an "
        "edit would corrupt.",
        hint=FORM_HINT,
    )
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise refusal from error
    for document in (found, expected):
        _drop_empty(document)
    if found != expected:
        raise refusal
    return text


def _drop_empty(document: Document) -> None:
    """Forget empty tables of ours: `[tool.datajoint.stores]` without content says nothing."""
    for name in ("datajoint", "djproject"):
        if isinstance(_at(document, ("tool", name)), dict):
            _drop_empty_tables(document["tool"], name)
    if document.get("tool") == {}:
        del document["tool"]


def _drop_empty_tables(table: Document, name: str) -> None:
    for key in [key for key, value in table[name].items() if isinstance(value, dict)]:
        _drop_empty_tables(table[name], key)
    if not table[name]:
        del table[name]


def _tidy_end(text: str) -> str:
    """After a removal at the end of the file: one final newline, not two."""
    stripped = text.rstrip("\r\n")
    return text if text == stripped else stripped + _newline(text)


def _rendered_block(path: tuple[str, ...], values: StoreSpec) -> str:
    lines = [f"{_key(key)} = {tomlkit.item(value).as_string()}" for key, value in values.items()]
    return "\n".join(["[" + ".".join(map(_key, path)) + "]", *lines]) + "\n"


def _inline(values: StoreSpec) -> Any:
    table = tomlkit.inline_table()
    table.update(dict(values))
    return table


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else tomlkit.item(key).as_string()


def _table(document: Document, path: tuple[str, ...]) -> Document:
    for key in path:
        document = document.setdefault(key, {})
        if not isinstance(document, dict):
            raise ConfigError(f"[{'.'.join(path)}] in pyproject.toml is not a table.", hint=FORM_HINT)
    return document


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
