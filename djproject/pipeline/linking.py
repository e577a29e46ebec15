"""What every name in a package's source means: files become schema modules, classes become tables with parents."""

from collections.abc import Iterator, Mapping, Sequence

from djproject.pipeline.definition import Definition, ForeignKey, read_definition
from djproject.pipeline.model import Pipeline, SchemaModule, Table
from djproject.pipeline.module import ClassFacts, PythonModule, Text
from djproject.pipeline.schemas import with_schemas
from djproject.pipeline.scope import Kind, Meaning, Scopes
from djproject.pipeline.siblings import with_siblings
from djproject.pipeline.texts import joined
from djproject.project.names import TIER_ALIASES, TIERS

DEEPEST = 20
Member = tuple[str, ClassFacts | None]
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
    sources, siblings = with_siblings(sources)
    sources = with_schemas(sources)
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
    pipeline = Pipeline(package, tuple(modules), sources, tuple(strays), siblings)
    pipeline.__dict__["scopes"] = linker.scopes
    return pipeline


def _stem(base: str, name: str) -> str:
    """The module that an import of a missing file would name."""
    return base if name[:1].isupper() else f"{base}.{name}".strip(".")


def merged(rows: list[list[Member]]) -> list[Member]:
    """The C3 merge of linearizations; where they contradict each other, the first row's order counts.

    Source: Python, The Python 2.3 Method Resolution Order.
    """
    found: list[Member] = []
    rows = [row for row in rows if row]
    while rows:
        heads = [row[0] for row in rows]
        head = next((head for head in heads if not any(head in row[1:] for row in rows)), heads[0])
        found.append(head)
        rows = [rest for row in rows if (rest := [member for member in row if member != head])]
    return found


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
            decorating = self._decorating(source.name, facts)
            schemas = tuple(meaning.module for meaning in decorating)
            schema = self._schema_name(decorating)
            if not schemas and not facts.decorators and (source.name, facts.name) in self._bases:
                continue  # what other classes inherit from, not a table of its own
            yield self._table(source, facts, facts.name, tiers, schemas, schema)
            for part in facts.parts:
                tiers = self.tiers(source.name, part)
                if tiers:
                    yield self._table(source, part, f"{facts.name}.{part.name}", tiers, schemas, schema)

    def tiers(self, module: str, facts: ClassFacts, seen: tuple[ClassFacts, ...] = ()) -> tuple[str, ...]:
        """The tiers that the bases of a class bring, each once."""
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
                    if inner is not None and inner not in (*seen, facts):
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

    def _definition_text(self, module: str, facts: ClassFacts) -> tuple[Text | None, str, bool]:
        """The text bound to `definition` in a class or its bases, the module it is in, whether it is unknown."""
        if facts.definition is not None:
            return self._referred(facts.definition, module)
        for owner, inner in self._resolution_order(module, facts):
            if inner is None:
                return None, module, True
            if inner.definition is not None:
                return self._referred(inner.definition, owner)
        return None, module, False

    def _resolution_order(self, module: str, facts: ClassFacts, depth: int = 0) -> list[Member]:
        """The package's classes in the order in which Python looks into them (C3); None for one that is not known.

        It ends at a table class of DataJoint's: that one has a `definition` itself.
        """
        rows: list[list[Member]] = []
        ends = False
        for base in facts.bases if depth < DEEPEST else ():
            meaning = self.scopes.meaning(module, base)
            inner = self.scopes.class_facts(meaning.module, meaning.name) if meaning.kind is Kind.CLASS else None
            if meaning.kind is Kind.DATAJOINT:
                ends = True
                break
            if inner is None:
                rows.append([(module, None)])
            elif inner is not facts:
                rows.append(self._resolution_order(meaning.module, inner, depth + 1))
        return [(module, facts), *merged([*rows, [row[0] for row in rows]])] if rows or ends else [(module, facts)]

    def _referred(self, text: Text, module: str) -> tuple[Text, str, bool]:
        """A text, or the one of another module that it names."""
        if text.reference:
            owner, name = self.scopes.owner(module, text.reference)
            found = self.sources[owner].constants.get(name) if owner in self.sources else None
            if found is not None:
                return found, owner, False
        if text.parts:
            known = [self._referred(part, module) for part in text.parts]
            text = joined([part if owner == module else part._replace(segments=()) for part, owner, _ in known])
        return text, module, text.value is None

    def _parent(self, module: str, own: str, key: ForeignKey) -> Meaning:
        head, _, rest = key.target.partition(".")
        if head == "self":
            return Meaning(Kind.CLASS, module, own)
        if head == "master" and "." in own:
            target = own.rpartition(".")[0]
            return self.scopes.meaning(module, f"{target}.{rest}" if rest else target)
        if not key.target:
            return Meaning(Kind.ELSEWHERE)
        meaning = self.scopes.meaning(module, key.target)
        if meaning.kind is Kind.ELSEWHERE and not meaning.name:
            return meaning._replace(name=key.target)  # of a virtual module, say
        return meaning

    def _schema_name(self, decorating: Sequence[Meaning]) -> str | None:
        """The name of the first schema that decorates a class; None where it is not known."""
        for meaning in decorating[:1]:
            calls = self.sources[meaning.module].schemas
            return next((call.name or None for call in calls if call.variable == meaning.name), None)
        return None

    def _decorating(self, module: str, facts: ClassFacts) -> Sequence[Meaning]:
        """The schemas that decorate a class; one without a name where none can be known without running the code."""
        meanings = [self.scopes.meaning(module, decorator) for decorator in facts.decorators]
        schemas = [meaning for meaning in meanings if meaning.kind is Kind.SCHEMA]
        return schemas or [Meaning(Kind.SCHEMA, module)] if meanings else []

    def _base_classes(self) -> set[tuple[str, str]]:
        """The classes of the package that others inherit from."""
        found = set()
        for source in self.sources.values():
            for base in [base for facts in source.classes for each in (facts, *facts.parts) for base in each.bases]:
                meaning = self.scopes.meaning(source.name, base)
                if meaning.kind is Kind.CLASS:
                    found.add((meaning.module, meaning.name))
        return found
