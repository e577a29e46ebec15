"""The pipeline imported so that all its tables are declared, without looking at each where all of them are."""

import sys
from collections.abc import Iterator
from typing import Any

from djproject.database.agreement import Places, source_places
from djproject.database.catalogue import read_catalogue, read_lineages
from djproject.database.loading import LoadedTable, load_tables
from djproject.errors import ProjectError
from djproject.pipeline.model import Pipeline
from djproject.project.location import Project
from djproject.targets.choice import Target

Names = set[tuple[str, str]]


def load_declared(
    project: Project, target: Target, pipeline: Pipeline, connection: Any, existing: Names
) -> tuple[LoadedTable, ...]:
    """Import every schema module, and declare the tables that are missing.

    DataJoint reads the columns of every table again when it may declare tables: six queries for each. Where the
    database has all that the source declares, it may not; tables that only the running code knows are declared after.

    Parameters
    ----------
    project, target, pipeline
        Whose modules, for which database.
    connection
        To the target.
    existing
        The tables of the server, as (schema, table).

    Raises
    ------
    ProjectError
        A module does not import, or a table cannot be declared.
    """
    if not _all_there(connection, source_places(pipeline, target.prefix.name), pipeline, existing):
        return load_tables(project, target, pipeline, create=True)
    try:
        tables = load_tables(project, target, pipeline, create=False)
    except ProjectError:  # it may use a table that is missing
        _forget(project.package)
        return load_tables(project, target, pipeline, create=True)
    _declare_rest(connection, existing)
    return tables


def _all_there(connection: Any, places: Places, pipeline: Pipeline, existing: Names) -> bool:
    """Whether all tables that the source declares are declared, with the lineage that DataJoint keeps of their keys."""
    if len(places) < len(pipeline.tables) or not set(places.values()) <= existing:
        return False
    schemas = {schema for schema, _ in places.values()}
    if any((schema, "~lineage") not in existing for schema in schemas):
        return False
    declared, lineages = read_catalogue(connection, schemas), read_lineages(connection, schemas)
    return all(
        (*place, name) in lineages for place in places.values() if place in declared for name in declared[place].primary
    )


def _declare_rest(connection: Any, existing: Names) -> None:
    """Declare the tables that were imported and are not in the database, parents first."""
    import datajoint as dj
    from datajoint.errors import DataJointError

    dj.config["database.create_tables"] = True
    waiting = list(_undeclared(existing))
    while waiting:
        left, reason = [], None
        for cls in waiting:
            try:
                connection.schemas[cls.database](cls, context=cls.declaration_context)
            except DataJointError as error:  # its parent may be one of those that follow
                left.append(cls)
                reason = error
        if reason is not None and len(left) == len(waiting):
            raise ProjectError(
                f"{left[0].__name__} cannot be declared: {str(reason).strip().splitlines()[0].rstrip('.')}.",
                hint="djproject check",
            ) from reason
        waiting = left


def _undeclared(existing: Names) -> Iterator[Any]:
    """The classes of tables in a schema that are missing, or a part of which is."""
    from datajoint.user_tables import Part, UserTable

    found: dict[Any, None] = {}
    waiting = list(UserTable.__subclasses__())
    while waiting:
        cls = waiting.pop(0)
        waiting += cls.__subclasses__()
        if cls.database is not None and (str(cls.database), str(cls.table_name)) not in existing:
            found[cls.master if issubclass(cls, Part) else cls] = None
    yield from found


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
