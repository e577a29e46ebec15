"""DJP1xx: imports between schema modules, cycles of them, and the contracts a lab has set."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from djproject.checks.examined import Examined
from djproject.checks.module_rules import PACKAGE, called
from djproject.checks.rule import Found, rule
from djproject.findings import Location, Note
from djproject.pipeline.cycles import components, edges_to_cut, shortest_cycle
from djproject.pipeline.definition import ForeignKey
from djproject.pipeline.editing import with_import
from djproject.pipeline.graph import Reason, import_parents, module_parents, module_reasons, path_between
from djproject.pipeline.model import SchemaModule
from djproject.pipeline.scope import Kind


@rule
def upstream_modules_are_imported_at_the_top(examined: Examined) -> Iterator[Found]:
    """DJP107 warning: Upstream schema modules are imported at the top of the module.

    What it does: finds imports of schema modules inside functions.

    Why it matters: the first lines of a module should show which modules it depends on. An import inside a function
    usually hides a cycle.

    Example:
        def make(self, key):
            from . import subject

    Use instead:
        from . import subject

    Source: book, Explicit Imports.
    """
    for module in examined.pipeline.modules:
        for item in module.source.imports if module.source else ():
            target = examined.pipeline.scopes.imported_module(item)
            if item.when == "call" and target and examined.pipeline.module(target) and target != module.name:
                where = examined.at(module.path, item.place)
                yield Found(where, f"{called(module)} imports {target} inside a function.", "Import it at the top.")


@rule
def upstream_modules_are_imported_by_name(examined: Examined) -> Iterator[Found]:
    """DJP108 warning: No schema module is imported with a wildcard.

    What it does: finds `from .subject import *`.

    Why it matters: the wildcard also imports the other module's `schema`. A table that is decorated with it is declared
    in the other module's schema.

    Example:
        from .subject import *

    Use instead:
        from . import subject

    Source: book, Explicit Imports.
    """
    for module in examined.pipeline.modules:
        for item in module.source.imports if module.source else ():
            if item.local == "*" and item.inside and examined.pipeline.module(item.base):
                where = examined.at(module.path, item.place)
                name = item.base.rpartition(".")[2]
                yield Found(where, f"{called(module)} imports everything from {item.base}.", f"from . import {name}")


@rule
def imports_form_no_cycle(examined: Examined) -> Iterator[Found]:
    """DJP112 error (convention): The imports between the modules of the package form a directed acyclic graph.

    What it does: for each group of modules that import each other, reports the shortest cycle, its imports, the foreign
    keys along them, and which imports to remove. Imports inside functions and under `if TYPE_CHECKING` do not count.

    Why it matters: Python runs one of the modules before the other one is complete. The import then fails
    because a foreign key "could not be resolved", and leaves an empty schema in the database.

    Example:
        # subject.py
        from . import analysis
        # analysis.py
        from . import subject

    Use instead: import both modules in a third module, or move the two tables into the same module.

    Source: book, Acyclicity Constraint.
    """
    parents = import_parents(examined.pipeline)
    for component in components(parents):
        yield _cycle(examined, parents, component, "Imports")


@rule
def modules_form_no_cycle(examined: Examined) -> Iterator[Found]:
    """DJP113 error (convention): The foreign keys and imports between schema modules form a directed acyclic graph.

    What it does: combines the imports and foreign keys between modules, and reports the shortest cycle of each group
    of modules that depend on each other. (DJP112 reports cycles of imports alone.)

    Why it matters: data flow in both directions between the schemas, so none of them can be declared, backed up or
    dropped on its own.

    Example:
        # subject.py
        -> analysis.Quality
        # analysis.py
        -> subject.Subject

    Use instead: add a third table, in a module downstream of both.

    Source: book, Acyclicity Constraint.
    """
    by_import = {frozenset(c) for c in components(import_parents(examined.pipeline))}
    parents = module_parents(examined.pipeline)
    for component in components(parents):
        if not any(component <= other for other in by_import):
            yield _cycle(examined, parents, component, "Schema modules")


@rule
def foreign_keys_lead_to_imported_modules(examined: Examined) -> Iterator[Found]:
    """DJP114 error, fix: Every module that a foreign key names is imported.

    What it does: finds `-> subject.Subject` in modules that do not import subject, or import it only under `if
    TYPE_CHECKING`.

    Why it matters: DataJoint looks up the name in the module of the table and cannot resolve it.

    Example:
        definition = "-> subject.Subject"

    Use instead:
        from . import subject

    Source: book, Module-Level DAG; datajoint/declare.py, compile_foreign_key.
    """
    for module in examined.pipeline.modules:
        typing_only = _typing_only(module)
        for table in module.tables:
            for index, key in enumerate(table.definition.foreign_keys if table.definition else ()):
                meaning = table.meanings[index]
                if meaning.kind is Kind.CLASS:
                    missing = meaning.module if key.target.partition(".")[0] in typing_only else ""
                else:
                    missing = _unimported(examined, module, key) if meaning.kind is Kind.NOTHING else ""
                if missing:
                    head, dot, _ = key.target.partition(".")
                    yield Found(
                        examined.of_key(table, key),
                        f"{table.name} has a foreign key to {key.target}, "
                        f"but {called(module)} does not import {missing}.",
                        _import_line(module, missing if dot else f"{missing}.{meaning.name}", head),
                        _added(examined, module, missing) if head == missing else (),
                    )


@rule
def layers_are_kept(examined: Examined) -> Iterator[Found]:
    """DJP120 error (convention): A module depends only on its own layer and on earlier layers.

    What it does: reads `layers` of `[tool.djproject.check]`: lists of modules, the most upstream first. Both imports
    and foreign keys count.

    Why it matters: your lab set this rule in `[tool.djproject.check]`.

    Example:
        layers = [["subject"], ["acquisition"], ["analysis"]]
        # subject.py
        from . import acquisition

    Use instead: reverse the dependency, or move the module to another layer.

    Source: `[tool.djproject.check]`; import-linter's layers.
    """
    layers = examined.project.check.layers
    level = {name: number for number, layer in enumerate(layers) for name in layer}
    for child, parent, reason in _edges(examined):
        mine, theirs = (level.get(_layered(name, level)) for name in (child, parent))
        if mine is not None and theirs is not None and theirs > mine:
            yield Found(
                _place(examined, reason), f"{child} depends on {parent}, which is in a later layer ({reason.kind})."
            )


@rule
def independent_modules_stay_apart(examined: Examined) -> Iterator[Found]:
    """DJP121 error (convention): Modules that must be independent do not depend on each other.

    What it does: reads `independent` of `[tool.djproject.check]` and looks for direct and indirect dependencies. Both
    imports and foreign keys count.

    Why it matters: your lab set this rule in `[tool.djproject.check]`.

    Example:
        independent = ["ephys", "imaging"]

    Use instead: move what both need into a module upstream of both.

    Source: `[tool.djproject.check]`; import-linter's independence.
    """
    parents = module_parents(examined.pipeline)
    apart = examined.project.check.independent
    for child in apart:
        for parent in apart:
            path = path_between(parents, child, parent) if child != parent else None
            if path:
                reason = next(module_reasons(examined.pipeline, path[0], path[1]), None)
                if reason:
                    message = f"{child} must be independent of {parent}, but depends on it: {' → '.join(path)}."
                    yield Found(_place(examined, reason), message)


@rule
def forbidden_dependencies_are_absent(examined: Examined) -> Iterator[Found]:
    """DJP122 error (convention): No module has a dependency that the project forbids.

    What it does: reads `forbid` of `[tool.djproject.check]`, with entries such as "analysis -> subject", and looks for
    direct imports and foreign keys.

    Why it matters: your lab set this rule in `[tool.djproject.check]`.

    Example:
        forbid = ["analysis -> subject"]

    Use instead: depend on a module between the two.

    Source: `[tool.djproject.check]`; import-linter's forbidden modules.
    """
    forbidden = set(examined.project.check.forbid)
    for child, parent, reason in _edges(examined):
        if (child, parent) in forbidden:
            yield Found(_place(examined, reason), f"{child} depends on {parent}, which is forbidden ({reason.kind}).")


def _cycle(examined: Examined, parents: Mapping[str, Sequence[str]], component: frozenset[str], what: str) -> Found:
    names = {name: name or PACKAGE for name in component}
    cycle = shortest_cycle(parents, component)
    notes = []
    for child, parent in pairwise(cycle):
        for reason in module_reasons(examined.pipeline, child, parent):
            key = f" ({reason.text})" if reason.kind == "foreign key" else ""
            notes.append(Note(_place(examined, reason), f"{reason.kind}: {names[child]} → {names[parent]}{key}"))
    cut, exact = edges_to_cut(parents, component)
    edges = ", ".join(f"{names[child]} → {names[parent]}" for child, parent in cut)
    message = f"{what} form a cycle: {' → '.join(names[name] for name in cycle)}."
    where = notes[0].location
    fewest = " (the fewest possible)" if len(cut) > 1 else ""
    hint = f"Remove {edges}{fewest}." if exact else f"For example, remove {edges}."
    return Found(where, message, hint, notes=tuple(notes))


def _place(examined: Examined, reason: Reason) -> Location:
    if reason.table:
        return examined.in_definition(reason.table, reason.line)
    lines = examined.lines(reason.path)
    line = lines[reason.line - 1] if reason.line <= len(lines) else ""
    column = len(line) - len(line.lstrip()) + 1
    return Location(examined.relative(reason.path), reason.line, column, max(len(line.rstrip()) + 1, column + 1))


def _edges(examined: Examined) -> Iterator[tuple[str, str, Reason]]:
    contracts = examined.project.check
    if not (contracts.layers or contracts.forbid):
        return
    for child, upstream in module_parents(examined.pipeline).items():
        for parent in upstream:
            reason = next(module_reasons(examined.pipeline, child, parent), None)
            if reason:
                yield child, parent, reason


def _layered(name: str, level: Mapping[str, int]) -> str:
    """The entry of a layer that a module belongs to: itself, or a package above it."""
    while name not in level and "." in name:
        name = name.rpartition(".")[0]
    return name


def _typing_only(module: SchemaModule) -> set[str]:
    """The names that a module imports for type checkers and not when it runs."""
    imports = module.source.imports if module.source else ()
    typing = {item.local for item in imports if item.when == "typing"}
    return typing - {item.local for item in imports if item.when == "import"}


def _unimported(examined: Examined, module: SchemaModule, key: ForeignKey) -> str:
    """The module that a foreign key names without an import; empty where it is none, or is known only later."""
    head, _, rest = key.target.partition(".")
    if module.source is None or not rest or any(call.name == "" for call in module.source.schemas):
        return ""
    above = module.name.rpartition(".")[0]
    candidates = [f"{above}.{head}".lstrip("."), head]
    found = next((name for name in candidates if name in examined.pipeline.sources), "")
    bound = {item.local for item in module.source.imports}
    return found if found != module.name and head not in bound else ""


def _import_line(module: SchemaModule, wanted: str, local: str) -> str:
    """The statement that imports what has this dotted name below the package as `local`."""
    package, _, name = wanted.rpartition(".")
    above = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
    dots = "."
    while above and not f"{package}.".startswith(f"{above}."):
        above = above.rpartition(".")[0]
        dots += "."
    renamed = f" as {local}" if local != name else ""
    return f"from {dots}{package.removeprefix(above).lstrip('.')} import {name}{renamed}"


def _added(examined: Examined, module: SchemaModule, missing: str) -> tuple:  # type: ignore[type-arg]
    if "." in module.name or module.path.name == "__init__.py":
        return ()
    if path_between(import_parents(examined.pipeline), missing, module.name):
        return ()  # the import would close a cycle
    return examined.rewriting(module.path, with_import(examined.text(module.path), missing))
