"""One Python file of a package read from its syntax tree, without running it."""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from djproject.pipeline.class_body import ClassBody
from djproject.pipeline.definition import dotted
from djproject.pipeline.importing import imports_of, late_imports
from djproject.pipeline.module import (
    Action,
    ClassFacts,
    Import,
    Maker,
    Place,
    Problem,
    PythonModule,
    SchemaCall,
    Text,
)
from djproject.pipeline.texts import place_of, read_text
from djproject.project.names import TIER_ALIASES, TIERS

TIER_WORDS = frozenset({*TIERS, *TIER_ALIASES})
LARGEST_FILE_BYTES = 2_000_000


_DATABASE_ACTIONS = frozenset(
    {"populate", "insert", "insert1", "insert_dataframe", "update1", "delete", "delete_quick", "drop", "drop_quick"}
)


# Bounded, because a file of a stranger's may be one line of two million characters.
_SCHEMA = re.compile(rb"\b[sS]chema[ ]{0,9}\(|@\w{0,64}schema")
_CLASS = re.compile(rb"^class\b", re.MULTILINE)
_SCHEMA_CALL = re.compile(rb"chema\w{0,64}\(")
_IN_FUNCTION = (b" ", b"\t", b"def ", b"async ")
_SPAWNS = (b"spawn_missing_classes", b"make_classes")
_MAY_BE_TEXT = (ast.Constant, ast.BinOp, ast.JoinedStr, ast.Call, ast.IfExp)
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
        return unreadable(name, path, tree._replace(has_schema=_has_tables(data)))
    try:
        return _Reader(name, package, path, data).read(tree)
    except RecursionError:
        return unreadable(name, path, Problem("is nested too deeply to be read", Place(1, 1)))


def _has_tables(data: bytes) -> bool:
    return bool(_SCHEMA.search(data)) or (b"datajoint" in data and bool(_CLASS.search(data)))


