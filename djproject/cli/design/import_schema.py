"""`djproject import-schema`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from djproject.cli import _render
from djproject.cli._options import DryRunOption, TargetOption, new_app
from djproject.errors import ProjectError
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.scaffold.plan import Action, plan_new_files, write_plan
from djproject.targets.choice import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from djproject.database.declared import Declared, Place
    from djproject.scaffold.from_database import Rows

MOST_ROWS = 1000

app = new_app()


@app.command()
def import_schema(
    schema: Annotated[
        list[str] | None,
        typer.Argument(help="Schemas to read; without any, the command fails and lists DataJoint's schemas."),
    ] = None,
    target: TargetOption = None,
    strip: Annotated[
        str, typer.Option("--strip", metavar="PREFIX", help="Prefix to remove from the names of the modules.")
    ] = "",
    contents: Annotated[
        bool, typer.Option("--contents", help=f"Also write the rows of lookup tables with at most {MOST_ROWS} rows.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Write schema modules for tables that already exist in a database.

    Writes one module for each schema, with tiers, parts, foreign keys, types, codecs, defaults, indexes and comments.
    You write the make methods. The database is not changed, and djproject drift finds no differences afterwards.

    Example: djproject import-schema lab_subject lab_ephys --strip lab_ --target lab
    """
    from djproject.database.agreement import source_places
    from djproject.database.catalogue import read_catalogue
    from djproject.scaffold.from_database import Importer, module_name
    from djproject.targets.connection import connect

    project = load_project()
    pipeline = load_pipeline(project)
    place = load_target(project, target)
    _render.target(place.description)
    connection = connect(place)
    if not schema:
        raise ProjectError("Name the schemas to import.", hint=_schemas_there(connection))
    declared = read_catalogue(connection, schema)
    _refuse_missing(connection, schema, declared)
    known = source_places(pipeline, place.prefix.name)
    classes, modules = {}, {}
    for table in pipeline.tables:
        if table.full_name in known:
            classes[known[table.full_name]] = table.name
            modules[known[table.full_name][0]] = table.module
    modules |= {name: module_name(name, strip) for name in schema if name not in modules}
    rows = _rows(connection, declared) if contents else {}
    found = Importer(declared, modules, classes, str(connection.adapter.backend), rows).modules()
    files = [(f"{project.source_path}/{each.name.replace('.', '/')}.py", each.text.encode()) for each in found]
    plan = plan_new_files(project.root, files)
    conflicts = [str(file.path) for file in plan.files if file.action is Action.CONFLICT]
    if conflicts:
        raise ProjectError(
            f"{', '.join(conflicts)} already exists, with other content.", hint="djproject drift  (what differs)"
        )
    if not dry_run:
        write_plan(plan)
    _render.plan(plan, dry_run=dry_run)
    for note in [note for each in found for note in each.notes]:
        _render.note(note)
    if not dry_run:
        _render.next_step("djproject drift" if plan.changes else "djproject status")


def _refuse_missing(connection: Any, schemas: "Sequence[str]", declared: "Declared") -> None:
    there = {schema for schema, _ in declared}
    for name in schemas:
        if name not in there:
            raise ProjectError(f"The database has no schema {name} with tables.", hint=_schemas_there(connection))


def _schemas_there(connection: Any) -> str:
    """The schemas with a table that DataJoint keeps for itself, in words."""
    query = "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name LIKE '~%%'"
    known = sorted(str(row[0]) for row in connection.query(query).fetchall())
    return f"DataJoint's schemas there: {', '.join(known) or 'none'}"


def _rows(connection: Any, declared: "Declared") -> "Rows":
    """The rows of lookup tables, in the order of their attributes; what cannot be written is named."""
    quote = connection.adapter.quote_identifier
    found: dict[Place, list[tuple[object, ...]]] = {}
    for place, table in declared.items():
        if not place[1].startswith("#") or "__" in place[1]:
            continue
        if coded := [attribute.name for attribute in table.attributes if attribute.type.startswith("<")]:
            have = "has a codec" if len(coded) == 1 else "have codecs"
            _render.note(f"The rows of {'.'.join(place)} are left out: {', '.join(coded)} {have}.")
            continue
        columns = ", ".join(quote(attribute.name) for attribute in table.attributes)
        query = f"SELECT {columns} FROM {quote(place[0])}.{quote(place[1])} ORDER BY 1 LIMIT {MOST_ROWS + 1}"
        rows = connection.query(query).fetchall()
        if len(rows) > MOST_ROWS:
            _render.note(f"The rows of {'.'.join(place)} are left out: there are more than {MOST_ROWS}.")
            continue
        found[place] = [tuple(_plain(value) for value in row) for row in rows]
    return found


def _plain(value: object) -> object:
    """A value as a definition's contents have it."""
    return value if value is None or isinstance(value, int | float | str | bytes) else str(value)
