"""The architecture is a test: the layers hold, and every room has its place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_layers_are_kept() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_only_the_command_line_prints() -> None:
    printing = [
        path.relative_to(ROOT)
        for path in sorted((ROOT / "djproject").rglob("*.py"))
        if re.search(r"^\s*print\(", path.read_text(), re.MULTILINE) and "templates" not in path.parts
    ]
    assert printing == [Path("djproject/cli/_render.py"), Path("djproject/supervisor/service.py")]


def test_no_module_has_outgrown_its_room() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in (ROOT / "djproject").rglob("*.py")
    }
    assert {name: size for name, size in sizes.items() if size > 420} == {}


def test_the_top_folder_holds_what_belongs_there() -> None:
    """A test that writes where it was started leaves files that the next commit takes along."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git repository: an unpacked sdist")
    assert {name.split("/")[0] for name in listed.stdout.splitlines()} == {
        ".ci", ".github", ".gitignore", ".pre-commit-hooks.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile",
        "README.md", "SECURITY.md", "benchmarks", "djproject", "docs", "mkdocs.yml", "pyproject.toml", "tests",
    }  # fmt: skip