def _has_inner_schemas(data: bytes) -> bool:
    calls = (found.start() for found in _SCHEMA_CALL.finditer(data))
    return any(data.startswith(_IN_FUNCTION, data.rfind(b"\n", max(at - 500, 0), at) + 1) for at in calls)


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
        self.exports: tuple[str, ...] = ()
        self.makers: list[Maker] = []
        self.texts: dict[str, Text] = {}
        self.hidden: list[tuple[str, Place]] = []
        self.moved: set[str] = set()
        self.branch = ""
        self.has_inner_schemas = _has_inner_schemas(data)
        self.lines: list[bytes] | None = None

    def read(self, tree: ast.Module) -> PythonModule:
        body = tree.body
        docstring = None
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            docstring = read_text(body[0].value, {})
            docstring = docstring if docstring.value is not None else None
        self._statements(body, "import")
        if _INDENTED_IMPORT.search(self.data):
            seen = {item.place.line for item in self.imports}
            self.imports += late_imports(tree, seen, self.package, self.above)
        return PythonModule(
            self.name,
            self.path,
            docstring,
            tuple(self.imports),
            tuple(self.schemas),
            tuple(facts for facts in self.classes if facts.name not in self.moved),
            tuple(self.actions),
            tuple(self.aliases.items()),
            frozenset(self.bound),
            b"activate" in self.data,
            self.exports,
            None,
            tuple(self.makers),
            self.texts,
            tuple(self.hidden),
            any(word in self.data for word in _SPAWNS),
        )

    def _statements(self, body: Sequence[ast.stmt], when: str) -> None:
        for statement in body:
            if isinstance(statement, ast.ClassDef):
                self.classes.append(self._class(statement))
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(statement)
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                self.imports += imports_of(statement, when, self.package, self.above)
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                self._assign(targets, statement.value)
            elif isinstance(statement, ast.Expr):
                if isinstance(statement.value, ast.NamedExpr):
                    self._assign([statement.value.target], statement.value.value)
                else:
                    self._act(statement.value)
            else:
                self._compound(statement, when)

    def _compound(self, statement: ast.stmt, when: str) -> None:
        match statement:
            case ast.If() | ast.Try() | ast.Match():
                self._branches(statement, when)
            case ast.With(items=items, body=body):
                for item in items:
                    self._bind(item.optional_vars)
                self._statements(body, when)
            case ast.For(target=target, body=body, iter=iterated, orelse=orelse):
                self._bind(target)
                self._statements([*body, *orelse], when)
                for inner in body:
                    if isinstance(inner, ast.Expr):
                        self._decorated_in_turn(inner.value, target, iterated)
            case ast.While(body=body):
                self._statements(body, when)
            case ast.AugAssign(target=target):
                self._bind(target)

    def _branches(self, statement: ast.If | ast.Try | ast.Match, when: str) -> None:
        """Statements of which not all run: of what `if` and `match` bind, the last is not known; `try` is expected."""
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                condition = dotted(test).rpartition(".")[2]
                with self._within("if"):
                    if not _is_main_guard(test):
                        self._statements(body, "typing" if condition == "TYPE_CHECKING" else when)
                    self._statements(orelse, when)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
                self._statements(body, when)
                with self._within("try"):
                    for part in (*(handler.body for handler in handlers), orelse, finalbody):
                        self._statements(part, when)
            case ast.Match(cases=cases):
                with self._within("if"):
                    for each in cases:
                        self._statements(each.body, when)

    @contextmanager
    def _within(self, branch: str) -> Iterator[None]:
        """Statements of which not all may run."""
        before, self.branch = self.branch, branch
        yield
        self.branch = before

    def _function(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.bound.add(function.name)
        if self.has_inner_schemas:
            self._makes(function)
        if self.lines is None:
            self.lines = self.data.split(b"\n")
        if any(b"class " in line for line in self.lines[function.lineno : function.end_lineno]):
            for node in ast.walk(function):
                if isinstance(node, ast.ClassDef) and any(_is_tier(dotted(base)) for base in node.bases):
                    self.hidden.append((node.name, Place(node.lineno, node.col_offset + len("class ") + 1)))

    def _makes(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Which call the function returns, and which calls it binds to global names."""
        shared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
        made: dict[str, ast.Call] = {}
        first = function.args.args[0].arg if function.args.args else ""
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                    made[name] = call
                    if name in shared:
                        with self._within("if"):
                            self._bound_call(name, call)
                case ast.Return(value=ast.Call() as call):
                    self._maker(function.name, call, first)
                case ast.Return(value=ast.Name(id=name)) if name in made:
                    self._maker(function.name, made[name], first)

    def _maker(self, name: str, call: ast.Call, first: str) -> None:
        if dotted(call.func):
            passes = bool(call.args) and isinstance(call.args[0], ast.Name) and call.args[0].id == first
            self.makers.append(Maker(name, dotted(call.func), passes))

    def _bind(self, target: ast.expr | None) -> None:
        match target:
            case ast.Name(id=name):
                self.bound.add(name)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self._bind(element)

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr | None) -> None:
        for target in targets:
            self._bind(target)
            match target, value:
                case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
                    for name, one in zip(names, values, strict=True):
                        self._assign_one(name, one)
                case _, ast.expr():
                    self._assign_one(target, value)

    def _assign_one(self, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Name(id="__all__") if isinstance(value, ast.List | ast.Tuple):
                names = [element.value for element in value.elts if isinstance(element, ast.Constant)]
                self.exports = tuple(name for name in names if isinstance(name, str))
            case ast.Name(id=name):
                self._assign_name(name, value)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                self._assign_member(owner, name, value)

    def _assign_name(self, name: str, value: ast.expr) -> None:
        match value:
            case ast.Call():
                self._bound_call(name, value)
                self._act(value)
            case ast.IfExp(body=first, orelse=second):
                with self._within("if"):
                    for call in (first, second):
                        if isinstance(call, ast.Call):
                            self._bound_call(name, call)
            case ast.Lambda(body=ast.Call() as call, args=arguments):
                self._maker(name, call, arguments.args[0].arg if arguments.args else "")
            case ast.Name() | ast.Attribute() if dotted(value):
                self.aliases[name] = dotted(value)
        if isinstance(value, _MAY_BE_TEXT):
            text = read_text(value, self.texts)
            if text.value is not None:
                self.texts[name] = text

    def _bound_call(self, name: str, call: ast.Call) -> None:
        """A name bound to the value of a call, which may be a schema."""
        function = dotted(call.func)
        if function in {"partial", "functools.partial"} and call.args:
            self.makers.append(Maker(name, dotted(call.args[0]), len(call.args) == 1))
            return
        if not function:
            return
        made = SchemaCall(name, _schema_name(call), function, place_of(call))
        for index, known in enumerate(self.schemas if self.branch else ()):
            if known.variable == name:
                if self.branch == "if" and known.name != made.name:
                    self.schemas[index] = known._replace(name=None)
                return
        self.schemas.append(made)

    def _assign_member(self, owner: str, name: str, value: ast.expr) -> None:
        """`Table.definition = …`, `Master.Part = Part`: what is added to a class after it was made."""
        for index, facts in enumerate(self.classes):
            if facts.name != owner:
                continue
            if name == "definition":
                facts = facts._replace(definition=read_text(value, self.texts))
            part = next((other for other in self.classes if other.name == dotted(value)), None)
            if part is not None and part is not facts:
                facts = facts._replace(parts=(*facts.parts, part._replace(name=name)))
                self.moved.add(part.name)
            self.classes[index] = facts._replace(assigned=(*facts.assigned, name))

    def _act(self, value: ast.expr) -> None:
        if isinstance(value, ast.ListComp | ast.GeneratorExp):
            generator = value.generators[0]
            self._decorated_in_turn(value.elt, generator.target, generator.iter)
        while isinstance(value, ast.Call):
            if isinstance(value.func, ast.Attribute):
                if value.func.attr == "activate":
                    self._activate(value, dotted(value.func.value))
                if value.func.attr in _DATABASE_ACTIONS:
                    owner = value.func.value
                    while isinstance(owner, ast.Call | ast.BinOp):
                        owner = owner.func if isinstance(owner, ast.Call) else owner.left
                    self.actions.append(Action(dotted(owner), value.func.attr, place_of(value)))
                    return
                if len(value.args) == 1:
                    self._decorated_call(value)
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
        """`schema(Table)` decorates a class after it was made; `map(schema, [Table, …])` several."""
        match call:
            case ast.Call(func=ast.Name(id="map"), args=[function, ast.List(elts=tables) | ast.Tuple(elts=tables)]):
                for table in tables:
                    self._decorate(dotted(function), dotted(table))
            case ast.Call(func=ast.Name(), args=[ast.Call() | ast.ListComp() | ast.GeneratorExp() as inner]):
                self._act(inner)
            case ast.Call(func=function, args=[ast.Name(id=name)]):
                self._decorate(dotted(function), name)

    def _decorated_in_turn(self, call: ast.expr, target: ast.expr, iterated: ast.expr) -> None:
        """`for table in (A, B): schema(table)`."""
        match call, target, iterated:
            case (
                ast.Call(func=function, args=[ast.Name(id=argument)]),
                ast.Name(id=name),
                ast.List(elts=tables) | ast.Tuple(elts=tables),
            ) if argument == name:
                for table in tables:
                    self._decorate(dotted(function), dotted(table))

    def _decorate(self, decorator: str, name: str) -> None:
        for index, facts in enumerate(self.classes if decorator else ()):
            if facts.name == name:
                self.classes[index] = facts._replace(decorators=(*facts.decorators, decorator))

    def _class(self, node: ast.ClassDef) -> ClassFacts:
        body = ClassBody(self.texts, self._class)
        body.read(node)
        self.texts |= {f"{node.name}.{name}": text for name, text in body.texts.items() if text.value is not None}
        place = Place(node.lineno, node.col_offset + len("class ") + 1)
        bases = tuple([dotted(base.func if isinstance(base, ast.Call) else base) for base in node.bases])
        return ClassFacts(
            node.name,
            bases,
            tuple([_decorator(item) for item in node.decorator_list]),
            body.definition,
            tuple(body.methods),
            tuple(body.assigned),
            tuple(body.parts),
            body.label,
            place,
            body.rows,
        )


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


def _is_tier(name: str) -> bool:
    return name.rpartition(".")[2].lower() in TIER_WORDS


def _decorator(node: ast.expr) -> str:
    return dotted(node.func if isinstance(node, ast.Call) else node)


def _is_main_guard(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__")):
            return True
    return False
