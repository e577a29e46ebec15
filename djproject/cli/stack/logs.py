"""`djproject logs`."""

from typing import Annotated

import typer

from djproject.cli._options import new_app
from djproject.cli._stack import complete_services, load_stack

app = new_app()


@app.command()
def logs(
    service: Annotated[
        list[str] | None, typer.Argument(autocompletion=complete_services, help="Services to show; by default all.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines until Ctrl-C.")] = False,
    tail: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of earlier lines to show for each service.")
    ] = 100,
) -> None:
    """Show the logs of the stack's services.

    Example: djproject logs worker -f
    """
    stack = load_stack()
    stack.require_services(service or [])
    options = ["--tail", str(tail), *(["--follow"] if follow else [])]
    raise typer.Exit(stack.compose.attach("logs", *options, *(service or [])))
