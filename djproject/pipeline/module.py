"""What one Python file of a package says, as values: imports, schemas, classes, what it does when imported."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

_NAMES = re.compile(r"\b[A-Za-z_][\w.]*\w|\b[A-Z]\b")


class Place(NamedTuple):
    """A line and a column of a file, both counted from 1; columns count UTF-8 bytes, as Python's `ast` does."""

    line: int
    column: int


class Problem(NamedTuple):
    """Why a file could not be read.

    Attributes
    ----------
    message, place
        Why, as the end of a sentence, and where.
    has_schema
        Whether the file mentions a schema, so that tables of the pipeline may be in it.
    """

    message: str
    place: Place
    has_schema: bool = False


class Import(NamedTuple):
    """One imported name.

    Attributes
    ----------
    local
        The name it has in the module; dotted after `import a.b`, "*" for all names.
    base
        The module it comes from: dotted and below the package where `inside`, else as written.
    name
        The member of `base` that is imported; empty where it is `base` itself.
    inside
        Whether `base` is of this package.
    when
        "import" (at the top), "call" (inside a function) or "typing" (under `if TYPE_CHECKING`).
    place, end
        Of the whole statement.
    """

    local: str
    base: str
    name: str
    inside: bool
    when: str
    place: Place
    end: Place


class SchemaCall(NamedTuple):
    """`schema = dj.Schema("name")`, or a call of anything else that may make a schema.

    Attributes
    ----------
    variable
        What it is bound to.
    name
        The schema's name; None where it cannot be known without running the code, "" where it is given later, to
        `activate`.
    function
        What is called, as written: `dj.Schema`.
    place
        Of the call.
    """

    variable: str
    name: str | None
    function: str
    place: Place


class Segment(NamedTuple):
    """A string literal: where in the joined text it begins, and from where to where it is in the file."""

    offset: int
    place: Place
    end_line: int


class Text(NamedTuple):
    """A text that a module holds, made of literals.

    Attributes
    ----------
    value
        None where it cannot be known.
    segments
        Where its literals are.
    reference
        The name that is written in its place, where another module may have the text: `texts.SUBJECT`.
    parts
        What it is joined of, where one of them is such a name.
    """

    value: str | None
    segments: tuple[Segment, ...]
    reference: str = ""
    parts: tuple["Text", ...] = ()


class Maker(NamedTuple):
    """A function that returns what another one makes: `def make(name): return dj.Schema(name)`.

    Attributes
    ----------
    name
        The function's; also that of a variable with a lambda or a partial.
    calls
        What it calls, as written.
    passes
        Whether its first argument is the first argument of that call.
    """

    name: str
    calls: str
    passes: bool


class Method(NamedTuple):
    """One method of a class.

    Attributes
    ----------
    name, line, end_line
        Its name, and its first and last line.
    place
        Where its `def` is.
    decorated
        Whether it has a decorator, `@property` for instance.
    positions
        How many arguments it takes by position, `self` among them; -1 where it takes any number.
    """

    name: str
    line: int
    end_line: int
    place: Place
    decorated: bool
    positions: int


class Row(NamedTuple):
    """One row of a literal `contents`.

    Attributes
    ----------
    names
        The keys of a dictionary; empty for a sequence.
    length
        How many values it has.
    place
        Where it is.
    """

    names: tuple[str, ...]
    length: int
    place: Place


class ClassFacts(NamedTuple):
    """One class.

    Attributes
    ----------
    name, bases, decorators
        As written, dotted; "" for an expression that is not a name.
    definition
        The text bound to `definition`; None where nothing is.
    methods
        Functions defined in the class, properties too.
    assigned
        Other names bound in the class.
    parts
        The classes in it.
    label
        The string bound to `name`, as a codec has it; else empty.
    place
        Of the class's name.
    rows
        Those of a literal `contents` that are literal themselves.
    """

    name: str
    bases: tuple[str, ...]
    decorators: tuple[str, ...]
    definition: Text | None
    methods: tuple[Method, ...]
    assigned: tuple[str, ...]
    parts: tuple["ClassFacts", ...]
    label: str
    place: Place
    rows: tuple[Row, ...] = ()

    def method(self, name: str) -> Method | None:
        """The method of that name, or None."""
        return next((method for method in self.methods if method.name == name), None)


class Action(NamedTuple):
    """A call that changes a database when the module is imported: `Table.insert(…)`."""

    owner: str
    method: str
    place: Place


class PythonModule(NamedTuple):
    """What one file says.

    Attributes
    ----------
    name
        Dotted, below the package; "" for the package's own `__init__.py`.
    path
        The file.
    docstring
        The module's text and where; None where it has none.
    imports, schemas, classes, actions
        In the order of the file. Classes within functions are left out. `schemas` are all calls whose value is bound to
        a name until the modules are linked, and those that make a schema afterwards.
    aliases
        Module-level `name = a.b`: local name and what it means.
    bound
        All other names bound at module level.
    makers
        The functions that return what another one makes.
    constants
        The texts bound at module level, and those of classes, as `Class.name`.
    spawns
        Whether something in the file makes classes of what is in a database: `spawn_missing_classes`, `make_classes`.
    hidden
        The classes within functions that have a tier of DataJoint's: name and place.
    activated
        Whether something in the file calls `activate`.
    exports
        The names in a literal `__all__`; empty where there is none.
    problem
        Why the file could not be read; all else is then empty.
    """

    name: str
    path: Path
    docstring: Text | None
    imports: tuple[Import, ...]
    schemas: tuple[SchemaCall, ...]
    classes: tuple[ClassFacts, ...]
    actions: tuple[Action, ...]
    aliases: tuple[tuple[str, str], ...]
    bound: frozenset[str]
    activated: bool
    exports: tuple[str, ...]
    problem: Problem | None
    makers: tuple[Maker, ...] = ()
    constants: Mapping[str, Text] = MappingProxyType({})
    hidden: tuple[tuple[str, Place], ...] = ()
    spawns: bool = False


def method_text(lines: Sequence[str], method: Method) -> str:
    """The source of a method, from the lines of its file."""
    return "\n".join(lines[method.line - 1 : method.end_line])


def names_in(text: str) -> set[str]:
    """The dotted names in a piece of source that have a capital or a dot, those in strings and comments too."""
    return {name for name in _NAMES.findall(text) if "." in name or not name.islower()}
