"""A table's definition read from its text: attributes, foreign keys, indexes, and the lines that are none of them.

The grammar is DataJoint's (datajoint/declare.py, 2.3.5); the values are named tuples, because a large pipeline has
fifty thousand of them and the same lines repeat.
"""

import ast
import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

_ATTRIBUTE = re.compile(
    r"""(?P<name>[a-z_][a-z0-9_]*)\s*
    (?:=(?P<default>(?>"[^"]*"|'[^']*'|[^:])*?))?
    :\s*
    (?P<type>(?:[A-Za-z](?>"[^"]*"|'[^']*'|[^#])*?|<[^>]*>))\s*
    (?:\#(?P<comment>.*))?$""",
    re.VERBOSE,
)
_INDEX = re.compile(r"(?P<unique>unique\s+)?index\s*\((?P<arguments>.*)\)\s*(#.*)?$", re.IGNORECASE)
_OPTIONS = re.compile(r"->\s*\[(?P<options>[^\]]*)\]")
_OLD_REFERENCE = re.compile(
    r"\((?P<new>[\w\s,]+)\)\s*->\s*(?P<options>\[[^\]]*\]\s*)?(?P<parent>[\w.]+)\s*(?:\((?P<old>[\w\s,]+)\))?\s*(?:#.*)?$"
)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_RENAME = re.compile(r"\s*[a-zA-Z_]\w*\s*")
_CODEC = re.compile(r"<\s*(?P<codec>[^@>]*?)\s*(?:@\s*(?P<store>[^>]*?)\s*)?>")


class Attribute(NamedTuple):
    """One attribute line.

    Attributes
    ----------
    name, type, comment
        As written.
    default
        The text between `=` and `:`; None where there is none.
    primary
        Whether it is above the `---`.
    line
        Within the definition, counted from 1.
    """

    name: str
    type: str
    default: str | None
    comment: str
    primary: bool
    line: int

    @property
    def nullable(self) -> bool:
        """Whether NULL is a value of it: its default is null."""
        return self.default is not None and self.default.lower() == "null"


class Projection(NamedTuple):
    """One `.proj(…)` of a foreign key.

    Attributes
    ----------
    renames
        New name and old name of each attribute that is renamed.
    named
        The attributes given by position: kept or, with a leading `-`, left out.
    """

    renames: tuple[tuple[str, str], ...]
    named: tuple[str, ...]


class ForeignKey(NamedTuple):
    """One `-> Parent` line.

    Attributes
    ----------
    target
        The parent as written, without a projection: `subject.Subject`, `master`. Empty where the text between `->`
        and the comment is not a name.
    options
        What is in brackets, in lower case: "nullable", "unique", or what DataJoint does not know.
    projections
        The `.proj(…)` after the parent, in their order.
    problem
        Why DataJoint refuses the reference whatever the parent is; empty where it does not.
    primary
        Whether it is above the `---`.
    line
        Within the definition, counted from 1.
    """

    target: str
    options: tuple[str, ...]
    projections: tuple[Projection, ...]
    problem: str
    primary: bool
    line: int

    @property
    def projected(self) -> bool:
        """Whether the parent is projected."""
        return bool(self.projections)


class Index(NamedTuple):
    """One `index(…)` line.

    Attributes
    ----------
    attributes
        The attributes it names, also those in a JSON path; other expressions are left out.
    expressions
        What is not the plain name of an attribute, as written: `x desc`, `x(10)`, `(lower(x))`, `data.side`.
    unique
        Whether it is a `unique index(…)`.
    line
        Within the definition, counted from 1.
    """

    attributes: tuple[str, ...]
    expressions: tuple[str, ...]
    unique: bool
    line: int


class TableComment(NamedTuple):
    """The comment of a table: its text, and its line within the definition, counted from 1."""

    text: str
    line: int


class Fault(StrEnum):
    """Why a line is not part of a definition."""

    SYNTAX = "is neither an attribute (name : type), a foreign key (-> Table), an index nor a comment"
    NO_TYPE = "has no type: an attribute is written name : type"
    UNDERSCORE = "has an attribute name with a leading underscore, which DataJoint reserves for its own columns"
    UPPER_CASE = "has an attribute name with characters other than a-z, 0-9 and _"
    FOREIGN_KEY = "has '->' in the middle: a foreign key starts with it"
    TABLE_COMMENT = "is a table comment that starts with a colon, which DataJoint refuses"


