"""`djproject restart`."""

from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import DryRunOption, new_app
from djproject.cli._stack import complete_services, follow, load_stack

app = new_app()


@app.command()
def restart(
    service: Annotated[
        list[str] | None, typer.Argument(autocompletion=complete_services, help="Services to restart; by default all.")
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Restart services of the stack.

    Workers finish their jobs first. Changes to docker/.env and the compose file take effect.

    Example: djproject restart worker
    """
    from djproject.stack.stopping import restart as start_again

    stack = load_stack()
    stack.require_services(service or [])
    if dry_run:
        _render.result(f"would restart {', '.join(service or ['all services'])}")
        return
    follow(start_again(stack, service or []))
