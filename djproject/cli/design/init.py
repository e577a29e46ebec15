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
from djproject.scaffold.adoption import find_place, loose_modules, plan_minimal, used_packages
from djproject.scaffold.new_project import (
    DATABASES,
    DOCS,
    LICENSES,
    OBJECT_STORES,
    Answers,
    Author,
    plan_project,
    read_author,
)
from djproject.scaffold.plan import Action, Plan, write_plan

app = new_app()


def _choices(values: tuple[str, ...]) -> "object":
    return lambda incomplete: [value for value in values if value.startswith(incomplete)]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Folder of the project; the project gets the folder's name.")],
    name: Annotated[str, typer.Option(help="Name of the distribution; by default that of the folder.")] = "",
    package: Annotated[
        str,
        typer.Option(
            help="Name of the import package: by default workflow, with --adopt the package that uses DataJoint. "
            "Projects in one environment need different names."
        ),
    ] = "",
    description: Annotated[str, typer.Option(metavar="TEXT", help="Description of the pipeline in one line.")] = "",
    license: Annotated[
        str, typer.Option(metavar="|".join(LICENSES), autocompletion=_choices(LICENSES), help="Licence of the project.")
    ] = "MIT",
    author: Annotated[
        str,
        typer.Option(
            metavar="'NAME <EMAIL>'", help="Author of the project; by default the author of your Git commits."
        ),
    ] = "",
    database: Annotated[
        str,
        typer.Option(
            metavar="|".join(DATABASES), autocompletion=_choices(DATABASES), help="Database backend of the project."
        ),
    ] = "postgresql",
    docs: Annotated[
        str,
        typer.Option(metavar="|".join(DOCS), autocompletion=_choices(DOCS), help="Tool that builds the documentation."),
    ] = "mkdocs",
    object_store: Annotated[
        str,
        typer.Option(
            metavar="|".join(OBJECT_STORES),
            autocompletion=_choices(OBJECT_STORES),
            help="Object store of the stack.",
        ),
    ] = "seaweedfs",
    example: Annotated[bool, typer.Option("--example", help="Include an example pipeline with real data.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Add missing files to a folder that is not empty.")] = False,
    minimal: Annotated[
        bool,
        typer.Option("--minimal", help="With --adopt: add only [tool.djproject] and the call to configure."),
    ] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="Do not create a Git repository.")] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Create a pipeline project, or add missing files to an existing one.

    Example: djproject init my_pipeline --example
    """
    from djproject.scaffold.repository import git_identity

    root = directory.absolute()
    _check_minimal(directory, minimal=minimal, adopt=adopt)
    package = package or _package_of(root, adopt=adopt, minimal=minimal)
    who = read_author(author) if author else (Author() if no_git else git_identity(root))
    answers = Answers(name or root.name, package, description, license, who, database, docs, example, object_store)
    # Both refuse before anything is asked.
    plan = plan_minimal(root, find_place(root, package)) if minimal else plan_project(root, answers, adopt=adopt)
    if _render.is_terminal() and not (yes or dry_run or minimal):
        plan = plan_project(root, _asked(answers), adopt=adopt)
    if not dry_run:
        write_plan(plan)
    if dry_run or adopt:
        _render.plan(plan, dry_run=dry_run)
    if dry_run:
        return
    _render.note(f"{_render.count(len(plan.changes), 'file')} written to {directory}.")
    _written(plan, answers.author, repository=not no_git)
    _name_namesakes(root, package)
    step = "pip install -e . && djproject deploy" if example else "djproject add-schema subject --table Subject:manual"
    if adopt and used_packages(root):
        step = "djproject check"
    _render.next_step(step if root == Path.cwd() else f"cd {shlex.quote(str(directory))} && {step}")


def _written(plan: Plan, author: Author, *, repository: bool) -> None:
    """What became of the plan: files that were kept, and the repository."""
    from djproject.scaffold.repository import make_repository

    conflicts = [file for file in plan.files if file.action is Action.CONFLICT]
    if conflicts:
        words = "differs from the template and was" if len(conflicts) == 1 else "differ from the template and were"
        _render.note(f"{len(conflicts)} of your files {words} kept (conflict).")
    if repository:
        try:
            _render.note(make_repository(plan, author))
        except DJProjectError as error:  # the project is whole without it
            _render.error(error)


def _name_namesakes(root: Path, package: str) -> None:
    """Say so where this environment has another package of that name."""
    others = namesakes(package, root.joinpath(find_place(root, package).folder, *package.split(".")))
    if others:
        _render.note(
            f"This environment has another package called {package}: {described(others[0])}. Give each project an "
            "environment of its own, or choose another name with --package."
        )


def _check_minimal(directory: Path, *, minimal: bool, adopt: bool) -> None:
    if minimal and not adopt:
        raise ProjectError(
            "--minimal needs --adopt.",
            hint=f"djproject init {shlex.quote(str(directory))} --adopt --minimal",
        )


def _package_of(root: Path, *, adopt: bool, minimal: bool) -> str:
    """The package that nobody named: of a repository that is adopted the one that uses DataJoint."""
    if not adopt:
        return DEFAULT_PACKAGE
    found = used_packages(root)
    again = f"djproject init {shlex.quote(str(root))} --adopt{' --minimal' if minimal else ''} --package"
    if len(found) > 1:
        names = ", ".join(place.package for place in found)
        raise ProjectError(f"Several packages use DataJoint: {names}.", hint=f"{again} {found[0].package}")
    if not found and (loose := loose_modules(root)):
        raise ProjectError(
            f"The schema modules are in no package: {', '.join(loose[:5])}.",
            hint=f"mkdir my_pipeline && git mv {' '.join(loose[:5])} my_pipeline/  (then: {again} my_pipeline)",
        )
    if not found and minimal:
        raise ProjectError("No package here uses DataJoint.", hint=f"{again} NAME")
    return found[0].package if found else DEFAULT_PACKAGE


def _asked(answers: Answers) -> Answers:
    """The answers, after a person could change the most common ones."""
    from dataclasses import replace

    description = typer.prompt("Description", default=answers.description or "A DataJoint pipeline.", err=True)
    terms = _asked_choice("License", LICENSES, answers.license)
    database = _asked_choice("Database", DATABASES, answers.database)
    return replace(answers, description=description, license=terms, database=database).checked()


def _asked_choice(label: str, choices: tuple[str, ...], default: str) -> str:
    while True:
        answer = str(typer.prompt(f"{label} ({', '.join(choices)})", default=default, err=True))
        if answer in choices:
            return answer
        _render.note(f"Choose one of: {', '.join(choices)}.")
