"""Docker Compose, called for one project's stack; the orchestration is all its own."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from djproject.errors import EnvironmentUnavailableError, ProjectError

FILES = ("docker-compose.yaml", "docker-compose.yml", "compose.yaml", "compose.yml")


@dataclass(frozen=True, slots=True)
class Port:
    """A port of this machine that a service is to be reached at."""

    service: str
    number: int
    inner: int


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What the compose file says once its variables are filled in.

    Attributes
    ----------
    name
        Compose's project name; containers and volumes carry it as a label.
    services
        The names of the services.
    ports
        Those published on this machine.
    volumes
        The named volumes, as Docker knows them.
    image
        The image of the workers; empty where the file has no worker.
    pinned
        The images of services that are not built here.
    mounts
        The folders that the workers' containers share with this machine or with a volume, as the containers see them.
    environment
        The variables of the workers' containers.
    """

    name: str
    services: tuple[str, ...]
    ports: tuple[Port, ...]
    volumes: tuple[str, ...]
    image: str
    pinned: tuple[str, ...]
    mounts: tuple[str, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compose:
    """`docker compose` in a project's `docker/` folder.

    Attributes
    ----------
    folder
        Where the compose file and its `.env` are.
    """

    folder: Path

    def run(self, *arguments: str, what: str) -> str:
        """Run a command to its end; its standard output.

        Raises
        ------
        EnvironmentUnavailableError
            It failed; with Compose's last lines. `what` says what could not be done.
        """
        answer = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env=_environment(),
        )  # fmt: skip
        if answer.returncode != 0:
            raise failure(answer.stdout + answer.stderr, what)
        return answer.stdout

    def attach(self, *arguments: str) -> int:
        """Run a command at the user's terminal; its exit code."""
        return subprocess.run(self.command(*arguments), check=False, env=_environment()).returncode

    def pour(self, *arguments: str, into: IO[bytes] | None = None, out_of: IO[bytes] | None = None, what: str) -> None:
        """Run a command with its standard output in a file, or its standard input from one."""
        answer = subprocess.run(
            self.command(*arguments),
            stdin=out_of or subprocess.DEVNULL,
            stdout=into or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            env=_environment(),
        )
        if answer.returncode != 0:
            raise failure(answer.stderr.decode(errors="replace"), what)

    def command(self, *arguments: str) -> list[str]:
        """The command line; Compose finds file and `.env` by the folder."""
        return ["docker", "compose", "--project-directory", str(self.folder), "--file", str(self.file), *arguments]

    @property
    def file(self) -> Path:
        """The compose file.

        Raises
        ------
        ProjectError
            The project has none.
        """
        for name in FILES:
            if (self.folder / name).is_file():
                return self.folder / name
        raise ProjectError(
            f"The project has no {self.folder.name}/{FILES[0]}.",
            hint="djproject init . --adopt  (adds what is missing)",
        )

    def plan(self) -> StackPlan:
        """What the compose file says.

        Raises
        ------
        EnvironmentUnavailableError
            Compose rejects the file, or a variable is not set.
        """
        return plan_in(self.run("config", "--format", "json", what="The compose file was rejected"))


def compose_of(root: Path) -> Compose:
    """Compose for the stack of the project at `root`."""
    compose = Compose(root / "docker")
    _ = compose.file
    return compose


def plan_in(text: str) -> StackPlan:
    """What the output of `docker compose config --format json` says.

    Raises
    ------
    ProjectError
        It is of another form.
    """
    try:
        return read_plan(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ProjectError(
            "docker/docker-compose.yaml has a structure that djproject does not understand.",
            hint="docker compose --project-directory docker config  (shows what Compose makes of it)",
        ) from error


def read_plan(document: Mapping[str, Any]) -> StackPlan:
    """What `docker compose config --format json` says."""
    services = document.get("services", {})
    ports = [
        Port(name, int(port["published"]), int(port["target"]))
        for name, service in services.items()
        for port in service.get("ports") or ()
        if str(port.get("published", "")).isdigit()
    ]
    volumes = [str((volume or {}).get("name") or name) for name, volume in (document.get("volumes") or {}).items()]
    pinned = [service["image"] for service in services.values() if "build" not in service and "image" in service]
    worker = services.get("worker", {})
    mounts = [str(volume["target"]) for volume in worker.get("volumes") or ()]
    return StackPlan(
        document["name"],
        tuple(services),
        tuple(ports),
        tuple(volumes),
        str(worker.get("image", "")),
        tuple(dict.fromkeys(pinned)),
        tuple(mounts),
        worker.get("environment") or {},
    )


def failure(output: str, what: str) -> EnvironmentUnavailableError:
    """The sentence for a command that failed; Compose's own lines are the details."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reason = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "no reason")
    details = "\n".join(lines[-15:]) if len(lines) > 1 else ""
    return EnvironmentUnavailableError(f"{what}: {_shortened(reason)}.", hint=_way_out(output), details=details)


def _shortened(line: str) -> str:
    for word in ("Error response from daemon: ", "error: "):
        line = line.partition(word)[2] or line
    return line.rstrip(".")


FIXES: Sequence[tuple[Sequence[str], str]] = (
    (("is not set: copy", "required variable", "required by secret"), "djproject up  (fills docker/.env in)"),
    (("pull access denied", "manifest unknown", "not found: manifest", "no such host", "failed to resolve"),
     "Check the image's name in docker/docker-compose.yaml and the network, then type the command again."),
    (("no space left",), "docker system prune  (frees what no container uses)"),
    (("port is already allocated", "address already in use"), "djproject up --auto-ports"),
    (("yaml:", "validating"), "$EDITOR docker/docker-compose.yaml"),
    (("cannot connect to the docker daemon",), "sudo systemctl start docker, or start Docker Desktop"),
)  # fmt: skip


def _way_out(output: str) -> str:
    low = output.lower()
    return next((fix for words, fix in FIXES if any(word in low for word in words)), "djproject stack status")


def _environment() -> dict[str, str]:
    """The variables Compose sees: `.env` decides, not what happens to be set in this shell under the same name."""
    names = {"DATABASE_PASSWORD", "STORE_ACCESS_KEY", "STORE_SECRET_KEY", "COMPOSE_FILE"}
    quiet = {
        "COMPOSE_ANSI": "never",
        "COMPOSE_MENU": "false",
        "DOCKER_CLI_HINTS": "false",
        "BUILDKIT_PROGRESS": "plain",
    }
    return {key: value for key, value in os.environ.items() if key not in names} | quiet
