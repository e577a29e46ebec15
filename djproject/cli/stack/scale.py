"""`djproject scale`."""

import re
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import DryRunOption, new_app
from djproject.cli._stack import follow, load_stack
from djproject.errors import ProjectError

app = new_app()


@app.command()
def scale(
    workers: Annotated[str, typer.Argument(metavar="worker=N", help="Number of worker containers.")],
    dry_run: DryRunOption = False,
) -> None:
    """Change how many workers the stack has.

    The number is kept in docker/.env. Surplus workers finish their jobs first.

    Example: djproject scale worker=4
    """
    from djproject.stack.stopping import scale as scale_workers

    match = re.fullmatch(r"(?:worker=)?(\d{1,3})", workers)
    if match is None:
        raise ProjectError(f"{workers!r} is not a number of workers.", hint="djproject scale worker=4")
    stack = load_stack()
    stack.plan()
    if dry_run:
        _render.result(f"would run {_render.count(int(match[1]), 'worker')}")
        return
    follow(scale_workers(stack, int(match[1]), 120.0))
