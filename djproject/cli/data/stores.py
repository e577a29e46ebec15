"""`djproject stores`."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._consent import require_consent
from djproject.cli._options import DryRunOption, Format, FormatOption, TargetOption, YesOption, complete_stores, new_app
from djproject.cli._store_values import (
    AccessKeyOption,
    SecretKeyOption,
    SecretOption,
    assignments_of,
    given_secrets,
    kept_secrets,
    refuse_secrets,
)
from djproject.errors import ConfigError, EnvironmentUnavailableError, ProjectError
from djproject.project import editing
from djproject.project.files import STATE_DIRECTORY, edit_file, make_state_directory
from djproject.project.location import PYPROJECT, Project, load_project
from djproject.project.secrets import remove_secrets, rename_secrets, secret_names, write_secret
from djproject.project.stores import (
    PROTOCOLS,
    StoreSpec,
    StoreValue,
    check_spec,
    plugin_protocols,
)
from djproject.targets.choice import Target, load_target
from djproject.targets.places import moved_stores, without_secrets
from djproject.targets.places import place as store_place

app = new_app(help="Add, list, change and test object stores.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(autocompletion=complete_stores, help="The store.")]


def _protocols(incomplete: str) -> list[str]:
    return [name for name in (*PROTOCOLS, *plugin_protocols()) if name.startswith(incomplete)]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the store, as in `<codec@NAME>`.")],
    protocol: Annotated[
        str,
        typer.Option(
            metavar="file|s3|gcs|azure",
            autocompletion=_protocols,
            help="Protocol of the store; installed plugins can add others.",
        ),
    ],
    location: Annotated[str | None, typer.Option(help="Folder, or prefix in the bucket.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="HOST[:PORT]", help="Address of the S3 server.")] = None,
    bucket: Annotated[str | None, typer.Option(help="Name of the bucket (s3, gcs).")] = None,
    container: Annotated[str | None, typer.Option(help="Name of the container (azure).")] = None,
    secure: Annotated[bool | None, typer.Option("--secure/--insecure", help="Use HTTPS or HTTP (s3).")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set another attribute of the store; repeatable."),
    ] = None,
    access_key: AccessKeyOption = None,
    secret_key: SecretKeyOption = None,
    secret: SecretOption = None,
    default: Annotated[bool, typer.Option("--default", help="Make this the default store.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the store if it exists.")] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a store to [tool.datajoint.stores] in pyproject.toml.

    Example: djproject stores add main --protocol s3 --endpoint localhost:8333 --bucket data --location raw --insecure
    """
    given = {
        "protocol": protocol, "endpoint": endpoint, "bucket": bucket, "container": container,
        "location": location, "secure": secure,
    }  # fmt: skip
    spec: dict[str, StoreValue] = {key: value for key, value in given.items() if value is not None}
    spec |= assignments_of(option or [])
    project = load_project()
    refuse_secrets(name, spec)
    secrets = given_secrets(name, protocol, access_key, secret_key, secret or [])
    check_spec(name, {**spec, **secrets, **kept_secrets(project, name, secrets)})
    existing = project.datajoint.stores.get(name)
    if existing is not None and dict(existing) != spec and not force:
        raise ConfigError(
            f"There is a store called {name!r} already.", hint=f"djproject stores set {name} KEY=VALUE  (or --force)"
        )
    if existing is not None and dict(existing) != spec and not dry_run:
        require_consent(f"Replace the settings of the store {name}", yes=yes, command=())

    def edit(text: str) -> str:
        text = editing.with_store(text, name, spec)
        return editing.with_default_store(text, name) if default else text

    _edit(project, edit, secrets, name, dry_run=dry_run)
    if not dry_run:
        _render.next_step(f"djproject stores test {name}")


@app.command("list")
def list_stores(target: TargetOption = None, format: FormatOption = Format.TEXT) -> None:
    """List the stores, where they are for the target, and the tables that use them.

    Example: djproject stores list --format json
    """
    project = load_project()
    used = _tables_by_store(project)
    place = _target_or_note(project, target)
    stores = stores_at(project, place)
    default = project.datajoint.defaults.get("default")
    if format is Format.JSON:
        rows = [
            {"name": name, "default": name == default, **dict(project.datajoint.stores.get(name, {})),
             "at_target": without_secrets(spec), "tables": used.get(name, ())}
            for name, spec in stores.items()
        ]  # fmt: skip
        _render.as_json({"target": place.name if place else None, "default": default, "stores": rows})
        return
    if not stores:
        _render.note("There is no store yet.")
        _render.next_step("djproject stores add main --protocol file --location FOLDER --default")
        return
    if place:
        _render.target(place.description)
    lines = [
        (
            name,
            "default" if name == default else "",
            str(spec.get("protocol")),
            _shown_place(project, spec),
            ", ".join(used.get(name, ())),
        )
        for name, spec in stores.items()
    ]
    _render.columns(("store", "", "protocol", "place", "tables"), lines)
    if place:
        _render.moved_stores(place.name, moved_stores(project, place.name, place.settings.stores))


