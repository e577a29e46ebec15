"""One Python file of a package read from its syntax tree, without running it."""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from djproject.pipeline.definition import dotted
from djproject.pipeline.module import (
    Action,
    ClassFacts,
    Import,
    Method,
    Place,
    Problem,
    PythonModule,
    Row,
    SchemaCall,
    Segment,
    Text,
)

LARGEST_FILE_BYTES = 2_000_000


_DATABASE_ACTIONS = frozenset(
    {"populate", "insert", "insert1", "insert_dataframe", "update1", "delete", "delete_quick", "drop", "drop_quick"}
)


_INDENTED_IMPORT = re.compile(rb"\n[ \t]+(?:from|import)\b")


def parse(data: bytes) -> ast.Module | Problem:
    """The syntax tree of a file, or why there is none. Encodings are honoured as Python does (PEP 263).

    Python warns of invalid escapes in the user's strings; `quietly` keeps that to itself.
    """
    if len(data) > LARGEST_FILE_BYTES:
        return Problem(f"is larger than {LARGEST_FILE_BYTES // 1_000_000} MB and was not read", Place(1, 1))
    try:
        return ast.parse(data)
    except SyntaxError as error:
        place = Place(error.lineno or 1, max(error.offset or 1, 1))
        return Problem(f"is not valid Python: {error.msg}", place)
    except (ValueError, UnicodeError) as error:
        return Problem(f"is not valid Python: {error}", Place(1, 1))
    except (RecursionError, MemoryError):
        return Problem("is nested too deeply to be read", Place(1, 1))


