"""What the body of a class says: its definition, methods, parts and contents, under conditions too."""

import ast
from collections.abc import Callable, Mapping, Sequence

from djproject.pipeline.module import ClassFacts, Method, Row, Text
from djproject.pipeline.texts import UNKNOWN, either, place_of, read_text

Function = ast.FunctionDef | ast.AsyncFunctionDef


class ClassBody:
    """The body of one class, statement by statement.

    Attributes
    ----------
    definition
        The text bound to `definition`; None where nothing is.
    methods, assigned, parts, rows
        As in `ClassFacts`.
    label
        The string bound to `name`; else empty.
    texts
        The texts bound in the class, by name.
    """

    def __init__(self, around: Mapping[str, Text], read_class: Callable[[ast.ClassDef], ClassFacts]) -> None:
        self._around, self._read_class = around, read_class
        self.definition: Text | None = None
        self.methods: list[Method] = []
        self.assigned: list[str] = []
        self.parts: list[ClassFacts] = []
        self.label = ""
        self.rows: tuple[Row, ...] = ()
        self.texts: dict[str, Text] = {}

    def read(self, node: ast.ClassDef) -> None:
        """Go through the body of a class."""
        docstring = node.body[0]
        if isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant):
            self.texts["__doc__"] = read_text(docstring.value, {})
        self._statements(node.body)
        self.texts.pop("__doc__", None)

    def _statements(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.methods.append(_method(statement))
                    if statement.name == "definition":
                        self.definition = self._returned(statement)
                case ast.ClassDef():
                    self.parts.append(self._read_class(statement))
                case ast.Assign() | ast.AnnAssign():
                    self._assign(statement)
                case ast.If():
                    self._condition(statement)
                case ast.Try():
                    self._attempt(statement)
                case ast.With():
                    self._statements(statement.body)

    def _condition(self, statement: ast.If) -> None:
        before = self.definition
        self._statements(statement.body)
        first, self.definition = self.definition, before
        self._statements(statement.orelse)
        if first is not None or self.definition is not None:
            self.definition = either(statement.test, first or UNKNOWN, self.definition or UNKNOWN)

    def _attempt(self, statement: ast.Try) -> None:
        self._statements(statement.body)
        tried = self.definition
        for handler in statement.handlers:
            self._statements(handler.body)
        self.definition = tried or self.definition

    def _assign(self, statement: ast.Assign | ast.AnnAssign) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        self.assigned += names
        if statement.value is None:
            return
        if "contents" in names:
            self.rows = _rows(statement.value)
        elif names:
            text = read_text(statement.value, {**self._around, **self.texts} if self.texts else self._around)
            if "definition" in names:
                self.definition = text
            if text.value is not None:
                self.texts |= dict.fromkeys(names, text)
            if names == ["name"] and isinstance(statement.value, ast.Constant):
                self.label = text.value or ""

    def _returned(self, function: Function) -> Text:
        """The text of `def definition(self): return "…"`, with variables that are texts."""
        local = {**self._around, **self.texts}
        for statement in function.body:
            match statement:
                case ast.Expr(value=ast.Constant()):
                    pass
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    local[name] = read_text(value, local)
                case ast.Return(value=ast.expr() as value):
                    return read_text(value, local)
                case _:
                    break
        return UNKNOWN


def _method(node: Function) -> Method:
    arguments = node.args
    positions = -1 if arguments.vararg else len(arguments.posonlyargs) + len(arguments.args)
    end = node.end_lineno or node.lineno
    return Method(node.name, node.lineno, end, place_of(node), bool(node.decorator_list), positions)


def _rows(contents: ast.expr) -> tuple[Row, ...]:
    """The rows of a literal `contents` that can be counted without running anything."""
    found = []
    for node in contents.elts if isinstance(contents, ast.List | ast.Tuple) else ():
        match node:
            case ast.Tuple(elts=values) | ast.List(elts=values):
                if not any(isinstance(value, ast.Starred) for value in values):
                    found.append(Row((), len(values), place_of(node)))
            case ast.Dict(keys=keys):
                names = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
                if len(names) == len(keys):
                    found.append(Row(tuple(names), len(names), place_of(node)))
    return tuple(found)
