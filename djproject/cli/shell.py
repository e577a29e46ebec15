"""`djproject shell`."""

import os
import sys
from typing import Annotated, Any

import typer

from djproject.cli import _render
from djproject.cli._options import TargetOption, new_app
from djproject.cli._stack import complete_services, load_stack
from djproject.errors import ProjectError
from djproject.project.location import Project, load_project
from djproject.targets.choice import Target, load_target

STACK = "stack"
app = new_app()


@app.command()
def shell(
    service: Annotated[
        str | None,
        typer.Argument(
            autocompletion=complete_services, help="A service of the stack: worker for Python, database for its client."
        ),
    ] = None,
    target: TargetOption = None,
) -> None:
    """Open Python with the pipeline imported and connected to the target.

    IPython where it is installed. At the target "stack" Python runs in the stack's worker container; with a service,
    that service's shell opens, whatever the target is. Off a terminal, the script on standard input is run.

    Example: djproject shell --target lab

    Example: djproject shell database

    Example: echo 'print(len(subject.Subject()))' | djproject shell
    """
    if service is not None and target not in {None, STACK}:
        raise ProjectError(
            f"{service!r} is a service of the stack, and --target is {target}.",
            hint=f"djproject shell --target {target}  (or: djproject shell {service})",
        )
    project = load_project()
    place = None if service is not None else load_target(project, target)
    if place is None or place.name == STACK:
        raise typer.Exit(_stack_shell(service or "worker"))
    raise typer.Exit(_local_shell(project, place))


def _local_shell(project: Project, place: Target) -> int:
    """Python in this process; its exit code."""
    from djproject.cli._console import console_name, open_console, run_script

    _render.target(place.description)
    names = _pipeline_names(project, place)
    if not sys.stdin.isatty():
        return run_script(sys.stdin.read(), names)
    _render.note(f"{console_name()} with {', '.join(names)}. Leave with exit() or Ctrl-D.")
    open_console(names)
    return 0


def _pipeline_names(project: Project, place: Target) -> dict[str, Any]:
    """`dj`, the package and its modules, imported; nothing is declared."""
    from djproject.database.deploy import Kind, missing
    from djproject.database.loading import load_tables
    from djproject.pipeline.source import load_pipeline

    pipeline = load_pipeline(project)
    if not pipeline.modules:
        raise ProjectError("The pipeline has no schema modules yet.", hint="djproject add-schema NAME --table T:manual")
    lacking = missing(place, pipeline)
    for item in lacking:
        if item.kind is Kind.SCHEMA:
            raise ProjectError(
                f"The schema {item.name} is not declared at the target {place.name}.",
                hint=f"djproject deploy --target {place.name}",
            )
    load_tables(project, place, pipeline)
    tables = [item.name for item in lacking if item.kind is Kind.TABLE]
    if tables:
        _render.note(f"Not declared at this target (djproject deploy): {', '.join(tables)}.")
    _restore_settings(place)
    tops = dict.fromkeys(module.name.partition(".")[0] for module in pipeline.modules)
    root = sys.modules[project.package]
    modules = {name: sys.modules[f"{project.package}.{name}"] for name in tops}
    return {"dj": sys.modules["datajoint"], root.__name__.rpartition(".")[2]: root, **modules}


def _restore_settings(place: Target) -> None:
    """Let DataJoint log and declare as the target's settings say, now that the pipeline is imported."""
    import logging

    import datajoint as dj

    logging.getLogger("datajoint").setLevel(place.settings.text("loglevel") or "INFO")
    os.environ.pop("DJ_CREATE_TABLES", None)
    dj.config["database.create_tables"] = place.settings["database.create_tables"] is not False


def _stack_shell(service: str) -> int:
    """A shell in a container of the stack; its exit code."""
    from djproject.stack.shell import shell_command

    stack = load_stack()
    stack.require_services([service])
    arguments = shell_command(stack, service, terminal=sys.stdin.isatty() and sys.stdout.isatty())
    return stack.compose.attach(*arguments)