class Malformed(NamedTuple):
    """A line that DataJoint refuses to read."""

    text: str
    fault: Fault
    line: int


Line = Attribute | ForeignKey | Index | Malformed


class Definition(NamedTuple):
    """A definition's lines, in their order.

    Attributes
    ----------
    text
        The whole text.
    lines
        What it says, line by line; comments, `---` and empty lines are left out.
    attributes, foreign_keys
        Those of the lines that are such.
    comment
        The comment of the table; None where the first line is none.
    """

    text: str
    lines: tuple[Line, ...]
    attributes: tuple[Attribute, ...]
    foreign_keys: tuple[ForeignKey, ...]
    comment: TableComment | None

    @property
    def store_names(self) -> tuple[str, ...]:
        """The stores that codecs name, in order; "" means the default store (`<blob@>`)."""
        found = (read_codec(attribute.type) for attribute in self.attributes if attribute.type.startswith("<"))
        return tuple(dict.fromkeys(codec.store for codec in found if codec and codec.store is not None))


class CodecType(NamedTuple):
    """What `<codec@store>` says; `store` is None without an `@` and "" for the default store."""

    codec: str
    store: str | None


@lru_cache(maxsize=4096)
def read_codec(text: str) -> CodecType | None:
    """The codec and store of an attribute type; None where the type is not a codec.

    Examples
    --------
    >>> read_codec("<blob@main>"), read_codec("<npy@>"), read_codec("<blob>"), read_codec("int32")
    (CodecType(codec='blob', store='main'), CodecType(codec='npy', store=''), CodecType(codec='blob', store=None), None)
    """
    match = _CODEC.fullmatch(text)
    if match is None:
        return None
    return CodecType(match["codec"], match["store"])


def read_definition(text: str) -> Definition:
    r"""The attributes, foreign keys, indexes and malformed lines of a definition.

    Examples
    --------
    >>> found = read_definition("-> subject.Subject\nsession : int32  # number\n---\nraw : <blob@main>")
    >>> [key.target for key in found.foreign_keys], [a.name for a in found.attributes], found.store_names
    (['subject.Subject'], ['session', 'raw'], ('main',))
    """
    primary, first = True, True
    lines: list[Line] = []
    attributes: list[Attribute] = []
    keys: list[ForeignKey] = []
    comment: TableComment | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line:
            continue
        if line[0] == "#":
            if first:
                comment = TableComment(line[1:].strip(), number)
                if comment.text.startswith(":"):
                    lines.append(Malformed(line, Fault.TABLE_COMMENT, number))
        elif line.startswith("---"):
            primary = False
        else:
            kind, fields = _read_line(line)
            if kind is Attribute:
                attributes.append(Attribute._make((*fields, primary, number)))
                lines.append(attributes[-1])
            elif kind is ForeignKey:
                keys.append(ForeignKey._make((*fields, primary, number)))
                lines.append(keys[-1])
            else:
                lines.append(kind(*fields, number))
        first = False
    return Definition(text, tuple(lines), tuple(attributes), tuple(keys), comment)


@lru_cache(maxsize=65536)
def _read_line(line: str) -> tuple[Callable[..., Line], tuple[Any, ...]]:
    """The kind of a line, and its fields without those that depend on where it is."""
    arrow = line.find("->")
    if arrow >= 0 and not any(mark in line[:arrow] for mark in "\"#'"):
        if arrow:
            return Malformed, (line, Fault.FOREIGN_KEY)
        return ForeignKey, _foreign_key(line)
    if line[0] in "uUiI" and (match := _INDEX.match(line)):
        return Index, (*_index_arguments(match["arguments"]), bool(match["unique"]))
    if line[0] == "_":
        return Malformed, (line, Fault.UNDERSCORE)
    match = _ATTRIBUTE.match(line)
    if match is None:
        return Malformed, (line, _fault(line))
    name, default, kind, comment = match.group("name", "default", "type", "comment")
    comment = (comment or "").rstrip("#").strip()
    return Attribute, (name, kind.rstrip(), default if default is None else default.strip(), comment)


def _fault(line: str) -> Fault:
    name = re.match(r"[^\s:=#]+", line)
    if ":" not in line.partition("#")[0]:
        return Fault.NO_TYPE if name and name[0].isidentifier() else Fault.SYNTAX
    if name and not re.fullmatch(r"[a-z][a-z0-9_]*", name[0]):
        return Fault.UPPER_CASE
    return Fault.SYNTAX


