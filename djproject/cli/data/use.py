"""`djproject use`."""

from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import Format, FormatOption, complete_targets, new_app
from djproject.project.location import load_project
from djproject.targets.choice import choose_target, target_names, use_target

app = new_app()


@app.command()
def use(
    name: Annotated[
        str | None,
        typer.Argument(
            autocompletion=complete_targets,
            help="embedded, stack, or a target defined in pyproject.toml; by default, lists the targets.",
        ),
    ] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Choose the target of this checkout, or show the current one.

    Example: djproject use embedded
    """
    project = load_project()
    if name:
        use_target(project, name)
    chosen, by = choose_target(project)
    if format is Format.JSON:
        _render.as_json({"target": chosen, "chosen_by": by, "targets": target_names(project)})
    elif name:
        other = f"Saved, but {by} takes precedence and selects {chosen}."
        _render.note(f"This checkout now uses the target {name}." if chosen == name else other)
    else:
        for target in target_names(project):
            _render.result(f"{'*' if target == chosen else ' '} {target}")
        _render.note(f"{chosen} is chosen by {by}.")
