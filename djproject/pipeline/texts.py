"""Texts as a module's source has them: literals, and what is made of literals without running anything."""

import ast
import re
from collections.abc import Mapping, Sequence
from string import Formatter

from djproject.pipeline.definition import dotted
from djproject.pipeline.module import Place, Segment, Text

UNKNOWN = Text(None, ())
LONGEST = 1_000_000
_SPACES_ONLY = frozenset({"dedent", "textwrap.dedent", "cleandoc", "inspect.cleandoc", "str"})
_STRIPPING = frozenset({"strip", "lstrip", "rstrip"})
_PERCENT = re.compile(r"%(?:\((?P<name>\w+)\))?(?P<kind>[sd%])")

Known = Mapping[str, Text]


def read_text(node: ast.expr, known: Known) -> Text:
    """The text that an expression is; `known` are the texts of names around it.

    Indentation does not matter to a definition, so `dedent` and `strip` leave a text as it is.
    """
    match node:
        case ast.Constant(value=str() | int() as value) if not isinstance(value, bool):
            return _made(str(value), node)
        case ast.Name() | ast.Attribute() if name := dotted(node):
            return known.get(name) or Text(None, (), name)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return joined([read_text(left, known), read_text(right, known)])
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            return _made(_percent(read_text(left, known), right, known), node)
        case ast.JoinedStr(values=values):
            return joined([read_text(value, known) for value in values])
        case ast.NamedExpr(value=value):
            return read_text(value, known)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):  # pragma: no mutate (+1 is no pattern)
            return read_text(value, known)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return either(test, read_text(body, known), read_text(orelse, known))
        case ast.Call():
            return _called(node, known)
    return UNKNOWN


def either(test: ast.expr, first: Text, second: Text) -> Text:
    """The one that a condition chooses; an unknown text where it cannot be known and they differ."""
    if isinstance(test, ast.Constant):
        return first if test.value else second
    return first if first.value == second.value else UNKNOWN


def place_of(node: ast.expr | ast.stmt) -> Place:
    """Where an expression or a statement begins."""
    return Place(node.lineno, node.col_offset + 1)


def joined(texts: Sequence[Text]) -> Text:
    """The texts as one; unknown where one of them is, put off until modules are linked where one is a name."""
    value, segments = "", []
    for text in texts:
        if text.value is None:
            named = all(part.value is not None or part.reference or part.parts for part in texts)
            return Text(None, (), "", tuple(texts)) if named else UNKNOWN
        segments += [segment._replace(offset=segment.offset + len(value)) for segment in text.segments]
        value += text.value
    return Text(value, tuple(segments))


def _made(value: str | None, node: ast.expr) -> Text:
    """A text that is not in the file as it is: all of the expression is its place."""
    if value is None or len(value) > LONGEST:
        return UNKNOWN
    return Text(value, (Segment(0, place_of(node), node.end_lineno or node.lineno),))


def _called(node: ast.Call, known: Known) -> Text:
    match node:
        case ast.Call(func=function, args=[inner], keywords=[]) if dotted(function) in _SPACES_ONLY:
            return read_text(inner, known)
        case ast.Call(func=ast.Attribute(value=inner, attr=method), args=args, keywords=keywords):
            return _method(node, read_text(inner, known), method, args, keywords, known)
    return UNKNOWN


def _method(
    node: ast.expr, text: Text, method: str, args: list[ast.expr], keywords: list[ast.keyword], known: Known
) -> Text:
    if text.value is None:
        return UNKNOWN
    if method in _STRIPPING and not args and not keywords:
        return text
    if method == "join":
        match args:
            case [ast.List(elts=parts) | ast.Tuple(elts=parts)] if not keywords:
                pieces = [read_text(part, known) for part in parts]
                between = Text(text.value, ())
                return joined([piece for part in pieces for piece in (between, part)][1:])
        return UNKNOWN
    given = [read_text(argument, known).value for argument in args]
    named = {keyword.arg or "": read_text(keyword.value, known).value for keyword in keywords}
    if None in given or None in named.values() or "" in named:
        return UNKNOWN
    values, names = [value or "" for value in given], {name: value or "" for name, value in named.items()}
    match method, values:
        case "format", _:
            return _made(_formatted(text.value, values, names), node)
        case "replace", [old, new] if old and not names:
            return _made(text.value.replace(old, new), node)
    return UNKNOWN


def _formatted(text: str, values: list[str], names: dict[str, str]) -> str | None:
    """What `format` makes of it; None where a field is more than a name or a number."""
    found, used = "", 0
    try:
        for literal, field, spec, conversion in Formatter().parse(text):
            found += literal
            if field is None:
                continue
            if spec or conversion:
                return None
            if field == "":
                field, used = str(used), used + 1
            found += values[int(field)] if field.isdecimal() else names[field]
    except (ValueError, IndexError, KeyError):
        return None
    return found


def _percent(text: Text, right: ast.expr, known: Known) -> str | None:
    """What `%` makes of a text and its values; None where they do not fit, or one is unknown."""
    if text.value is None:
        return None
    match right:
        case ast.Tuple(elts=elements):
            values: dict[str, str | None] = {
                str(number): read_text(element, known).value for number, element in enumerate(elements)
            }
        case ast.Dict(keys=keys, values=elements):
            values = {
                str(key.value): read_text(element, known).value
                for key, element in zip(keys, elements, strict=True)
                if isinstance(key, ast.Constant)
            }
        case _:
            values = {"0": read_text(right, known).value}
    used = -1

    def value(match: re.Match[str]) -> str:
        nonlocal used
        if match["kind"] == "%":
            return "%"
        used += not match["name"]
        return values[match["name"] or str(used)] or ""

    if None in values.values() or "%" in _PERCENT.sub("", text.value):
        return None
    try:
        found = _PERCENT.sub(value, text.value)
    except KeyError:
        return None
    return found if isinstance(right, ast.Dict) or used + 1 == len(values) else None
