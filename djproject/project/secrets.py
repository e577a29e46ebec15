"""Secrets: one file each, readable by their owner only, in a folder git ignores."""

import os
from collections.abc import Mapping
from pathlib import Path

from djproject.project.files import replace_file
from djproject.project.opening import read_text, refuse_links
from djproject.project.settings import KNOWN, Layer, Value

SECRETS_DIRECTORY = ".secrets"


def write_secret(root: Path, name: str, value: str) -> Path:
    """Keep a secret in `.secrets/NAME`, mode 0600, and make the folder (0700, ignored by git) if needed.

    Parameters
    ----------
    root
        The project's root.
    name
        As DataJoint reads it: `database.password`, `stores.main.secret_key`; or `targets.lab.password`.
    value
        The secret; white space at its ends is not kept by DataJoint either.
    """
    folder = make_secrets_directory(root)
    path = folder / name
    replace_file(path, f"{value.strip()}\n".encode(), mode=0o600)
    return path


def make_secrets_directory(root: Path) -> Path:
    """Make `.secrets/`, closed to others and with a .gitignore of its own."""
    folder = root / SECRETS_DIRECTORY
    refuse_links(folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        replace_file(ignore, b"# Secrets are never committed.\n*\n!.gitignore\n")
    return folder


def remove_secrets(root: Path, prefix: str) -> tuple[str, ...]:
    """Remove the secrets whose names start with `prefix`; their names come back, sorted."""
    names = tuple(sorted(path.name for path in _files(root / SECRETS_DIRECTORY) if path.name.startswith(prefix)))
    for name in names:
        (root / SECRETS_DIRECTORY / name).unlink()
    return names


def rename_secrets(root: Path, old: str, new: str) -> None:
    """Rename the secrets whose names start with `old` so that they start with `new`."""
    for path in _files(root / SECRETS_DIRECTORY):
        if path.name.startswith(old):
            path.rename(path.with_name(new + path.name.removeprefix(old)))


def secret_names(root: Path, prefix: str) -> tuple[str, ...]:
    """The names of the secrets kept in `.secrets/` that start with `prefix`, sorted; no value is read."""
    return tuple(sorted(path.name for path in _files(root / SECRETS_DIRECTORY) if path.name.startswith(prefix)))


def read_secret(folder: Path, name: str) -> str | None:
    """One secret's value, or None where there is no such file."""
    try:
        return read_text(folder / name).strip()
    except FileNotFoundError:
        return None


def load_secrets(folder: Path, label: str) -> Layer:
    """What a folder of secrets says: `database.*` and `stores.<name>.<attr>`, one file per value.

    Parameters
    ----------
    folder
        The folder; it may be missing.
    label
        How its files are shown: ".secrets" or "/run/secrets/datajoint".
    """
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    stores: dict[str, dict[str, str]] = {}
    for path in _files(folder):
        match path.name.split("."):
            case ["database", key] if f"database.{key}" in KNOWN:
                values[path.name] = read_text(path).strip()
                sources[path.name] = f"{label}/{path.name}"
            case ["stores", name, key]:
                stores.setdefault(name, {})[key] = read_text(path).strip()
    return Layer(values, sources, stores, label)


def target_password(root: Path, target: str, environ: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """The password of a named target and where it was found, else None.

    `.secrets/targets.NAME.password` is asked first, then `$DJPROJECT_NAME_PASSWORD` (in upper case).
    """
    name = f"targets.{target}.password"
    value = read_secret(root / SECRETS_DIRECTORY, name)
    if value is not None:
        return value, f"{SECRETS_DIRECTORY}/{name}"
    variable = f"DJPROJECT_{target.upper().replace('-', '_')}_PASSWORD"
    return (environ[variable], variable) if environ.get(variable) else None


def _files(folder: Path) -> list[Path]:
    refuse_links(folder.absolute())
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
