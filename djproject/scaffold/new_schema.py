"""Schema modules and tables that fit the DAG, planned: module, test and documentation page."""

import ast
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from djproject.errors import ProjectError
from djproject.pipeline.editing import LINE_LENGTH, import_statement, with_docstring_entries, with_import
from djproject.pipeline.graph import find_module, find_table, module_parents, path_between, table_parents
from djproject.pipeline.model import Pipeline, SchemaModule, Table
from djproject.project.location import Project
from djproject.project.names import checked_schema_name, checked_table_name, read_tier, snake_case
from djproject.scaffold.module_text import read_module
from djproject.scaffold.new_project import api_page
from djproject.scaffold.plan import Action, Plan, PlannedFile, plan_new_files

ADD_SCHEMA = "djproject add-schema NAME --upstream MODULE --table Class:tier"
ADD_TABLE = "djproject add-table MODULE Class:tier --parent module.Table"
COMPUTED = ("imported", "computed")
BASES = {"manual": "Manual", "lookup": "Lookup", "imported": "Imported", "computed": "Computed"}


@dataclass(frozen=True, slots=True)
class NewTable:
    """A table to be added: its class, its tier, and its parents as a definition writes them."""

    name: str
    tier: str
    parents: tuple[str, ...] = ()


def read_new_table(text: str, *, hint: str = ADD_TABLE) -> NewTable:
    """The table that "Class:tier" means.

    Examples
    --------
    >>> read_new_table("Scan:imported")
    NewTable(name='Scan', tier='imported', parents=())
    """
    name, colon, tier = text.partition(":")
    if not colon:
        raise ProjectError(f"{text!r} has no tier: a table is written Class:tier.", hint=hint)
    tier = read_tier(tier, hint=hint)
    return NewTable(checked_table_name(name, tier, hint=hint), tier)


def plan_schema(
    project: Project, pipeline: Pipeline, name: str, upstream: Sequence[str], tables: Sequence[NewTable]
) -> Plan:
    """The files of a new schema module: the module, its test and its documentation page.

    Parameters
    ----------
    project, pipeline
        The existing project and its pipeline.
    name
        Of the module and its schema.
    upstream
        Schema modules it imports; the first table gets a foreign key to the last table of each.
    tables
        In the order of the file; each after the first gets a foreign key to the one before.

    Returns
    -------
    Plan
        Without changes where the module already exists with these upstream modules and tables.

    Raises
    ------
    ProjectError
        The name is invalid or taken, an upstream module is unknown, or an edge would close a cycle.
    """
    checked_schema_name(name)
    upstream = tuple(dict.fromkeys(upstream))
    for module in upstream:
        find_module(pipeline, module)
    _refuse_doubles(tables)
    existing = pipeline.module(name)
    if existing is not None:
        return _plan_nothing(project, existing, upstream, tables)
    taken = [project.source / f"{name}.py", project.source / name]
    if any(path.exists() for path in taken):
        raise ProjectError(f"{project.source_path}/{name} already exists and declares no schema.", hint=ADD_SCHEMA)
    for module in upstream:
        _refuse_cycle(module_parents(_with_module(pipeline, name)), child=name, parent=module)
    parents = [_reference(table) for module in upstream if (table := _last_table(pipeline, module))]
    chained = _chained(tables, parents)
    for new in chained:
        _refuse_orphan(new, ADD_SCHEMA)
    text = _module_text(name, upstream, chained)
    contents = [(f"{project.source_path}/{name}.py", text.encode())]
    contents.append((f"tests/test_{name}.py", _test_text(name).encode()))
    docs = project.root / "docs"
    if docs.is_dir() and not (docs / "conf.py").exists():
        contents.append((f"docs/api/{name}.md", api_page(project.package, name).encode()))
    return plan_new_files(project.root, contents)


