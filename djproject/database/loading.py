"""The pipeline imported: its table classes, connected to a target."""

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djproject.errors import DJProjectError, ProjectError
from djproject.pipeline.graph import sorted_modules, sorted_tables
from djproject.pipeline.model import Pipeline, Table
from djproject.project.distributions import distribution_of, missing_library
from djproject.project.location import Project
from djproject.project.names import AUTOPOPULATED, TIER_PREFIX, snake_case
from djproject.project.origin import check_origin, put_first
from djproject.targets.choice import Target
from djproject.targets.connection import connect, connection_error
from djproject.targets.variables import target_variables


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """A table class of the running pipeline, beside what the source says of it.

    Attributes
    ----------
    table
        From the source.
    cls
        The DataJoint class.
    instance
        One instance of it, kept: DataJoint's instances remember key source, job table and headings.
    """

    table: Table
    cls: Any  # datajoint has no types
    instance: Any

    @property
    def name(self) -> str:
        """`module.Table`."""
        return self.table.full_name

    @property
    def schema(self) -> str:
        """The database schema it is in."""
        return str(self.cls.database)


def load_tables(
    project: Project, target: Target, pipeline: Pipeline, *, create: bool = False
) -> tuple[LoadedTable, ...]:
    """Import every schema module, upstream first, and return the tables, parents first.

    Parameters
    ----------
    project, target, pipeline
        Whose modules, connected to what.
    create
        Whether DataJoint may create schemas and tables that are missing.

    Raises
    ------
    ProjectError
        A module does not import; with the frames of its traceback that lie in the project.
    EnvironmentUnavailableError
        The database does not answer.
    """
    with _environment(project, target, pipeline, create=create):
        connect(target)
        import datajoint as dj

        dj.config["database.create_tables"] = create  # also for packages that do not call `configure`
        classes = {}
        for name in sorted_modules(pipeline):
            classes[name] = _imported(project, target, f"{project.package}.{name}")
    found = [(table, _class(classes[table.module], table.name)) for table in sorted_tables(pipeline)]
    return tuple(LoadedTable(table, cls, cls()) for table, cls in found)


def sql_names(table: Table) -> tuple[str, ...]:
    """The names of a table and, where it has one, of its job table, in the database.

    Source: `datajoint/user_tables.py` (tier prefixes), `datajoint/jobs.py` (`~~`).
    """
    if table.tier == "part":
        return ()
    own = TIER_PREFIX[table.tier] + snake_case(table.name)
    return (own, f"~~{snake_case(table.name)}") if table.tier in AUTOPOPULATED else (own,)


def part_name(part: Table, master: Table) -> str:
    """The name of a part's table in the database: `master__part`, with the master's prefix."""
    return f"{sql_names(master)[0]}__{snake_case(part.name.rpartition('.')[2])}"


@contextlib.contextmanager
def _environment(project: Project, target: Target, pipeline: Pipeline, *, create: bool) -> Iterator[None]:
    """What the package's own `configure` call shall find; and nothing a module prints reaches stdout."""
    os.environ["DJPROJECT_ROOT"] = str(project.root)
    os.environ.update(target_variables(target.name, target.chosen_by))
    os.environ["DJ_CREATE_TABLES"] = "true" if create else "false"
    put_first(project, sys.path)
    sys.path += [str(folder) for folder in pipeline.script_folders if str(folder) not in sys.path]
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _imported(project: Project, target: Target, module: str) -> Any:
    try:
        check_origin(project, project.package)
        check_origin(project, module)
        return importlib.import_module(module)
    except DJProjectError:
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] in {"pymysql", "psycopg2"} or "LostConnection" in type(error).__name__:
            raise connection_error(target, error) from error
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_relative_to(project.root) and ".venv" not in frame.filename
        ]
        missing = missing_library(project, error)
        lines = [
            f"{Path(frame.filename).relative_to(project.root)}:{frame.lineno} in {frame.name}\n    {frame.line}"
            for frame in frames
        ]
        if isinstance(error, SyntaxError) and error.filename:
            lines.append(f"{error.filename}:{error.lineno}\n    {(error.text or '').strip()}")
        text = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
        where = f"{Path(frames[-1].filename).relative_to(project.root)}" if frames else module
        if missing:
            raise ProjectError(
                f"The schema module {module} needs {missing}, which is not installed.",
                details="\n".join(lines),
                hint=f"pip install {distribution_of(missing)}",
            ) from error
        raise ProjectError(
            f"The schema module {module} does not import: {reason.rstrip('.')}.",
            details="\n".join(lines),
            hint=f"$EDITOR {where}",
        ) from error


def _class(module: Any, name: str) -> Any:
    found = module
    for part in name.split("."):
        found = getattr(found, part)
    return found
