"""What the make methods of a table do, as far as their source tells: do they insert, what do they read and change.

Functions of the same module that they call count as well; `calls` are for those of other modules.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from djproject.pipeline.definition import dotted
from djproject.pipeline.inputs import Input, inputs
from djproject.pipeline.module import Place

THREE_PARTS = ("make_fetch", "make_compute", "make_insert")
_FETCHES = frozenset(
    {"fetch", "fetch1", "to_dicts", "to_pandas", "to_polars", "to_arrow", "to_arrays", "keys", "head", "tail"}
)
_CHANGES = frozenset(
    {
        "insert",
        "insert1",
        "staged_insert1",
        "insert_dataframe",
        "update1",
        "delete",
        "delete_quick",
        "drop",
        "drop_quick",
    }
)
_JOINS = frozenset({"aggr", "join", "extend"})  # the rows of their first argument are read as well
_CHANGE = re.compile(rf"\.\s*(?:{'|'.join(sorted(_CHANGES))})\b")
_MYSELF = re.compile(r"\bself\s*$")
_DEF = re.compile(r"(?:async\s+)?def\s+(\w+)")


class Fetch(NamedTuple):
    """A table that a method fetches from or changes: its name as written, and where."""

    table: str
    place: Place


class Making(NamedTuple):
    """What the make methods of a class do.

    Attributes
    ----------
    inserts
        Whether an insert may be reached; also where the methods pass `self` on or call what is not in the class.
    fetches, changes
        The names that rows are fetched from, and those whose rows are inserted, updated or deleted.
    inputs
        What is taken in beside: randomness, the time, files.
    calls
        The dotted names of what is called.
    """

    inserts: bool
    fetches: tuple[Fetch, ...]
    changes: tuple[Fetch, ...] = ()
    inputs: tuple[Input, ...] = ()
    calls: tuple[str, ...] = ()


def read_making(tree: ast.Module, class_name: str) -> Making:
    """What the make methods of the class `Master` or `Master.Part` do."""
    body: list[ast.stmt] = tree.body
    node: ast.ClassDef | None = None
    for part in class_name.split("."):
        node = next((n for n in _classes(body) if n.name == part), None)
        body = node.body if node else []
    if node is None:
        return Making(True, ())
    functions = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    started = [name for name in ("make", *THREE_PARTS) if name in functions]
    reached = _reached(functions, started)
    inserts = any(_inserts(functions[name], set(functions)) for name in reached)
    return _read(tree, [functions[name] for name in reached], inserts=inserts)


def read_function(tree: ast.Module, name: str) -> Making:
    """What a function of a module does, and those of the module that it calls."""
    function = _functions(tree).get(name)
    return _read(tree, [function] if function else [], inserts=True)


def _read(tree: ast.Module, functions: list["Function"], *, inserts: bool) -> Making:
    those = [*functions, *_helpers(_functions(tree), functions)]
    calls = (dotted(node.func) for each in those for node in ast.walk(each) if isinstance(node, ast.Call))
    return Making(
        inserts,
        tuple(fetch for function in those for fetch in _called_on(function, _FETCHES)),
        tuple(change for function in those for change in _called_on(function, _CHANGES)),
        tuple(inputs(those, tree)),
        tuple(dict.fromkeys(name for name in calls if name)),
    )


def _functions(tree: ast.Module) -> dict[str, "Function"]:
    return {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def _helpers(known: dict[str, "Function"], callers: list["Function"]) -> list["Function"]:
    """The functions of a module that some others call by their names, directly or not."""
    found: list[Function] = []
    waiting = list(callers)
    while waiting:
        for node in ast.walk(waiting.pop()):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in known and known[name] not in found:
                    found.append(known[name])
                    waiting.append(known[name])
    return found


def may_change_others(text: str) -> bool:
    """Whether it is worth while to parse a piece of source: it changes rows of something other than `self`."""
    return any(not _MYSELF.search(text[max(found.start() - 80, 0) : found.start()]) for found in _CHANGE.finditer(text))


def with_helpers(text: str, functions: Mapping[str, str]) -> str:
    """A piece of source with those of the module's functions that it may call, directly or not."""
    found: dict[str, str] = {}
    waiting = [text] if functions else []
    while waiting:
        for name in set(re.findall(r"\b(\w+)\(", waiting.pop())) & functions.keys() - found.keys():
            found[name] = functions[name]
            waiting.append(functions[name])
    return "\n".join((text, *found.values()))


def function_texts(text: str) -> dict[str, str]:
    """By name, the texts of the functions of a module."""
    if not any(f"\n{word}" in text or text.startswith(word) for word in ("def ", "async ")):
        return {}
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if line[:1] not in ("", " ", "\t", "#", ")", "]", "}")]
    return {
        match[1]: "\n".join(lines[start:end])
        for start, end in pairwise([*starts, len(lines)])
        if (match := _DEF.match(lines[start]))
    }


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _classes(body: list[ast.stmt]) -> Iterator[ast.ClassDef]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node
        elif isinstance(node, ast.If | ast.With | ast.Try):
            yield from _classes(node.body)


def _reached(functions: dict[str, Function], started: list[str]) -> list[str]:
    reached = list(started)
    for name in reached:
        for node in ast.walk(functions[name]):
            match node:
                case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=called) if called in functions:
                    reached += [called] if called not in reached else []
    return reached


def _inserts(function: Function, known: set[str]) -> bool:
    """Whether a method inserts, or hands the table on to something that might."""
    me = function.args.args[0].arg if function.args.args else ""
    for node in ast.walk(function):
        match node:
            case ast.Attribute(attr=name) if "insert" in name:
                return True
            case ast.Call(args=arguments, keywords=keywords):
                given = [*arguments, *(keyword.value for keyword in keywords)]
                if any(isinstance(argument, ast.Name) and argument.id == me for argument in given):
                    return True
                if _calls_unknown(node.func, me, known):
                    return True
    return False


def _calls_unknown(function: ast.expr, me: str, known: set[str]) -> bool:
    """Whether a call goes to the instance's bases, or to a method that is not in the class."""
    match function:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            return True
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == me:
            return name not in known and name not in _FETCHES
    return False


def _called_on(function: Function, names: Collection[str]) -> Iterator[Fetch]:
    """The tables on which methods of these names are called."""
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(value=source, attr=name)) if name in names:
                yield from _tables(source)


def _tables(node: ast.expr) -> Iterator[Fetch]:
    """The names that an expression is made of, restrictions aside: `(A * B.proj() & key)` → A, B."""
    match node:
        case ast.Name() | ast.Attribute() if dotted(node):
            yield Fetch(dotted(node), Place(node.lineno, node.col_offset + 1))
        case ast.BinOp(left=ast.Call(func=ast.Attribute(attr="U")), op=ast.BitAnd(), right=right):
            yield from _tables(right)  # the distinct values of another table
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.Sub()):
            yield from _tables(left)
        case ast.BinOp(left=left, right=right):
            yield from _tables(left)
            yield from _tables(right)
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=given):
            yield from _tables(inner)
            if name in _JOINS and given:
                yield from _tables(given[0])
        case ast.Call(func=function, args=[]):
            yield from _tables(function)
