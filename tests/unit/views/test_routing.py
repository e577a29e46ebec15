"""Lines of a picture: through no box, each with its own end, none along another."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from djproject.views.graph import Box, Edge, Graph, Group
from djproject.views.layout import Layout, Rectangle, layout
from djproject.views.routing import LANE, Span, Trunk, lanes, line_between, ports

Segment = tuple[tuple[float, float], tuple[float, float]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Groups of boxes, upstream first; a few edges go back, as between modules that depend on each other."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=9))
    level = draw(st.sampled_from(["table", "module"]))
    groups = tuple(
        Group(
            f"m{number}",
            tuple(Box(f"m{number}.T{n}", f"T{n}" if n % 3 else f"T{n}.Part", "manual", "") for n in range(size)),
        )
        for number, size in enumerate(sizes)
    )
    names = [box.name for group in groups for box in group.boxes]
    numbers = st.integers(0, len(names) - 1)
    pairs = draw(st.lists(st.tuples(numbers, numbers, st.booleans(), st.integers(0, 9)), max_size=30))
    edges = []
    for one, other, primary, back in pairs:
        parent, child = (min(one, other), max(one, other)) if back else (max(one, other), min(one, other))
        edges.append(Edge(names[child], names[parent], primary, (), 1))
    return Graph(level, groups, tuple(dict.fromkeys(edges)))


def segments(places: Layout) -> list[tuple[Edge, Segment]]:
    return [(edge, pair) for edge, corners in places.lines.items() for pair in pairwise(corners)]


def meets(segment: Segment, place: Rectangle) -> bool:
    """Whether a segment touches the inside of a place."""
    (x1, y1), (x2, y2) = segment
    return (
        min(x1, x2) < place.right and max(x1, x2) > place.x
        and min(y1, y2) < place.y + place.height and max(y1, y2) > place.y
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_no_line_runs_through_a_box(graph: Graph) -> None:
    places = layout(graph)
    assert set(places.lines) == {edge for edge in graph.edges if edge.child != edge.parent}
    for _, segment in segments(places):
        assert segment[0][0] == segment[1][0] or segment[0][1] == segment[1][1], "level or upright"
        assert not [name for name, place in places.boxes.items() if meets(segment, place)]
        for point in segment:
            assert 0 <= point[0] <= places.width
            assert 0 <= point[1] <= places.height


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_a_line_begins_at_its_parent_and_ends_at_its_child_where_no_other_does(graph: Graph) -> None:
    places = layout(graph)
    heads = []
    for edge, corners in places.lines.items():
        parent, child = places.boxes[edge.parent], places.boxes[edge.child]
        assert corners[0][0] == parent.right
        assert parent.y < corners[0][1] < parent.y + parent.height
        assert corners[-1][0] in {child.x, child.right}
        assert child.y < corners[-1][1] < child.y + child.height
        heads.append(corners[-1])
    assert len(set(heads)) == len(heads)
    assert not set(heads) & {corners[0] for corners in places.lines.values()}


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_lines_of_two_parents_never_share_an_upright_part(graph: Graph) -> None:
    upright: dict[float, list[tuple[float, float, tuple[str, bool]]]] = {}
    for edge, ((x1, y1), (x2, y2)) in segments(layout(graph)):
        if x1 == x2:
            upright.setdefault(x1, []).append((min(y1, y2), max(y1, y2), (edge.parent, edge.primary)))
    for parts in upright.values():
        for top, bottom, trunk in parts:
            assert all(other == trunk or bottom < low or high < top for low, high, other in parts)


@given(graphs())
def test_boxes_and_frames_do_not_overlap_and_it_is_the_same_each_time(graph: Graph) -> None:
    places = layout(graph)
    assert places == layout(graph)
    for places_of in (places.boxes, places.frames):
        rectangles = list(places_of.values())
        for number, one in enumerate(rectangles):
            for other in rectangles[number + 1 :]:
                assert (
                    one.right <= other.x or other.right <= one.x
                    or one.y + one.height <= other.y or other.y + other.height <= one.y
                )  # fmt: skip


def test_a_graph_without_boxes_has_a_size() -> None:
    places = layout(Graph("table", (), ()))
    assert places.width > 0
    assert places.height > 0


def test_the_gutters_of_a_line() -> None:
    trunk = Trunk("a", "")
    assert (line_between(trunk, "b", 0, 1).gutters, line_between(trunk, "b", 0, 1).passed) == ((0,), ())
    assert (line_between(trunk, "b", 0, 3).gutters, line_between(trunk, "b", 0, 3).passed) == ((0, 1, 2), (1, 2))
    assert (line_between(trunk, "b", 1, 1).gutters, line_between(trunk, "b", 1, 1).passed) == ((1, 0), (1,))
    assert (line_between(trunk, "b", 1, 0).gutters, line_between(trunk, "b", 1, 0).passed) == ((1, 0, -1), (1, 0))


def test_lanes_are_shared_where_nothing_overlaps() -> None:
    a, b, c, d = (Trunk(name, "") for name in "abcd")
    spans = {a: Span((0,), (20,)), b: Span((10,), (30,)), c: Span((20 + LANE + 1,), (50,))}
    found = lanes(spans)
    assert found[a] == found[c] == 0
    assert found[b] == 1
    crossing = {a: Span((0,), (40,)), b: Span((40,), (90,)), c: Span((200,), (100,)), d: Span((100,), (150,))}
    found = lanes(crossing)
    assert found[b] < found[a], "b comes in where a goes out, so it turns first"
    assert found[d] < found[c]
    found = lanes({a: Span((0,), (40,)), b: Span((40,), (90,)), c: Span((55,), (65,))})
    assert found == {c: 0, b: 1, a: 2}, "although a would fit beside c"


def test_lanes_of_trunks_in_a_circle_are_found() -> None:
    a, b = Trunk("a", ""), Trunk("b", "")
    assert set(lanes({a: Span((0,), (40,)), b: Span((40,), (0,))}).values()) == {0, 1}


def test_ports_are_spread_in_the_order_of_where_they_lead() -> None:
    assert ports(100, 30, [(50.0, "low"), (10.0, "high")]) == {"high": 110, "low": 120}
