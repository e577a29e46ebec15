"""The code that fills a table: its make methods, and all of the package that they use, by normalised syntax."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from djproject.pipeline.definition import dotted
from djproject.pipeline.model import Pipeline, Table
from djproject.pipeline.module import Problem
from djproject.pipeline.reading import parse, quietly
from djproject.pipeline.scope import Kind

MADE_BY = ("make", "make_fetch", "make_compute", "make_insert", "key_source")
Item = tuple[str, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Code:
    """The functions, classes and constants of a package, and which of them the tables use.

    Parameters
    ----------
    pipeline
        The package's.
    files
        The bytes of its files.
    """

    def __init__(self, pipeline: Pipeline, files: Mapping[Path, bytes]) -> None:
        self._pipeline, self._files = pipeline, files
        self._bound: dict[str, dict[str, ast.stmt]] = {}
        self._dumps: dict[Item, str] = {}

    def of(self, table: Table) -> dict[Item, str]:
        """What fills a table: its make methods and all that they use, transitively, by module and name.

        Each with its syntax: comments, docstrings, formatting and places make no difference.
        """
        waiting = [(table.module, f"{table.name}.{name}") for name in MADE_BY]
        found: dict[Item, str] = {}
        while waiting:
            item = self._where(*waiting.pop())
            node = self._node(*item)
            if node is None or item in found:
                continue
            if item not in self._dumps:
                self._dumps[item] = _normalised(node)
            found[item] = self._dumps[item]
            waiting += self._used(item, node)
        return found

    def member(self, table: Table, name: str) -> str:
        """The syntax of what a table's class binds to a name, `contents` say; empty where it binds nothing."""
        node = self._node(*self._where(table.module, f"{table.name}.{name}"))
        return _normalised(node) if node is not None else ""

    def _used(self, item: Item, node: ast.AST) -> Iterator[Item]:
        module, name = item
        owner = name.rpartition(".")[0]
        for text in _names(node):
            head, _, rest = text.partition(".")
            if head in {"self", "cls"} and owner and rest:
                member = f"{owner}.{rest.partition('.')[0]}"
                if self._pipeline.table(f"{module}.{member}") is None:
                    yield module, member
                continue
            place, inside = self._pipeline.scopes.owner(module, text)
            if not inside and head in self._module(module):
                place, inside = module, text
            top, _, member = inside.partition(".")
            if place not in self._pipeline.sources or not top:
                continue
            if self._pipeline.table(f"{place}.{top}") is None:
                yield place, top
            elif member:  # what a table has beside its rows
                yield place, f"{top}.{member.partition('.')[0]}"

    def _where(self, module: str, name: str) -> Item:
        """The class that has a member: the one named, or the nearest of its bases."""
        owner, _, member = name.rpartition(".")
        waiting, seen = [(module, owner)] if owner else [], set[Item]()
        while waiting:
            place, of = waiting.pop(0)
            if (place, of) in seen:
                continue
            seen.add((place, of))
            if self._node(place, f"{of}.{member}") is not None:
                return place, f"{of}.{member}"
            facts = self._pipeline.scopes.class_facts(place, of) if place in self._pipeline.sources else None
            for base in facts.bases if facts else ():
                meaning = self._pipeline.scopes.meaning(place, base)
                if meaning.kind is Kind.CLASS:
                    waiting.append((meaning.module, meaning.name))
        return module, name

    def _node(self, module: str, name: str) -> ast.stmt | None:
        found: ast.stmt | None = None
        bound = self._module(module)
        for part in name.split("."):
            found = bound.get(part)
            bound = _bound(found.body) if isinstance(found, ast.ClassDef) else {}
        return found

    def _module(self, module: str) -> dict[str, ast.stmt]:
        if module not in self._bound:
            source = self._pipeline.sources.get(module)
            with quietly():
                tree = parse(self._files.get(source.path, b"") if source else b"")
            self._bound[module] = {} if isinstance(tree, Problem) else _bound(tree.body)
        return self._bound[module]


def _bound(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """The functions, classes and assigned names of a body, those under conditions too."""
    found: dict[str, ast.stmt] = {}
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = statement
            case ast.Assign(targets=targets):
                found |= {target.id: statement for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = statement
            case ast.If() | ast.For() | ast.AsyncFor() | ast.While() | ast.With() | ast.Try():
                for part in ("body", "orelse", "finalbody"):
                    found |= _bound(getattr(statement, part, []))
                for handler in getattr(statement, "handlers", []):
                    found |= _bound(handler.body)
    return found


def _names(node: ast.AST) -> Iterator[str]:
    """The dotted names in a piece of code, the longest of each."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, ast.Name | ast.Attribute) and (text := dotted(current)):
            yield text
            continue
        waiting += ast.iter_child_nodes(current)


def _normalised(node: ast.AST) -> str:
    return ast.dump(_WithoutDocstrings().visit(ast.parse(ast.unparse(node))))


class _WithoutDocstrings(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
        return node
