"""`djproject down`."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from djproject.cli import _render
from djproject.cli._consent import require_consent
from djproject.cli._options import DryRunOption, new_app
from djproject.errors import ProjectError
from djproject.project.files import state_directory
from djproject.project.location import Project, load_project

if TYPE_CHECKING:
    from djproject.targets.embedded import EmbeddedServer

app = new_app()


@app.command()
def down(
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Also delete the stack's data, after you type the project's name.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask any questions.")] = False,
    forget_machine: Annotated[
        bool,
        typer.Option(
            "--forget-machine",
            help="Only release the embedded database from a machine that is gone. Data can be lost if that machine "
            "is still running.",
        ),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop the stack and the embedded database.

    Workers of the stack finish their jobs first, within WORKER_GRACE of docker/.env. The data are kept unless --volumes
    is given. Programs that use the embedded database lose their connection. The embedded database starts again when a
    command needs it.

    Example: djproject down
    """
    from djproject.targets.embedded import EmbeddedServer, stop

    project = load_project()
    if forget_machine:
        _forget_machine(EmbeddedServer(state_directory(project.root, os.environ)), yes=yes, dry_run=dry_run)
        return
    stack_done = _stop_stack(project, volumes=volumes, yes=yes, dry_run=dry_run)
    server = EmbeddedServer(state_directory(project.root, os.environ))
    if dry_run:
        _render.result("would stop the embedded database, if it runs")
        return
    if stop(server):
        _render.note("The embedded database is stopped.")
    elif not stack_done:
        _render.note("Nothing was running: neither the stack nor the embedded database.")


def _forget_machine(server: "EmbeddedServer", *, yes: bool, dry_run: bool) -> None:
    from djproject.targets.embedded import forget_machine

    if dry_run:
        _render.result("would release the embedded database if another machine has claimed it")
        return
    action = "Take the embedded database from another machine (if that machine still uses it, data can be lost)"
    require_consent(action, yes=yes, command=("down", "--forget-machine"))
    if name := forget_machine(server):
        _render.note(f"The embedded database has been released from {name}.")
    else:
        _render.note("No other machine uses the embedded database.")


def _stop_stack(project: Project, *, volumes: bool, yes: bool, dry_run: bool) -> bool:
    """Stop the stack, where this machine has one; whether it had."""
    from djproject.targets.stack import ENVIRONMENT_FILE

    if not (project.root / ENVIRONMENT_FILE).is_file():
        return _stop_containers(project, volumes=volumes, dry_run=dry_run)
    from djproject.cli._stack import follow
    from djproject.stack.starting import Stack
    from djproject.stack.stopping import is_there, stop

    stack = Stack(project)
    if not is_there(stack, volumes=volumes):
        return False
    if dry_run:
        _render.result(f"would stop the stack {stack.plan().name}{' and delete its data' if volumes else ''}")
        return True
    if volumes and not yes:
        _ask(project.name)
    follow(stop(stack, volumes=volumes))
    _render.note("The stack and its data were deleted." if volumes else "The stack is stopped; its data are kept.")
    _render.next_step("djproject up" if not volumes else "djproject up  (starts with an empty database)")
    return True


def _stop_containers(project: Project, *, volumes: bool, dry_run: bool) -> bool:
    """Stop what a stack left on this machine whose docker/.env is gone; whether there was something."""
    from djproject.targets.stack import ENVIRONMENT_FILE

    if not (state_directory(project.root, os.environ) / "stack").is_dir():
        return False  # no stack was ever started here
    from djproject.stack.starting import Stack
    from djproject.stack.stopping import labelled, stop_by_label

    stack = Stack(project)
    found = sorted(str(container.name) for container in labelled(stack))
    if not found:
        return False
    if volumes:
        raise ProjectError(
            f"{ENVIRONMENT_FILE} is missing, so it is not known which data belong to the stack.",
            hint="djproject down  (stops the containers), then: docker volume ls",
        )
    if dry_run:
        _render.result(f"would stop the containers {', '.join(found)}")
        return True
    _render.note(f"Stopping {', '.join(found)} …")
    stop_by_label(stack)
    _render.note(f"{ENVIRONMENT_FILE} is missing; the containers of this folder are stopped: {', '.join(found)}.")
    _render.next_step(f"put {ENVIRONMENT_FILE} back (it has the passwords of the data), then: djproject up")
    return True


def _ask(name: str) -> None:
    if not _render.is_terminal():
        raise ProjectError(
            "Delete all data of the stack? There is no terminal to ask on: add --yes.",
            hint="djproject down --volumes --yes",
        )
    answer = typer.prompt(f"All data of the stack will be deleted. Type the project's name ({name})", err=True)
    if answer.strip() != name:
        raise ProjectError("That was not the project's name; nothing was deleted.", hint="djproject down")
