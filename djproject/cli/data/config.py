"""`djproject config`."""

import shlex
from enum import StrEnum
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import Format, FormatOption, TargetOption, new_app
from djproject.project.export import DEFAULT, datajoint_json, environment_of
from djproject.project.location import load_project
from djproject.project.settings import Setting
from djproject.targets.choice import load_target
from djproject.targets.places import moved_stores

app = new_app(help="Show the settings that DataJoint gets, and where each comes from.", no_args_is_help=True)
REDACTED = "********"


class Export(StrEnum):
    """What `config export` writes."""

    ENV = "env"
    JSON = "datajoint.json"


@app.command()
def show(
    target: TargetOption = None,
    all: Annotated[bool, typer.Option("--all", help="Include DataJoint's defaults; JSON always has them.")] = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Show each setting and where it comes from; the values of secrets are hidden.

    Precedence, highest first: a target chosen by --target or DJPROJECT_TARGET, DJ_* variables, a target chosen by
    djproject use or pyproject.toml, .secrets/ and /run/secrets/datajoint, pyproject.toml, DataJoint's defaults.

    Example: djproject config show --target lab --format json
    """
    project = load_project()
    place = load_target(project, target)
    settings = [s for s in place.settings.settings if all or s.source != DEFAULT or format is Format.JSON]
    if format is Format.JSON:
        rows = [{"name": s.name, "value": _shown(s), "source": s.source, "secret": s.secret} for s in settings]
        _render.as_json({"target": place.name, "chosen_by": place.chosen_by, "settings": rows})
        return
    _render.target(f"{place.description}\nChosen by: {place.chosen_by}")
    _render.columns(("setting", "value", "from"), [(s.name, str(_shown(s)), s.source) for s in settings])
    _render.moved_stores(place.name, moved_stores(project, place.name, place.settings.stores))


@app.command()
def export(
    form: Annotated[
        Export, typer.Option("--as", help="Shell variables, or the contents of a datajoint.json file.")
    ] = Export.ENV,
    target: TargetOption = None,
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="Include passwords and keys.")] = False,
) -> None:
    """Print the settings for other programs.

    Example: djproject config export --as env > settings.sh
    """
    settings = load_target(load_project(), target).settings
    if form is Export.JSON:
        _render.as_json(datajoint_json(settings, secrets=with_secrets))
    else:
        for name, value in environment_of(settings, secrets=with_secrets).items():
            _render.result(f"export {name}={shlex.quote(value)}")
    if not with_secrets and any(setting.secret for setting in settings.settings):
        _render.note("Secrets are left out; --with-secrets includes them.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of [tool.djproject] and [tool.datajoint], for use in an editor.

    Example: djproject config schema > pyproject.schema.json
    """
    from djproject.project.settings_schema import pyproject_schema

    _render.as_json(pyproject_schema())


def _shown(setting: Setting) -> object:
    return REDACTED if setting.secret else setting.value
