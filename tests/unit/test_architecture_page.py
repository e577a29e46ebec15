"""The architecture page is true: its functions exist, each is used by one before it, and the picture is up to date."""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "docs/architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


architecture = load()
WAYS = list(architecture.FLOWS.items())
PAGE = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")


def defined(tree: ast.Module) -> set[str]:
    """Functions, classes, and methods as `Class.method`."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return names


def mentioned(tree: ast.Module) -> set[str]:
    """Names and attributes that a module uses."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / "djproject" / file).read_text("utf-8"))


@pytest.mark.parametrize(("name", "steps"), WAYS, ids=[name for name, _ in WAYS])
def test_every_step_exists_and_is_used_by_one_before_it(name: str, steps: tuple[object, ...]) -> None:
    files: list[str] = []
    for step in architecture.FLOWS[name]:
        assert step.function in defined(parsed(step.file)), step
        if files and not step.pipe:
            short = step.function.rpartition(".")[2]
            assert any(short in mentioned(parsed(file)) for file in files), step
        files.append(step.file)


def test_the_picture_shows_every_room_and_is_up_to_date() -> None:
    image = ROOT / "docs/images/architecture.svg"
    assert image.read_text("utf-8") == architecture.picture(), "python docs/generate.py"
    folders = {path.name.removesuffix(".py") for path in (ROOT / "djproject").iterdir() if path.name[0] not in "_."}
    shown = {room for layer in architecture.rooms() for room in layer}
    assert shown == folders - {"py.typed"}


def test_the_page_describes_every_room_and_every_way() -> None:
    assert {room for layer in architecture.rooms() for room in layer} <= set(
        re.findall(r"^\| `(\w+)/?` \|", PAGE, re.M)
    )
    assert [name for name in architecture.FLOWS if f"## {name}" not in PAGE] == []


def test_what_the_page_points_to_is_there() -> None:
    for file in set(re.findall(r"`((?:[\w-]+/)+[\w.-]+\.(?:py|toml|md))`", PAGE)):
        assert (ROOT / file).exists() or (ROOT / "djproject" / file).exists(), file
