"""The Docker stack as a target: its addresses and secrets, seen from this machine or from one of its containers."""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from djproject.errors import ConfigError, EnvironmentUnavailableError
from djproject.project.location import Project
from djproject.project.opening import read_text
from djproject.project.secrets import read_secret
from djproject.project.settings import DEFAULT_PORTS, Layer, Value
from djproject.project.stores import StoreSpec
from djproject.targets.places import managed_stores

STACK = "stack"
USER = "pipeline"
ENVIRONMENT_FILE = Path("docker") / ".env"
CONTAINER_SECRETS = Path("/run/secrets/djproject")
DATABASE_VARIABLE = "DJPROJECT_DATABASE"


@dataclass(frozen=True, slots=True)
class StackAddress:
    """Where the stack's services are reached.

    Attributes
    ----------
    host, port
        Of the database.
    store
        `host:port` of the object store; empty where the stack has none.
    folder
        Where stores that are folders live; None where they are left as they are.
    source
        What says so: "docker/.env", or "the container" in one of the stack's containers.
    """

    host: str
    port: int
    password: str
    store: str
    access_key: str
    secret_key: str
    folder: Path | None
    source: str


def read_variables(path: Path) -> dict[str, str]:
    """The variables of a `.env` file, read as Compose reads it; empty where there is no such file.

    Raises
    ------
    ConfigError
        It is not UTF-8.
    """
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    text = io.StringIO(read_text(path))
    return {key: value or "" for key, value in dotenv_values(stream=text, interpolate=False).items()}


def backend_of(project: Project) -> str:
    """The database server that the project's stack has: what `[tool.datajoint]` says."""
    return str(project.datajoint.values.get("database.backend", "postgresql"))


def stack_address(project: Project, environ: Mapping[str, str] = os.environ) -> StackAddress:
    """Where the services are; in a container of the stack its variables say so, elsewhere `docker/.env` does.

    Raises
    ------
    EnvironmentUnavailableError
        The stack was never started on this machine.
    ConfigError
        `docker/.env` has no password, or a port that is not a number.
    """
    if environ.get(DATABASE_VARIABLE):
        return _address_in_container(project, environ)
    path = project.root / ENVIRONMENT_FILE
    variables = read_variables(path)
    if not variables:
        raise EnvironmentUnavailableError(
            "This project's Docker stack was never started on this machine.",
            hint="djproject up  (or: djproject use embedded)",
        )
    if not variables.get("DATABASE_PASSWORD"):
        raise ConfigError(f"{ENVIRONMENT_FILE} has no DATABASE_PASSWORD.", hint="djproject up  (fills it in)")
    backend = backend_of(project)
    store_port = variables.get("STORE_PORT", "")
    folder = variables.get("STORE_FOLDER", "")
    return StackAddress(
        "127.0.0.1",
        port_number(variables, "DATABASE_PORT", DEFAULT_PORTS[backend]),
        variables["DATABASE_PASSWORD"],
        f"127.0.0.1:{port_number(variables, 'STORE_PORT', 0)}" if store_port else "",
        variables.get("STORE_ACCESS_KEY", ""),
        variables.get("STORE_SECRET_KEY", ""),
        (path.parent / folder).resolve() if folder else None,
        str(ENVIRONMENT_FILE),
    )


def port_number(variables: Mapping[str, str], name: str, default: int) -> int:
    """A port that `docker/.env` names.

    Raises
    ------
    ConfigError
        It is not a number between 1 and 65535.
    """
    text = variables.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ConfigError(f"{ENVIRONMENT_FILE}: {name} must be a port, not {text!r}.", hint="$EDITOR docker/.env")
    return int(text)


def stack_layer(project: Project, address: StackAddress, overrides: Mapping[str, StoreSpec]) -> Layer:
    """The settings that follow: the database of the stack, and every store at its object store or in its folder.

    `overrides` are the stores of `[tool.djproject.targets.stack]`: those stay where they say.
    """
    backend = backend_of(project)
    values: dict[str, Value] = {
        "database.backend": backend,
        "database.host": address.host,
        "database.port": address.port,
        "database.user": USER,
        "database.password": address.password,
    }
    if backend == "postgresql":
        values |= {"database.name": USER, "database.use_tls": False}
    moved = {name: _moved(name, spec, address) for name, spec in project.datajoint.stores.items()}
    stores = managed_stores(STACK, project, moved, overrides)
    label = f"target {STACK} ({address.source})"
    return Layer(values, dict.fromkeys(values, label), stores, label, replaces_stores=True)


def _moved(name: str, spec: StoreSpec, address: StackAddress) -> StoreSpec:
    match spec.get("protocol"):
        case "s3" if address.store:
            kept = {key: value for key, value in spec.items() if key != "proxy_server"}
            return {
                **kept,
                "endpoint": address.store,
                "secure": False,
                "access_key": address.access_key,
                "secret_key": address.secret_key,
            }
        case "file" if address.folder is not None:
            return {**spec, "location": str(address.folder / name)}
    return spec


def _address_in_container(project: Project, environ: Mapping[str, str]) -> StackAddress:
    host, _, port = environ[DATABASE_VARIABLE].partition(":")
    folder = environ.get("DJPROJECT_STORE_FOLDER", "")
    return StackAddress(
        host,
        int(port or DEFAULT_PORTS[backend_of(project)]),
        read_secret(CONTAINER_SECRETS, "database_password") or "",
        environ.get("DJPROJECT_STORE", ""),
        read_secret(CONTAINER_SECRETS, "store_access_key") or "",
        read_secret(CONTAINER_SECRETS, "store_secret_key") or "",
        Path(folder) if folder else None,
        "the container",
    )
