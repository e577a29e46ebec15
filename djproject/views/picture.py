"""A graph drawn as SVG, and as a page that shows a table's definition when it is pointed at."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from djproject.views.drawing import COLORS
from djproject.views.graph import Edge, Graph

CHARACTER = 7.2  # px, of the 12 px font that labels are written in
ROW = 24
GAP = 8
TITLE = 26
MARGIN = 20
COLUMN_GAP = 90
GROUP_GAP = 26
SWEEPS = 8


class Rectangle(NamedTuple):
    """A place in the picture, in px."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """Where everything is: the frames of groups, the boxes, and the size of the whole."""

    frames: Mapping[str, Rectangle]
    boxes: Mapping[str, Rectangle]
    width: float
    height: float


def layout(graph: Graph) -> Layout:
    """Groups in columns, each to the right of all its parents; their boxes below each other, parents first.

    Within a column, groups are ordered by the mean place of what they are connected to (barycentre, a few sweeps).
    """
    groups = {group.name: [box.name for box in group.boxes] for group in graph.groups}
    if graph.level == "module":
        groups = {box.name: [box.name] for box in graph.boxes}
    home = {box: group for group, boxes in groups.items() for box in boxes}
    parents: dict[str, set[str]] = {name: set() for name in groups}
    for edge in graph.edges:
        if home[edge.child] != home[edge.parent]:
            parents[home[edge.child]].add(home[edge.parent])
    columns = _columns(parents)
    _order(columns, parents)
    labels = {box.name: box.label for box in graph.boxes}
    depth = {box.name: box.label.count(".") for box in graph.boxes}
    frames: dict[str, Rectangle] = {}
    boxes: dict[str, Rectangle] = {}
    heights = [sum(_height(groups[name], graph) + GROUP_GAP for name in column) for column in columns]
    tallest = max(heights, default=0)
    x = float(MARGIN)
    for column, height in zip(columns, heights, strict=True):
        wide = max(_width(name, groups[name], labels, graph) for name in column)
        y = MARGIN + (tallest - height) / 2
        for name in column:
            frame = Rectangle(x, y, wide, _height(groups[name], graph))
            frames[name] = frame
            top = y + (TITLE if graph.level == "table" else 0)
            for box in groups[name]:
                inset = 10 + 14 * depth[box] if graph.level == "table" else 0
                right = 10 if graph.level == "table" else 0
                boxes[box] = Rectangle(x + inset, top, wide - inset - right, ROW)
                top += ROW + GAP
            y += frame.height + GROUP_GAP
        x += wide + COLUMN_GAP
    return Layout(frames, boxes, max(x - COLUMN_GAP + MARGIN, 2 * MARGIN), tallest + 2 * MARGIN)


def as_svg(graph: Graph) -> str:
    """A picture that needs nothing else: tiers in DataJoint's colours, foreign keys below the `---` dashed."""
    places = layout(graph)
    width, height = f"{places.width:.0f}", f"{places.height:.0f}"
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="12"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>']
    lines.append(
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#55606E"/></marker></defs>'
    )
    lines.append(f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>')
    if graph.level == "table":
        for name, frame in places.frames.items():
            lines.append(
                f'<rect x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}" '
                f'rx="8" fill="#F7F8FA" stroke="#C9CFD8"/>'
                f'<text x="{frame.x + 10:.1f}" y="{frame.y + 17:.1f}" fill="#55606E" font-weight="bold">'
                f"{escape(name)}</text>"
            )
    lines += [_curve(edge, places) for edge in graph.edges if edge.child != edge.parent]
    for box in graph.boxes:
        place = places.boxes[box.name]
        fill, line, text = COLORS[box.tier]
        lines.append(
            f'<g class="box" data-name="{escape(box.name)}"><title>{escape(box.name)} ({box.tier})</title>'
            f'<rect x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" '
            f'rx="{3 if box.tier == "part" else 7}" fill="{fill}" stroke="{line}"/>'
            f'<text x="{place.x + 9:.1f}" y="{place.y + 16:.1f}" fill="{text}">{escape(box.label)}</text></g>'
        )
    return "\n".join([*lines, "</svg>"])


def as_html(graph: Graph, title: str) -> str:
    """A page of its own with the picture; pointing at a table shows its definition and highlights its relatives."""
    details = {box.name: {"tier": box.tier, "text": box.text} for box in graph.boxes}
    edges = [[edge.child, edge.parent] for edge in graph.edges]
    data = json.dumps({"boxes": details, "edges": edges}).replace("</", "<\\/")
    legend = "".join(
        f'<span style="background:{fill};border-color:{line};color:{text}">{tier}</span>'
        for tier, (fill, line, text) in COLORS.items()
        if any(box.tier == tier for box in graph.boxes)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(title)}</title>
<style>
body {{ margin: 0; font: 14px Helvetica, Arial, sans-serif; color: #333B45; display: flex; height: 100vh; }}
main {{ flex: 1; overflow: auto; }}
aside {{ width: 340px; border-left: 1px solid #C9CFD8; padding: 16px; overflow: auto; background: #F7F8FA; }}
h1 {{ font-size: 18px; margin: 0 0 12px; }}
.legend span {{ border: 1px solid; border-radius: 5px; padding: 2px 7px; margin: 0 6px 6px 0; display: inline-block; }}
pre {{ white-space: pre-wrap; font-size: 12px; background: #FFFFFF; border: 1px solid #C9CFD8; padding: 8px; }}
.box {{ cursor: pointer; }}
.faded {{ opacity: 0.18; }}
</style>
</head>
<body>
<main>{as_svg(graph)}</main>
<aside><h1>{escape(title)}</h1><p class="legend">{legend}</p>
<p>A solid line is a foreign key in the primary key, a dashed line one below it.</p>
<div id="detail"><p>Point at a box to see what is in it.</p></div></aside>
<script>
const data = {data};
function relatives(name, from, to) {{
  const found = new Set([name]);
  for (let size = 0; size < found.size;) {{
    size = found.size;
    for (const edge of data.edges) if (found.has(edge[from])) found.add(edge[to]);
  }}
  return found;
}}
for (const box of document.querySelectorAll('.box')) {{
  box.addEventListener('mouseenter', () => {{
    const name = box.dataset.name, about = data.boxes[name];
    const family = new Set([...relatives(name, 0, 1), ...relatives(name, 1, 0)]);
    for (const other of document.querySelectorAll('.box'))
      other.classList.toggle('faded', !family.has(other.dataset.name));
    const detail = document.getElementById('detail');
    detail.innerHTML = '<h2></h2><p></p><pre></pre>';
    detail.children[0].textContent = name;
    detail.children[1].textContent = about.tier;
    detail.children[2].textContent = about.text.trim();
  }});
  box.addEventListener('mouseleave', () => {{
    for (const other of document.querySelectorAll('.box')) other.classList.remove('faded');
  }});
}}
</script>
</body>
</html>
"""


def _columns(parents: Mapping[str, set[str]]) -> list[list[str]]:
    level: dict[str, int] = {}
    for name in parents:  # groups come upstream first
        level[name] = max((level.get(parent, 0) + 1 for parent in parents[name]), default=0)
    columns: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for name, number in level.items():
        columns[number].append(name)
    return columns


def _order(columns: list[list[str]], parents: Mapping[str, set[str]]) -> None:
    children: dict[str, set[str]] = {name: set() for name in parents}
    for child, names in parents.items():
        for parent in names:
            children[parent].add(child)
    for sweep in range(SWEEPS):
        neighbours = parents if sweep % 2 == 0 else children
        for column in columns if sweep % 2 == 0 else reversed(columns):
            place = {name: index / max(len(c), 1) for c in columns for index, name in enumerate(c)}
            column.sort(key=lambda name: _mean([place[other] for other in neighbours[name]], place[name]))


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _height(boxes: Sequence[str], graph: Graph) -> float:
    inside = len(boxes) * (ROW + GAP)
    return inside + TITLE if graph.level == "table" else inside


def _width(name: str, boxes: Sequence[str], labels: Mapping[str, str], graph: Graph) -> float:
    longest = max(len(labels[box]) + 2 * labels[box].count(".") for box in boxes)
    return max(longest, len(name)) * CHARACTER + (42 if graph.level == "table" else 20)


def _curve(edge: Edge, places: Layout) -> str:
    """A curve from the parent to the child; within one column it bows out on the right-hand side."""
    parent, child = places.boxes[edge.parent], places.boxes[edge.child]
    start_x, start_y = parent.x + parent.width, parent.y + parent.height / 2
    end_x, end_y = child.x, child.y + child.height / 2
    if child.x < start_x:
        end_x = child.x + child.width
        bow = 16 + min(abs(end_y - start_y) / 5, 50)
        far = max(start_x, end_x) + bow
        path = f"M{start_x:.1f},{start_y:.1f} C{far:.1f},{start_y:.1f} {far:.1f},{end_y:.1f} {end_x:.1f},{end_y:.1f}"
    else:
        middle = (end_x - start_x) / 2
        path = (
            f"M{start_x:.1f},{start_y:.1f} C{start_x + middle:.1f},{start_y:.1f} "
            f"{end_x - middle:.1f},{end_y:.1f} {end_x:.1f},{end_y:.1f}"
        )
    color = "#D9822B" if edge.renamed else "#55606E"
    dash = "" if edge.primary else ' stroke-dasharray="5,4"'
    return f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.3"{dash} marker-end="url(#tip)"/>'
