"""`djproject shell`."""

import sys
from typing import Annotated

import typer

from djproject.cli._options import new_app
from djproject.cli._stack import complete_services, load_stack

app = new_app()


@app.command()
def shell(
    service: Annotated[
        str, typer.Argument(autocompletion=complete_services, help="worker for Python, database for its client.")
    ] = "worker",
) -> None:
    """Open Python with the pipeline, or the database's client, in the stack.

    Off a terminal, what comes on standard input is run.

    Example: djproject shell database
    """
    from djproject.stack.shell import shell_command

    stack = load_stack()
    stack.require_services([service])
    arguments = shell_command(stack, service, terminal=sys.stdin.isatty() and sys.stdout.isatty())
    raise typer.Exit(stack.compose.attach(*arguments))
