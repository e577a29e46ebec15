"""A graph drawn as text: tree, Mermaid, DOT, and the JSON of it."""

import json
import re

from djproject.views.graph import Edge, Graph

# DataJoint's light theme: fill, line and text of each tier (datajoint/diagram.py, 2.3.5).
COLORS = {
    "manual": ("#E8F0E9", "#3E7A52", "#28513A"),
    "lookup": ("#F0F0F1", "#808285", "#5A5C5F"),
    "imported": ("#E0F4FC", "#00A0DF", "#00537A"),
    "computed": ("#FFEDE5", "#FF5113", "#B23200"),
    "part": ("#FFFFFF", "#B9BBBE", "#55585C"),
    "foreign": ("#F7F7F7", "#C4C7CA", "#75797D"),
    "module": ("#F3F5F8", "#6B7685", "#333B45"),
}


def as_tree(graph: Graph) -> str:
    """Each box once, below the deepest of its parents; further parents are named beside it."""
    order = [box.name for box in graph.boxes]
    boxes = {box.name: box for box in graph.boxes}
    position = {name: number for number, name in enumerate(order)}
    parents: dict[str, list[str]] = {name: [] for name in order}
    for edge in graph.edges:
        if edge.parent not in parents[edge.child] and edge.parent != edge.child:
            parents[edge.child].append(edge.parent)
    depth: dict[str, int] = {}
    for name in order:
        depth[name] = max((depth.get(parent, 0) + 1 for parent in parents[name]), default=0)
    main = {name: max(parents[name], key=lambda p: (depth[p], position[p])) if parents[name] else "" for name in order}
    below: dict[str, list[str]] = {}
    for name in order:
        below.setdefault(main[name], []).append(name)
    lines: list[str] = []
    waiting = [(name, "", "") for name in reversed(below.get("", []))]
    while waiting:
        name, prefix, branch = waiting.pop()
        others = [parent for parent in parents[name] if parent != main[name]]
        also = f" also from {', '.join(others)}" if others else ""
        box = boxes[name]
        count = sum(not line.endswith("(part)") for line in box.text.splitlines())
        kind = f"{count} table{'' if count == 1 else 's'}" if box.tier == "module" else box.tier
        lines.append(f"{prefix}{branch}{name}  ({kind}{',' + also if also else ''})")
        inner = prefix + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        children = below.get(name, [])
        for number, child in reversed(list(enumerate(children))):
            waiting.append((child, inner, "└─ " if number == len(children) - 1 else "├─ "))
    return "\n".join(lines)


def as_mermaid(graph: Graph) -> str:
    """A Mermaid flowchart, as GitHub shows it in Markdown: parents above, dashed where not in the primary key."""
    lines = ["flowchart TB"]
    names = {box.name: f"{_identifier(box.name)}" for box in graph.boxes}
    for group in graph.groups:
        if group.name:
            lines.append(f'    subgraph {_identifier("module." + group.name)}["{group.name}"]')
        lines += [f'    {"    " if group.name else ""}{names[b.name]}["{b.label}"]:::{b.tier}' for b in group.boxes]
        if group.name:
            lines.append("    end")
    lines += [f"    {names[e.parent]} {'-->' if e.primary else '-.->'} {names[e.child]}" for e in graph.edges]
    tiers = dict.fromkeys(box.tier for box in graph.boxes)
    lines += [
        f"    classDef {tier} fill:{fill},stroke:{line},color:{text}"
        for tier in tiers
        for fill, line, text in [COLORS[tier]]
    ]
    return "\n".join(lines)


def as_dot(graph: Graph) -> str:
    """A graph in Graphviz's language."""
    lines = ["digraph pipeline {", "    rankdir=TB;"]
    lines.append('    node [shape=box, style="rounded,filled", fontname="Helvetica"];')
    for number, group in enumerate(graph.groups):
        if group.name:
            lines.append(f"    subgraph cluster_{number} {{")
            lines.append(f'        label="{group.name}"; color="#6B7685"; fontname="Helvetica";')
        for box in group.boxes:
            fill, line, text = COLORS[box.tier]
            shape = ', style="filled"' if box.tier == "part" else ""
            lines.append(
                f'        "{box.name}" [label="{box.label}", fillcolor="{fill}", color="{line}", '
                f'fontcolor="{text}"{shape}];'
            )
        if group.name:
            lines.append("    }")
    for edge in graph.edges:
        style = "" if edge.primary else ' [style="dashed"]'
        lines.append(f'    "{edge.parent}" -> "{edge.child}"{style};')
    return "\n".join([*lines, "}"])


def as_json(graph: Graph) -> str:
    """The graph's values: modules or tables, and foreign keys with their attributes."""
    value = {
        "level": graph.level,
        "boxes": [
            {"name": box.name, "module": group.name or box.name, "tier": box.tier}
            for group in graph.groups
            for box in group.boxes
        ],
        "edges": [_edge(edge) for edge in graph.edges],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _edge(edge: Edge) -> dict[str, object]:
    attributes = [{"child": mine, "parent": theirs} for mine, theirs in edge.attributes]
    return {
        "child": edge.child,
        "parent": edge.parent,
        "primary": edge.primary,
        "renamed": edge.renamed,
        "attributes": attributes,
        "foreign_keys": edge.count,
    }


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name.replace("_", "__"))
