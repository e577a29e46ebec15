"""Cycles against brute force on small graphs."""

from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from djproject.pipeline import cycles
from djproject.pipeline.cycles import components, edges_to_cut, find_cycles

NAMES = "abcde"
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True, max_size=3).map(tuple))
Graph = dict[str, tuple[str, ...]]


def all_cycles(graph: Graph) -> list[tuple[str, ...]]:
    """Every simple cycle, once from each of its nodes."""
    paths = [path for size in range(1, len(NAMES) + 1) for path in permutations(NAMES, size)]
    closed = [(*path, path[0]) for path in paths]
    return [path for path in closed if all(parent in graph.get(child, ()) for child, parent in pairwise(path))]


@settings(max_examples=150, deadline=None)
@given(GRAPHS)
def test_a_shortest_cycle_of_each_component_is_found(graph: Graph) -> None:
    every = all_cycles(graph)
    found = list(find_cycles(graph))
    assert set(found) <= set(every)
    members = components(graph)
    assert frozenset().union(*members) == {name for cycle in every for name in cycle}
    for path, component in zip(found, members, strict=True):
        assert len(path) == min(len(cycle) for cycle in every if set(cycle) <= component)
        assert path[0] == min(path)


@settings(max_examples=100, deadline=None)
@given(GRAPHS)
def test_no_smaller_set_of_edges_would_do(graph: Graph) -> None:
    for component in components(graph):
        edges = [(child, parent) for child in component for parent in graph.get(child, ()) if parent in component]
        every = [list(pairwise(cycle)) for cycle in all_cycles(graph) if set(cycle) <= component]

        def breaks(cut: tuple[tuple[str, str], ...], every: list[list[tuple[str, str]]] = every) -> bool:
            return all(set(cut) & set(cycle) for cycle in every)

        fewest = next(n for n in range(len(edges) + 1) if any(breaks(cut) for cut in combinations(edges, n)))
        cut, proven = edges_to_cut(graph, component)
        assert proven
        assert breaks(cut)
        assert len(cut) == fewest


def test_where_too_many_steps_are_needed_a_set_that_suffices_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "STEPS", 50)
    graph = {str(child): tuple(str(parent) for parent in range(12) if parent != child) for child in range(12)}
    cut, proven = edges_to_cut(graph, frozenset(graph))
    assert not proven
    rest = {
        child: tuple(parent for parent in parents if (child, parent) not in cut) for child, parents in graph.items()
    }
    assert 66 <= len(cut) < 132, "half of the edges, of which one direction each may stay"
    assert components(rest) == []


def test_components_come_in_the_order_of_their_first_names() -> None:
    graph = {"d": ("c", "x"), "c": ("d",), "b": ("e",), "e": ("b",), "a": ("a",)}
    assert [min(component) for component in components(graph)] == ["a", "b", "c"]
    assert list(find_cycles(graph)) == [("a", "a"), ("b", "e", "b"), ("c", "d", "c")]


def test_the_first_of_several_shortest_cycles_is_shown() -> None:
    graph = {"a": ("b",), "b": ("c",), "c": ("a", "d"), "d": ("e",), "e": ("c",)}
    assert list(find_cycles(graph)) == [("a", "b", "c", "a")]
    longer_first = {"a": ("b",), "b": ("c",), "c": ("d",), "d": ("a", "e"), "e": ("f",), "f": ("d",)}
    assert list(find_cycles(longer_first)) == [("d", "e", "f", "d")]


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({"a": ("a",)}, ("a", "a")),
        ({"a": ("b", "c"), "b": ("a",), "c": ("c", "a")}, ("c", "c")),
        ({"a": ("c",), "b": ("c",), "c": ("a", "b")}, ("a", "c", "a")),
        ({"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ("a",)}, ("a", "b", "d", "a")),
        ({"a": ("b",), "b": ("c",), "c": ("d",), "d": ("a", "b")}, ("b", "c", "d", "b")),
        ({"c": ("x",), "x": ("b",), "b": ("c", "y"), "y": ("z",), "z": ("b",)}, ("b", "c", "x", "b")),
        ({"a": ("b", "outside"), "b": ("a",), "outside": ("b",)}, ("a", "b", "a")),
    ],
)
def test_the_cycle_that_is_shown_is_the_shortest_and_first(graph: Graph, cycle: tuple[str, ...]) -> None:
    assert next(find_cycles(graph)) == cycle


def test_a_graph_without_cycles_has_no_component_and_nothing_to_cut() -> None:
    graph = {"a": ("b", "c", "far"), "b": ("c",), "c": ()}
    assert components(graph) == []
    assert list(find_cycles(graph)) == []
    assert edges_to_cut(graph, frozenset("abc")) == ((), True)


@pytest.mark.parametrize(
    ("graph", "cut"),
    [
        ({"a": ("a",)}, (("a", "a"),)),
        ({"a": ("b",), "b": ("a",)}, (("a", "b"),)),
        ({"a": ("b", "b"), "b": ("a", "outside"), "outside": ("a",)}, (("a", "b"),)),
        ({"a": ("b", "c"), "b": ("a",), "c": ("a",)}, (("a", "b"), ("a", "c"))),
        ({"a": ("b",), "b": ("c", "d"), "c": ("a",), "d": ("a",)}, (("a", "b"),)),
        ({"a": ("b",), "b": ("a", "c"), "c": ("b",)}, (("a", "b"), ("b", "c"))),
    ],
)
def test_the_edges_to_cut_are_the_first_of_the_fewest(graph: Graph, cut: tuple[tuple[str, str], ...]) -> None:
    assert edges_to_cut(graph, frozenset("abcd") & graph.keys()) == (cut, True)


@pytest.mark.parametrize(("steps", "proven"), [(3, True), (2, False), (1, False)])
def test_steps_are_counted(monkeypatch: pytest.MonkeyPatch, steps: int, proven: bool) -> None:
    monkeypatch.setattr(cycles, "STEPS", steps)
    graph = {"a": ("b",), "b": ("a",)}
    assert edges_to_cut(graph, frozenset("ab")) == ((("a", "b"),), proven)


def test_without_proof_the_edge_of_the_child_with_the_fewest_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "STEPS", 1)
    graph = {"a": ("b", "c"), "b": ("a",), "c": ("b",)}
    assert edges_to_cut(graph, frozenset("abc")) == ((("b", "a"),), False)
    both = {"a": ("b", "c"), "b": ("a", "c"), "c": ("a", "b")}
    assert edges_to_cut(both, frozenset("abc")) == ((("a", "b"), ("a", "c"), ("b", "c")), False)