def plan_table(project: Project, pipeline: Pipeline, module_name: str, table: NewTable, parents: Sequence[str]) -> Plan:
    """The change to a schema module that adds one table at its end.

    Parameters
    ----------
    project, pipeline
        The existing project and its pipeline.
    module_name
        The schema module.
    table
        The new class and its tier.
    parents
        Existing tables, `module.Table` or `Table`, that it gets foreign keys to.

    Returns
    -------
    Plan
        Without changes where the table already exists with this tier and these parents.

    Raises
    ------
    ProjectError
        A name is taken or unknown, or a foreign key would close a cycle between modules.
    """
    module = find_module(pipeline, module_name)
    found = [find_table(pipeline, name) for name in parents]
    if not found and table.tier in COMPUTED:
        found = [last for last in [_last_table(pipeline, module_name)] if last and last.name != table.name]
    existing = pipeline.table(f"{module_name}.{table.name}")
    relative = PurePosixPath(module.path.relative_to(project.root).as_posix())
    old = read_module(module.path)
    if existing is not None:
        given = table_parents(pipeline)[existing.full_name]
        if existing.tier != table.tier or any(parent.full_name not in given for parent in found):
            raise ProjectError(
                f"{existing.full_name} already exists (line {existing.line}), with another tier or other parents.",
                hint=f"$EDITOR {relative}",
            )
        return Plan(project.root, (PlannedFile(relative, old.encoded(old.text), Action.IDENTICAL),))
    _refuse_taken_table(module, table)
    for parent in found:
        if parent.module != module_name:
            _refuse_cycle(module_parents(pipeline), child=module_name, parent=parent.module)
    references = tuple(parent.name if parent.module == module_name else _reference(parent) for parent in found)
    new = NewTable(table.name, table.tier, references)
    _refuse_orphan(new, ADD_TABLE)
    missing = [name for name in dict.fromkeys(p.module for p in found) if name not in {*module.imports, module_name}]
    text = old.text
    for name in missing:
        text = with_import(text, name)
    text = with_docstring_entries(text, "Dependencies", dict.fromkeys(missing, f"upstream of {new.name}"))
    text = with_docstring_entries(text, "Provides", {new.name: _purpose(new)})
    text = text.rstrip() + f"\n\n\n{_class_text(new)}".replace("\n", old.newline)
    ast.parse(text)
    return Plan(project.root, (PlannedFile(relative, old.encoded(text), Action.CHANGE),))


def _plan_nothing(project: Project, module: SchemaModule, upstream: Sequence[str], tables: Sequence[NewTable]) -> Plan:
    path = PurePosixPath(module.path.relative_to(project.root).as_posix())
    tiers = {table.name: table.tier for table in module.tables}
    differs = [table.name for table in tables if tiers.get(table.name) != table.tier]
    absent = [name for name in upstream if name not in module.imports]
    if differs or absent:
        raise ProjectError(
            f"{path} already exists, without {', '.join((*differs, *absent))} as asked for.",
            hint=f"djproject add-table {module.name} Class:tier --parent module.Table",
        )
    return Plan(project.root, (PlannedFile(path, module.path.read_bytes(), Action.IDENTICAL),))


def _refuse_orphan(table: NewTable, hint: str) -> None:
    """DataJoint calls `make` for each key of the parents, so a table that is populated automatically needs one."""
    if table.tier in COMPUTED and not table.parents:
        raise ProjectError(f"{table.name} is {table.tier} and needs a parent whose keys it is made for.", hint=hint)


def _refuse_doubles(tables: Sequence[NewTable]) -> None:
    seen: dict[str, NewTable] = {}
    for table in tables:
        other = seen.setdefault(snake_case(table.name), table)
        if other is not table:
            raise ProjectError(f"The table {table.name} is named twice.", hint=ADD_SCHEMA)


def _refuse_taken_table(module: SchemaModule, table: NewTable) -> None:
    """Two classes of one name share a job table (`~~name`) whatever their tiers."""
    for other in module.tables:
        if snake_case(other.name) == snake_case(table.name):
            raise ProjectError(
                f"{other.full_name} (line {other.line}) would share its tables with {table.name}.", hint=ADD_TABLE
            )


def _refuse_cycle(parents: dict[str, tuple[str, ...]], *, child: str, parent: str) -> None:
    path = (child, child) if child == parent else path_between(parents, parent, child)
    if path is not None:
        cycle = path if child == parent else (child, *path)
        raise ProjectError(
            f"{child} cannot depend on {parent}, which would close a cycle: {' → '.join(cycle)}.",
            hint="Let the dependency run the other way, or put both tables into one module.",
        )


def _with_module(pipeline: Pipeline, name: str) -> Pipeline:
    """The pipeline as it will be, so that modules that import `name` already count as its children."""
    if not pipeline.modules:
        return pipeline
    path = pipeline.modules[0].path.with_name(f"{name}.py")
    return Pipeline(pipeline.package, (*pipeline.modules, SchemaModule(name, path, name, (), (), "")))


