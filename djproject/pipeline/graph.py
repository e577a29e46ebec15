"""The two graphs of a pipeline, child → parent: between tables and between schema modules."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from djproject.errors import ProjectError
from djproject.pipeline.source import Pipeline, SchemaModule, Table

Parents = Mapping[str, tuple[str, ...]]


def table_parents(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """For every table, `module.Table`, the tables its foreign keys point to; parents outside are left out."""
    known = {table.full_name for table in pipeline.tables}
    return {
        table.full_name: tuple(dict.fromkeys(parent for parent in table.parents if parent in known))
        for table in pipeline.tables
    }


def module_parents(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """For every schema module, its upstream modules: imported, or reached by a foreign key."""
    known = {module.name for module in pipeline.modules}
    upstream = {}
    for module in pipeline.modules:
        by_key = (_module_of(parent, known) for table in module.tables for parent in table.parents if parent)
        found = dict.fromkeys(name for name in (*module.imports, *by_key) if name in known and name != module.name)
        upstream[module.name] = tuple(found)
    return upstream


def find_cycle(parents: Parents) -> tuple[str, ...] | None:
    """A cycle as the path that comes back to its start, or None where the graph is a DAG.

    Examples
    --------
    >>> find_cycle({"a": ("b",), "b": ("a",)})
    ('a', 'b', 'a')
    >>> find_cycle({"a": ("b",), "b": ()}) is None
    True
    """
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        path = list(reversed(error.args[1]))[:-1]
        start = path.index(min(path))
        path = path[start:] + path[:start]
        return (*path, path[0])
    return None


def path_between(parents: Parents, child: str, ancestor: str) -> tuple[str, ...] | None:
    """The shortest path from `child` to `ancestor` along foreign keys or imports, both ends included; else None."""
    paths: list[tuple[str, ...]] = [(child,)]
    seen = {child}
    while paths:
        path = paths.pop(0)
        if path[-1] == ancestor:
            return path
        for parent in parents.get(path[-1], ()):
            if parent not in seen:
                seen.add(parent)
                paths.append((*path, parent))
    return None


def sorted_modules(pipeline: Pipeline) -> tuple[str, ...]:
    """The schema modules, upstream first, and otherwise by name.

    Raises
    ------
    ProjectError
        The modules form a cycle; the message names it.
    """
    return _sorted(module_parents(pipeline), "schema modules")


def sorted_tables(pipeline: Pipeline, names: Iterable[str] | None = None) -> tuple[Table, ...]:
    """Tables, parents first, grouped by module; all, or those named (`module.Table`, or `Table` if one fits).

    Raises
    ------
    ProjectError
        There is no such table, several fit, or the tables form a cycle.
    """
    module_order = {name: index for index, name in enumerate(sorted_modules(pipeline))}
    order = _sorted(table_parents(pipeline), "tables")
    tables = sorted(
        (table for name in order if (table := pipeline.table(name))), key=lambda table: module_order[table.module]
    )
    if names is None:
        return tuple(tables)
    wanted = {find_table(pipeline, name).full_name for name in names}
    return tuple(table for table in tables if table.full_name in wanted)


def find_module(pipeline: Pipeline, name: str) -> SchemaModule:
    """The schema module of that name; ProjectError, with the names there are, where there is none."""
    module = pipeline.module(name)
    if module is None:
        known = ", ".join(module.name for module in pipeline.modules) or "none yet"
        raise ProjectError(f"There is no schema module called {name!r}.", hint=f"Schema modules: {known}.")
    return module


def find_table(pipeline: Pipeline, name: str) -> Table:
    """The table that `name` means: `module.Table`, `module.Master.Part`, or a class name that only one table has."""
    found = [table for table in pipeline.tables if name in {table.full_name, table.name}]
    exact = [table for table in found if table.full_name == name]
    match exact or found:
        case [table]:
            return table
        case []:
            raise ProjectError(f"The pipeline has no table called {name!r}.", hint=_did_you_mean(pipeline, name))
    options = " or ".join(table.full_name for table in found)
    raise ProjectError(f"Several tables are called {name!r}.", hint=f"Say {options}.")


def _did_you_mean(pipeline: Pipeline, name: str) -> str:
    from difflib import get_close_matches

    names = [table.full_name for table in pipeline.tables]
    short = {full.split(".", 1)[-1]: full for full in names}
    close = get_close_matches(name, [*names, *short], n=1, cutoff=0.5)
    if close:
        return f"Did you mean {short.get(close[0], close[0])}?"
    return "djproject status  (lists the tables)"


def _sorted(parents: Parents, what: str) -> tuple[str, ...]:
    cycle = find_cycle(parents)
    if cycle:
        raise ProjectError(f"The {what} form a cycle: {' → '.join(cycle)}.", hint="Remove one of these references.")
    sorter = TopologicalSorter(parents)
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return tuple(order)


def _module_of(full_name: str, known: set[str]) -> str:
    parts = full_name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1))
    return next((prefix for prefix in prefixes if prefix in known), "")
