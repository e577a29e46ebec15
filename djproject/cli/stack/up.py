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
        int | None,
        typer.Option(
            "--workers", "-w", min=0, max=256, metavar="N", help="Number of worker containers; kept in docker/.env."
        ),
    ] = None,
    build: Annotated[bool, typer.Option("--build", help="Build the workers' image even if nothing changed.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Pull the images of the services first.")] = False,
    wait: Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for a service to be healthy.")] = "2m",
    no_deploy: Annotated[bool, typer.Option("--no-deploy", help="Do not create buckets or declare tables.")] = False,
    auto_ports: Annotated[
        bool, typer.Option("--auto-ports", help="Use free ports instead of ports that are in use; kept in docker/.env.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="On failure, stop the services that this command started.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Start the stack: database, object store and workers in Docker.

    Starts the database and the object store of docker/docker-compose.yaml, waits until they are healthy, creates
    buckets and tables, and then starts the workers. Running services that have not changed are left alone, so you can
    repeat the command at any time. The stack becomes the target of this checkout.

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
