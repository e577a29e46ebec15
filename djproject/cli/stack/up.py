"""`djproject up`."""

from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import DryRunOption, new_app, seconds
from djproject.cli._stack import follow, load_stack
from djproject.stack.starting import Stack, UpRequest, planned, start

app = new_app()


@app.command()
def up(
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=0, max=256, metavar="N", help="Worker containers; remembered.")
    ] = None,
    build: Annotated[bool, typer.Option("--build", help="Build the workers' image even if nothing changed.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Fetch the images of the services first.")] = False,
    wait: Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for a service to be healthy.")] = "2m",
    no_deploy: Annotated[bool, typer.Option("--no-deploy", help="Skip making buckets and declaring tables.")] = False,
    auto_ports: Annotated[
        bool, typer.Option("--auto-ports", help="Take free ports for those that are taken, and remember them.")
    ] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="If it fails, stop what this command started.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Start the stack: database, object store and workers in Docker.

    The services of docker/docker-compose.yaml, in order: database and object store until they are healthy, buckets and
    tables, then the workers. What runs and did not change is left alone, so it can be typed again at any time.

    Example: djproject up --workers 2
    """
    request = UpRequest(workers, build, pull, not no_deploy, auto_ports, seconds(wait, "--wait"), rollback)
    stack = load_stack()
    if dry_run:
        steps = planned(stack, request)
        for step in steps:
            _render.result(f"would {step}")
        _render.note("Nothing was done (--dry-run)." if steps else "Nothing to do: the stack is up.")
        return
    follow(start(stack, request))
    _endpoints(stack)
    _render.next_step("djproject status  (this checkout now uses the target stack)")


def _endpoints(stack: Stack) -> None:
    from djproject.targets.stack import USER, backend_of, stack_address

    address = stack_address(stack.project)
    backend = backend_of(stack.project)
    name = f"/{USER}" if backend == "postgresql" else ""
    _render.result(f"database  {backend}://{USER}@{address.host}:{address.port}{name}")
    if address.store:
        _render.result(f"store     http://{address.store}")
    workers = sum(service.service == "worker" for service in stack.services())
    _render.result(f"workers   {workers}")
    _render.result("passwords docker/.env")
