"""DJP1xx: what happens when a schema module is imported."""

from collections.abc import Iterator

from djproject.checks.examined import Examined
from djproject.checks.module_rules import schemas_of
from djproject.checks.rule import Found, rule
from djproject.findings import Location
from djproject.pipeline.module import PythonModule
from djproject.pipeline.scope import Kind


@rule
def deferred_schemas_are_activated(examined: Examined) -> Iterator[Found]:
    """DJP118 warning: A schema without a name is activated somewhere.

    What it does: looks for `activate` in the files of the package where a module has `schema = dj.Schema()`.

    Why it matters: before `activate` no table of it exists; the first use fails with an assertion that has no text.

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
    """DJP116 error (convention): Importing a module neither populates, inserts, deletes nor drops.

    What it does: finds calls of `populate`, `insert`, `insert1`, `update1`, `delete`, `drop` and their like outside of
    functions and of `if __name__ == "__main__"`.

    Why it matters: every worker, test and notebook that imports the pipeline would do it again.

    Example:
        Subject.insert1({"subject_id": 1})

    Use instead: `contents` in a Lookup table, a function, or a notebook.

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
    meaning = examined.pipeline.scopes.meaning(source.name, owner) if owner else None
    if meaning is None:
        return False
    if meaning.kind is Kind.SCHEMA:
        return True
    return meaning.kind is Kind.CLASS and any(
        table.full_name == f"{meaning.module}.{meaning.name}" for table in examined.tables
    )


@rule
def schemas_are_made_by_dj_schema(examined: Examined) -> Iterator[Found]:
    """DJP119 error, fix: A schema is made by `dj.Schema`, with a capital letter.

    What it does: finds `dj.schema(…)`.

    Why it matters: DataJoint 2.3 has no such name any more; importing the module raises AttributeError.

    Example:
        schema = dj.schema("subject")

    Use instead:
        schema = dj.Schema("subject")

    Source: datajoint/__init__.py (2.3.5), tried.
    """
    for source in examined.pipeline.sources.values():
        for call in source.schemas:
            if call.function.rpartition(".")[2] != "schema":
                continue
            where = examined.at(source.path, call.place, call.function)
            name = Location(where.path, where.line, where.end_column - len("schema"), where.end_column)
            edits = examined.replacement(name, "Schema") if "." in call.function else ()
            yield Found(where, f"DataJoint 2.3 has no {call.function}.", "schema = dj.Schema(…)", edits)
