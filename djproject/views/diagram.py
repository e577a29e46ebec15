"""The graph of schema modules as a tree of text."""

from djproject.pipeline.graph import module_parents, sorted_modules
from djproject.pipeline.source import Pipeline


def module_tree(pipeline: Pipeline) -> str:
    """The schema modules as a tree, upstream above; each stands once, below the last of its upstream modules.

    Further upstream modules are named beside it. An empty pipeline gives an empty text.
    """
    order = sorted_modules(pipeline)
    parents = module_parents(pipeline)
    main = {name: max(parents[name], key=order.index) if parents[name] else "" for name in order}
    lines: list[str] = []

    def add(name: str, prefix: str, branch: str) -> None:
        others = [parent for parent in parents[name] if parent != main[name]]
        module = pipeline.module(name)
        count = len([table for table in module.tables if table.tier != "part"]) if module else 0
        note = f"  ({count} table{'' if count == 1 else 's'}{', also from ' + ', '.join(others) if others else ''})"
        lines.append(f"{prefix}{branch}{name}{note}")
        children = [child for child in order if main[child] == name]
        below = prefix + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        for child in children:
            add(child, below, "└─ " if child == children[-1] else "├─ ")

    for name in order:
        if not main[name]:
            add(name, "", "")
    return "\n".join(lines)
