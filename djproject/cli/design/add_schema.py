"""`djproject add-schema`."""

from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._gate import refuse_errors
from djproject.cli._options import DryRunOption, complete_modules, new_app
from djproject.errors import ProjectError
from djproject.pipeline.model import module_files
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.scaffold.new_schema import ADD_SCHEMA, plan_schema, read_new_table
from djproject.scaffold.plan import Action, write_plan
from djproject.scaffold.readme import plan_with_readme

app = new_app()


@app.command()
def add_schema(
    name: Annotated[str, typer.Argument(help="Name of the module and of its schema, in lowercase_with_underscores.")],
    upstream: Annotated[
        list[str] | None,
        typer.Option(
            "--upstream",
            "-u",
            metavar="MODULE",
            autocompletion=complete_modules,
            help="Module that the new one depends on; repeatable.",
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table", metavar="CLASS:TIER", help="Table to add (manual, lookup, imported or computed); repeatable."
        ),
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Add a schema module, with its test and documentation page.

    The first table gets a foreign key to the last table of each upstream module. Every other table gets a foreign key
    to the table before it.

    Example: djproject add-schema acquisition --upstream subject --table Session:manual --table Scan:imported
    """
    project = load_project()
    tables = [read_new_table(text, hint=ADD_SCHEMA) for text in table or []]
    pipeline = load_pipeline(project)
    refuse_errors(project, module_files(pipeline, upstream or []))
    plan = plan_schema(project, pipeline, name, upstream or [], tables)
    conflicts = [str(file.path) for file in plan.files if file.action is Action.CONFLICT]
    if conflicts:
        raise ProjectError(f"{', '.join(conflicts)} already exists, with other content.", hint=f"rm {conflicts[0]}")
    plan = plan_with_readme(project, plan)
    written = () if dry_run else write_plan(plan)
    _render.plan(plan, dry_run=dry_run)
    if dry_run:
        return
    if not written:
        _render.note(f"Nothing to do: the schema module {name} already exists.")
        return
    _render.next_step("djproject deploy")
