"""`docker/.env`: made of `.env.example` by the first `up`, for one machine and its owner only."""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from djproject.errors import ConfigError, ProjectError
from djproject.project.files import replace_file
from djproject.targets.stack import read_variables

EXAMPLE = ".env.example"
NAME = ".env"
SECRETS = ("DATABASE_PASSWORD", "STORE_ACCESS_KEY", "STORE_SECRET_KEY")


def complete_environment(folder: Path, project_name: str) -> dict[str, str]:
    """Make `.env` where it is missing and fill in what is empty; what was set is kept. What it says comes back.

    Parameters
    ----------
    folder
        The project's `docker/`.
    project_name
        Compose's name for the stack, for a new file.

    Raises
    ------
    ProjectError
        There is no `.env.example` to begin with.
    ConfigError
        A password has characters that not every place it goes to can take.
    """
    path, example = folder / NAME, folder / EXAMPLE
    new = not path.exists()
    if new and not example.is_file():
        raise ProjectError(f"The project has no docker/{EXAMPLE}.", hint="djproject init . --adopt")
    known = read_variables(example if new else path)
    wanted = {name: _random(name) for name in SECRETS if name in known and not known[name]}
    if new:
        wanted |= {"COMPOSE_PROJECT_NAME": project_name, "STORE_FOLDER": "../.djproject/stack/stores"}
        if os.getuid():
            wanted["WORKER_UID"] = str(os.getuid())
    for name in SECRETS:
        value = wanted.get(name) or known.get(name, "")
        if value and not re.fullmatch(r"[A-Za-z0-9._~-]+", value):
            raise ConfigError(
                f"docker/{NAME}: {name} may contain only the characters ._~-, letters and digits.",
                hint=f"$EDITOR docker/{NAME}",
            )
    if wanted or new:
        change_environment(folder, wanted, base=example if new else path)
    elif path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return read_variables(path)


def change_environment(folder: Path, values: Mapping[str, str], *, base: Path | None = None) -> None:
    """Set variables in `.env`, whose comments and order stay; one that is a comment there becomes a line."""
    text = (base or folder / NAME).read_text("utf-8")
    for name, value in values.items():
        line = f"{name}={value}"
        pattern = re.compile(rf"^(?:#\s*)?{name}=.*$", re.MULTILINE)
        text, found = pattern.subn(line, text, count=1)
        text = text if found else f"{text.rstrip()}\n{line}\n"
    replace_file(folder / NAME, text.encode(), mode=0o600)


def _random(name: str) -> str:
    return secrets.token_hex(8).upper() if name == "STORE_ACCESS_KEY" else secrets.token_urlsafe(24).replace("-", "x")
