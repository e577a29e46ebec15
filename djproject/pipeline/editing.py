"""A module's source changed: an import added or removed, entries of the docstring's lists added or removed."""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

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
        match = _list_in(text, section)
        if match is None:
            return text
        listed = "" if re.fullmatch(EMPTY_ENTRIES, match["list"]) else match["list"]
        newline = "\r\n" if "\r\n" in match["list"] else "\n"
        indent = (re.match(r"[ \t]+", match["list"]) or [""])[0]
        text = (
            text[: match.start("list")] + listed + f"{indent}- {name}: {purpose}{newline}" + text[match.end("list") :]
        )
    return text


def without_docstring_entries(text: str, section: str, names: Sequence[str]) -> str:
    """Remove lines from a list of the module's docstring; an empty list says "none"."""
    match = _list_in(text, section)
    if match is None:
        return text
    listed = match["list"]
    for name in names:
        listed = re.sub(rf"(?m)^[ \t]+-[ \t]*`?{re.escape(name)}`?[ \t]*(:.*)?\r?\n(?:[ \t]{{6,}}\S.*\n)*", "", listed)
    if not listed.strip():
        listed = "    - none\r\n" if "\r\n" in match["list"] else "    - none\n"
    return text[: match.start("list")] + listed + text[match.end("list") :]


def _wrapped(start: str, names: Sequence[str]) -> str:
    line = f"{start}{', '.join(names)}\n"
    if len(line) <= LINE_LENGTH + 1:
        return line
    return f"{start}(\n" + "".join(f"    {name},\n" for name in names) + ")\n"


def _leading_imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """The imports before the first class or function; what they bind is there when a class is decorated."""
    made = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    end = next((index for index, node in enumerate(tree.body) if isinstance(node, made)), len(tree.body))
    return [node for node in tree.body[:end] if isinstance(node, ast.Import | ast.ImportFrom)]


def _after_docstring(tree: ast.Module) -> int:
    first = tree.body[0] if tree.body else None
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or 0) if first and is_text else 0


def _list_in(text: str, section: str) -> re.Match[str] | None:
    """The list of a section within the module's docstring."""
    body = ast.parse(text).body
    if not body or not isinstance(body[0], ast.Expr) or not isinstance(body[0].value, ast.Constant):
        return None
    lines = source_lines(text)
    end = sum(map(len, lines[: body[0].end_lineno]))
    return _list_pattern(section).search(text, 0, end)


@lru_cache(maxsize=8)
def _list_pattern(section: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*{section}:[ \t]*\r?\n(?P<list>(?:[ \t]+-.*\n(?:[ \t]{{6,}}\S.*\n)*)+)", re.MULTILINE)
