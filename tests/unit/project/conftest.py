"""Projects that are made in a moment, of files only."""

from collections.abc import Callable
from pathlib import Path

import pytest

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes projects: a name, a package, and what their pyproject.toml says besides."""

    def write(name: str, package: str = "workflow", *, parent: Path = tmp_path, more: str = "") -> Path:
        root = parent / name
        folder = root.joinpath("src", *package.split("."))
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "subject.py").write_text(f"name = {name!r}\n")
        (root / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\n{more}\n[tool.djproject]\npackage = "{package}"\n'
        )
        return root

    return write
