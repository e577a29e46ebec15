"""Where the lines of a picture run: each from its parent's right side to its child, through no other box.

Columns of boxes have gutters between them. A line leaves its parent to the right, changes its height in a gutter, and
passes a column in a slot that is kept free for it. The lines of one parent that look the same share their way as long
as they can, as the branches of a tree do. Other lines may be crossed, but none is run along.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

End = TypeVar("End")
LANE = 7.0  # px between the vertical parts of two lines


class Trunk(NamedTuple):
    """The lines of one parent that look the same."""

    parent: str
    look: str


class Line(NamedTuple):
    """One line before it has a place: what it belongs to, its child, and the columns between.

    Attributes
    ----------
    trunk
        Where it begins.
    child
        The box where it ends.
    gutters
        The gutters in which it changes its height, in order; gutter `n` is to the right of column `n`. Empty where
        the child is in the group of the parent.
    """

    trunk: Trunk
    child: str
    gutters: tuple[int, ...]

    @property
    def passed(self) -> tuple[int, ...]:
        """The columns between its gutters, in the order in which they are passed."""
        return tuple(max(pair) for pair in zip(self.gutters, self.gutters[1:], strict=False))


class Slot(NamedTuple):
    """A free row in a column through which a trunk passes."""

    trunk: Trunk
    column: int


def line_between(trunk: Trunk, child: str, parent_column: int, child_column: int) -> Line:
    """A line between boxes of two groups; it goes back to the left where the child's column is not further right."""
    last = child_column - 1
    step = 1 if last >= parent_column else -1
    return Line(trunk, child, tuple(range(parent_column, last + step, step)))


class Span(NamedTuple):
    """The heights at which a trunk reaches a gutter, from the column to its left and from that to its right."""

    left: tuple[float, ...]
    right: tuple[float, ...]

    @property
    def top(self) -> float:
        """The smallest of them."""
        return min(*self.left, *self.right)

    @property
    def bottom(self) -> float:
        """The greatest of them."""
        return max(*self.left, *self.right)


def lanes(spans: Mapping[Trunk, Span]) -> dict[Trunk, int]:
    """The lane of each trunk in one gutter, counted from the left: no two that overlap have the same.

    Where one trunk comes from the left at the height at which another goes to the right, it turns first.
    """
    before = _turns_before(spans)
    found: dict[Trunk, int] = {}
    taken: list[list[Span]] = []
    for trunk in _ordered(sorted(spans, key=lambda t: (spans[t].bottom - spans[t].top, spans[t].top)), before):
        span = spans[trunk]
        lane = max((found[other] + 1 for other in before[trunk] if other in found), default=0)
        while lane < len(taken) and any(_overlap(span, other) for other in taken[lane]):
            lane += 1
        taken += [[] for _ in range(lane + 1 - len(taken))]
        taken[lane].append(span)
        found[trunk] = lane
    return found


def ports(top: float, height: float, wanted: Iterable[tuple[float, End]]) -> dict[End, float]:
    """Heights along one side of a box, evenly spread, in the order of the heights that are wanted."""
    ordered = [item for _, item in sorted(wanted, key=lambda pair: pair[0])]
    return {item: top + height * (number + 1) / (len(ordered) + 1) for number, item in enumerate(ordered)}


def _overlap(one: Span, other: Span) -> bool:
    return one.top - LANE < other.bottom and other.top - LANE < one.bottom


def _turns_before(spans: Mapping[Trunk, Span]) -> dict[Trunk, list[Trunk]]:
    """For each trunk those that must be to its left, because they come in at the height at which it goes out."""
    coming: dict[int, list[tuple[float, Trunk]]] = {}
    for trunk, span in spans.items():
        for height in span.left:
            coming.setdefault(int(height // LANE), []).append((height, trunk))
    found: dict[Trunk, list[Trunk]] = {trunk: [] for trunk in spans}
    for trunk, span in spans.items():
        for height in span.right:
            near = (pair for bucket in (-1, 0, 1) for pair in coming.get(int(height // LANE) + bucket, ()))
            found[trunk] += [other for at, other in near if other != trunk and abs(at - height) < LANE / 2]
    return found


def _ordered(trunks: Sequence[Trunk], before: Mapping[Trunk, Sequence[Trunk]]) -> list[Trunk]:
    """The trunks, each after those that must be before it; where they form a circle, one is let go."""
    found: dict[Trunk, None] = {}
    for trunk in trunks:
        waiting, seen = [trunk], {trunk}
        while waiting:
            last = waiting[-1]
            first = next((other for other in before[last] if other not in found and other not in seen), None)
            if first is None:
                found[waiting.pop()] = None
            else:
                seen.add(first)
                waiting.append(first)
    return list(found)
