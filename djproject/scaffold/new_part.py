"""A part table added to its master, planned."""

import ast
import textwrap
from pathlib import PurePosixPath

from djproject.errors import ProjectError
from djproject.pipeline.editing import source_lines
from djproject.pipeline.graph import find_module, find_table
from djproject.pipeline.model import Pipeline
from djproject.project.location import Project
from djproject.project.names import TABLE_CHARACTERS, TIER_PREFIX, checked_table_name, snake_case
from djproject.scaffold.module_text import ModuleText, read_module
from djproject.scaffold.plan import Action, Plan, PlannedFile

ADD_PART = "djproject add-table MODULE Master.Part:part"


def plan_part(project: Project, pipeline: Pipeline, module_name: str, name: str) -> Plan:
    """The change to a schema module that adds a part at the end of its master's class.

    Parameters
    ----------
    project, pipeline
        The existing project and its pipeline.
    module_name
        The schema module.
    name
        `Master.Part`.

    Returns
    -------
    Plan
        Without changes where the part already exists.

    Raises
    ------
    ProjectError
        The module or the master is unknown, or the name cannot be a table's.
    """
    module = find_module(pipeline, module_name)
    master_name, _, part_name = name.partition(".")
    master = find_table(pipeline, f"{module_name}.{master_name}")
    checked_table_name(part_name, "manual", hint=ADD_PART)
    table = f"{TIER_PREFIX[master.tier]}{snake_case(master_name)}__{snake_case(part_name)}"
    if len(table) > TABLE_CHARACTERS:
        raise ProjectError(
            f"The table of {name} would be called {table!r}, longer than the {TABLE_CHARACTERS} characters of MySQL.",
            hint=ADD_PART,
        )
    relative = PurePosixPath(module.path.relative_to(project.root).as_posix())
    old = read_module(module.path)
    if pipeline.table(f"{module_name}.{name}") is not None:
        return Plan(project.root, (PlannedFile(relative, old.encoded(old.text), Action.IDENTICAL),))
    new = _with_part(old, master_name, part_name)
    ast.parse(new)
    return Plan(project.root, (PlannedFile(relative, old.encoded(new), Action.CHANGE),))


def _with_part(old: ModuleText, master: str, part: str) -> str:
    classes = (node for node in ast.parse(old.text).body if isinstance(node, ast.ClassDef) and node.name == master)
    end = max(node.end_lineno or 0 for node in classes)
    lines = source_lines(old.text)
    lines[end - 1] = lines[end - 1].rstrip("\r\n") + old.newline
    added = "\n" + textwrap.indent(_part_text(part), "    ")
    lines.insert(end, added.replace("\n", old.newline))
    return "".join(lines)


def _part_text(part: str) -> str:
    return textwrap.dedent(
        f'''\
        class {part}(dj.Part):
            """Rows that belong to one row of the master, and are inserted with it."""

            definition = """
            -> master
            {snake_case(part)} : int32
            ---
            value : float64  # replace by what make inserts
            """
        '''
    )
