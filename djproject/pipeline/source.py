"""Schema modules and table classes, read from a package's source."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from djproject.errors import ProjectError
from djproject.pipeline.definition import Definition, ForeignKey, read_definition
from djproject.project.location import Project
from djproject.project.names import TIER_ALIASES, TIERS

TIER_CLASSES = {tier.capitalize(): tier for tier in (*TIERS, "part")} | {
    alias.capitalize(): tier for alias, tier in TIER_ALIASES.items()
}


@dataclass(frozen=True, slots=True)
class Table:
    """One table class.

    Attributes
    ----------
    module
        Its schema module, dotted, below the package.
    name
        The class; a part is `Master.Part`.
    tier
        manual, lookup, imported, computed or part.
    definition
        None where the text cannot be known without running the code.
    parents
        For each foreign key of the definition, in order: the parent as `module.Table`, None where its name means
        nothing in the module.
    line
        Of the class, in the file, counted from 1.
    """

    module: str
    name: str
    tier: str
    definition: Definition | None
    parents: tuple[str | None, ...]
    line: int

    @property
    def full_name(self) -> str:
        """`module.Table`, as commands take it."""
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class SchemaModule:
    """One module that declares a schema.

    Attributes
    ----------
    name
        Dotted, below the package: `subject`, `ephys.probe`.
    path
        The file.
    schema
        The database schema; None where its name is not a literal.
    imports
        The modules of the package that it imports, in order of appearance; not all are schema modules.
    tables
        In the order of the file, parts after their masters.
    docstring
        The module's; empty where it has none.
    """

    name: str
    path: Path
    schema: str | None
    imports: tuple[str, ...]
    tables: tuple[Table, ...]
    docstring: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All schema modules of a package, sorted by name."""

    package: str
    modules: tuple[SchemaModule, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of all modules, in module and file order."""
        return tuple(table for module in self.modules for table in module.tables)

    def module(self, name: str) -> SchemaModule | None:
        """The schema module of that name, or None."""
        return next((module for module in self.modules if module.name == name), None)

    def table(self, full_name: str) -> Table | None:
        """The table called `module.Table` or `module.Master.Part`, or None."""
        return next((table for table in self.tables if table.full_name == full_name), None)


def load_pipeline(project: Project) -> Pipeline:
    """The pipeline in a project's source folder; nothing is imported.

    Raises
    ------
    ProjectError
        A file is not valid Python; with file and line.
    """
    return load_package(project.source, project.package)


def load_package(folder: Path, package: str) -> Pipeline:
    """The pipeline in the folder of a package; an empty one where the folder is missing."""
    modules = (_load_module(path, folder, package) for path in sorted(folder.rglob("*.py")))
    return Pipeline(package, tuple(module for module in modules if module is not None))


def read_module(text: str, *, name: str, package: str, path: Path) -> SchemaModule | None:
    """The schema module in `text`, or None where it declares no schema.

    Parameters
    ----------
    text
        Python source.
    name
        The module, dotted, below the package.
    package
        The package, which absolute imports name.
    path
        Where the text came from.

    Raises
    ------
    SyntaxError
        The text is not Python.
    """
    tree = ast.parse(text)
    names = _Names(name, package, is_package=path.name == "__init__.py")
    for node in ast.walk(tree):
        names.see(node)
    schemas = [found for statement in tree.body if (found := _schema_name(statement, names)) is not None]
    if not schemas:
        return None
    local = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    tables = [table for node in tree.body if isinstance(node, ast.ClassDef) for table in _tables(node, names, local)]
    return SchemaModule(
        name, path, schemas[0] or None, tuple(names.imports), tuple(tables), ast.get_docstring(tree) or ""
    )


class _Names:
    """What the imported names of one module mean."""

    def __init__(self, module: str, package: str, *, is_package: bool) -> None:
        self.module, self.package = module, package
        self.above = module if is_package else module.rpartition(".")[0]
        self.modules: dict[str, str] = {}  # local name → module of the package
        self.classes: dict[str, str] = {}  # local name → module.Class
        self.datajoint: set[str] = set()  # local names of datajoint itself
        self.datajoint_names: dict[str, str] = {}  # local name → name in datajoint
        self.imports: dict[str, None] = {}

    def see(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    self._see_import(alias)
            case ast.ImportFrom(module="datajoint", level=0, names=aliases):
                self.datajoint_names.update({alias.asname or alias.name: alias.name for alias in aliases})
            case ast.ImportFrom(module=source, level=level, names=aliases):
                base = self._base(source or "", level)
                if base is not None:
                    for alias in aliases:
                        self._see_member(base, alias)

    def _see_import(self, alias: ast.alias) -> None:
        if alias.name == "datajoint":
            self.datajoint.add(alias.asname or alias.name)
        elif alias.name.startswith(f"{self.package}."):
            module = alias.name.removeprefix(f"{self.package}.")
            self.modules[alias.asname or alias.name] = module
            self.imports[module] = None

    def _see_member(self, base: str, alias: ast.alias) -> None:
        local = alias.asname or alias.name
        if base and alias.name[:1].isupper():
            self.classes[local] = f"{base}.{alias.name}"
            self.imports[base] = None
        else:
            module = f"{base}.{alias.name}".lstrip(".")
            self.modules[local] = module
            self.imports[module] = None

    def _base(self, source: str, level: int) -> str | None:
        """The module below the package that `from …` names; None where it lies outside."""
        if level == 0:
            if source == self.package:
                return ""
            return source.removeprefix(f"{self.package}.") if source.startswith(f"{self.package}.") else None
        parts = self.above.split(".") if self.above else []
        if level - 1 > len(parts):
            return None
        return ".".join([*parts[: len(parts) - (level - 1)], *filter(None, [source])])

    def datajoint_name(self, node: ast.expr) -> str | None:
        """What a name or attribute means in datajoint: `dj.Manual` → "Manual"."""
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if owner in self.datajoint:
                return attribute
            case ast.Name(id=name):
                return self.datajoint_names.get(name)
        return None

    def parent(self, key: ForeignKey, master: str, me: str, local: set[str]) -> str | None:
        """The parent of a foreign key as `module.Table`."""
        head, _, rest = key.target.partition(".")
        own = {"master": master, "self": me}.get(head)
        if own:
            return f"{self.module}.{own}"
        if head in local:
            return f"{self.module}.{key.target}"
        if head in self.classes:
            return ".".join(filter(None, (self.classes[head], rest)))
        for name in sorted(self.modules, key=len, reverse=True):
            if key.target.startswith(f"{name}."):
                return self.modules[name] + key.target.removeprefix(name)
        return None


def _load_module(path: Path, folder: Path, package: str) -> SchemaModule | None:
    relative = path.relative_to(folder)
    parts = relative.parent.parts if path.name == "__init__.py" else (*relative.parent.parts, path.stem)
    try:
        return read_module(path.read_text("utf-8"), name=".".join(parts), package=package, path=path)
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ProjectError(f"{path}{line} is not valid Python: {reason}.", hint=f"$EDITOR {path}") from error


def _schema_name(statement: ast.stmt, names: _Names) -> str | None:
    """The schema that a statement declares; "" where its name is not a literal, None where it declares none."""
    match statement:
        case ast.Assign(targets=[ast.Name()], value=ast.Call(func=function) as call) if names.datajoint_name(
            function
        ) in {"Schema", "schema"}:
            match call.args:
                case [ast.Constant(value=str(name)), *_]:
                    return name
            return ""
    return None


def _tables(node: ast.ClassDef, names: _Names, local: set[str], master: str = "") -> Iterator[Table]:
    tiers = (TIER_CLASSES.get(names.datajoint_name(base) or "") for base in node.bases)
    tier = next(filter(None, tiers), None)
    if tier is None:
        return
    own = f"{master}.{node.name}" if master else node.name
    text = _definition_text(node)
    definition = None if text is None else read_definition(text)
    keys = definition.foreign_keys if definition else ()
    parents = tuple(names.parent(key, master or own, own, local) for key in keys)
    yield Table(names.module, own, tier, definition, parents, node.lineno)
    if not master:
        for child in node.body:
            if isinstance(child, ast.ClassDef):
                yield from _tables(child, names, local, node.name)


def _definition_text(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="definition")], value=ast.Constant(value=str(text))):
                return text
    return None


def stores_in_use(pipeline: Pipeline, defaults: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The tables that name each store, by store; `<codec@>` counts for the default store.

    Parameters
    ----------
    pipeline
        Whose definitions are looked through.
    defaults
        `default` (and `filepath_default`) as in `[tool.datajoint.stores]`.
    """
    used: dict[str, list[str]] = {}
    for table in pipeline.tables:
        for store in table.definition.store_names if table.definition else ():
            name = store or defaults.get("default", "")
            if name:
                used.setdefault(name, []).append(table.full_name)
    return {name: tuple(tables) for name, tables in used.items()}
