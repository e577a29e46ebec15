"""Schema modules and their tables, as the source has them: what every command looks at."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from djproject.pipeline.definition import Definition, ForeignKey
from djproject.pipeline.module import ClassFacts, PythonModule, Text
from djproject.pipeline.scope import Meaning, Scopes


class Table(NamedTuple):
    """One table class.

    Attributes
    ----------
    module
        Its module, dotted, below the package.
    name
        The class; a part is `Master.Part`.
    tier
        manual, lookup, imported, computed or part.
    definition
        None where there is none, or its text cannot be known without running the code (`unknown`).
    parents
        For each foreign key of the definition, in order: the parent as `module.Table`; None where it is not a table
        of this package.
    line
        Of the class, in the file, counted from 1.
    path
        The file.
    tiers
        All tiers that its bases bring; one, in a table that DataJoint can declare.
    facts
        The class as it is in the file.
    meanings
        What the target of each foreign key means.
    text
        Where the definition's text is, and in which file; the base class's where it is inherited.
    text_path
        The file of `text`.
    unknown
        Whether there is a definition that cannot be known without running the code.
    schemas
        The modules whose schemas decorate it.
    schema
        The name of the schema that decorates it; None where that is not a literal.
    full_name
        `module.Table`, as commands take it.
    """

    module: str
    name: str
    tier: str
    definition: Definition | None
    parents: tuple[str | None, ...]
    line: int
    path: Path
    tiers: tuple[str, ...]
    facts: ClassFacts
    meanings: tuple[Meaning, ...]
    text: Text | None
    text_path: Path
    unknown: bool
    schemas: tuple[str, ...]
    schema: str | None
    full_name: str

    @property
    def master(self) -> str:
        """The master of a part, as `module.Table`; empty for other tables."""
        return f"{self.module}.{self.name.rpartition('.')[0]}" if "." in self.name else ""

    @property
    def keys(self) -> Iterator[tuple[ForeignKey, str | None]]:
        """Each foreign key with its parent."""
        return zip(self.definition.foreign_keys if self.definition else (), self.parents, strict=True)


class SchemaModule(NamedTuple):
    """One module that declares a schema, or has tables of another module's schema.

    Attributes
    ----------
    name
        Dotted, below the package: `subject`, `ephys.probe`.
    path
        The file.
    schema
        The first database schema that it declares; None where its name is not a literal.
    imports
        The modules of the package that it imports when it is imported itself, in order of appearance; not all are
        schema modules. An import inside a function, or for type checkers, is none of them.
    tables
        In the order of the file, parts after their masters.
    docstring
        The module's, as it is written; empty where it has none.
    source
        All that the file says.
    """

    name: str
    path: Path
    schema: str | None
    imports: tuple[str, ...]
    tables: tuple[Table, ...]
    docstring: str
    source: PythonModule | None = None


class Pipeline:
    """All schema modules of a package, sorted by name.

    Attributes
    ----------
    package
        The import package.
    modules
        The modules that declare a schema or have tables of one.
    sources
        All Python files of the package, by module; "" is the package's own.
    strays
        Table classes in modules that declare no schema.
    script_folders
        Folders in which a module imports the file beside it by its bare name, as if it ran there.
    """

    def __init__(
        self,
        package: str,
        modules: tuple[SchemaModule, ...],
        sources: Mapping[str, PythonModule] | None = None,
        strays: tuple[Table, ...] = (),
        script_folders: tuple[Path, ...] = (),
    ) -> None:
        self.package, self.modules, self.sources, self.strays = package, modules, sources or {}, strays
        self.script_folders = script_folders

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The tables of all modules, in module and file order."""
        return tuple([table for module in self.modules for table in module.tables])

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """For every table, `module.Table`, the tables of this pipeline its foreign keys lead to."""
        known = self._tables_by_name
        return {
            table.full_name: tuple(dict.fromkeys([name for name in table.parents if name in known]))
            for table in self.tables
        }

    @cached_property
    def scopes(self) -> Scopes:
        """What names mean in each module."""
        return Scopes(self.sources)

    @cached_property
    def _modules_by_name(self) -> dict[str, SchemaModule]:
        return {module.name: module for module in self.modules}

    @cached_property
    def _tables_by_name(self) -> dict[str, Table]:
        return {table.full_name: table for table in reversed(self.tables)}

    def without(self, names: Collection[str]) -> "Pipeline":
        """The pipeline without some of its schema modules; what the others say keeps its meaning."""
        kept = tuple(module for module in self.modules if module.name not in names)
        fewer = Pipeline(self.package, kept, self.sources, self.strays, self.script_folders)
        fewer.__dict__["scopes"] = self.scopes
        return fewer

    def module(self, name: str) -> SchemaModule | None:
        """The schema module of that name, or None."""
        return self._modules_by_name.get(name)

    def table(self, full_name: str) -> Table | None:
        """The table called `module.Table` or `module.Master.Part`, or None."""
        return self._tables_by_name.get(full_name)


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
        if table.definition is None or "@" not in table.definition.text:
            continue
        for store in table.definition.store_names:
            name = store or defaults.get("default", "")
            if name:
                used.setdefault(name, []).append(table.full_name)
    return {name: tuple(tables) for name, tables in used.items()}


def module_files(pipeline: Pipeline, names: Iterable[str]) -> list[Path]:
    """The files of the schema modules of those names; a name that is none is left out."""
    return [module.path for name in names if (module := pipeline.module(name))]
