"""Schema modules and their tables, linked: what every name in a package's source means."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from djproject.errors import ProjectError
from djproject.pipeline.definition import Definition, ForeignKey, read_definition
from djproject.pipeline.files import load_files, module_name
from djproject.pipeline.halves import both
from djproject.pipeline.module import ClassFacts, PythonModule, Text
from djproject.pipeline.reading import quietly, read_python
from djproject.pipeline.scope import Kind, Meaning, Scopes
from djproject.project.location import Project
from djproject.project.names import TIER_ALIASES, TIERS

MANY_FILES = 300
FIRST_HALF = 0.58
TIER_CLASSES = {tier.capitalize(): tier for tier in (*TIERS, "part")} | {
    alias.capitalize(): tier for alias, tier in TIER_ALIASES.items()
}


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
        The class as it stands in the file.
    meanings
        What the target of each foreign key means.
    text
        Where the definition's text stands, and in which file; the base class's where it is inherited.
    text_path
        The file of `text`.
    unknown
        Whether there is a definition that cannot be known without running the code.
    schemas
        The modules whose schemas decorate it.
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
        The modules that declare a schema.
    sources
        All Python files of the package, by module; "" is the package's own.
    strays
        Table classes in modules that declare no schema.
    """

    def __init__(
        self,
        package: str,
        modules: tuple[SchemaModule, ...],
        sources: Mapping[str, PythonModule] | None = None,
        strays: tuple[Table, ...] = (),
    ) -> None:
        self.package, self.modules, self.sources, self.strays = package, modules, sources or {}, strays

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

    def module(self, name: str) -> SchemaModule | None:
        """The schema module of that name, or None."""
        return self._modules_by_name.get(name)

    def table(self, full_name: str) -> Table | None:
        """The table called `module.Table` or `module.Master.Part`, or None."""
        return self._tables_by_name.get(full_name)


class Sources(NamedTuple):
    """The files of a package as they were read: modules by name, definitions by their text."""

    modules: Mapping[str, PythonModule]
    definitions: Mapping[str, Definition]


def load_pipeline(project: Project) -> Pipeline:
    """The pipeline in a project's source folder; nothing is imported.

    Raises
    ------
    ProjectError
        A file is not valid Python; with file and line.
    """
    return load_package(project.source, project.package)


def load_package(folder: Path, package: str) -> Pipeline:
    """The pipeline in the folder of a package, which is valid Python; an empty one where the folder is missing."""
    pipeline = link(package, read_files(folder, package, load_files(folder)))
    for source in pipeline.sources.values():
        if source.problem:
            place = source.problem.place
            raise ProjectError(f"{source.path}:{place.line} {source.problem.message}.", hint=f"$EDITOR {source.path}")
    return pipeline


def read_files(
    folder: Path, package: str, files: Mapping[Path, bytes], meanwhile: Callable[[], object] = dict
) -> Sources:
    """What each file says, by module name; of many files two processes read one half each.

    `meanwhile` is what this process has to do as well; it is done when the second one is at work.
    """

    def read(some: Iterable[tuple[Path, bytes]]) -> Sources:
        modules = {}
        with quietly():
            for path, data in some:
                name = module_name(path, folder)
                modules[name] = read_python(data, name=name, package=package, path=path)
        texts = (c.definition.value for m in modules.values() for f in m.classes for c in (f, *f.parts) if c.definition)
        return Sources(modules, {text: read_definition(text) for text in texts if text is not None})

    def work_and_read(some: Iterable[tuple[Path, bytes]]) -> Sources:
        meanwhile()
        return read(some)

    if len(files) < MANY_FILES:
        return work_and_read(files.items())
    items = list(files.items())
    middle = int(len(items) * FIRST_HALF)
    mine, others = both(lambda: work_and_read(items[:middle]), lambda: read(items[middle:]))
    return Sources({**mine.modules, **others.modules}, {**mine.definitions, **others.definitions})


def link(package: str, read: Sources) -> Pipeline:
    """The pipeline that the files of a package make up."""
    sources = read.modules
    linker = _Linker(read)
    modules: list[SchemaModule] = []
    strays: list[Table] = []
    for name in sorted(sources):
        source = sources[name]
        tables = tuple(linker.tables(source))
        if source.schemas:
            imported = (linker.scopes.imported_module(item) or _stem(item.base, item.name) for item in source.imports
                        if item.inside)  # fmt: skip
            schema = source.schemas[0].name or None
            docstring = source.docstring.value if source.docstring else None
            imports = tuple(dict.fromkeys(filter(None, imported)))
            modules.append(SchemaModule(name, source.path, schema, imports, tables, docstring or "", source))
        else:
            strays += tables
    pipeline = Pipeline(package, tuple(modules), sources, tuple(strays))
    pipeline.__dict__["scopes"] = linker.scopes
    return pipeline


def _stem(base: str, name: str) -> str:
    """The module that an import of a missing file would name."""
    return base if name[:1].isupper() else f"{base}.{name}".strip(".")


