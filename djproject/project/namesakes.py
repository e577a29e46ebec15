"""Other packages in this environment that have the name of a project's package; nothing is imported."""

import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from pathlib import Path
from typing import Any


def namesakes(
    package: str, source: Path, path: Sequence[str] | None = None, finders: Sequence[Any] | None = None
) -> tuple[Path, ...]:
    """The folders and modules, besides `source`, that `import package` can find, each once.

    Parameters
    ----------
    package
        The import name.
    source
        The folder of the project's own package, which may not exist yet.
    path, finders
        Where Python looks: `sys.path`, and `sys.meta_path`, which holds the finders of editable installs.
    """
    own = source.resolve()
    found = dict.fromkeys(
        place.resolve()
        for place in (
            *_on_path(package, sys.path if path is None else path),
            *_by_finders(package, sys.meta_path if finders is None else finders),
        )
    )
    return tuple(place for place in found if place != own and own not in place.parents)


def _on_path(package: str, path: Sequence[str]) -> Iterator[Path]:
    for entry in filter(None, path):
        place = Path(entry).joinpath(*package.split("."))
        if any(place.glob("*.py")):
            yield place
        elif place.with_suffix(".py").is_file():
            yield place.with_suffix(".py")


def _by_finders(package: str, finders: Sequence[Any]) -> Iterator[Path]:
    """What the finders of editable installs know; asked for the top package, because more would import it."""
    top, *rest = package.split(".")
    for finder in finders:
        if finder in (BuiltinImporter, FrozenImporter, PathFinder) or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(top, None)
        for folder in (spec and spec.submodule_search_locations) or ():
            place = Path(folder).joinpath(*rest)
            if any(place.glob("*.py")):
                yield place
