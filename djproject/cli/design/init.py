"""`djproject init`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import DryRunOption, YesOption, new_app
from djproject.errors import DJProjectError, ProjectError
from djproject.project.location import DEFAULT_PACKAGE
from djproject.project.namesakes import namesakes
from djproject.project.origin import described
from djproject.scaffold.new_project import (
    DATABASES,
    DOCS,
    LICENSES,
    OBJECT_STORES,
    Answers,
    Author,
    plan_project,
    read_author,
    used_packages,
)
from djproject.scaffold.plan import Action, write_plan

app = new_app()


def _choices(values: tuple[str, ...]) -> "object":
    return lambda incomplete: [value for value in values if value.startswith(incomplete)]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="The project's folder; its name is the project's.")],
    name: Annotated[str, typer.Option(help="Name of the distribution; by default the folder's.")] = "",
    package: Annotated[
        str,
        typer.Option(
            help="The import package; projects in one environment need different names. By default workflow, or with "
            "--adopt the package that is there."
        ),
    ] = "",
    description: Annotated[str, typer.Option(metavar="TEXT", help="One line about the pipeline.")] = "",
    license: Annotated[
        str, typer.Option(metavar="|".join(LICENSES), autocompletion=_choices(LICENSES), help="The project's licence.")
    ] = "MIT",
    author: Annotated[str, typer.Option(metavar="'NAME <EMAIL>'", help="By default who git commits as.")] = "",
    database: Annotated[
        str, typer.Option(metavar="|".join(DATABASES), autocompletion=_choices(DATABASES), help="The backend.")
    ] = "postgresql",
    docs: Annotated[
        str, typer.Option(metavar="|".join(DOCS), autocompletion=_choices(DOCS), help="What builds the documentation.")
    ] = "mkdocs",
    object_store: Annotated[
        str,
        typer.Option(
            metavar="|".join(OBJECT_STORES),
            autocompletion=_choices(OBJECT_STORES),
            help="What the Docker stack keeps objects in.",
        ),
    ] = "seaweedfs",
    example: Annotated[bool, typer.Option("--example", help="Include a worked pipeline on real data.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Add what is missing to a folder that is not empty.")] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="Make no repository.")] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Write a new pipeline project, or add what is missing to one.

    Example: djproject init my_pipeline --example
    """
    from djproject.scaffold.repository import git_identity, make_repository

    root = directory.absolute()
    package = package or _package_of(root, adopt=adopt)
    who = read_author(author) if author else (Author() if no_git else git_identity(root))
    answers = Answers(name or root.name, package, description, license, who, database, docs, example, object_store)
    plan_project(root, answers, adopt=adopt)  # refuses before anything is asked
    if _render.is_terminal() and not yes and not dry_run:
        answers = _asked(answers)
    plan = plan_project(root, answers, adopt=adopt)
    if not dry_run:
        write_plan(plan)
    if dry_run or adopt:
        _render.plan(plan, dry_run=dry_run)
    if dry_run:
        return
    _render.note(f"{len(plan.changes)} files written to {directory}.")
    conflicts = [file for file in plan.files if file.action is Action.CONFLICT]
    if conflicts:
        _render.note(f"{len(conflicts)} files of yours were kept (conflict).")
    if not no_git:
        try:
            _render.note(make_repository(plan, answers.author))
        except DJProjectError as error:  # the project is whole without it
            _render.error(error)
    others = namesakes(package, root.joinpath("src", *package.split(".")))
    if others:
        _render.note(
            f"This environment has another package called {package}: {described(others[0])}. Give each project an "
            "environment of its own, or choose another name with --package."
        )
    step = "pip install -e . && djproject deploy" if example else "djproject add-schema subject --table Subject:manual"
    _render.next_step(f"cd {shlex.quote(str(directory))} && {step}")


def _package_of(root: Path, *, adopt: bool) -> str:
    """The package that nobody named: of a repository that is adopted the one that uses DataJoint."""
    found = used_packages(root) if adopt else ()
    if len(found) > 1:
        raise ProjectError(
            f"Several packages use DataJoint: {', '.join(found)}.",
            hint=f"djproject init {shlex.quote(str(root))} --adopt --package {found[0]}",
        )
    return found[0] if found else DEFAULT_PACKAGE


def _asked(answers: Answers) -> Answers:
    """The answers, after a person could change the most common ones."""
    from dataclasses import replace

    description = typer.prompt("Description", default=answers.description or "A DataJoint pipeline.", err=True)
    terms = _asked_choice("Licence", LICENSES, answers.license)
    database = _asked_choice("Database", DATABASES, answers.database)
    return replace(answers, description=description, license=terms, database=database).checked()


def _asked_choice(label: str, choices: tuple[str, ...], default: str) -> str:
    while True:
        answer = str(typer.prompt(f"{label} ({', '.join(choices)})", default=default, err=True))
        if answer in choices:
            return answer
        _render.note(f"Choose one of: {', '.join(choices)}.")
