"""DJP115: imports that nothing uses, and which of them can go without any code noticing."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from djproject.checks.examined import Examined, decode
from djproject.checks.rule import Found, rule
from djproject.pipeline.editing import without_import
from djproject.pipeline.files import load_files
from djproject.pipeline.graph import import_parents
from djproject.pipeline.model import SchemaModule
from djproject.pipeline.module import Import, Problem, PythonModule
from djproject.pipeline.reading import parse
from djproject.pipeline.use import Use, names_used, reaches

ON_PURPOSE = re.compile(r"#.*(noqa(?!:)|noqa:.*F401|unused-import)", re.IGNORECASE)
FOLDERS = ("tests", "test", "scripts", "notebooks", "examples", "docs", "benchmarks")


@rule
def imported_modules_are_used(examined: Examined) -> Iterator[Found]:
    """DJP115 warning, fix: Every imported schema module is used.

    What it does: looks for the imported name in foreign keys, in the rest of the code, in `__all__` and in strings that
    may be evaluated. These are not checked: `__init__.py` files, imports with a comment such as `# noqa: F401`, and
    modules whose names can be reached indirectly (`linking_module=__name__`, `globals()`). The fix removes an import
    only if it is alone on its line, no other file of the project reaches the name through this module, and the imported
    module does nothing but declare tables.

    Why it matters: an import is an edge of the DAG. An unused import still affects the order of deployment and can
    complete a cycle.

    Example:
        from . import subject  # nothing uses it

    Use instead: remove the import.

    Source: book, Pipeline as a DAG of Modules.
    """
    others = _Others(examined)
    for module in examined.pipeline.modules:
        source = module.source
        if source is None or module.path.name == "__init__.py":
            continue
        items = [item for item in source.imports if _is_of_schema_module(examined, item)]
        in_keys = _names_in_keys(module)
        if all(_head(item) in in_keys for item in items):
            continue
        use = _use(examined, module)
        if use is None:
            continue
        for item in items:
            if _head(item) in in_keys | use.names or item.local in source.exports or _is_meant(examined, source, item):
                continue
            free = _head(item) not in use.mentioned and _is_plain(examined, source, item)
            free = free and others.leave_alone(source, item)
            new = without_import(examined.text(module.path), item.local, item.place.line) if free else ""
            yield Found(
                examined.at(module.path, item.place),
                f"{module.name} imports {item.local}, and nothing uses it.",
                "Remove the import.",
                examined.rewriting(module.path, new) if free else (),
            )


def _is_of_schema_module(examined: Examined, item: Import) -> bool:
    target = examined.pipeline.scopes.imported_module(item)
    return item.when == "import" and item.local != "*" and bool(target and examined.pipeline.module(target))


def _head(item: Import) -> str:
    return item.local.partition(".")[0]


def _names_in_keys(module: SchemaModule) -> set[str]:
    """The first names of the targets of all foreign keys."""
    definitions = [table.definition for table in module.tables if table.definition]
    return {key.target.partition(".")[0] for definition in definitions for key in definition.foreign_keys}


def _use(examined: Examined, module: SchemaModule) -> Use | None:
    """What a module uses; None where that is known only when it runs."""
    tree = parse(examined.files[module.path])
    if isinstance(tree, Problem) or any(table.unknown for table in module.tables):
        return None
    use = names_used(tree)
    return None if use.handed_over else use


def _is_meant(examined: Examined, source: PythonModule, item: Import) -> bool:
    """Whether a comment says that the import is there for what it does."""
    return any(ON_PURPOSE.search(line) for line in examined.lines(source.path)[item.place.line - 1 : item.end.line])


def _is_plain(examined: Examined, source: PythonModule, item: Import) -> bool:
    """Whether an import is alone on its lines, at the top level, without a comment to lose."""
    lines = examined.lines(source.path)[item.place.line - 1 : item.end.line]
    return item.place.column == 1 and not any(mark in line for line in lines for mark in "#;")


class _Others:
    """The files that may use a module of the package, and what importing each module does; read when asked for."""

    def __init__(self, examined: Examined) -> None:
        self.examined = examined

    def leave_alone(self, source: PythonModule, item: Import) -> bool:
        """Whether no other code notices when an import is removed."""
        last, name = source.name.rpartition(".")[2], _head(item)
        if any(path != source.path and reaches(text, last, name) for path, text in self._by_word.get(last, ())):
            return False
        target = self.examined.pipeline.scopes.imported_module(item) or ""
        if self._acts_with_upstream(target):
            return False
        texts = self._by_word.get(target.rpartition(".")[2], ())
        return not any(path != source.path and self._needs_the_import(target, text) for path, text in texts)

    @cached_property
    def _by_word(self) -> dict[str, list[tuple[Path, str]]]:
        """The texts that a module may be used in, by the last part of the module's name."""
        names = {name.rpartition(".")[2] for name in self.examined.pipeline.sources}
        found: dict[str, list[tuple[Path, str]]] = {}
        for path, text in self._texts():
            for word in names.intersection(re.findall(r"\w+", text)):
                found.setdefault(word, []).append((path, text))
        return found

    @cached_property
    def _parents(self) -> dict[str, tuple[str, ...]]:
        return import_parents(self.examined.pipeline)

    def _texts(self) -> Iterator[tuple[Path, str]]:
        files = dict(self.examined.files)
        root = self.examined.project.root
        for folder in FOLDERS:
            files |= load_files(root / folder)
        files |= {path: path.read_bytes() for path in sorted(root.glob("*.py")) if path.is_file()}
        for path, data in files.items():
            if path.suffix in {".py", ".ipynb"}:
                yield path, decode(data)[0]

    def _acts_with_upstream(self, target: str) -> bool:
        waiting, seen = [target], {target}
        while waiting:
            name = waiting.pop()
            if _acts(self.examined.pipeline.sources[name]):
                return True
            new = [parent for parent in self._parents[name] if parent not in seen]
            waiting += new
            seen.update(new)
        return False

    def _needs_the_import(self, target: str, text: str) -> bool:
        """Whether a text uses `package.target` and leaves the import of it to others."""
        dotted = re.escape(f"{self.examined.project.package}.{target}")
        used = re.search(rf"\b{dotted}\b", text)
        return bool(used) and not re.search(rf"\b(?:import|from)\s+{dotted}\b", text)


def _acts(source: PythonModule) -> bool:
    """Whether importing a module may do more than declare its tables: fill or activate something, define a codec."""
    codecs = any("Codec" in base for facts in source.classes for base in facts.bases)
    return source.activated or bool(source.actions) or codecs
