"""Which names a module uses, and whether a change of its source leaves them and everything else as they were."""

import ast
import re
from typing import NamedTuple

_WORD = re.compile(r"[A-Za-z_]\w*")
_EXPRESSION = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:[.\[(|&].*)?", re.DOTALL)
_ATTRIBUTE_LINE = re.compile(r"\s*[a-z_]\w*\s*(?:=[^:]*)?:")
_HANDS_OVER = frozenset({"globals", "locals", "vars", "dir", "__import__"})
_KEYWORDS = frozenset({"linking_module", "add_objects"})
_NAMES_ONLY = frozenset({"getLogger", "get_logger", "Logger", "Schema", "schema"})
_FROM = re.compile(r"\bfrom\s+([\w.]+)\s+import\s*(\([^)]*\)|[^\n]*)")
_IMPORT = re.compile(r"(?m)^[ \t]*(?:from\s+[\w.]+\s+)?import\s*(?:\([^)]*\)|[^\n]*)")
_MODULE_TABLE = re.compile(r"\bsys\.modules\b|\bimport_module\b|\blinking_module\b|\bgetattr\b|\bvars\b|__dict__")


class Use(NamedTuple):
    """What the source of a module uses.

    Attributes
    ----------
    names
        The names in its code and its `__all__`, and those that a text of it consists of or begins with: "subject",
        "subject.Subject".
    mentioned
        The words in its other texts, docstrings aside; in definitions, those that are not attributes.
    handed_over
        Whether code elsewhere can get at its names while it runs: `globals()`, `linking_module=__name__` …
    """

    names: frozenset[str]
    mentioned: frozenset[str]
    handed_over: bool


def names_used(tree: ast.Module) -> Use:
    """What a module uses, by its syntax tree."""
    names: set[str] = set()
    mentioned: set[str] = set()
    handed_over = False
    definitions, docstrings = _definitions(tree), _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
            handed_over = handed_over or node.id in _HANDS_OVER
        elif isinstance(node, ast.Global | ast.Nonlocal):
            names.update(node.names)
        elif isinstance(node, ast.Call):
            handed_over = handed_over or _hands_over(node)
        elif isinstance(node, ast.Attribute):
            handed_over = handed_over or node.attr == "__dict__" or (node.attr, _name(node.value)) == ("modules", "sys")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if node in definitions:
                mentioned |= _words_of_definition(text)
            elif node not in docstrings or ">>>" in text:
                names |= _first_names(text)
                mentioned |= set(_WORD.findall(text))
    return Use(frozenset(names), frozenset(mentioned), handed_over)


def reaches(source: str, module: str, name: str) -> bool:
    r"""Whether a file elsewhere may reach `name` through the module of the package that is called `module`.

    Text is compared, so that definitions, notebooks and files in an older Python count as well.

    Examples
    --------
    >>> reaches("definition = '-> scan.subject.Subject'", "scan", "subject")
    True
    >>> reaches("from . import (scan,\\n    subject)", "scan", "subject")
    False
    >>> reaches("m = scan", "scan", "subject")
    True
    """
    if not re.search(rf"\b{module}\b", source):
        return False
    if _MODULE_TABLE.search(source):
        return True
    if any(re.search(rf"\*|\b{name}\b", m[2]) for m in _FROM.finditer(source) if m[1].rpartition(".")[2] == module):
        return True
    aliases = {module, *re.findall(rf"\b{module}\s+as\s+(\w+)", source)}
    code = _IMPORT.sub("", source)
    return any(re.search(rf"\b{alias}\s*\.\s*{name}\b|[=(,\[:]\s*{alias}\s*(?:[,)\]\n]|$)", code) for alias in aliases)


def keeps_meaning(old: str, new: str) -> bool:
    """Whether two texts of a module differ in nothing but its texts and imports, and no name in use is lost or rebound.

    `dj.schema` and `dj.Schema` are the same. The texts are for the rules to answer for.
    """
    before, after = ast.parse(old), ast.parse(new)
    lost, gained = _imported(before) - _imported(after), _imported(after) - _imported(before)
    if {name for _, name in lost} & names_used(after).names or {name for _, name in gained} & _bound(before):
        return False
    return ast.dump(_Rest().visit(before)) == ast.dump(_Rest().visit(after))


class _Rest(ast.NodeTransformer):
    """All of a module but its imports at the top and what its texts say."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        body = node.body[1:] if _docstring(node) else node.body
        return ast.Module([item for item in body if not isinstance(item, ast.Import | ast.ImportFrom)], [])

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        self.generic_visit(node)
        node.attr = "Schema" if node.attr == "schema" else node.attr
        return node


def _imported(tree: ast.Module) -> set[tuple[str, str]]:
    """What the imports at the top of a module bind: from where, and the name."""
    return {
        (f"{'.' * node.level}{node.module or ''} {alias.name}" if isinstance(node, ast.ImportFrom) else alias.name,
         (alias.asname or alias.name).partition(".")[0])
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }  # fmt: skip


def _bound(tree: ast.Module) -> set[str]:
    """The names that a module binds anywhere."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    made = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    return stored | made | {name for _, name in _imported(tree)}


def _hands_over(call: ast.Call) -> bool:
    if any(keyword.arg in _KEYWORDS for keyword in call.keywords):
        return True
    called = call.func.attr if isinstance(call.func, ast.Attribute) else _name(call.func)
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return called not in _NAMES_ONLY and any(_name(value) == "__name__" for value in given)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _definitions(tree: ast.Module) -> set[ast.AST]:
    """The string literals that classes bind to `definition`."""
    return {
        constant
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.Assign) and any(_name(target) == "definition" for target in node.targets)
        for constant in ast.walk(node.value)
        if isinstance(constant, ast.Constant)
    }


def _docstrings(tree: ast.Module) -> set[ast.AST]:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {text for node in ast.walk(tree) if isinstance(node, owners) and (text := _docstring(node))}


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> ast.Constant | None:
    match node.body[:1]:
        case [ast.Expr(value=ast.Constant(value=str()) as text)]:
            return text
    return None


def _words_of_definition(text: str) -> set[str]:
    """The words in the lines of a definition that are no attributes: foreign keys, and what does not parse."""
    lines = (line.partition("#")[0] for line in text.split("\n"))
    return {word for line in lines if "->" in line or not _ATTRIBUTE_LINE.match(line) for word in _WORD.findall(line)}


def _first_names(text: str) -> set[str]:
    """The name that a text consists of, or that an expression in it begins with."""
    match = _EXPRESSION.fullmatch(text)
    return {match[1]} if match else set()
