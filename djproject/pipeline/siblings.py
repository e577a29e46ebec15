"""Imports of a file beside the importing one by its bare name, as scripts do that run in their own folder."""

import sys
from collections.abc import Mapping
from pathlib import Path

from djproject.pipeline.module import Import, PythonModule

NOT_OURS = sys.stdlib_module_names | {"datajoint"}


def with_siblings(sources: Mapping[str, PythonModule]) -> tuple[dict[str, PythonModule], tuple[Path, ...]]:
    """The modules, with `import lab` meaning the `lab.py` beside them, and the folders in which one does so.

    Only modules with classes or schemas count: others are more likely to have the name of a library.
    """
    found, folders = {}, dict[Path, None]()
    for name, source in sources.items():
        above = name if source.path.name == "__init__.py" else name.rpartition(".")[0]
        imports = tuple([_inside(sources, name, above, item) for item in source.imports])
        if imports != source.imports:
            source = source._replace(imports=imports)
            folders[source.path.parent] = None
        found[name] = source
    return found, tuple(folders)


def _inside(sources: Mapping[str, PythonModule], name: str, above: str, item: Import) -> Import:
    first = item.base.partition(".")[0]
    if item.inside or not first or first in NOT_OURS:
        return item
    sibling = sources.get(f"{above}.{first}".lstrip("."))
    if sibling is None or sibling.name == name or not (sibling.classes or sibling.schemas):
        return item
    return item._replace(base=f"{above}.{item.base}".lstrip("."), inside=True)
