"""Cycles in a graph of parents: the components that hold them, a shortest path through each, the edges to cut."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

Parents = Mapping[str, Sequence[str]]
Edge = tuple[str, str]
STEPS = 20_000


def find_cycles(parents: Parents) -> Iterator[tuple[str, ...]]:
    """A shortest cycle of each strongly connected component, as the path that comes back to its start.

    Components come in the order of their first name, paths begin at the first name on them: nothing depends on the
    order of the mapping.

    Examples
    --------
    >>> list(find_cycles({"a": ("b",), "b": ("a", "c"), "c": ("c",), "d": ("a",)}))
    [('a', 'b', 'a'), ('c', 'c')]
    """
    for component in components(parents):
        yield shortest_cycle(parents, component)


def components(parents: Parents) -> list[frozenset[str]]:
    """The strongly connected components with a cycle in them, by their first name (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[frozenset[str]] = []
    for root in parents:
        if root in index:
            continue
        work: list[tuple[str, Iterator[str]]] = [(root, iter(parents[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            name, rest = work[-1]
            for parent in rest:
                if parent not in index:
                    index[parent] = low[parent] = len(index)
                    stack.append(parent)
                    on_stack.add(parent)
                    work.append((parent, iter(parents.get(parent, ()))))
                    break
                if parent in on_stack:
                    low[name] = min(low[name], index[parent])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    members = _popped(stack, on_stack, name)
                    if len(members) > 1 or name in parents.get(name, ()):
                        found.append(frozenset(members))
    return sorted(found, key=min)


def shortest_cycle(parents: Parents, component: frozenset[str]) -> tuple[str, ...]:
    """The shortest cycle among the members of a component; the first in alphabetical order of several."""
    best: tuple[str, ...] = ()
    for start in sorted(component):
        path = _way_back(parents, start, component, len(best))
        if path and (not best or len(path) < len(best)):
            best = path
        if len(best) == 2:
            break
    turn = best[:-1].index(min(best))
    return (*best[turn:-1], *best[:turn], best[turn])


def edges_to_cut(parents: Parents, component: frozenset[str]) -> tuple[tuple[Edge, ...], bool]:
    """The fewest edges of a component without which it has no cycle, and whether fewer are proven impossible.

    A minimum feedback arc set: exact by branching on the edges of a shortest cycle with growing depth; where that takes
    more than `STEPS` steps, one edge of each remaining cycle, which may be more than needed.
    """
    edges = {name: sorted(set(parents.get(name, ())) & component) for name in sorted(component)}
    steps = [STEPS]
    for depth in range(1, sum(map(len, edges.values())) + 1):
        found = _cut(edges, depth, steps)
        if found is not None:
            return found, True
        if steps[0] <= 0:
            break
    return _greedy(edges), False


def _popped(stack: list[str], on_stack: set[str], name: str) -> list[str]:
    members = []
    while True:
        member = stack.pop()
        on_stack.discard(member)
        members.append(member)
        if member == name:
            return members


def _way_back(parents: Parents, start: str, component: frozenset[str], shorter_than: int) -> tuple[str, ...]:
    """The shortest path from `start` to itself within the component; empty where none is shorter than asked for."""
    came_from: dict[str, str] = {}
    distance = {start: 0}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        if shorter_than and distance[name] + 2 >= shorter_than:
            return ()
        for parent in sorted(set(parents[name]) & component):
            if parent == start:
                path = [name]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return (*reversed(path), start)
            if parent not in distance:
                distance[parent] = distance[name] + 1
                came_from[parent] = name
                queue.append(parent)
    return ()


def _cut(edges: dict[str, list[str]], depth: int, steps: list[int]) -> tuple[Edge, ...] | None:
    steps[0] -= 1
    if steps[0] <= 0:
        return None
    left = components(edges)
    if not left:
        return ()
    if depth < len(left):  # disjoint components need an edge each
        return None
    cycle = shortest_cycle(edges, left[0])
    for child, parent in pairwise(cycle):
        rest = edges | {child: [name for name in edges[child] if name != parent]}
        found = _cut(rest, depth - 1, steps)
        if found is not None:
            return ((child, parent), *found)
    return None


def _greedy(edges: dict[str, list[str]]) -> tuple[Edge, ...]:
    cut = []
    while left := components(edges):
        cycle = shortest_cycle(edges, left[0])
        child, parent = min(pairwise(cycle), key=lambda edge: (len(edges[edge[0]]), edge))
        edges = edges | {child: [name for name in edges[child] if name != parent]}
        cut.append((child, parent))
    return tuple(cut)
