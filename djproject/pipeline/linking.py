"""What every name in a package's source means: files become schema modules, classes become tables with parents."""

from collections.abc import Iterator, Mapping, Sequence

from djproject.pipeline.definition import Definition, ForeignKey, read_definition
from djproject.pipeline.model import Pipeline, SchemaModule, Table
from djproject.pipeline.module import ClassFacts, PythonModule, Text
from djproject.pipeline.scope import Kind, Meaning, Scopes
from djproject.project.names import TIER_ALIASES, TIERS

TIER_CLASSES = {tier.capitalize(): tier for tier in (*TIERS, "part")} | {
    alias.capitalize(): tier for alias, tier in TIER_ALIASES.items()
}


def link(package: str, sources: Mapping[str, PythonModule], definitions: Mapping[str, Definition]) -> Pipeline:
    """The pipeline that the files of a package make up.

    Parameters
    ----------
    package
        The import package.
    sources
        What its files say, by module name.
    definitions
        Those that were read already, by their text.
    """
    linker = _Linker(sources, definitions)
    modules: list[SchemaModule] = []
    strays: list[Table] = []
    for name in sorted(sources):
        source = sources[name]
        tables = tuple(linker.tables(source))
        if source.schemas or any(table.schemas for table in tables):
            imported = (linker.scopes.imported_module(item) or _stem(item.base, item.name) for item in source.imports
                        if item.inside and item.when == "import")  # fmt: skip
            schema = (source.schemas[0].name or None) if source.schemas else None
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
    def __init__(self, sources: Mapping[str, PythonModule], definitions: Mapping[str, Definition]) -> None:
        self.sources = sources
        self.scopes = Scopes(sources)
        self._tiers: dict[tuple[str, str], tuple[str, ...]] = {}
        self._definitions = dict(definitions)
        self._bases = self._base_classes()

    def tables(self, source: PythonModule) -> Iterator[Table]:
        for facts in source.classes:
            tiers = self.tiers(source.name, facts)
            if not tiers:
                continue
            decorating = tuple(self._decorating(source.name, facts))
            schemas = tuple(meaning.module for meaning in decorating)
            schema = self._schema_name(source, facts, decorating)
            if not schemas and not facts.decorators and (source.name, facts.name) in self._bases:
                continue  # what other classes inherit from, not a table of its own
            yield self._table(source, facts, facts.name, tiers, schemas, schema)
            for part in facts.parts:
                tiers = self.tiers(source.name, part)
                if tiers:
                    yield self._table(source, part, f"{facts.name}.{part.name}", tiers, schemas, schema)

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
        self,
        source: PythonModule,
        facts: ClassFacts,
        name: str,
        tiers: Sequence[str],
        schemas: tuple[str, ...],
        schema: str | None,
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
            schema,
            f"{source.name}.{name}",
        )

    def _definition_text(self, module: str, facts: ClassFacts, depth: int = 0) -> tuple[Text | None, str, bool]:
        """The text bound to `definition` in a class or its bases, the module it is in, whether it is unknown."""
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

    def _schema_name(self, source: PythonModule, facts: ClassFacts, decorating: Sequence[Meaning]) -> str | None:
        """The name of the schema that decorates a class; of one that cannot be followed, that of the only schema."""
        for meaning in decorating:
            calls = self.sources[meaning.module].schemas
            return next((call.name or None for call in calls if call.variable == meaning.name), None)
        return (source.schemas[0].name or None) if facts.decorators and len(source.schemas) == 1 else None

    def _decorating(self, module: str, facts: ClassFacts) -> Iterator[Meaning]:
        for decorator in facts.decorators:
            meaning = self.scopes.meaning(module, decorator) if decorator else Meaning(Kind.ELSEWHERE)
            if meaning.kind is Kind.SCHEMA:
                yield meaning

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
