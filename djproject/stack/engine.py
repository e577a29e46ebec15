"""The Docker engine and Compose on this machine, or what is missing of them and how to fix it."""

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from djproject.errors import EnvironmentUnavailableError

if TYPE_CHECKING:
    import docker

MINIMUM_COMPOSE = (2, 24)
WITHOUT = "djproject use embedded  (works without Docker)"


def connect_engine() -> "docker.DockerClient":
    """A client of the engine that the `docker` command talks to.

    Raises
    ------
    EnvironmentUnavailableError
        There is no Docker, its engine does not answer, or this user may not talk to it.
    """
    import docker
    from docker.errors import DockerException

    if shutil.which("docker") is None:
        raise EnvironmentUnavailableError(
            "The program docker is not installed.", hint=f"Install Docker Engine or Docker Desktop, or: {WITHOUT}"
        )
    try:
        host = os.environ.get("DOCKER_HOST") or _context_host()
        client = docker.DockerClient(base_url=host) if host else docker.from_env()
        client.ping()
    except (DockerException, OSError) as error:
        raise _engine_error(error) from error
    return client


def check_compose() -> str:
    """The version of Docker Compose; an EnvironmentUnavailableError where it is missing or too old."""
    answer = subprocess.run(
        ["docker", "compose", "version", "--short"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    version = answer.stdout.strip().removeprefix("v")
    if answer.returncode != 0 or not version:
        raise EnvironmentUnavailableError(
            "Docker has no Compose plugin here.", hint="https://docs.docker.com/compose/install/linux/"
        )
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < MINIMUM_COMPOSE:
        wanted = ".".join(map(str, MINIMUM_COMPOSE))
        raise EnvironmentUnavailableError(
            f"Docker Compose {version} is too old; the stack needs {wanted}.",
            hint="https://docs.docker.com/compose/install/linux/",
        )
    return version


def _context_host() -> str | None:
    """The address of the context that `docker context use` chose; None where it is the default one."""
    from docker.context import ContextAPI
    from docker.errors import DockerException

    try:
        context = ContextAPI.get_current_context()
    except (DockerException, OSError, ValueError, json.JSONDecodeError):
        return None
    return context.Host if context is not None and context.Name != "default" else None


def _engine_error(error: Exception) -> EnvironmentUnavailableError:
    text = str(error).lower()
    if "permission denied" in text:
        return EnvironmentUnavailableError(
            "This user cannot access the Docker engine.",
            hint=f"sudo usermod -aG docker $USER, then log in again; or: {WITHOUT}",
        )
    return EnvironmentUnavailableError(
        "The Docker engine does not answer.",
        hint=f"sudo systemctl start docker, or start Docker Desktop; or: {WITHOUT}",
    )
