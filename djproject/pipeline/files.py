"""The Python files of a package on disk, and the modules they are."""

import os
from pathlib import Path

from djproject.project.opening import read_source


def load_files(folder: Path) -> dict[Path, bytes]:
    """The bytes of every Python file below a folder, sorted by path; hidden folders and caches are left out.

    A file that cannot be read counts as empty: what is wrong with it is found where it is needed.
    """
    found: dict[str, bytes] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        for name in names:
            if name.endswith(".py"):
                path = f"{place}{os.sep}{name}"
                try:
                    found[path] = read_source(path)
                except OSError:
                    found[path] = b""
    return {Path(path): found[path] for path in sorted(found)}


def module_name(path: Path, folder: Path) -> str:
    """The module that a file is, dotted, below the package in `folder`; "" for the package's own `__init__.py`."""
    relative = str(path)[len(str(folder)) + 1 :].removesuffix(".py").replace(os.sep, ".")
    return "" if relative == "__init__" else relative.removesuffix(".__init__")
