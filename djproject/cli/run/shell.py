"""`djproject shell`."""

import os
import sys
from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from djproject.cli import _render
from djproject.cli._options import TargetOption, new_app
from djproject.cli._stack import complete_services, load_stack
from djproject.errors import ProjectError
from djproject.project.location import Project, load_project
from djproject.targets.choice import Target, load_target
from djproject.targets.stack import STACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from djproject.database.deploy import Declared

app = new_app()


@app.command()
def shell(
    service: Annotated[
        str | None,
        typer.Argument(
            autocompletion=complete_services,
            help="Service of the stack: 'worker' opens Python, 'database' opens the database client, any other service "
            "opens a shell.",
        ),
    ] = None,
    code: Annotated[
        str | None, typer.Option("--command", "-c", metavar="CODE", help="Run this code instead of opening a console.")
    ] = None,
    target: TargetOption = None,
) -> None:
    """Open Python with the pipeline imported and connected to the target.

    The console is IPython if it is installed. dj, the package and its modules are already imported. Without
    a terminal, the script on standard input runs instead. Exit code 1 if the script raises an exception.

    With the target stack, Python runs in a worker container. With SERVICE, a shell opens in that service of the stack,
    whatever the target is.

    Example: djproject shell --target lab

    Example: djproject shell -c 'print(len(subject.Subject()))'

    Example: djproject shell database
    """
    if service is not None and target not in {None, STACK}:
        raise ProjectError(
            f"{service} is a service of the stack, but --target is {target}.",
            hint=f"djproject shell {service}  (or: djproject shell --target {target})",
        )
    project = load_project()
    place = None if service is not None else load_target(project, target)
    if place is None or place.name == STACK:
        raise typer.Exit(_stack_shell(service or "worker", code))
    raise typer.Exit(_local_shell(project, place, code))


def _local_shell(project: Project, place: Target, code: str | None) -> int:
    """Python in this process; its exit code."""
    from djproject.cli._console import console_name, open_console, run_script

    _render.target(place.description)
    names = _pipeline_names(project, place)
    if code is not None:
        return run_script(code, names, "<command>")
    if not sys.stdin.isatty():
        return run_script(sys.stdin.read(), names, "<stdin>")
    _render.note(f"{console_name()} with {', '.join(names)}. Leave it with exit() or Ctrl-D.")
    open_console(names)
    return 0


def _pipeline_names(project: Project, place: Target) -> dict[str, Any]:
    """`dj`, the package and its modules, imported; nothing is declared.

    Raises
    ------
    ProjectError
        The pipeline has no schema module, a schema is not declared, or a module does not import.
    """
    from djproject.database.deploy import missing
    from djproject.database.loading import load_tables
    from djproject.pipeline.source import load_readable
    from djproject.targets.collector import collect_as_usual

    pipeline = load_readable(project)
    if not pipeline.modules:
        raise ProjectError("The pipeline has no schema modules yet.", hint="djproject add-schema NAME --table T:manual")
    lacking = missing(place, pipeline)
    _refuse_missing_schemas(place, lacking)
    with _settings_kept(place):
        load_tables(project, place, pipeline)
    collect_as_usual()
    _note_missing_tables(lacking)
    root = sys.modules[project.package]
    tops = dict.fromkeys(module.name.partition(".")[0] for module in pipeline.modules if module.name)
    modules = {name: sys.modules[f"{project.package}.{name}"] for name in tops}
    return {"dj": sys.modules["datajoint"], root.__name__.rpartition(".")[2]: root, **modules}


def _refuse_missing_schemas(place: Target, lacking: "Iterable[Declared]") -> None:
    from djproject.database.deploy import Kind

    for item in lacking:
        if item.kind is Kind.SCHEMA:
            raise ProjectError(
                f"The schema {item.name} is not declared at the target {place.name}.",
                hint=f"djproject deploy --target {place.name}",
            )


def _note_missing_tables(lacking: "Iterable[Declared]") -> None:
    from djproject.database.deploy import Kind

    tables = [item.name for item in lacking if item.kind is Kind.TABLE]
    if tables:
        _render.note(f"Not declared at this target: {', '.join(tables)}. Run 'djproject deploy'.")


@contextmanager
def _settings_kept(place: Target) -> "Iterator[None]":
    """Let DataJoint log and declare afterwards as the target's settings say."""
    import logging

    variable = "DJ_CREATE_TABLES"
    before = os.environ.get(variable)
    yield
    import datajoint as dj

    logging.getLogger("datajoint").setLevel(place.settings.text("loglevel") or "INFO")
    dj.config["database.create_tables"] = place.settings["database.create_tables"] is not False
    if before is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = before


def _stack_shell(service: str, code: str | None) -> int:
    """A shell in a container of the stack; its exit code."""
    from djproject.stack.shell import shell_command

    stack = load_stack()
    stack.require_services([service])
    terminal = code is None and sys.stdin.isatty() and sys.stdout.isatty()
    return stack.compose.attach(*shell_command(stack, service, terminal=terminal, code=code))
