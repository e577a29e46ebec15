"""Which target a command means, and the settings that follow from it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from djproject.errors import ConfigError
from djproject.project.files import make_state_directory, replace_file, state_directory
from djproject.project.location import Project
from djproject.project.opening import read_text
from djproject.project.secrets import SECRETS_DIRECTORY, load_secrets, target_password
from djproject.project.settings import SYSTEM_SECRETS, Layer, Settings, Value, merged, read_environment
from djproject.project.stores import COMMON_KEYS, StoreSpec
from djproject.targets.embedded import SUPERUSER, EmbeddedServer, ensure_running
from djproject.targets.machine import network_file_system
from djproject.targets.places import managed_stores, moved_store
from djproject.targets.prefix import SchemaPrefix, prefix_text
from djproject.targets.stack import STACK, stack_address, stack_layer
from djproject.targets.variables import (
    chosen_in_environment,
    counted_variables,
    ignored_sentence,
    names_another_server,
)

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the database and the stores live for one command.

    Attributes
    ----------
    name
        "embedded", "stack" or the name of a `[tool.djproject.targets]` table.
    chosen_by
        What named it: "--target", "DJPROJECT_TARGET", "djproject use" or "pyproject.toml".
    settings
        All of DataJoint's settings at this target.
    prefix
        What is put before the names of the project's schemas there.
    server
        The embedded server, where the target has one and nothing overrides its address.
    folders
        Local folders of the stores that the target makes by itself: those of the embedded one and of the stack.
    ignored
        DJ_* variables that say something else and are ignored, because the target was named explicitly.
    """

    name: str
    chosen_by: str
    settings: Settings
    prefix: SchemaPrefix
    server: EmbeddedServer | None = None
    folders: tuple[Path, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The target in one line, as every command that touches a database shows it."""
        settings = self.settings
        if self.server is not None:
            place = f"PostgreSQL in {_short(self.server.state)}"
            if shared := network_file_system(self.server.state):
                place += f", on a network file system ({shared}): one machine at a time"
        else:
            user = settings.text("database.user") or "?"
            address = f"{settings.text('database.host')}:{settings.text('database.port')}"
            place = f"{settings.text('database.backend')}://{user}@{address}"
        if settings.source("database.host") == "DJ_HOST":
            place += f", by DJ_HOST; to ignore it: --target {self.name}, or unset DJ_HOST"
        schemas = f", schemas {self.prefix.text}*" if self.prefix.text else ""
        notice = ignored_sentence(self.ignored)
        return f"{self.name} ({place}){schemas}{'; ' + notice if notice else ''}"


def target_names(project: Project) -> tuple[str, ...]:
    """The targets a command may name."""
    return (EMBEDDED, STACK, *project.targets)


def choose_target(
    project: Project, option: str | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[str, str]:
    """The target's name and what named it: the option, the variable, `djproject use`, else pyproject.toml.

    Raises
    ------
    ConfigError
        There is no target of that name.
    """
    chosen = _choice_file(project, environ)
    candidates = (
        (option, "--target"),
        (environ.get("DJPROJECT_TARGET"), chosen_in_environment(environ)),
        (read_text(chosen).strip() if os.path.lexists(chosen) else None, "djproject use"),
        (project.target, "pyproject.toml"),
    )
    name, by = next((name, by) for name, by in candidates if name)
    if name not in target_names(project):
        raise ConfigError(
            f"There is no target called {name!r} (named by {by}).",
            hint=f"Targets: {', '.join(target_names(project))}; define others in [tool.djproject.targets.{name}].",
        )
    return name, by


def use_target(project: Project, name: str, environ: Mapping[str, str] = os.environ) -> None:
    """Make `name` the target of this checkout until another is chosen."""
    choose_target(project, name, environ)
    path = _choice_file(project, environ)
    make_state_directory(path.parent)
    replace_file(path, f"{name}\n".encode())


def load_target(
    project: Project, option: str | None = None, environ: Mapping[str, str] = os.environ, *, chosen_by: str = ""
) -> Target:
    """The target and all settings that follow, by the one order of precedence; nothing is started.

    A target named by `--target` or DJPROJECT_TARGET, then `DJ_*` variables, then a target that a file names, then
    `.secrets/` and `/run/secrets/datajoint`, then pyproject.toml, then DataJoint's defaults.

    Parameters
    ----------
    project, option, environ
        As in `choose_target`.
    chosen_by
        What named `option` in the process from which it is inherited; by default `--target`.
    """
    name, by = choose_target(project, option, environ)
    by = chosen_by or by
    variables = read_environment(environ)
    secrets = [
        load_secrets(project.root / SECRETS_DIRECTORY, SECRETS_DIRECTORY),
        load_secrets(SYSTEM_SECRETS, str(SYSTEM_SECRETS)),
    ]
    managed = name in {EMBEDDED, STACK}
    if managed and names_another_server(variables, by):
        settings = merged([variables, *secrets, project.datajoint.layer()])
        return Target(name, by, settings, _prefix(project, name, settings, environ))
    server = None
    folders: tuple[Path, ...] = ()
    overrides = project.managed[name].stores if name in project.managed else {}
    if name == STACK:
        layer = stack_layer(project, stack_address(project, environ), overrides)
        folders = _own_folders(layer, overrides)
    elif name == EMBEDDED:
        throw_away = environ.get("DJPROJECT_DURABLE") == "false"
        server = EmbeddedServer(state_directory(project.root, environ), durable=not throw_away)
        # Tests run at a throwaway database, and never write into a folder of real data.
        overrides = {} if throw_away else overrides
        layer = _embedded_layer(project, server, overrides)
        folders = _own_folders(layer, overrides)
        files = {name for name, spec in layer.stores.items() if spec.get("protocol") == "file"}
        secrets = [_without_stores(secret, files) for secret in secrets]
    else:
        layer = _named_layer(project, name, environ)
    counted = counted_variables(variables, layer, by, managed=managed)
    settings = merged([counted.layer, layer, *secrets, project.datajoint.layer()])
    return Target(name, by, settings, _prefix(project, name, settings, environ), server, folders, counted.ignored)


def start_target(target: Target) -> None:
    """Start what the target starts by itself, and keep it for the life of this process.

    Raises
    ------
    EnvironmentUnavailableError
        The embedded server does not start.
    """
    make_folders(target)
    if target.server is not None:
        ensure_running(target.server)


def make_folders(target: Target) -> None:
    """Make the folders of the stores that the target makes by itself; its database is not started."""
    for folder in target.folders:
        folder.mkdir(parents=True, exist_ok=True)


def _prefix(project: Project, name: str, settings: Settings, environ: Mapping[str, str]) -> SchemaPrefix:
    return SchemaPrefix(prefix_text(project, name, environ), project, settings.text("database.backend"))


def _embedded_layer(project: Project, server: EmbeddedServer, overrides: Mapping[str, StoreSpec]) -> Layer:
    label = f"target {EMBEDDED}"
    values: dict[str, Value] = {
        "database.backend": "postgresql",
        "database.host": str(server.socket_directory),
        "database.port": 5432,
        "database.user": SUPERUSER,
        "database.password": EMBEDDED,  # the socket's folder guards the server; DataJoint wants some password
        "database.name": "postgres",
        "database.use_tls": False,
    }
    folders: dict[str, StoreSpec] = {}
    for name, spec in project.datajoint.stores.items():
        kept = {key: spec[key] for key in COMMON_KEYS if key in spec}
        folders[name] = {"protocol": "file", "location": str(server.state / "stores" / name), **kept}
    stores = managed_stores(EMBEDDED, project, folders, overrides)
    sources = dict.fromkeys(values, label)
    return Layer(values, sources, stores, label, replaces_stores=True)


def _without_stores(layer: Layer, names: set[str]) -> Layer:
    return layer._replace(stores={name: spec for name, spec in layer.stores.items() if name not in names})


def _named_layer(project: Project, name: str, environ: Mapping[str, str]) -> Layer:
    table = project.targets[name]
    label = f"target {name}"
    values = dict(table.values)
    sources = dict.fromkeys(values, label)
    password = target_password(project.root, name, environ)
    if password is not None:
        values["database.password"], sources["database.password"] = password
    stores: dict[str, StoreSpec] = dict(project.datajoint.stores)
    for store, override in table.stores.items():
        stores[store] = moved_store(stores.get(store, {}), override)
    return Layer(values, sources, stores, label, replaces_stores=True)


def _own_folders(layer: Layer, overrides: Mapping[str, StoreSpec]) -> tuple[Path, ...]:
    """The folders that the target makes: not those that the user chose, which may be on a disk not mounted now."""
    return tuple(
        Path(str(spec["location"]))
        for name, spec in layer.stores.items()
        if spec.get("protocol") == "file" and "location" in spec and "location" not in overrides.get(name, {})
    )


def _choice_file(project: Project, environ: Mapping[str, str]) -> Path:
    return state_directory(project.root, environ) / "target"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
