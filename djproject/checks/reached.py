"""What make methods reach: their source, that of the functions they call in the package, and the tables they name."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from djproject.checks.examined import Examined
from djproject.checks.make_rules import making_of
from djproject.pipeline.making import Making, function_texts, read_function, with_helpers
from djproject.pipeline.model import Table
from djproject.pipeline.module import Import, method_text, names_in
from djproject.pipeline.reading import parse
from djproject.pipeline.scope import Kind, Meaning
from djproject.pipeline.virtual import MAKERS, virtual_modules

Claim = Callable[[str, Sequence[Import]], bool]  # of some text, and of what its module imports
_CALLED = re.compile(r"\b([A-Za-z_][\w.]*)\(")


class Source(NamedTuple):
    """The text of make methods, or of a function that they call, with the names in it."""

    module: str
    text: str
    names: frozenset[str]


class Reached:
    """What the make methods of a project reach; worked out once for all rules.

    Parameters
    ----------
    examined
        The project.
    """

    def __init__(self, examined: Examined) -> None:
        self._examined = examined
        self._sources: dict[str, list[Source]] = {}
        self._functions: dict[str, Mapping[str, str]] = {}
        self._abroad: dict[str, dict[str, tuple[str, str]]] = {}
        self._virtual: dict[str, dict[str, str]] = {}
        self._files: dict[tuple[str, Claim], bool] = {}

    def path(self, module: str) -> Path:
        """The file of a module."""
        return self._examined.pipeline.sources[module].path

    def sources(self, table: Table) -> list[Source]:
        """The source of the make methods and of the functions of the package that they call."""
        if table.full_name not in self._sources:
            self._sources[table.full_name] = [
                Source(module, text, frozenset(name for name in names_in(text) if not name.startswith("self.")))
                for module, text in self._texts(table)
            ]
        return self._sources[table.full_name]

    def may(self, table: Table, claim: Claim) -> bool:
        """Whether a claim holds for the source of some make method or function; whole files are asked first."""
        return any(
            self._file_may(source.module, claim) and claim(source.text, self._imports(source.module))
            for source in self.sources(table)
        )

    def makings(self, table: Table) -> Iterator[tuple[str, Making]]:
        """By module, what the make methods do, and the functions of other modules of the package that they call."""
        own = making_of(self._examined, table)
        waiting, seen = [(table.module, own)] if own else [], set[tuple[str, str]]()
        while waiting:
            module, making = waiting.pop()
            yield module, making
            for place, name in self._elsewhere(module, making.calls).values():
                tree = None if (place, name) in seen else parse(self._examined.files[self.path(place)])
                seen.add((place, name))
                if isinstance(tree, ast.Module):
                    waiting.append((place, read_function(tree, name)))

    def table(self, module: str, name: str) -> Meaning | None:
        """The table that a dotted name begins with: `Scan.fetch` means Scan; of kind ELSEWHERE in another schema."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            meaning = self._examined.pipeline.scopes.meaning(module, ".".join(parts[:length]))
            if meaning.kind is Kind.CLASS:
                known = self._examined.pipeline.table(f"{meaning.module}.{meaning.name}")
                return meaning if known else None
            if meaning.kind is not Kind.NOTHING:
                break
        return self._of_virtual_module(module, name)

    def _file_may(self, module: str, claim: Claim) -> bool:
        if (module, claim) not in self._files:
            self._files[module, claim] = claim(self._examined.text(self.path(module)), self._imports(module))
        return self._files[module, claim]

    def _imports(self, module: str) -> Sequence[Import]:
        return self._examined.pipeline.sources[module].imports

    def _texts(self, table: Table) -> Iterator[tuple[str, str]]:
        lines = self._examined.lines(table.path)
        methods = "\n".join(method_text(lines, each) for each in table.facts.methods if each.name.startswith("make"))
        waiting, seen = [(table.module, methods)], set[tuple[str, str]]()
        while waiting:
            module, text = waiting.pop()
            text = with_helpers(text, self._functions_of(module))
            yield module, text
            called = self._called_abroad(module)
            for name in sorted(called.keys() & set(_CALLED.findall(text))) if called else ():
                if called[name] not in seen:
                    seen.add(called[name])
                    place, function = called[name]
                    waiting.append((place, self._functions_of(place).get(function, "")))

    def _functions_of(self, module: str) -> Mapping[str, str]:
        if module not in self._functions:
            self._functions[module] = function_texts(self._examined.text(self.path(module)))
        return self._functions[module]

    def _called_abroad(self, module: str) -> dict[str, tuple[str, str]]:
        """Of the names that a file calls anywhere: the functions of other modules of the package."""
        if module not in self._abroad:
            called = set(_CALLED.findall(self._examined.text(self.path(module))))
            self._abroad[module] = self._elsewhere(module, called)
        return self._abroad[module]

    def _elsewhere(self, module: str, names: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Of some dotted names: the functions of other modules of the package, each with its module and its name."""
        found = {}
        for name in sorted(set(names)):
            place, function = self._examined.pipeline.scopes.owner(module, name)
            if place != module and function.isidentifier():
                found[name] = (place, function)
        return found

    def _of_virtual_module(self, module: str, name: str) -> Meaning | None:
        """The table of a virtual module; one of the package where it has that schema."""
        for place, text in ((module, name), self._examined.pipeline.scopes.owner(module, name)):
            variable, *rest = text.split(".")
            classes = ".".join(takewhile(lambda part: part[:1].isupper(), rest))
            schema = self._virtual_modules(place).get(variable) if classes else None
            if schema:
                own = [table for table in self._examined.tables if table.schema == schema]
                if not own:
                    return Meaning(Kind.ELSEWHERE, schema, classes)
                meant = next((table for table in own if table.name == classes), None)
                return Meaning(Kind.CLASS, meant.module, meant.name) if meant else None
        return None

    def _virtual_modules(self, module: str) -> dict[str, str]:
        if module not in self._virtual:
            data = self._examined.files[self.path(module)]
            tree = parse(data) if any(maker.encode() in data for maker in MAKERS) else None
            self._virtual[module] = virtual_modules(tree) if isinstance(tree, ast.Module) else {}
        return self._virtual[module]


_KNOWN: "WeakKeyDictionary[Examined, Reached]" = WeakKeyDictionary()


def reached(examined: Examined) -> Reached:
    """What the make methods of a project reach."""
    known = _KNOWN.get(examined)
    if known is None:
        known = _KNOWN[examined] = Reached(examined)
    return known