@app.command()
def show(name: NameArgument, target: TargetOption = None, format: FormatOption = Format.TEXT) -> None:
    """Show the attributes of a store for the target, the names of its secrets, and its tables.

    Example: djproject stores show main
    """
    project = load_project()
    place = _target_or_note(project, target)
    stores = stores_at(project, place)
    configured = project.datajoint.stores.get(name, {}) if name in stores else _known(project, name)
    spec = without_secrets(stores[name])
    used = _tables_by_store(project).get(name, ())
    secrets = [full.split(".", 2)[2] for full in secret_names(project.root, f"stores.{name}.")]
    if format is Format.JSON:
        _render.as_json(
            {"name": name, **dict(configured), "target": place.name if place else None, "at_target": spec,
             "secrets": secrets, "tables": used}
        )  # fmt: skip
        return
    if place:
        _render.target(place.description)
    rows = [(key, str(value), _source(place, name, key)) for key, value in spec.items()]
    rows += [(key, "(in .secrets/)", "") for key in secrets]
    rows += [("tables", ", ".join(used) or "none", "")]
    _render.columns(("attribute", "value", "from"), rows)
    if place:
        moved = moved_stores(project, place.name, place.settings.stores)
        _render.moved_stores(place.name, {name: moved[name]} if name in moved else {})


@app.command("set")
def set_store(
    name: NameArgument,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Attributes to set; 'KEY=' removes one.")
    ] = None,
    access_key: AccessKeyOption = None,
    secret_key: SecretKeyOption = None,
    secret: SecretOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Change attributes of a store.

    Example: djproject stores set main endpoint=s3.example.org secure=true
    """
    project = load_project()
    changes = assignments_of(assignments or [], removing=True)
    refuse_secrets(name, changes)
    old = _known(project, name)
    secrets = given_secrets(
        name, str(changes.get("protocol", old.get("protocol"))), access_key, secret_key, secret or []
    )
    if not changes and not secrets:
        raise ProjectError(
            "Give at least one KEY=VALUE or secret to change.", hint=f"djproject stores set {name} KEY=VALUE"
        )

    def changed(spec: StoreSpec) -> dict[str, StoreValue]:
        return {key: value for key, value in {**spec, **changes}.items() if value is not None}

    check_spec(name, {**changed(old), **secrets, **kept_secrets(project, name, secrets)})

    def edit(text: str) -> str:
        current = tomllib.loads(text)["tool"]["datajoint"]["stores"][name]
        return editing.with_store(text, name, changed(current))

    _edit(project, edit, secrets, name, dry_run=dry_run)


@app.command()
def remove(
    name: NameArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Remove the store even if tables use it or it is a default store.")
    ] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove the settings and secrets of a store; its objects are kept.

    Example: djproject stores remove scratch
    """
    project = load_project()
    _known(project, name)
    _refuse_if_used(project, name, "remove", force=force)
    if not dry_run:
        again = ("stores", "remove", name, *(["--force"] if force else []))
        require_consent(f"Remove the store {name} and its secrets", yes=yes, command=again)
    _edit(project, lambda text: editing.without_store(text, name), {}, name, dry_run=dry_run)
    if not dry_run:
        remove_secrets(project.root, f"stores.{name}.")


