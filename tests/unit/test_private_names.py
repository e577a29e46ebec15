"""Private names (`_x`) stay in their room; those of DataJoint that djproject needs are listed, and still exist."""

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NAMEDTUPLE = {"_replace", "_make", "_asdict", "_fields"}  # public: the underscore avoids names of fields
STANDARD_LIBRARY = {("os", "_exit"), ("sys", "_getframe")}
SOCKET_OF_PYMYSQL = "_sock"

# Where DataJoint defines each private name that djproject uses. An upgrade that moves one fails here first.
DATAJOINT = {
    "_allow_insert": "datajoint.autopopulate:AutoPopulate",
    "_config": "datajoint.connection:Connection",
    "_conn": "datajoint.connection:Connection",
    "_get_job_version": "datajoint.jobs:",
    "_has_job_metadata_attrs": "datajoint.autopopulate:AutoPopulate",
    "_in_transaction": "datajoint.connection:Connection",
    "_jobs": "datajoint.autopopulate:AutoPopulate",
    "_jobs_to_do": "datajoint.autopopulate:AutoPopulate",
    "_pending_enum_types": "datajoint.adapters.postgres:PostgreSQLAdapter",
    "_upstream": "datajoint.autopopulate:AutoPopulate",
    "_upstream_key": "datajoint.autopopulate:AutoPopulate",
}
OF_THE_PIPELINE = {"_make_tuples"}  # the older name of make, in a table of the user's

ADAPTER = "djproject/database/internals.py"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def room(path: Path) -> str:
    """`cli` for the command line and the module that starts it, else the folder or file below djproject/."""
    first = path.relative_to(ROOT / "djproject").parts[0].removesuffix(".py")
    return "cli" if first == "__main__" else first


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / "djproject").rglob("*.py")):
        if "templates" not in path.parts:
            yield path, ast.parse(path.read_text())


def own_names(tree: ast.Module) -> set[str]:
    """What a file itself defines: functions, classes, variables, attributes of self."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                names.add(name)
    return names


def foreign_imports(path: Path, tree: ast.Module) -> Iterator[str]:
    """Private modules and names of djproject that a file imports from another room."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                dotted = [f"{module}.{alias.name}" for alias in aliases]
            case ast.Import(names=aliases):
                dotted = [alias.name for alias in aliases]
            case _:
                continue
        for name in dotted:
            top, *inner = name.split(".")
            if top == "djproject" and any(map(is_private, inner)) and inner[0] != room(path):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {name}"


def foreign_attributes(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Private names a file uses and does not define: of other classes and modules, with their lines."""
    own = own_names(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in STANDARD_LIBRARY:
                continue
            case ast.Attribute(attr=name) if is_private(name) and name not in own | NAMEDTUPLE:
                yield name, node.lineno
            case ast.ImportFrom(module=str(module), names=aliases) if not module.startswith("djproject"):
                yield from ((alias.name, node.lineno) for alias in aliases if is_private(alias.name))


def used() -> dict[str, list[str]]:
    """The foreign private names in djproject/, each with its places."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, tree in modules():
        for name, line in foreign_attributes(tree):
            places[name].append(f"{path.relative_to(ROOT)}:{line}")
    return dict(places)


def test_no_room_imports_private_names_of_another() -> None:
    assert [found for path, tree in modules() for found in foreign_imports(path, tree)] == []


def test_the_private_names_of_others_in_use_are_those_listed() -> None:
    listed = {*DATAJOINT, *OF_THE_PIPELINE, SOCKET_OF_PYMYSQL}
    assert {name: places for name, places in used().items() if name not in listed} == {}
    assert listed - set(used()) == set(), "no longer used: take it off the list"


def test_only_the_adapter_reaches_private_names_of_datajoint() -> None:
    assert {place.rsplit(":", 1)[0] for places in used().values() for place in places} == {ADAPTER}


@pytest.mark.parametrize("name", sorted(DATAJOINT))
def test_datajoint_still_has_the_private_names_djproject_uses(name: str) -> None:
    module_name, _, class_name = DATAJOINT[name].partition(":")
    module = importlib.import_module(module_name)
    owner = getattr(module, class_name) if class_name else module
    defined = own_names(ast.parse(inspect.getsource(owner)))
    assert name in defined


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from djproject.worker.loop import _wait", ["djproject.worker.loop._wait"]),
        ("def f():\n    import djproject.cli._render", ["djproject.cli._render"]),
        ("from djproject.views.block import _line", []),
        ("from djproject.worker.loop import work", []),
    ],
)
def test_an_import_of_a_private_name_is_found(text: str, found: list[str]) -> None:
    results = foreign_imports(ROOT / "djproject/views/graph.py", ast.parse(text))
    assert [result.rsplit(" ", 1)[1] for result in results] == found


def test_a_private_attribute_of_another_class_is_found() -> None:
    text = "class A:\n    def __init__(self):\n        self._mine = 1\n    def f(self, b):\n        return self._mine + b._theirs"
    assert list(foreign_attributes(ast.parse(text))) == [("_theirs", 5)]
