"""Tables of other packages that are installed: their keys, read from their files; nothing of them is imported."""

import importlib.util
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from djproject.errors import DJProjectError
from djproject.pipeline.model import Pipeline

if TYPE_CHECKING:
    from djproject.pipeline.heading import Heading


def outside_heading(name: str) -> "Heading | None":
    """The heading of `package.module.Table`; None where it is not installed, or not all of it is known.

    Parameters
    ----------
    name
        With all dots, as it is imported.
    """
    from djproject.pipeline.heading import Headings

    package, _, rest = name.partition(".")
    pipeline = _pipeline(package)
    table = pipeline.table(rest) if pipeline is not None else None
    if pipeline is None or table is None:
        return None
    heading = Headings(pipeline).of(table)
    return heading if heading.complete else None


def looks_outside() -> int:
    """How often this process looked for a table of another package."""
    counts = _pipeline.cache_info()
    return counts.hits + counts.misses


@lru_cache(maxsize=32)
def _pipeline(package: str) -> Pipeline | None:
    from djproject.pipeline.source import load_package

    folder = _folder(package)
    if folder is None:
        return None
    try:
        return load_package(folder, package)
    except (DJProjectError, OSError):
        return None


def _folder(package: str) -> Path | None:
    """Where a package is installed; a name without dots is found without importing anything."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    places: Iterable[str] = spec.submodule_search_locations or () if spec is not None else ()
    return next((Path(place) for place in places if Path(place).is_dir()), None)
