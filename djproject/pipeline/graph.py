"""The two graphs of a pipeline, child → parent: between tables and between schema modules."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from djproject.errors import ProjectError
from djproject.pipeline.cycles import Parents, components, find_cycles
from djproject.pipeline.model import Pipeline, SchemaModule, Table
from djproject.pipeline.module import PythonModule
from djproject.pipeline.scope import Kind, Meaning


class Reason(NamedTuple):
    """Why a module is downstream of another: an import or a foreign key, and where it is.

    Attributes
    ----------
    kind
        "import" or "foreign key".
    path, line
        Where the import is; of a foreign key, the line in the table's definition.
    text
        The import or the foreign key, in short.
    table
        Which has the foreign key.
    """

    kind: str
    path: Path
    line: int
    text: str
    table: Table | None = None


def table_parents(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """For every table, `module.Table`, the tables its foreign keys point to; parents outside are left out."""
    return pipeline.parents


def module_parents(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """For every schema module, its upstream modules: imported, or reached by a foreign key."""
    upstream = {}
    for module in pipeline.modules:
        by_key = [m.module for table in module.tables for m in table.meanings if m.kind is Kind.CLASS]
        names = dict.fromkeys((*module.imports, *by_key))
        upstream[module.name] = tuple([name for name in names if name != module.name and pipeline.module(name)])
    return upstream


def import_parents(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """For every Python module of the package, the modules it imports when it is imported itself."""
    scopes = pipeline.scopes
    return {
        name: tuple(
            dict.fromkeys(
                [
                    target
                    for item in source.imports
                    if item.inside
                    and item.when == "import"
                    and (target := scopes.imported_module(item))
                    and target != name
                ]
            )
        )
        for name, source in pipeline.sources.items()
    }


def imported_with(sources: Mapping[str, PythonModule], modules: Iterable[str]) -> set[str]:
    """The modules of the package that run when these are imported, themselves included."""
    found, waiting = set[str](), [*modules]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += [above for above in ("", name.rpartition(".")[0]) if above in sources]
        for item in sources[name].imports if name in sources else ():
            if item.inside and item.when == "import":
                waiting += [other for other in (item.base, f"{item.base}.{item.name}".strip(".")) if other in sources]
    return found


def modules_needing(pipeline: Pipeline, names: Collection[str]) -> dict[str, str]:
    """The other schema modules that import some modules, however indirectly, each with one of those."""
    found: dict[str, str] = {}
    for module in pipeline.modules:
        imported = imported_with(pipeline.sources, [module.name])
        if module.name not in names and (needed := sorted(imported.intersection(names))):
            found[module.name] = needed[0]
    return found


def module_reasons(pipeline: Pipeline, child: str, parent: str) -> Iterator[Reason]:
    """What makes `child` downstream of `parent`: imports first, then foreign keys in the order of the file."""
    source = pipeline.sources[child]
    for item in source.imports:
        if item.when == "import" and pipeline.scopes.imported_module(item) == parent:
            yield Reason("import", source.path, item.place.line, f"imports {parent}")
    module = pipeline.module(child)
    for table in module.tables if module else ():
        yield from (reason for meaning, reason in key_reasons(table) if meaning.module == parent)


def key_reasons(table: Table) -> Iterator[tuple[Meaning, Reason]]:
    """What the foreign keys of a table refer to, each with where it is."""
    for (key, parent), meaning in zip(table.keys, table.meanings, strict=True):
        if parent:
            yield meaning, Reason("foreign key", table.text_path, key.line, f"{table.name} -> {key.target}", table)


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
    """The schema modules, upstream first, and otherwise by name; those of a cycle as they import each other."""
    parents = module_parents(pipeline)
    knots = components(parents)
    if not knots:
        return _sorted(parents)
    imports = import_parents(pipeline)
    known = {name: set(imports[name]) for name in parents}
    if any(components({name: tuple(known[name]) for name in knot}) for knot in knots):
        known = {name: set() for name in parents}  # no order of the imports is right
    inside = {name: knot for knot in knots for name in knot}
    return _sorted(
        {
            name: tuple(p for p in those if p not in inside.get(name, ()) or p in known[name])
            for name, those in parents.items()
        }
    )


def sorted_tables(pipeline: Pipeline, names: Iterable[str] | None = None) -> tuple[Table, ...]:
    """Tables, parents first; all, or those named (`module.Table`, or `Table` if one fits).

    They are grouped by module, unless the modules form a cycle.

    Raises
    ------
    ProjectError
        There is no such table, several fit, or the tables form a cycle.
    """
    for cycle in find_cycles(table_parents(pipeline)):
        raise ProjectError(
            f"The tables form a cycle: {' → '.join(cycle)}.", hint="djproject check  (shows where, and what to remove)"
        )
    tables = [table for name in _sorted(table_parents(pipeline)) if (table := pipeline.table(name))]
    if not components(module_parents(pipeline)):
        module_order = {name: index for index, name in enumerate(sorted_modules(pipeline))}
        tables.sort(key=lambda table: module_order[table.module])
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


def _sorted(parents: Parents) -> tuple[str, ...]:
    """The names, parents first and otherwise in alphabetical order; there is no cycle."""
    sorter = TopologicalSorter(parents)
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return tuple(order)