class _Linker:
    def __init__(self, read: Sources) -> None:
        self.sources = read.modules
        self.scopes = Scopes(read.modules)
        self._tiers: dict[tuple[str, str], tuple[str, ...]] = {}
        self._definitions = dict(read.definitions)
        self._bases = self._base_classes()

    def tables(self, source: PythonModule) -> Iterator[Table]:
        for facts in source.classes:
            tiers = self.tiers(source.name, facts)
            if not tiers:
                continue
            schemas = tuple(self._decorating(source.name, facts))
            if not schemas and not facts.decorators and (source.name, facts.name) in self._bases:
                continue  # what other classes inherit from, not a table of its own
            yield self._table(source, facts, facts.name, tiers, schemas)
            for part in facts.parts:
                tiers = self.tiers(source.name, part)
                if tiers:
                    yield self._table(source, part, f"{facts.name}.{part.name}", tiers, schemas)

    def tiers(self, module: str, facts: ClassFacts, seen: tuple[ClassFacts, ...] = ()) -> tuple[str, ...]:
        """The tiers that the bases of a class bring, each once."""
        if len(facts.bases) == 1:
            known = self._tiers.get((module, facts.bases[0]))
            if known is not None:
                return known
        found: dict[str, None] = {}
        for base in facts.bases:
            key = (module, base)
            tiers = self._tiers.get(key)
            if tiers is None:
                meaning = self.scopes.meaning(module, base)
                tiers = ()
                if meaning.kind is Kind.DATAJOINT:
                    tier = TIER_CLASSES.get(meaning.name)
                    tiers = (tier,) if tier else ()
                elif meaning.kind is Kind.CLASS:
                    inner = self.scopes.class_facts(meaning.module, meaning.name)
                    if inner is not None and inner not in seen and inner is not facts:
                        tiers = self.tiers(meaning.module, inner, (*seen, facts))
                self._tiers[key] = tiers
            found |= dict.fromkeys(tiers)
        return tuple(found)

    def _table(
        self, source: PythonModule, facts: ClassFacts, name: str, tiers: Sequence[str], schemas: tuple[str, ...]
    ) -> Table:
        text, owner, unknown = self._definition_text(source.name, facts)
        definition = None
        if text is not None and text.value is not None:
            definition = self._definitions.get(text.value)
            if definition is None:
                definition = self._definitions[text.value] = read_definition(text.value)
        meanings = tuple(
            [self._parent(source.name, name, key) for key in definition.foreign_keys] if definition else ()
        )
        parents = tuple([f"{m.module}.{m.name}" if m.kind is Kind.CLASS else None for m in meanings])
        return Table(
            source.name,
            name,
            "part" if "part" in tiers else tiers[0],
            definition,
            parents,
            facts.place.line,
            source.path,
            tuple(tiers),
            facts,
            meanings,
            text,
            self.sources[owner].path,
            unknown,
            schemas,
            f"{source.name}.{name}",
        )

    def _definition_text(self, module: str, facts: ClassFacts, depth: int = 0) -> tuple[Text | None, str, bool]:
        """The text bound to `definition` in a class or its bases, the module it stands in, whether it is unknown."""
        if facts.definition is not None:
            return facts.definition, module, facts.definition.value is None
        unknown = False
        for base in facts.bases if depth < 20 else ():
            meaning = self.scopes.meaning(module, base)
            if meaning.kind is Kind.CLASS:
                inner = self.scopes.class_facts(meaning.module, meaning.name)
                if inner is not None and inner is not facts:
                    text, owner, inner_unknown = self._definition_text(meaning.module, inner, depth + 1)
                    if text is not None:
                        return text, owner, inner_unknown
                    unknown = unknown or inner_unknown
            elif meaning.kind is not Kind.DATAJOINT:
                unknown = True
        return None, module, unknown

    def _parent(self, module: str, own: str, key: ForeignKey) -> Meaning:
        head, _, rest = key.target.partition(".")
        if head == "self":
            return Meaning(Kind.CLASS, module, own)
        if head == "master" and "." in own:
            target = own.rpartition(".")[0]
            return self.scopes.meaning(module, f"{target}.{rest}" if rest else target)
        if not key.target:
            return Meaning(Kind.ELSEWHERE)
        return self.scopes.meaning(module, key.target)

    def _decorating(self, module: str, facts: ClassFacts) -> Iterator[str]:
        for decorator in facts.decorators:
            meaning = self.scopes.meaning(module, decorator) if decorator else Meaning(Kind.ELSEWHERE)
            if meaning.kind is Kind.SCHEMA:
                yield meaning.module

    def _base_classes(self) -> set[tuple[str, str]]:
        """The classes of the package that others inherit from."""
        found = set()
        for source in self.sources.values():
            own = {facts.name for facts in source.classes}
            for facts in source.classes:
                for base in facts.bases:
                    head = base.partition(".")[0]
                    if head in own or any(item.local == head and item.inside for item in source.imports):
                        meaning = self.scopes.meaning(source.name, base)
                        found.add((meaning.module, meaning.name))
        return found


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