@app.command()
def rename(
    name: NameArgument,
    new_name: Annotated[str, typer.Argument(help="New name of the store.")],
    force: Annotated[
        bool, typer.Option("--force", help="Rename the store even if tables use it; their definitions are not changed.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Rename a store, also in the defaults, the targets and the names of its secrets.

    Existing rows keep the old name, so rename only a store that has not been used yet.

    Example: djproject stores rename main raw
    """
    project = load_project()
    spec = _known(project, name)
    if new_name in project.datajoint.stores:
        raise ConfigError(f"There is a store called {new_name!r} already.", hint="djproject stores list")
    check_spec(new_name, {**spec, **kept_secrets(project, name, {})})
    _refuse_if_used(project, name, "rename", force=force, defaults=False)
    _edit(project, lambda text: editing.with_renamed_store(text, name, new_name), {}, new_name, dry_run=dry_run)
    if not dry_run:
        rename_secrets(project.root, f"stores.{name}.", f"stores.{new_name}.")


@app.command("default")
def default_store(
    name: Annotated[
        str | None,
        typer.Argument(autocompletion=complete_stores, help="The store; by default, shows the current one."),
    ] = None,
    filepath: Annotated[
        bool,
        typer.Option("--filepath", help="Choose the default store of `<filepath@>`, which refers to existing files."),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Choose the default store, or show the current one.

    Definitions must still name their store (`<blob@main>`), because DataJoint cannot insert into `<blob@>`. `check
    --fix` replaces `<blob@>` with the name of the default store.

    Example: djproject stores default main
    """
    project = load_project()
    key = "filepath_default" if filepath else "default"
    if name is None:
        _render.result(project.datajoint.defaults.get(key, ""))
        return
    _known(project, name)
    _edit(project, lambda text: editing.with_default_store(text, name, key=key), {}, name, dry_run=dry_run)


@app.command("test")
def test_stores(
    names: Annotated[
        list[str] | None, typer.Argument(autocompletion=complete_stores, help="Stores to test; by default all.")
    ] = None,
    target: TargetOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Test stores: write an object to each, read it back and remove it.

    Exit code 1 if a store cannot be used.

    Example: djproject stores test main --target lab
    """
    from dataclasses import asdict

    from djproject.targets.probes import State, store_probes

    project = load_project()
    place = load_target(project, target)
    _render.target(place.description)
    for name in names or []:
        if name not in place.settings.stores:
            _known(project, name)
    lines = [p for p in store_probes(place) if not names or p.name.removeprefix("store ") in names]
    if not lines:
        raise ProjectError(
            "There is no store to test.", hint="djproject stores add NAME --protocol file --location FOLDER"
        )
    if format is Format.JSON:
        _render.as_json({"target": place.name, "probes": [asdict(line) for line in lines]})
    else:
        _render.probes(lines)
        _render.moved_stores(place.name, moved_stores(project, place.name, place.settings.stores))
    raise typer.Exit(1 if any(line.state is State.FAILED for line in lines) else 0)


def _edit(project: Project, edit: Callable[[str], str], secrets: dict[str, str], name: str, *, dry_run: bool) -> None:
    """Edit pyproject.toml and write secrets; with --dry-run show the difference."""
    path = project.root / PYPROJECT
    if dry_run:
        _show_difference(path, edit(path.read_bytes().decode("utf-8")))
        for key in secrets:
            _render.note(f".secrets/stores.{name}.{key} would be written.")
        return
    lock = make_state_directory(project.root / STATE_DIRECTORY) / "pyproject.lock"
    changed = edit_file(path, edit, lock=lock, within=project.root)
    for key, value in secrets.items():
        write_secret(project.root, f"stores.{name}.{key}", value)
    if changed:
        _render.note(f"Changed {PYPROJECT}.")
    if secrets:
        _render.note(f"{', '.join(secrets)} kept in .secrets/ (mode 0600, ignored by git).")
    if not changed and not secrets:
        _render.note("Nothing to do: the file already says that.")


def _show_difference(path: Path, new: str) -> None:
    from difflib import unified_diff

    old = path.read_bytes().decode("utf-8")
    for line in unified_diff(old.splitlines(), new.splitlines(), PYPROJECT, PYPROJECT, lineterm=""):
        _render.result(line)
    _render.note("Nothing was written (--dry-run).")


def _known(project: Project, name: str) -> StoreSpec:
    spec = project.datajoint.stores.get(name)
    if spec is None:
        known = ", ".join(project.datajoint.stores) or "none"
        raise ConfigError(f"There is no store called {name!r}.", hint=f"Stores: {known}")
    return spec


def _refuse_if_used(project: Project, name: str, verb: str, *, force: bool, defaults: bool = True) -> None:
    if force:
        return
    tables = _tables_by_store(project).get(name, ())
    if tables:
        raise ConfigError(
            f"{', '.join(tables[:3])} {'use' if len(tables) > 1 else 'uses'} the store {name!r}.",
            hint=f"Change the definitions first, or: djproject stores {verb} {name} … --force",
        )
    naming = [key for key, value in project.datajoint.defaults.items() if value == name]
    if defaults and naming and len(project.datajoint.stores) > 1:
        raise ConfigError(f"{name!r} is the {naming[0]} store.", hint="djproject stores default ANOTHER  (or --force)")


def _tables_by_store(project: Project) -> dict[str, tuple[str, ...]]:
    """The tables that use each store; the pipeline's source is read only where this is asked."""
    from djproject.pipeline.model import stores_in_use
    from djproject.pipeline.source import load_pipeline

    return stores_in_use(load_pipeline(project), project.datajoint.defaults)


def _target_or_note(project: Project, option: str | None) -> Target | None:
    """The target; None, and a note, where it cannot be known now: stores can be edited before a stack was started."""
    try:
        return load_target(project, option)
    except EnvironmentUnavailableError as error:
        _render.note(f"{error.message} Showing [tool.datajoint.stores] instead.")
        return None


def stores_at(project: Project, place: Target | None) -> dict[str, StoreSpec]:
    """The stores at a target, or as pyproject.toml has them where there is no target."""
    if place is None:
        return dict(project.datajoint.stores)
    return {name: spec for name, spec in place.settings.stores.items() if isinstance(spec, dict)}


def _shown_place(project: Project, spec: StoreSpec) -> str:
    return store_place(spec).removeprefix(f"{project.root}/")


def _source(place: Target | None, name: str, key: str) -> str:
    return place.settings.source(f"stores.{name}.{key}") if place else PYPROJECT
