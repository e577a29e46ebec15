"""`djproject run`."""

import os
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import TargetOption, new_app
from djproject.project.location import load_project
from djproject.targets.choice import load_target
from djproject.targets.launch import run_command

app = new_app()


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND", help="The program and its arguments.")],
    target: TargetOption = None,
) -> None:
    """Run any command with the project's settings in its environment.

    The exit code is that of the command. The embedded database stays up while the command runs. Python finds the
    project's package even if it is not installed.

    Example: djproject run -- jupyter lab
    """
    project = load_project()
    place = load_target(project, target)
    _render.target(place.description)
    raise typer.Exit(run_command(project, place, command, os.environ))
