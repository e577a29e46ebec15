"""The question before something is deleted: asked on a terminal, answered by --yes elsewhere."""

import shlex

import typer

from djproject.cli import _render
from djproject.errors import ProjectError


def require_consent(action: str, *, yes: bool, command: tuple[str, ...]) -> None:
    """Continue only where the user agrees.

    Parameters
    ----------
    action
        What is about to happen, as an imperative: `Remove the store main`.
    yes
        Whether --yes was given.
    command
        The arguments of djproject, for the hint; empty where they are too many to repeat.

    Raises
    ------
    ProjectError
        Where nobody can be asked: stdin or stderr is not a terminal.
    typer.Abort
        If the answer is no.
    """
    if yes:
        return
    if not _render.is_terminal():
        raise ProjectError(
            f"{action}? There is no terminal to ask on: add --yes.",
            hint=f"djproject {shlex.join(command)} --yes" if command else "Type the command again, with --yes.",
        )
    typer.confirm(f"{action}?", abort=True, err=True)
