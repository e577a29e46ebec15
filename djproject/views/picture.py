"""A graph drawn as SVG, and as a page that shows a table's definition when it is pointed at."""

import json
from collections.abc import Sequence
from html import escape

from djproject.views.drawing import COLORS
from djproject.views.graph import Edge, Graph
from djproject.views.layout import Point, layout

ROUND = 5.0  # px, of the corners of lines
TIP = 7.0  # px, the length of an arrow's tip


def as_svg(graph: Graph) -> str:
    """A picture that needs nothing else: tiers in DataJoint's colours, foreign keys below the `---` dashed."""
    places = layout(graph)
    width, height = f"{places.width:.0f}", f"{places.height:.0f}"
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="12"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>']
    lines.append(f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>')
    if graph.level == "table":
        for name, frame in places.frames.items():
            lines.append(
                f'<rect x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}" '
                f'rx="8" fill="#F7F8FA" stroke="#C9CFD8"/>'
                f'<text x="{frame.x + 10:.1f}" y="{frame.y + 17:.1f}" fill="#55606E" font-weight="bold">'
                f"{escape(name)}</text>"
            )
    lines += [_line(edge, corners) for edge, corners in places.lines.items()]
    for box in graph.boxes:
        place = places.boxes[box.name]
        fill, line, text = COLORS[box.tier]
        lines.append(
            f'<g class="box" data-name="{escape(box.name)}"><title>{escape(box.name)} ({box.tier})</title>'
            f'<rect x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" '
            f'rx="{3 if box.tier == "part" else 7}" fill="{fill}" stroke="{line}"/>'
            f'<text x="{place.x + 9:.1f}" y="{place.middle + 4:.1f}" fill="{text}">{escape(box.label)}</text></g>'
        )
    return "\n".join([*lines, "</svg>"])


def as_html(graph: Graph, title: str) -> str:
    """A page of its own with the picture; pointing at a table shows its definition and highlights its relatives."""
    details = {box.name: {"tier": box.tier, "text": box.text} for box in graph.boxes}
    edges = [[edge.child, edge.parent] for edge in graph.edges]
    data = json.dumps({"boxes": details, "edges": edges}).replace("<", "\\u003c")
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
    for (const edge of document.querySelectorAll('.edge'))
      edge.classList.toggle('faded', !(family.has(edge.dataset.parent) && family.has(edge.dataset.child)));
    const detail = document.getElementById('detail');
    detail.innerHTML = '<h2></h2><p></p><pre></pre>';
    detail.children[0].textContent = name;
    detail.children[1].textContent = about.tier;
    detail.children[2].textContent = about.text.trim();
  }});
  box.addEventListener('mouseleave', () => {{
    for (const other of document.querySelectorAll('.faded')) other.classList.remove('faded');
  }});
}}
</script>
</body>
</html>
"""


def _line(edge: Edge, corners: Sequence[Point]) -> str:
    """A line from the parent to the child, with round corners."""
    color = "#D9822B" if edge.renamed else "#55606E"
    dash = "" if edge.primary else ' stroke-dasharray="5,4"'
    names = f'data-parent="{escape(edge.parent)}" data-child="{escape(edge.child)}"'
    (x, y), back = corners[-1], TIP if corners[-1][0] < corners[-2][0] else -TIP
    return (
        f'<g class="edge" {names}>'
        f'<path d="{_path(corners)}" fill="none" stroke="{color}" stroke-width="1.3"{dash}/>'
        f'<path d="M{x:.1f},{y:.1f} l{back:.1f},{-TIP / 2:.1f} v{TIP:.1f} z" fill="{color}"/></g>'
    )


def _path(corners: Sequence[Point]) -> str:
    parts = [f"M{corners[0][0]:.1f},{corners[0][1]:.1f}"]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        (x1, y1), (x2, y2) = _toward(corner, before), _toward(corner, after)
        parts.append(f"L{x1:.1f},{y1:.1f} Q{corner[0]:.1f},{corner[1]:.1f} {x2:.1f},{y2:.1f}")
    return " ".join([*parts, f"L{corners[-1][0]:.1f},{corners[-1][1]:.1f}"])


def _toward(corner: Point, other: Point) -> Point:
    """Where a round corner begins, on the way to another corner."""
    distance = abs(other[0] - corner[0]) + abs(other[1] - corner[1])  # all parts are level or upright
    share = min(ROUND, distance / 2) / distance
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share
