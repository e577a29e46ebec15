"""Options that several commands share, and the completion of names."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from djproject.errors import DJProjectError
from djproject.project.durations import DURATION, read_duration
from djproject.project.location import Project, load_project

CONTEXT = {"help_option_names": ["-h", "--help"]}


def seconds(text: str, option: str) -> float:
    """The seconds that "90", "90s", "2m" or "1h" mean; typer's error for anything else."""
    value = read_duration(text)
    if value is None:
        raise typer.BadParameter(f"{text!r} is not a valid duration (use {DURATION}).", param_hint=f"'{option}'")
    return value


class Format(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


class SubcommandGroup(TyperGroup):
    """A command with commands below it, whose summaries are shown in full."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the first line of each command's help."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        lines = [
            (name, (command.help or "").strip().partition("\n")[0])
            for name, command in commands
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


def new_app(**options: object) -> typer.Typer:
    """A Typer app for one command or group, set up as all are."""
    return typer.Typer(
        cls=SubcommandGroup,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        **options,  # type: ignore[arg-type]
    )


def _completed(names: Callable[[Project], Iterable[str]]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        try:
            return sorted(name for name in names(load_project()) if name.startswith(incomplete))
        except (DJProjectError, OSError):
            return []

    return complete


def _targets(project: Project) -> Iterable[str]:
    from djproject.targets.choice import target_names

    return target_names(project)


def _modules(project: Project) -> Iterable[str]:
    from djproject.pipeline.source import load_readable

    return [module.name for module in load_readable(project).modules]


def _tables(project: Project) -> Iterable[str]:
    from djproject.pipeline.source import load_readable

    return [table.full_name for table in load_readable(project).tables]


def complete_codes(incomplete: str) -> list[str]:
    """The codes of the rules that begin so."""
    from djproject.checks.registry import all_rules

    return [rule.code for rule in all_rules() if rule.code.startswith(incomplete.upper())]


def _selectors(project: Project) -> Iterable[str]:
    from djproject.pipeline.selection import selector_words
    from djproject.pipeline.source import load_readable

    return selector_words(load_readable(project), project.datajoint.stores)


def complete_selectors(incomplete: str) -> list[str]:
    """The selectors that begin so; what is before a name (`+`, `2+`, `a..`) is kept."""
    import re

    before = re.match(r"(?:.*\.\.|\d*\+)?", incomplete)
    start = before[0] if before else ""
    return [start + word for word in _completed(_selectors)(incomplete[len(start) :])]


complete_stores = _completed(lambda project: project.datajoint.stores)
complete_modules = _completed(_modules)
complete_tables = _completed(_tables)
complete_targets = _completed(_targets)
complete_group = _completed(lambda project: project.groups)
complete_clusters = _completed(lambda project: project.clusters)

TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        metavar="NAME",
        help="Where the database is: embedded, stack, or a target defined in pyproject.toml.",
        autocompletion=complete_targets,
    ),
]
SelectorsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="SELECTOR", autocompletion=complete_selectors, help="Tables to include; by default all."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="SELECTOR", autocompletion=complete_selectors, help="Tables to leave out."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How the result is printed.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask any questions.")]
