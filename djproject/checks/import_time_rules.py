"""What happens when a schema module is imported."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from djproject.checks.examined import Examined
from djproject.checks.module_rules import schemas_of
from djproject.checks.rule import Found, rule
from djproject.findings import Location
from djproject.pipeline.definition import read_codec
from djproject.pipeline.graph import imported_with
from djproject.pipeline.module import PythonModule
from djproject.pipeline.scope import Kind

_MAKES_NAMES = r"\b(__getattr__|globals|exec|setattr|vars|spawn_missing_classes|make_classes)\b"


@rule
def deferred_schemas_are_activated(examined: Examined) -> Iterator[Found]:
    """DJP118 warning: Every schema without a name is activated in the package.

    What it does: if a module has `schema = dj.Schema()`, looks for a call to `activate` in the files of the package.

    Why it matters: the tables do not exist before `activate` is called. Using one of them fails, often with an
    AssertionError that has no message.

    Example:
        schema = dj.Schema()

    Use instead:
        schema = dj.Schema("subject")

    Source: datajoint/schemas.py, Schema.activate; datajoint-python issue 1074.
    """
    for module in examined.pipeline.modules:
        for call in schemas_of(module):
            if call.name == "" and not any(source.activated for source in examined.pipeline.sources.values()):
                where = examined.at(module.path, call.place)
                yield Found(where, f"The schema of {module.name} has no name, and nothing activates it.")


@rule
def importing_changes_no_data(examined: Examined) -> Iterator[Found]:
    """DJP116 error (convention): Importing a module does not populate, insert, update, delete or drop.

    What it does: finds calls to `populate`, `insert`, `insert1`, `update1`, `delete`, `drop` and similar methods
    outside functions and `if __name__ == "__main__"`.

    Why it matters: every worker, test and notebook that imports the pipeline would change the data again.

    Example:
        Subject.insert1({"subject_id": 1})

    Use instead: use `contents` in a Lookup table, a function, or a notebook.

    Source: book, Pipeline ≡ Python Package.
    """
    for source in examined.pipeline.sources.values():
        for action in source.actions:
            kind = _acts_on(examined, source, action.owner)
            if kind:
                where = examined.at(source.path, action.place)
                yield Found(
                    where, f"Importing {source.name or 'the package'} would call {action.owner}.{action.method}."
                )


def _acts_on(examined: Examined, source: PythonModule, owner: str) -> bool:
    meaning = examined.pipeline.scopes.meaning(source.name, owner)
    if meaning.kind is Kind.SCHEMA:
        return True
    return meaning.kind is Kind.CLASS and any(
        table.full_name == f"{meaning.module}.{meaning.name}" for table in examined.tables
    )


@rule
def schemas_are_made_by_dj_schema(examined: Examined) -> Iterator[Found]:
    """DJP119 error, fix: Schemas are created with `dj.Schema`, with a capital S.

    What it does: finds `dj.schema(…)`.

    Why it matters: `dj.schema` no longer exists in DataJoint 2.3; importing the module raises AttributeError.

    Example:
        schema = dj.schema("subject")

    Use instead:
        schema = dj.Schema("subject")

    Source: datajoint/__init__.py; tested with DataJoint 2.3.5.
    """
    for source in examined.pipeline.sources.values():
        for call in source.schemas:
            if call.function.rpartition(".")[2] != "schema":
                continue
            where = examined.at(source.path, call.place, call.function)
            name = Location(where.path, where.line, where.end_column - len("schema"), where.end_column)
            edits = examined.replacement(name, "Schema") if "." in call.function else ()
            yield Found(where, f"DataJoint 2.3 has no {call.function}.", "schema = dj.Schema(…)", edits)


@rule
def imported_names_exist(examined: Examined) -> Iterator[Found]:
    """DJP124 error: Every name that a schema module imports from a module of the package exists.

    What it does: looks up each name of `from .module import name` at the top level of a schema module. Nothing is
    reported if the other module mentions the name anywhere, has a wildcard import, or creates names when it runs.

    Why it matters: importing the module raises ImportError, so none of its tables is declared.

    Example:
        from .subject import Subjcet

    Use instead:
        from .subject import Subject

    Source: Python, The import statement.
    """
    for module in examined.pipeline.modules:
        for item in module.source.imports if module.source else ():
            at_the_top = item.when == "import" and item.place.column == 1
            if at_the_top and item.inside and item.name and item.name != "*" and _lacks(examined, item.base, item.name):
                message = f"{module.name} imports {item.name} from {item.base}, which has no such name."
                close = get_close_matches(item.name, _names_of(examined, item.base), n=1, cutoff=0.6)
                hint = f"Did you mean {close[0]}?" if close else ""
                yield Found(examined.at(module.path, item.place), message, hint)


@rule
def codecs_are_imported(examined: Examined) -> Iterator[Found]:
    """DJP240 error: Every codec of the package that an attribute uses is imported by a schema module.

    What it does: for each attribute with a codec that the package defines, follows the top-level imports of all schema
    modules to the module of the codec's class, directly or through other modules.

    Why it matters: DataJoint does not know a codec until its module is imported. Until then, it refuses to declare the
    table: "Unknown codec".

    Example:
        # ephys.py, nothing imports codecs.py
        trace : <graph>

    Use instead:
        from . import codecs  # noqa: F401

    Source: datajoint/codecs.py, Codec.__init_subclass__.
    """
    sources = examined.pipeline.sources
    owners: dict[str, set[str]] = {}
    for name, source in sources.items():
        for facts in source.classes:
            if facts.label and any("Codec" in base for base in facts.bases):
                owners.setdefault(facts.label, set()).add(name)
    missing = owners.keys() - examined.installed_codecs if owners else set[str]()
    if not missing:
        return
    imported = imported_with(sources, [module.name for module in examined.pipeline.modules])
    for table, attribute in examined.attributes:
        codec = read_codec(attribute.type)
        if codec is not None and codec.codec in missing and not owners[codec.codec] & imported:
            owner = min(owners[codec.codec])
            message = f"{table.name}.{attribute.name} has the codec <{codec.codec}>, but no schema module imports "
            yield Found(examined.of_type(table, attribute), f"{message}{owner}, which defines it.", f"Import {owner}.")


def _lacks(examined: Examined, base: str, name: str) -> bool:
    """Whether a module certainly has no such name. Packages are left out: they may have files that nobody reads."""
    source = examined.pipeline.sources.get(base)
    if source is None or source.problem or source.path.name == "__init__.py":
        return False
    if f"{base}.{name}" in examined.pipeline.sources or any(item.local == "*" for item in source.imports):
        return False
    text = examined.text(source.path)
    return not re.search(rf"\b{re.escape(name)}\b|{_MAKES_NAMES}", text)


def _names_of(examined: Examined, base: str) -> list[str]:
    source = examined.pipeline.sources[base]
    return [facts.name for facts in source.classes] + sorted(source.bound) + [call.variable for call in source.schemas]