def old_reference(line: str) -> str:
    """How a foreign key of an older DataJoint is written today; empty where the line is none.

    Examples
    --------
    >>> old_reference("(mother, father_id) -> [nullable] Animal(animal_id, sire)  # parents")
    "-> [nullable] Animal.proj(mother='animal_id', father_id='sire')"
    """
    match = _OLD_REFERENCE.match(" ".join(line.split()))
    if match is None:
        return ""
    new, old = ([name.strip() for name in (match[group] or "").split(",")] for group in ("new", "old"))
    if old == [""]:
        old = ["…"] * len(new)
    pairs = [f"{mine}='{theirs}'" for mine, theirs in zip(new, old, strict=False) if mine != theirs]
    return f"-> {match['options'] or ''}{match['parent']}.proj({', '.join(pairs)})" if len(new) == len(old) else ""


def _index_arguments(arguments: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The attributes that an index names, and its arguments that are not plain names."""
    written = [argument.strip() for argument in arguments_of(arguments)]
    expressions = tuple(argument for argument in written if not argument.isidentifier())
    plain = (" ".join(argument.split()) for argument in written)
    bare = (re.sub(r" ?\(.*\)| (asc|desc)$", "", argument, flags=re.IGNORECASE) for argument in plain)
    names = tuple(name.partition(".")[0] for name in bare if re.fullmatch(r"\w+(\.[\w.*\[\]:]+)?", name))
    return names, expressions


def arguments_of(text: str) -> list[str]:
    """What commas separate outside of parentheses; what is empty is left out."""
    found, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [argument for argument in found if argument.strip()]


def _foreign_key(line: str) -> tuple[str, tuple[str, ...], tuple[Projection, ...], str]:
    match = _OPTIONS.match(line)
    options: tuple[str, ...] = ()
    rest = line[2:]
    if match:
        options = tuple(option.strip().lower() for option in match["options"].split(","))
        rest = line[match.end() :]
    reference = rest.partition("#")[0].strip()
    if any(not re.fullmatch("[a-z]+", option) for option in options):
        return "", options, (), "is not understood: options are written [nullable], [unique] or [nullable, unique]"
    if _DOTTED.fullmatch(reference):
        return reference, options, (), ""
    try:
        tree = ast.parse(rest.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", options, (), f"is not a table: {reference or 'nothing'} is not a Python expression"
    target, projections, problem = _reference(tree)
    return target, options, projections, problem


def _reference(node: ast.expr) -> tuple[str, tuple[Projection, ...], str]:
    """The table that an expression names, its projections, and why DataJoint would refuse it."""
    match node:
        case ast.Name() | ast.Attribute():
            return dotted(node), (), "" if dotted(node) else "cannot be read without running it"
        case ast.Call(func=ast.Attribute(value=inner, attr="proj"), args=args, keywords=keywords):
            target, projections, problem = _reference(inner)
            step = _projection(args, keywords)
            if step is None:
                return "", (), ""
            if {old for _, old in step.renames} & {new for earlier in projections for new, _ in earlier.renames}:
                problem = "renames an attribute twice; DataJoint takes a table or one projection of it"
            return target, (*projections, step), problem
        case ast.Call(func=ast.Name() | ast.Attribute() as function, args=[], keywords=[]) if dotted(function):
            last = dotted(function).rpartition(".")[2]
            return (dotted(function), (), "") if last[:1].isupper() else ("", (), "")
        case ast.BinOp(left=left):
            target, _, _ = _reference(left)
            return target, (), "is an expression; DataJoint takes a table or its projection"
        case ast.Constant() | ast.Tuple() | ast.List() | ast.Compare() | ast.Dict():
            return "", (), "is not a table"
    return "", (), ""


def _projection(args: list[ast.expr], keywords: list[ast.keyword]) -> Projection | None:
    renames, named = [], []
    for argument in args:
        match argument:
            case ast.Constant(value=str(name)):
                named.append(name)
            case ast.Constant(value=value) if value is Ellipsis:
                pass
            case _:
                return None
    for keyword in keywords:
        match keyword:
            case ast.keyword(arg=str(new), value=ast.Constant(value=str(old))):
                if _RENAME.fullmatch(old):
                    renames.append((new, old.strip()))
            case _:
                return None
    return Projection(tuple(renames), tuple(named))


def dotted(node: ast.expr) -> str:
    """`a.b.c` as text; empty where the expression is not a chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))
