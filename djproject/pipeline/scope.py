"""What a name means in a module: a table class, another module, something of datajoint or of elsewhere."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from djproject.pipeline.module import ClassFacts, Import, PythonModule


class Kind(StrEnum):
    """What a name means."""

    CLASS = "class"
    MODULE = "module"
    SCHEMA = "schema"
    FUNCTION = "function"
    DATAJOINT = "datajoint"
    ELSEWHERE = "elsewhere"
    NOTHING = "nothing"


class Meaning(NamedTuple):
    """What a name means.

    Attributes
    ----------
    kind
        `ELSEWHERE` is a name that exists and cannot be followed; `NOTHING` one that does not exist.
    module
        The module of the package that a class or schema is in, or that the name is.
    name
        The class (`Master.Part`), the schema's variable, the function, the name in datajoint, or the whole dotted name
        of what is imported from another package.
    """

    kind: Kind
    module: str = ""
    name: str = ""


DATAJOINT_NAMES = frozenset(
    ["Schema", "schema", "Manual", "Lookup", "Imported", "Computed", "Part", "Entry", "Ingest", "Compute", "Codec",
     "VirtualModule", "U", "Not", "AndList", "Top", "config", "conn", "Diagram", "Table", "FreeTable", "logger"]
)  # fmt: skip
DEEPEST = 20
ELSEWHERE = Meaning(Kind.ELSEWHERE)
NOTHING = Meaning(Kind.NOTHING)
Modules = Mapping[str, PythonModule]


class Scopes:
    """The names of all modules of a package, looked up on demand."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._direct: dict[str, dict[str, Meaning | Import | str]] = {}
        self._classes: dict[str, dict[str, ClassFacts]] = {}
        self._found: dict[tuple[str, str], Meaning] = {}

    def meaning(self, module: str, text: str) -> Meaning:
        """What a dotted name means in a module."""
        found = self._found.get((module, text))
        if found is None:
            self._found[module, text] = NOTHING  # a name that refers to itself means nothing
            found = self._found[module, text] = self._look_up(module, text)
        return found

    def owner(self, module: str, text: str) -> tuple[str, str]:
        """The module of the package that binds what a dotted name refers to, and the name there; "" if not known."""
        for _ in range(10):
            head, _, rest = text.partition(".")
            names = self._names(module)
            found = names.get(head) or next(
                (item for local, item in names.items() if text.startswith(f"{local}.")), None
            )
            match found:
                case Import(inside=True) as item:
                    source = self._source(item)
                    if source is None:
                        return "", ""
                    rest = text[len(item.local) + 1 :]
                    module, text = source[0], _dotted(source[1], rest)
                case str(alias):
                    text = _dotted(alias, rest)
                case None | Import():
                    return "", ""
                case _:
                    return module, text
        return "", ""

    def class_facts(self, module: str, name: str) -> ClassFacts | None:
        """The class `Master` or `Master.Part` of a module; None where there is none."""
        head, *rest = name.split(".")
        facts = self._classes_of(module).get(head)
        for part in rest:
            facts = next((inner for inner in facts.parts if inner.name == part), None) if facts else None
        return facts

    def imported_module(self, item: Import) -> str | None:
        """The module of the package that an import makes available; None for anything else, `__init__` included."""
        if not item.inside:
            return None
        if item.name:
            member = f"{item.base}.{item.name}".lstrip(".")
            if member in self._modules:
                return member
        return item.base if item.base and item.base in self._modules else None

    def _look_up(self, module: str, text: str) -> Meaning:
        names = self._names(module)
        head, _, rest = text.partition(".")
        found = names.get(head)
        if found is None:
            for local, meaning in names.items():
                if text.startswith(f"{local}."):
                    return self._follow(module, meaning, text[len(local) + 1 :])
            return self._through_wildcards(module, text)
        return self._follow(module, found, rest)

    def _names(self, module: str) -> dict[str, Meaning | Import | str]:
        """The names bound at module level; an import or alias is followed when it is asked for."""
        if module in self._direct:
            return self._direct[module]
        source = self._modules[module]
        names: dict[str, Meaning | Import | str] = dict.fromkeys(source.bound, ELSEWHERE)
        names |= {maker.name: Meaning(Kind.FUNCTION, module, maker.name) for maker in source.makers}
        names |= {item.local: item for item in source.imports if item.when != "call"}
        names |= {name: alias for name, alias in source.aliases if name != alias}
        names |= {facts.name: Meaning(Kind.CLASS, module, facts.name) for facts in source.classes}
        names |= {call.variable: Meaning(Kind.SCHEMA, module, call.variable) for call in source.schemas}
        self._direct[module] = names
        return names

    def _follow(self, module: str, found: Meaning | Import | str, rest: str) -> Meaning:
        if isinstance(found, str):
            # `x = x.y` would be followed forever
            return self.meaning(module, _dotted(found, rest)) if rest.count(".") < DEEPEST else ELSEWHERE
        if isinstance(found, Import):
            return self._imported(found, rest)
        if not rest:
            return found
        return self._part(found, rest) if found.kind is Kind.CLASS else ELSEWHERE

    def _imported(self, item: Import, rest: str) -> Meaning:
        if not item.inside:
            if item.base.partition(".")[0] == "datajoint":
                name = _dotted(item.name, rest)
                return Meaning(Kind.DATAJOINT, "", name.removeprefix("user_tables.").removeprefix("schemas."))
            return Meaning(Kind.ELSEWHERE, "", _dotted(item.base.lstrip("."), item.name, rest))
        source = self._source(item)
        if source is None:
            return NOTHING
        module, name = source
        text = _dotted(name, rest)
        return self._member(module, text) if text else Meaning(Kind.MODULE, module)

    def _source(self, item: Import) -> tuple[str, str] | None:
        """The module of the package that an import reads, and the name there; an empty one for all of it."""
        member = f"{item.base}.{item.name}".strip(".")
        if member in self._modules:
            return member, ""
        return (item.base, item.name) if item.base in self._modules else None

    def _member(self, module: str, text: str) -> Meaning:
        head, _, rest = text.partition(".")
        if head in self._names(module):
            return self.meaning(module, text)
        inner = f"{module}.{head}".lstrip(".")
        if inner in self._modules:
            return self._member(inner, rest) if rest else Meaning(Kind.MODULE, inner)
        if self._modules[module].problem is not None:
            return ELSEWHERE
        return self._through_wildcards(module, text)

    def _part(self, found: Meaning, rest: str, depth: int = 0) -> Meaning:
        facts = self.class_facts(found.module, found.name)
        head, _, more = rest.partition(".")
        if facts is None:
            return NOTHING
        if any(part.name == head for part in facts.parts):
            inner = Meaning(Kind.CLASS, found.module, f"{found.name}.{head}")
            return self._part(inner, more) if more else inner
        if head in facts.assigned:
            return ELSEWHERE
        for base in facts.bases:
            meaning = self.meaning(found.module, base)
            if meaning.kind is Kind.CLASS and meaning != found and depth < DEEPEST:
                inherited = self._part(meaning, rest, depth + 1)
                if inherited.kind is not Kind.NOTHING:
                    return ELSEWHERE
            elif meaning.kind in {Kind.ELSEWHERE, Kind.FUNCTION}:
                return ELSEWHERE
        return NOTHING

    def _through_wildcards(self, module: str, text: str) -> Meaning:
        for item in self._modules[module].imports:
            if item.local != "*":
                continue
            if not item.inside and item.base == "datajoint" and text in DATAJOINT_NAMES:
                return Meaning(Kind.DATAJOINT, "", text)
            if not item.inside and item.base == "datajoint":
                continue
            if not item.inside or item.base not in self._modules:
                return ELSEWHERE
            if item.base != module:
                meaning = self.meaning(item.base, text)
                if meaning.kind is not Kind.NOTHING:
                    return meaning
        return ELSEWHERE if self._modules[module].spawns and text[:1].isupper() else NOTHING

    def _classes_of(self, module: str) -> dict[str, ClassFacts]:
        if module not in self._classes:
            self._classes[module] = {facts.name: facts for facts in self._modules[module].classes}
        return self._classes[module]


def _dotted(*names: str) -> str:
    """The names that are not empty, with dots between them."""
    return ".".join(filter(None, names))
