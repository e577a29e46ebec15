"""A module's source changed: an import added or removed, entries of the docstring's lists added or removed."""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import takewhile

LINE_LENGTH = 88  # of a generated project: ruff's default
EMPTY_ENTRIES = r"[ \t]+- (none|nothing yet)\.?\s*"


def with_import(text: str, module: str) -> str:
    """Import an upstream module at the top of the file, in the line that imports its neighbours where there is one.

    Parameters
    ----------
    text
        Of a module in the package's top folder.
    module
        Dotted, below the package.
    """
    tree = ast.parse(text)
    imports = _leading_imports(tree)
    package, _, name = module.rpartition(".")
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = source_lines(text)
    for node in imports:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and (node.module or "") == package:
            written = "".join(lines[node.lineno - 1 : node.end_lineno])
            if any(alias.asname or alias.name == "*" for alias in node.names) or "#" in written or ";" in written:
                continue
            names = sorted({name, *(alias.name for alias in node.names)})
            lines[node.lineno - 1 : node.end_lineno] = [import_statement(package, names).replace("\n", newline)]
            return "".join(lines)
    last = imports[-1] if imports else None
    position = (last.end_lineno or 0) if last else _after_docstring(tree)
    if position == len(lines) > 0 and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    gap = [] if isinstance(last, ast.ImportFrom) and last.level else [newline]
    lines[position:position] = [*gap, import_statement(package, [name]).replace("\n", newline)]
    return "".join(lines)


def without_import(text: str, local: str, line: int) -> str:
    """Remove the name `local` from the import statement that begins in `line`; the statement, where nothing is left."""
    tree = ast.parse(text)
    node = next(n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom) and n.lineno == line)
    kept = [alias for alias in node.names if (alias.asname or alias.name) != local]
    lines = source_lines(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    new = []
    if kept:
        names = [f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in kept]
        if isinstance(node, ast.ImportFrom):
            start = f"from {'.' * node.level}{node.module or ''} import "
            new = [_wrapped(start, names).replace("\n", newline)]
        else:
            new = [f"import {', '.join(names)}{newline}"]
    lines[node.lineno - 1 : node.end_lineno] = new
    return "".join(lines)


def source_lines(text: str) -> list[str]:
    r"""The lines of a source as Python counts them, with their ends: a form feed ends none.

    Examples
    --------
    >>> source_lines("a\r\n\x0cb\n")
    ['a\r\n', '\x0cb\n']
    """
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def import_statement(package: str, names: Sequence[str]) -> str:
    """One import of neighbours, wrapped as ruff's formatter does (88 columns)."""
    return _wrapped(f"from .{package} import ", names)


@lru_cache(maxsize=4096)
def docstring_entries(docstring: str, section: str) -> dict[str, str] | None:
    r"""The entries of a list in a module's docstring, `- name: purpose`; None where there is no such list.

    Examples
    --------
    >>> docstring_entries("Dependencies:\n    - subject: who\n    - none\n", "Dependencies")
    {'subject': 'who'}
    """
    match = _list_pattern(section).search(docstring)
    if match is None:
        return None
    entries = {}
    for entry in re.findall(r"(?m)^[ \t]+-[ \t]*(.*(?:\n[ \t]{6,}\S.*)*)", match["list"]):
        if re.fullmatch(r"(none|nothing yet)\.?", entry.strip()):
            continue
        name, _, purpose = entry.partition(":")
        entries[name.strip().strip("`")] = " ".join(purpose.split())
    return entries


def with_docstring_entries(text: str, section: str, entries: Mapping[str, str]) -> str:
    """Add lines to the Dependencies or Provides list of the module's docstring, where it has one."""
    for name, purpose in entries.items():
        found = _list_in(text, section)
        if found is None:
            return text
        before, listed, after = found
        newline = "\r\n" if "\r\n" in listed else "\n"
        indent = listed[: len(listed) - len(listed.lstrip(" \t"))]
        kept = "" if re.fullmatch(EMPTY_ENTRIES, listed) else listed
        text = f"{before}{kept}{indent}- {name}: {purpose}{newline}{after}"
    return text


def without_docstring_entries(text: str, section: str, names: Sequence[str]) -> str:
    """Remove lines from a list of the module's docstring; an empty list says "none"."""
    found = _list_in(text, section)
    if found is None:
        return text
    before, listed, after = found
    kept = listed
    for name in names:
        kept = re.sub(rf"(?m)^[ \t]+-[ \t]*`?{re.escape(name)}`?[ \t]*(:.*)?\r?\n(?:[ \t]{{6,}}\S.*\n)*", "", kept)
    if not kept.strip():
        kept = "    - none\r\n" if "\r\n" in listed else "    - none\n"
    return text if kept == listed else f"{before}{kept}{after}"


def _wrapped(start: str, names: Sequence[str]) -> str:
    line = f"{start}{', '.join(names)}\n"
    if len(line) <= LINE_LENGTH + 1:
        return line
    return f"{start}(\n" + "".join(f"    {name},\n" for name in names) + ")\n"


def _leading_imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """The imports before the first class or function; what they bind is there when a class is decorated."""
    made = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    before = takewhile(lambda node: not isinstance(node, made), tree.body)
    return [node for node in before if isinstance(node, ast.Import | ast.ImportFrom)]


def _after_docstring(tree: ast.Module) -> int:
    first = tree.body[0] if tree.body else None
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or 0) if first and is_text else 0


def _list_in(text: str, section: str) -> tuple[str, str, str] | None:
    """The list of a section of the module's docstring, with what is before and after it.

    The quotes that end the docstring are after the list, also where they are in its last line.
    """
    first = next(iter(ast.parse(text).body), None)
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    *lines, last = source_lines(text)[: first.value.end_lineno]
    docstring = "".join(lines) + last.encode()[: first.value.end_col_offset].decode()
    if not docstring.endswith(('"""', "'''")):
        return None
    end = len(docstring) - 3
    newline = "\r\n" if "\r\n" in text else "\n"
    match = _list_pattern(section).search(text[:end] + newline)
    if match is None:
        return None
    return text[: match.start("list")], match["list"], text[min(match.end("list"), end) :]


@lru_cache(maxsize=8)
def _list_pattern(section: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*{section}:[ \t]*\r?\n(?P<list>(?:[ \t]+-.*\n(?:[ \t]{{6,}}\S.*\n)*)+)", re.MULTILINE)
