"""The root command: loads subcommands when they are called, and turns errors into exit codes."""

import importlib
import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from djproject import __version__
from djproject.cli._parameters import plain_parameter_errors, with_plain_parameters
from djproject.errors import ProjectError

# The summary of each command, so that --help loads none of them; a test holds them against the docstrings.
COMMANDS = {
    "init": "Create a pipeline project, or add missing files to an existing one.",
    "add-schema": "Add a schema module, with its test and documentation page.",
    "add-table": "Add a table to a schema module.",
    "import-schema": "Write schema modules for tables that already exist in a database.",
    "check": "Check the project against the rules, without importing the pipeline.",
    "explain": "Explain one rule: what it does, why it matters, what to write instead.",
    "rules": "List all rules of djproject check.",
    "graph": "Draw the modules or tables of the pipeline, without a database.",
    "diff": "Show which tables changed since a revision: definition, make or contents.",
    "stores": "Add, list, change and test object stores.",
    "config": "Show the settings that DataJoint gets, and where each comes from.",
    "use": "Choose the target of this checkout, or show the current one.",
    "shell": "Open Python with the pipeline imported and connected to the target.",
    "up": "Start the stack: database, object store and workers in Docker.",
    "deploy": "Declare schemas, tables and job tables in the database.",
    "migrate": "Change the tables in the database to match the source.",
    "drift": "Compare the tables in the database with the source.",
    "populate": "Populate imported and computed tables with worker processes.",
    "status": "Show how much of each table is done.",
    "jobs": "List the jobs of the pipeline, and change them by hand.",
    "cluster": "Run workers on Slurm or Kubernetes.",
    "workers": "List the workers that use the database, on any machine, with their leases.",
    "run": "Run any command with the project's settings in its environment.",
    "stack": "Show the services of the stack; save and restore its data.",
    "logs": "Show the logs of the stack's services.",
    "restart": "Restart services of the stack.",
    "scale": "Change how many workers the stack has.",
    "down": "Stop the stack and the embedded database.",
    "upgrade": "Update the files of the project to the newest template.",
    "doctor": "Check the machine, the project and the database, and say how to fix problems.",
    "demo": "Create and populate an example pipeline with real data.",
}

# The commands of --help under their headings; the module of `add-table` is `design/add_table.py`.
HEADINGS = {
    "Design": ("init", "add-schema", "add-table", "import-schema", "check", "explain", "rules", "graph", "diff"),
    "Data": ("deploy", "status", "drift", "migrate", "stores", "config", "use"),
    "Run": ("populate", "jobs", "workers", "cluster", "run", "shell"),
    "Stack": ("up", "down", "stack", "logs", "restart", "scale"),
    "More": ("doctor", "upgrade", "demo"),
}


def module_of(command: str) -> str:
    """The module of a command, which is in the folder of its heading.

    Examples
    --------
    >>> module_of("add-table")
    'djproject.cli.design.add_table'
    """
    folder = next(heading.lower() for heading, names in HEADINGS.items() if command in names)
    return f"djproject.cli.{folder}.{command.replace('-', '_')}"


class LazyCommands(MutableMapping[str, Any]):
    """The commands by name; each is loaded when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        if name not in self._loaded:
            module = importlib.import_module(module_of(name))
            self._loaded[name] = with_plain_parameters(typer.main.get_command(module.app))
            self._loaded[name].name = name
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class CommandGroup(TyperGroup):
    """The root command: loads subcommands lazily, and is the one place where errors become exit codes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands = LazyCommands()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (typer's signature)
        """The names, in the order of --help."""
        return [name for names in HEADINGS.values() for name in names]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (typer's signature)
        """Write the summaries of all commands without loading one."""
        width = max(map(len, COMMANDS))
        for heading, names in HEADINGS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{width}}", COMMANDS[name]) for name in names])

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options before the command."""
        with plain_parameter_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; whatever it raises becomes a sentence and an exit code."""
        from djproject.cli._errors import told

        try:
            with plain_parameter_errors():
                return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if type(error).__module__.startswith(("typer", "click")):
                raise
            raise typer.Exit(told(error)) from None


app = typer.Typer(
    cls=CommandGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"djproject {__version__}")
        raise typer.Exit


@app.callback()
def root(
    project: Annotated[
        Path | None,
        typer.Option("--project", metavar="DIRECTORY", help="Use the project in this folder, not the current one."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only results and errors.")] = False,
    version: Annotated[  # noqa: ARG001 (its callback does the work)
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Project management for DataJoint pipelines.

    Example: djproject init my_pipeline --example
    """
    from djproject.cli import _render

    _render.be_quiet(quiet)
    if project is not None:
        if not project.is_dir():
            raise ProjectError(f"There is no folder {project}.", hint="djproject --project DIRECTORY …")
        os.environ["DJPROJECT_ROOT"] = str(project.resolve())


def with_global_options_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--quiet` and `--project` in front, where they may have been typed anywhere.

    What follows `--` or the command `run` belongs to another program and stays.

    Examples
    --------
    >>> with_global_options_first(["status", "-q", "--format", "json"])
    ['-q', 'status', '--format', 'json']
    >>> with_global_options_first(["run", "--", "pytest", "-q"])
    ['run', '--', 'pytest', '-q']
    """
    moved: list[str] = []
    kept: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument in {"--", "run"}:
            kept += [argument, *rest]
            break
        if argument in {"-q", "--quiet"} or argument.startswith("--project="):
            moved.append(argument)
        elif argument == "--project" and rest:
            moved += [argument, rest.pop(0)]
        else:
            kept.append(argument)
    return moved + kept


def run() -> None:
    """Run the command line and exit."""
    typer.main.get_command(app)(with_global_options_first(sys.argv[1:]), prog_name="djproject")
