"""Cycles against brute force on small graphs."""

from itertools import combinations, pairwise, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

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
    cycles = all_cycles(graph)
    found = list(find_cycles(graph))
    assert set(found) <= set(cycles)
    members = components(graph)
    assert frozenset().union(*members) == {name for cycle in cycles for name in cycle}
    for path, component in zip(found, members, strict=True):
        assert len(path) == min(len(cycle) for cycle in cycles if set(cycle) <= component)
        assert path[0] == min(path)


@settings(max_examples=100, deadline=None)
@given(GRAPHS)
def test_no_smaller_set_of_edges_would_do(graph: Graph) -> None:
    for component in components(graph):
        edges = [(child, parent) for child in component for parent in graph.get(child, ()) if parent in component]
        cycles = [list(pairwise(cycle)) for cycle in all_cycles(graph) if set(cycle) <= component]

        def breaks(cut: tuple[tuple[str, str], ...], cycles: list[list[tuple[str, str]]] = cycles) -> bool:
            return all(set(cut) & set(cycle) for cycle in cycles)

        fewest = next(n for n in range(len(edges) + 1) if any(breaks(cut) for cut in combinations(edges, n)))
        cut, proven = edges_to_cut(graph, component)
        assert proven
        assert breaks(cut)
        assert len(cut) == fewest
