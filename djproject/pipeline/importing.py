"""The imports of a file, from its syntax tree: at the top, for type checkers, and inside functions."""

import ast
from collections.abc import Collection, Iterator, Sequence

from djproject.pipeline.module import Import, Place
from djproject.pipeline.texts import place_of


def imports_of(node: ast.Import | ast.ImportFrom, when: str, package: str, above: str) -> Iterator[Import]:
    """The names that a statement imports.

    Parameters
    ----------
    node, when
        The statement, and when it runs: "import", "call" or "typing".
    package
        The import package that the file is of.
    above
        The module below the package that relative imports begin at.
    """
    place, end = place_of(node), Place(node.end_lineno or node.lineno, (node.end_col_offset or 0) + 1)
    for alias in node.names:
        if isinstance(node, ast.Import):
            inside = alias.name == package or alias.name.startswith(f"{package}.")
            base = alias.name.removeprefix(package).lstrip(".") if inside else alias.name
            local, name = alias.asname or alias.name, ""
        else:
            found = _base(node, package, above)
            inside, base = found is not None, found if found is not None else "." * node.level + (node.module or "")
            local, name = alias.asname or alias.name, alias.name
        yield Import(local, base, name, inside, when, place, end)


def late_imports(tree: ast.Module, seen: Collection[int], package: str, above: str) -> Iterator[Import]:
    """The imports inside functions, but for those in lines that were seen already."""
    for function in _functions(tree.body):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno not in seen:
                yield from imports_of(node, "call", package, above)


def _base(node: ast.ImportFrom, package: str, above: str) -> str | None:
    """The module below the package that `from …` names; None where it lies outside."""
    source = node.module or ""
    if node.level == 0:
        if source == package:
            return ""
        return source.removeprefix(f"{package}.") if source.startswith(f"{package}.") else None
    parts = above.split(".") if above else []
    if node.level - 1 > len(parts):
        return None
    return ".".join([*parts[: len(parts) - (node.level - 1)], *filter(None, [source])])


def _functions(body: Sequence[ast.AST]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement
        else:
            for part in ("body", "orelse", "handlers", "finalbody", "cases"):
                yield from _functions(getattr(statement, part, []))