def _last_table(pipeline: Pipeline, module_name: str) -> Table | None:
    """The table that a downstream module would continue from: the last one that is neither part nor lookup."""
    module = pipeline.module(module_name)
    masters = [table for table in module.tables if table.tier != "part"] if module else []
    data = [table for table in masters if table.tier != "lookup"]
    candidates = data or masters
    return candidates[-1] if candidates else None


def _reference(table: Table) -> str:
    """A parent as a definition in another module writes it."""
    return f"{table.module.rpartition('.')[2]}.{table.name}"


def _chained(tables: Sequence[NewTable], first_parents: Sequence[str]) -> list[NewTable]:
    chained: list[NewTable] = []
    parents = tuple(first_parents)
    for table in tables:
        if table.tier == "lookup":
            chained.append(table)
        else:
            chained.append(NewTable(table.name, table.tier, parents))
            parents = (table.name,)
    return chained


def _module_text(name: str, upstream: Sequence[str], tables: Sequence[NewTable]) -> str:
    title = name.replace("_", " ").capitalize()
    dependencies = [f"{module}: upstream of {name}" for module in upstream] or ["none"]
    provides = [f"{table.name}: {_purpose(table)}" for table in tables] or ["nothing yet"]
    lines = ['"""', f"{title} schema: what it is for, in one sentence.", "", "Dependencies:"]
    lines += [f"    - {line}" for line in dependencies]
    lines += ["", "Provides:", *(f"    - {line}" for line in provides), '"""', "", "import datajoint as dj"]
    imports = "\n" + _import_statements(upstream) if upstream else ""
    text = "\n".join(lines) + "\n" + imports + f'\nschema = dj.Schema("{name}")\n'
    return "\n\n".join([text, *(_class_text(table) for table in tables)])


def _purpose(table: NewTable) -> str:
    """What a table is, in words that fit on a line; the user's words take their place."""
    words = {
        "lookup": "values that do not change",
        "manual": "entered by hand",
        "imported": "read from files",
        "computed": "computed",
    }[table.tier]
    match table.parents:
        case ():
            return words
        case (parent,) if len(table.name) + len(parent) < 44:
            return f"{words} for each {parent}"
    return f"{words} for each key of its parents"


def _class_text(table: NewTable) -> str:
    """A table class that declares as it is, in ruff's format."""
    snake = snake_case(table.name)
    purpose = _purpose(table)
    lines = ["@schema", f"class {table.name}(dj.{BASES[table.tier]}):"]
    lines += textwrap.indent(f'"""{purpose[0].upper()}{purpose[1:]}."""', "    ").splitlines()
    lines += ["", '    definition = """', *(f"    -> {parent}" for parent in table.parents)]
    match table.tier:
        case "manual":
            lines += [f"    {snake}_id : int32", "    ---", '    notes = "" : varchar(1000)', '    """']
        case "lookup":
            lines += [f"    {snake} : varchar(32)", "    ---", '    description = "" : varchar(255)', '    """']
            lines += ["", "    contents = []"]
        case _:
            lines += ["    ---", "    value : float64  # replace by what make inserts", '    """', ""]
            lines += textwrap.indent(_make_text(table), "    ").splitlines()
    return "\n".join(lines) + "\n"


def _make_text(table: NewTable) -> str:
    verb = "Read the files of" if table.tier == "imported" else "Compute"
    source = {"imported": "read the files that the parent names", "computed": "fetch from the parents, compute"}[
        table.tier
    ]
    message = f'("{table.name}.make is still to be written")'
    if len(message) > LINE_LENGTH - len("        raise NotImplementedError"):
        message = f"(\n        {message[1:-1]}\n    )"
    lines = [
        "def make(self, key):",
        f'    """{verb} one key and insert its row."""',
        f"    # To be filled in: {source}, then insert.",
        *(f"    #   parent = ({parent} & key).fetch1()" for parent in table.parents),
        '    #   self.insert1({**key, "value": ...})',
        f"    raise NotImplementedError{message}",
    ]
    return "\n".join(lines) + "\n"


def _test_text(name: str) -> str:
    return textwrap.dedent(
        f'''\
        """The schema module {name}."""


        def test_the_tables_of_{name}_are_declared(pipeline):
            tables = pipeline.tables_of("{name}")
            assert all(table().is_declared for table in tables)
        '''
    )


def _import_statements(modules: Sequence[str]) -> str:
    by_package: dict[str, list[str]] = {}
    for module in sorted(modules):
        package, _, name = module.rpartition(".")
        by_package.setdefault(package, []).append(name)
    return "".join(import_statement(package, names) for package, names in by_package.items())