@contextmanager
def quietly() -> Iterator[None]:
    """Parse without warnings about the code that is parsed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_python(data: bytes, *, name: str, package: str, path: Path) -> PythonModule:
    """What the file at `path` says, as the module `name` of `package`; invalid Python has a problem."""
    tree = parse(data)
    if isinstance(tree, Problem):
        return unreadable(name, path, tree)
    try:
        return _Reader(name, package, path, data).read(tree)
    except RecursionError:
        return unreadable(name, path, Problem("is nested too deeply to be read", Place(1, 1)))


def unreadable(name: str, path: Path, problem: Problem) -> PythonModule:
    """A module of which nothing is known but why."""
    return PythonModule(name, path, None, (), (), (), (), (), frozenset(), False, (), problem)


class _Reader:
    def __init__(self, name: str, package: str, path: Path, data: bytes) -> None:
        self.name, self.package, self.path, self.data = name, package, path, data
        self.above = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.imports: list[Import] = []
        self.schemas: list[SchemaCall] = []
        self.classes: list[ClassFacts] = []
        self.actions: list[Action] = []
        self.aliases: dict[str, str] = {}
        self.bound: set[str] = set()
        self.constants: dict[str, Text] = {}
        self.datajoint: dict[str, str] = {}
        self.exports: tuple[str, ...] = ()

    def read(self, tree: ast.Module) -> PythonModule:
        body = tree.body
        docstring = None
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            docstring = self._text(body[0].value)
            docstring = docstring if docstring.value is not None else None
        self._statements(body, "import")
        if b"import" in self.data:
            self._late_imports(tree)
        return PythonModule(
            self.name,
            self.path,
            docstring,
            tuple(self.imports),
            tuple(self.schemas),
            tuple(self.classes),
            tuple(self.actions),
            tuple(self.aliases.items()),
            frozenset(self.bound),
            b"activate" in self.data,
            self.exports,
            None,
        )

    def _statements(self, body: Sequence[ast.stmt], when: str) -> None:
        for statement in body:
            if isinstance(statement, ast.ClassDef):
                self.classes.append(self._class(statement))
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self.bound.add(statement.name)
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(statement, when)
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                self._assign(statement)
            elif isinstance(statement, ast.Expr):
                self._act(statement.value)
            else:
                self._compound(statement, when)

    def _compound(self, statement: ast.stmt, when: str) -> None:
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                condition = dotted(test).rpartition(".")[2]
                if not _is_main_guard(test):
                    self._statements(body, "typing" if condition == "TYPE_CHECKING" else when)
                self._statements(orelse, when)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
                for part in (body, *(handler.body for handler in handlers), orelse, finalbody):
                    self._statements(part, when)
            case ast.With(body=body):
                self._statements(body, when)
            case ast.For(target=target, body=body) | ast.For(target=target, orelse=body):
                self._bind(target)
                self._statements(body, when)
            case ast.While(body=body):
                self._statements(body, when)
            case ast.AugAssign(target=target):
                self._bind(target)

    def _bind(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                self.bound.add(name)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self._bind(element)

    def _assign(self, statement: ast.Assign | ast.AnnAssign) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            self._bind(target)
        match targets, statement.value:
            case [ast.Name(id=name)], ast.Call(func=function) as call:
                if self._datajoint_name(dotted(function)) in {"Schema", "schema"}:
                    self.schemas.append(SchemaCall(name, _schema_name(call), dotted(function), _place(call)))
                else:
                    self._act(call)
            case [ast.Name(id="__all__")], ast.List(elts=names) | ast.Tuple(elts=names):
                self.exports = tuple(n.value for n in names if isinstance(n, ast.Constant) and isinstance(n.value, str))
            case [ast.Name(id=name)], ast.Name() | ast.Attribute() as value if dotted(value):
                self.aliases[name] = dotted(value)
            case [ast.Name(id=name)], ast.Constant() | ast.BinOp() | ast.JoinedStr() as value:
                self.constants[name] = self._text(value)

    def _datajoint_name(self, text: str) -> str:
        """What a dotted name means in datajoint: `dj.Manual` → "Manual"; empty where it means nothing there."""
        head, _, rest = text.partition(".")
        known = self.datajoint.get(head)
        return "" if known is None else f"{known}.{rest}".strip(".") if known and rest else known or rest

    def _act(self, value: ast.expr) -> None:
        while isinstance(value, ast.Call):
            if isinstance(value.func, ast.Attribute):
                if value.func.attr == "activate":
                    self._activate(value, dotted(value.func.value))
                if value.func.attr in _DATABASE_ACTIONS:
                    owner = value.func.value
                    owner = owner.func if isinstance(owner, ast.Call) else owner
                    owner = owner.left if isinstance(owner, ast.BinOp) else owner
                    self.actions.append(Action(dotted(owner), value.func.attr, _place(value)))
                    return
                value = value.func.value
            else:
                self._decorated_call(value)
                return

    def _activate(self, call: ast.Call, variable: str) -> None:
        """`schema.activate("name")` names a schema that was made without a name."""
        match call:
            case ast.Call(args=[ast.Constant(value=str(name))], keywords=[]):
                self.schemas = [
                    known._replace(name=name) if (known.variable, known.name) == (variable, "") else known
                    for known in self.schemas
                ]

    def _decorated_call(self, call: ast.Call) -> None:
        """`schema(Table)` decorates a class after it was made."""
        match call:
            case ast.Call(func=function, args=[ast.Name(id=name)]) if dotted(function):
                for index, facts in enumerate(self.classes):
                    if facts.name == name:
                        self.classes[index] = facts._replace(decorators=(*facts.decorators, dotted(function)))

    def _import(self, node: ast.Import | ast.ImportFrom, when: str) -> None:
        place, end = _place(node), Place(node.end_lineno or node.lineno, (node.end_col_offset or 0) + 1)
        for alias in node.names:
            if isinstance(node, ast.Import):
                inside = alias.name == self.package or alias.name.startswith(f"{self.package}.")
                base = alias.name.removeprefix(self.package).lstrip(".") if inside else alias.name
                local, name = alias.asname or alias.name, ""
            else:
                found = self._base(node)
                inside, base = found is not None, found if found is not None else "." * node.level + (node.module or "")
                local, name = alias.asname or alias.name, alias.name
            if not inside and base == "datajoint":
                self.datajoint[local] = name
            self.imports.append(Import(local, base, name, inside, when, place, end))

    def _base(self, node: ast.ImportFrom) -> str | None:
        """The module below the package that `from …` names; None where it lies outside."""
        source = node.module or ""
        if node.level == 0:
            if source == self.package:
                return ""
            return source.removeprefix(f"{self.package}.") if source.startswith(f"{self.package}.") else None
        parts = self.above.split(".") if self.above else []
        if node.level - 1 > len(parts):
            return None
        return ".".join([*parts[: len(parts) - (node.level - 1)], *filter(None, [source])])

    def _late_imports(self, tree: ast.Module) -> None:
        """The imports inside functions, where the text has more lines with `import` than were seen."""
        seen = {item.place.line for item in self.imports}
        if not _INDENTED_IMPORT.search(self.data):
            return
        for function in _functions(tree.body):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno not in seen:
                    self._import(node, "call")

    def _class(self, node: ast.ClassDef) -> ClassFacts:
        definition: Text | None = None
        methods: list[Method] = []
        assigned: list[str] = []
        parts: list[ClassFacts] = []
        label: object = ""
        rows: tuple[Row, ...] = ()
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                methods.append(_method(statement))
                if statement.name == "definition":
                    definition = self._returned(statement)
            elif isinstance(statement, ast.ClassDef):
                parts.append(self._class(statement))
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                if "definition" in names and statement.value is not None:
                    definition = self._text(statement.value)
                assigned += names
                if "contents" in names:
                    rows = _rows(statement.value)
                if names == ["name"] and isinstance(statement.value, ast.Constant):
                    label = statement.value.value
        decorators = tuple([_decorator(item) for item in node.decorator_list])
        place = Place(node.lineno, node.col_offset + len("class ") + 1)
        bases = tuple([dotted(base.func if isinstance(base, ast.Call) else base) for base in node.bases])
        return ClassFacts(
            node.name,
            bases,
            decorators,
            definition,
            tuple(methods),
            tuple(assigned),
            tuple(parts),
            label if isinstance(label, str) else "",
            place,
            rows,
        )

    def _returned(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Text:
        """The text of `def definition(self): return "…"`."""
        match function.body[-1]:
            case ast.Return(value=ast.expr() as value) if len(function.body) <= 2:
                return self._text(value)
        return Text(None, ())

    def _text(self, node: ast.expr) -> Text:
        match node:
            case ast.Constant(value=str(value)):
                return Text(value, (Segment(0, _place(node), node.end_lineno or node.lineno),))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _joined([self._text(left), self._text(right)])
            case ast.JoinedStr(values=values):
                return _joined([self._text(value) for value in values])
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self._text(value)
            case ast.Name(id=name):
                return self.constants.get(name, Text(None, ()))
            case ast.Call(func=ast.Attribute(value=inner, attr="strip"), args=[], keywords=[]):
                text = self._text(inner)
                return text if text.value is not None else Text(None, ())
            case ast.Call(func=function, args=[inner]) if dotted(function) in {"dedent", "textwrap.dedent", "cleandoc"}:
                return self._text(inner)
        return Text(None, ())


def _joined(texts: Sequence[Text]) -> Text:
    value, segments = "", []
    for text in texts:
        if text.value is None:
            return Text(None, ())
        segments += [segment._replace(offset=segment.offset + len(value)) for segment in text.segments]
        value += text.value
    return Text(value, tuple(segments))


def _schema_name(call: ast.Call) -> str | None:
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "schema_name")]
    match given:
        case []:
            return "" if not call.keywords or all(keyword.arg for keyword in call.keywords) else None
        case [ast.Constant(value=str(name)), *_]:
            return name
        case [ast.Constant(value=None), *_]:
            return ""
    return None


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Method:
    arguments = node.args
    positions = -1 if arguments.vararg else len(arguments.posonlyargs) + len(arguments.args)
    end = node.end_lineno or node.lineno
    return Method(node.name, node.lineno, end, _place(node), bool(node.decorator_list), positions)


def _rows(contents: ast.expr | None) -> tuple[Row, ...]:
    """The rows of a literal `contents` that can be counted without running anything."""
    found = []
    for node in contents.elts if isinstance(contents, ast.List | ast.Tuple) else ():
        match node:
            case ast.Tuple(elts=values) | ast.List(elts=values):
                if not any(isinstance(value, ast.Starred) for value in values):
                    found.append(Row((), len(values), _place(node)))
            case ast.Dict(keys=keys):
                names = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
                if len(names) == len(keys):
                    found.append(Row(tuple(names), len(names), _place(node)))
    return tuple(found)


def _decorator(node: ast.expr) -> str:
    return dotted(node.func if isinstance(node, ast.Call) else node)


def _functions(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement
        elif isinstance(statement, ast.ClassDef | ast.If | ast.With | ast.Try):
            yield from _functions(statement.body)


def _is_main_guard(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__")):
            return True
    return False


def _place(node: ast.expr | ast.stmt) -> Place:
    return Place(node.lineno, node.col_offset + 1)
