"""Where boxes and lines of a picture are: groups in columns, each to the right of all its parents."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from djproject.views.graph import Edge, Graph
from djproject.views.routing import LANE, Line, Slot, Span, Trunk, lanes, line_between, ports

CHARACTER = 7.2  # px, of the 12 px font that labels are written in
ROW = 24
GAP = 8
TITLE = 26
MARGIN = 20
PADDING = 10
INDENT = 14
GUTTER = 34
GROUP_GAP = 26
SLOT = 10
TIP_ROOM = 8
PORT = 8
SWEEPS = 8

Node = str | Slot  # a group, or a free row
Point = tuple[float, float]
Neighbours = dict[Node, set[Node]]
Reached = dict[Trunk, tuple[set[float], set[float]]]  # heights on the left and on the right side


class Rectangle(NamedTuple):
    """A place in the picture, in px."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """The height of its middle."""
        return self.y + self.height / 2


class Layout(NamedTuple):
    """Where everything is.

    Attributes
    ----------
    frames, boxes
        Of groups and of tables or modules, by name.
    lines
        The corners of each edge between two boxes, from the parent to the child.
    width, height
        Of the whole, in px.
    """

    frames: Mapping[str, Rectangle]
    boxes: Mapping[str, Rectangle]
    lines: Mapping[Edge, tuple[Point, ...]]
    width: float
    height: float


def layout(graph: Graph) -> Layout:
    """Groups in columns, each to the right of all its parents; their boxes below each other, parents first.

    Within a column, groups are ordered by the mean place of what they are connected to (barycentre, a few sweeps).
    """
    return _Layout(graph).place()


class _Layout:
    """A layout while it is made: first the columns and what passes them, then heights, then widths, then lines."""

    def __init__(self, graph: Graph) -> None:
        self.framed = graph.level == "table"
        self.groups = {group.name: group.boxes for group in graph.groups}
        if not self.framed:
            self.groups = {box.name: (box,) for box in graph.boxes}
        self.home = {box.name: group for group, boxes in self.groups.items() for box in boxes}
        self.column = _columns(self.groups, self._parents(graph.edges))
        self.lines: dict[Edge, Line] = {}
        for edge in graph.edges:
            if edge.child != edge.parent:
                trunk = Trunk(edge.parent, f"{edge.primary}{edge.renamed}")
                child, parent = self.home[edge.child], self.home[edge.parent]
                inside = Line(trunk, edge.child, ())
                self.lines[edge] = (
                    inside
                    if child == parent
                    else line_between(trunk, edge.child, self.column[parent], self.column[child])
                )
        self.columns: list[list[Node]] = [[] for _ in range(max(self.column.values(), default=-1) + 1)]
        for name, number in self.column.items():
            self.columns[number].append(name)
        for slot in dict.fromkeys(Slot(line.trunk, c) for line in self.lines.values() for c in line.passed):
            self.columns[slot.column].append(slot)

    def place(self) -> Layout:
        """Everything at its place."""
        _order(self.columns, *self._neighbours())
        self._stack()
        self._attach()
        self._widen()
        lines = {edge: _without_needless(self._corners(line)) for edge, line in self.lines.items()}
        return Layout(self.frames, self.boxes, lines, self.width, self.height)

    def _parents(self, edges: Iterable[Edge]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {name: set() for name in self.groups}
        for edge in edges:
            if self.home[edge.child] != self.home[edge.parent]:
                found[self.home[edge.child]].add(self.home[edge.parent])
        return found

    def _neighbours(self) -> tuple[Neighbours, Neighbours]:
        """What each group and free row is connected to in the column to its left, and in that to its right."""
        left: Neighbours = {}
        right: Neighbours = {}
        for line in self.lines.values():
            slots = [Slot(line.trunk, column) for column in line.passed]
            chain: list[Node] = [self.home[line.trunk.parent], *slots, self.home[line.child]]
            for one, other in pairwise(chain):
                near, far = sorted((one, other), key=self._column_of)
                if self._column_of(near) < self._column_of(far):
                    left.setdefault(far, set()).add(near)
                    right.setdefault(near, set()).add(far)
        return left, right

    def _column_of(self, node: Node) -> int:
        return node.column if isinstance(node, Slot) else self.column[node]

    def _stack(self) -> None:
        """The heights: of boxes by how many lines begin or end at a side, of columns by what is in them."""
        incoming = Counter((line.child, bool(line.gutters)) for line in self.lines.values())
        outgoing = Counter(trunk.parent for trunk in {line.trunk for line in self.lines.values()})
        self.tall = {
            box: max(ROW, PORT * (1 + max(incoming[box, True], incoming[box, False] + outgoing[box])))
            for box in self.home
        }
        heights = [sum(map(self._height, column)) for column in self.columns]
        tallest = max(heights, default=0)
        self.tops: dict[Node, float] = {}
        self.box_tops: dict[str, float] = {}
        for column, height in zip(self.columns, heights, strict=True):
            y = MARGIN + (tallest - height) / 2
            for node in column:
                self.tops[node] = y
                y += self._height(node)
        for name, boxes in self.groups.items():
            y = self.tops[name] + self._title
            for box in boxes:
                self.box_tops[box.name] = y
                y += self.tall[box.name] + GAP
        last = [column[-1] for column in self.columns]
        ends = [self.tops[n] + (SLOT if isinstance(n, Slot) else self._frame_height(n)) for n in last]
        self.height = max(ends, default=MARGIN) + MARGIN

    def _height(self, node: Node) -> float:
        return SLOT if isinstance(node, Slot) else self._frame_height(node) + GROUP_GAP

    def _frame_height(self, name: str) -> float:
        return self._title + sum(self.tall[box.name] + GAP for box in self.groups[name])

    @property
    def _title(self) -> float:
        return TITLE if self.framed else 0

    def _attach(self) -> None:
        """The heights at which lines leave boxes and reach them, in the order of where they go or come from."""
        ends: dict[Trunk, list[float]] = {}
        left: dict[str, list[tuple[float, Line]]] = {}
        right: dict[str, list[tuple[float, Line | Trunk]]] = {}
        for line in dict.fromkeys(self.lines.values()):
            parent, child = self._middle(line.trunk.parent), self._middle(line.child)
            if line.gutters:
                slots = [self._row(Slot(line.trunk, column)) for column in line.passed]
                left.setdefault(line.child, []).append((slots[-1] if slots else parent, line))
                ends.setdefault(line.trunk, []).append(slots[0] if slots else child)
            else:
                right.setdefault(line.child, []).append((parent, line))
                ends.setdefault(line.trunk, []).append(child)
        for trunk, heights in ends.items():
            right.setdefault(trunk.parent, []).append((sum(heights) / len(heights), trunk))
        self.port: dict[Line | Trunk, float] = {}
        for side in (left, right):
            for box, wanted in side.items():
                self.port |= ports(self.box_tops[box], self.tall[box], wanted)

    def _middle(self, box: str) -> float:
        return self.box_tops[box] + self.tall[box] / 2

    def _row(self, slot: Slot) -> float:
        return self.tops[slot] + SLOT / 2

    def _widen(self) -> None:
        """The widths: of groups by their texts and the lines inside, of gutters by the lines that turn in them."""
        inside: dict[str, Reached] = {name: {} for name in self.groups}
        gutters: list[Reached] = [{} for _ in range(len(self.columns) + 1)]  # the first is left of all columns
        for line in self.lines.values():
            if not line.gutters:
                reached = inside[self.home[line.child]].setdefault(line.trunk, (set(), set()))
                reached[0].update((self.port[line.trunk], self.port[line]))
            for gutter, (come, go) in self._turns(line):
                sides = gutters[gutter + 1].setdefault(line.trunk, (set(), set()))
                for height, is_right in (come, go):
                    sides[is_right].add(height)
        self.inner = {name: _lanes(reached) for name, reached in inside.items()}
        self.lanes = [_lanes(reached) for reached in gutters]
        x = MARGIN + (_width_of(self.lanes[0]) + GUTTER / 2 if self.lanes[0] else 0)
        self.starts: list[float] = []
        self.frames: dict[str, Rectangle] = {}
        self.boxes: dict[str, Rectangle] = {}
        for number, column in enumerate(self.columns):
            names = [node for node in column if isinstance(node, str)]
            wide = max(self._width(name) for name in names)
            for name in names:
                self._place_group(name, x, wide)
            x += wide
            self.starts.append(x)
            x += GUTTER + _width_of(self.lanes[number + 1])
        self.width = max(x - (0 if self.lanes[-1] else GUTTER) + MARGIN, 2.0 * MARGIN)

    def _turns(self, line: Line) -> Iterator[tuple[int, tuple[tuple[float, bool], tuple[float, bool]]]]:
        """For each of its gutters, the heights at which a line comes and goes, and whether that is the right side."""
        slots = [Slot(line.trunk, column) for column in line.passed]
        heights = [self.port[line.trunk], *map(self._row, slots), self.port[line]]
        columns = [self.column[self.home[line.trunk.parent]], *line.passed, self.column[self.home[line.child]]]
        for number, gutter in enumerate(line.gutters):
            come, go = ((heights[n], columns[n] > gutter) for n in (number, number + 1))
            yield gutter, (come, go)

    def _width(self, name: str) -> float:
        boxes = self.groups[name]
        longest = max(len(box.label) + 2 * box.label.count(".") for box in boxes)
        return max(longest, len(name)) * CHARACTER + (42 if self.framed else 20) + self._inner_width(name)

    def _inner_width(self, name: str) -> float:
        return TIP_ROOM + _width_of(self.inner[name]) if self.inner[name] else 0

    def _place_group(self, name: str, x: float, width: float) -> None:
        self.frames[name] = Rectangle(x, self.tops[name], width, self._frame_height(name))
        for box in self.groups[name]:
            left = PADDING + INDENT * box.label.count(".") if self.framed else 0
            right = PADDING + self._inner_width(name) if self.framed else 0
            top = self.box_tops[box.name]
            self.boxes[box.name] = Rectangle(x + left, top, width - left - right, self.tall[box.name])

    def _corners(self, line: Line) -> Iterator[Point]:
        parent, child = self.boxes[line.trunk.parent], self.boxes[line.child]
        yield parent.right, self.port[line.trunk]
        if not line.gutters:
            x = child.right + TIP_ROOM + LANE * (self.inner[self.home[line.child]][line.trunk] + 1)
            yield x, self.port[line.trunk]
            yield x, self.port[line]
            yield child.right, self.port[line]
            return
        for gutter, ((come, _), (go, _)) in self._turns(line):
            x = self._lane_at(gutter, self.lanes[gutter + 1][line.trunk])
            yield x, come
            yield x, go
        yield child.x, self.port[line]

    def _lane_at(self, gutter: int, lane: int) -> float:
        start = self.starts[gutter] + GUTTER / 2 if gutter >= 0 else float(MARGIN)
        return start + LANE * lane


def _lanes(reached: Reached) -> dict[Trunk, int]:
    return lanes({trunk: Span(tuple(left), tuple(right)) for trunk, (left, right) in reached.items()})


def _width_of(lanes_of: Mapping[Trunk, int]) -> float:
    return LANE * (max(lanes_of.values(), default=-1) + 1)


def _without_needless(points: Iterable[Point]) -> tuple[Point, ...]:
    """The corners without those at which a line does not turn."""
    found: list[Point] = []
    for point in points:
        while len(found) > 1 and (found[-2][0] == found[-1][0] == point[0] or found[-2][1] == found[-1][1] == point[1]):
            found.pop()
        if not found or found[-1] != point:
            found.append(point)
    return tuple(found)


def _columns(groups: Iterable[str], parents: Mapping[str, set[str]]) -> dict[str, int]:
    """The column of each group: one more than that of the last of its parents, of which a cycle leaves one out.

    Groups come upstream first.
    """
    found: dict[str, int] = {}
    for name in groups:
        found[name] = max((found[parent] + 1 for parent in parents[name] if parent in found), default=0)
    return found


def _order(columns: Sequence[list[Node]], left: Neighbours, right: Neighbours) -> None:
    """Sort each column by the mean place of what its groups and free rows are connected to."""
    place = {node: index / len(column) for column in columns for index, node in enumerate(column)}
    for sweep in range(SWEEPS):
        neighbours = left if sweep % 2 == 0 else right
        for column in columns if sweep % 2 == 0 else reversed(columns):
            column.sort(key=lambda node: _mean([place[other] for other in neighbours.get(node, ())], place[node]))
            place.update((node, index / len(column)) for index, node in enumerate(column))


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
