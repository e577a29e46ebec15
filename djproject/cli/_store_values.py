"""Attributes and secrets of a store as they are typed: words, options, a prompt, a line from stdin."""

import sys
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.errors import ConfigError
from djproject.project.location import Project
from djproject.project.secrets import secret_names
from djproject.project.stores import StoreSpec, StoreValue, find_protocol, looks_secret

AccessKeyOption = Annotated[
    str | None,
    typer.Option("--access-key", metavar="KEY", help="'-' prompts, or reads a line from stdin. Kept in .secrets/."),
]
SecretKeyOption = Annotated[
    str | None,
    typer.Option("--secret-key", metavar="KEY", help="'-' prompts, or reads a line from stdin. Kept in .secrets/."),
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret", metavar="KEY", help="Name of another secret; prompts for its value, or reads it from stdin."
    ),
]


def assignments_of(texts: list[str], *, removing: bool = False) -> dict[str, StoreValue]:
    """Attributes from "KEY=VALUE" words, as TOML values; with `removing`, "KEY=" gives None."""
    values: dict[str, StoreValue] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"{text!r} is not KEY=VALUE.", hint="djproject stores set NAME location=FOLDER")
        values[key] = None if removing and not value else _value(key, value)
    return values


def _value(key: str, text: str) -> StoreValue:
    """The TOML value that a word of the command line means for this attribute."""
    match key:
        case "secure" if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        case "token_length" if text.isdigit():
            return int(text)
        case "subfolding":
            parts = text.strip("[] ").split(",")
            if all(part.strip().isdigit() for part in parts):
                return [int(part) for part in parts]
    return text


def refuse_secrets(name: str, spec: StoreSpec) -> None:
    """Refuse secrets where attributes belong that go into pyproject.toml."""
    for key in spec:
        if looks_secret(key):
            raise ConfigError(
                f"{key} is a secret and does not belong in pyproject.toml.",
                hint=f"djproject stores set {name} --secret {key}",
            )


def given_secrets(
    name: str, protocol: str, access_key: str | None, secret_key: str | None, further: list[str]
) -> dict[str, str]:
    """The secrets given as options, asked for, or read from stdin, one line each."""
    wanted: dict[str, str | None] = {"access_key": access_key, "secret_key": secret_key}
    given = {key: value for key, value in wanted.items() if value is not None}
    if "access_key" in given and "secret_key" not in given:
        given["secret_key"] = "-"
    given |= dict.fromkeys(further, "-")
    allowed = find_protocol(protocol).secrets
    for key in given:
        if key not in allowed:
            raise ConfigError(
                f"A store of protocol {protocol} has no secret called {key!r}.",
                hint=f"Secrets: {', '.join(allowed) or 'none'}",
            )
    return {key: _read_secret(name, key) if value == "-" else value for key, value in given.items()}


def _read_secret(name: str, key: str) -> str:
    if _render.is_terminal():
        return str(typer.prompt(f"{key} of {name}", hide_input=True, err=True))
    value = sys.stdin.readline().strip()
    if not value:
        raise ConfigError(f"The {key} of {name!r} was not given.", hint=f"… --{key.replace('_', '-')} - < file")
    return value


def kept_secrets(project: Project, name: str, given: dict[str, str]) -> dict[str, str]:
    """Secrets that are in .secrets/ already, by name; their values are not needed."""
    kept = (full.split(".", 2)[2] for full in secret_names(project.root, f"stores.{name}."))
    return {key: "kept" for key in kept if key not in given}
