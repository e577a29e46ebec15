"""`djproject add-table`."""

from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._gate import refuse_errors
from djproject.cli._options import DryRunOption, complete_modules, complete_tables, new_app
from djproject.errors import ProjectError
from djproject.pipeline.model import module_files
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.scaffold.new_part import ADD_PART, plan_part
from djproject.scaffold.new_schema import plan_table, read_new_table
from djproject.scaffold.plan import write_plan
from djproject.scaffold.readme import plan_with_readme

app = new_app()


@app.command()
def add_table(
    module: Annotated[str, typer.Argument(autocompletion=complete_modules, help="Schema module to change.")],
    table: Annotated[
        str,
        typer.Argument(
            metavar="CLASS:TIER", help="Table and its tier (manual, lookup, imported or computed), or Master.Part:part."
        ),
    ],
    parent: Annotated[
        list[str] | None,
        typer.Option(
            "--parent",
            "-p",
            metavar="MODULE.TABLE",
            autocompletion=complete_tables,
            help="Parent table: adds a foreign key to it; repeatable.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Add a table to a schema module.

    Without --parent, an imported or computed table gets a foreign key to the last table of the module.

    Example: djproject add-table processing SpikeCount:computed --parent acquisition.Scan
    """
    project = load_project()
    pipeline = load_pipeline(project)
    refuse_errors(project, module_files(pipeline, [module, *(name.rpartition(".")[0] for name in parent or [])]))
    name, _, tier = table.partition(":")
    if "." in name and tier.lower() == "part":
        if parent:
            raise ProjectError("The parent of a part is its master.", hint=ADD_PART)
        plan = plan_part(project, pipeline, module, name)
    else:
        plan = plan_table(project, pipeline, module, read_new_table(table), parent or [])
    plan = plan_with_readme(project, plan)
    written = () if dry_run else write_plan(plan)
    _render.plan(plan, dry_run=dry_run)
    if dry_run:
        return
    if not written:
        _render.note(f"Nothing to do: {module}.{table.partition(':')[0]} already exists.")
        return
    _render.next_step("djproject deploy")
