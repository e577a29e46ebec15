"""The containers of one stack as the engine sees them: state, health, ports, last words."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from djproject.errors import EnvironmentUnavailableError

if TYPE_CHECKING:
    import docker

PAUSE_SECONDS = 0.2
LAST_LINES = 20
MANY_RESTARTS = 3  # while somebody waits for it
PROJECT_LABEL = "com.docker.compose.project"
# Words in a service's log, what they mean, and what to type.
CAUSES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("does not accept the user", "password authentication failed"),
        "docker/.env has a different password from the one the database was created with",
        "Put the old docker/.env back; or delete the data: djproject down --volumes",
    ),
    (
        ("the key is wrong", "signaturedoesnotmatch", "invalidaccesskeyid"),
        "docker/.env has a different key from the one the object store was started with",
        "djproject restart store",
    ),
    (("no space left on device", "disk full"), "the disk is full", "docker system prune"),
    (("address already in use",), "its port is taken", "djproject up --auto-ports"),
    (
        ("database files are incompatible", "upgrade is not supported", "cannot upgrade from"),
        "the volume was written by another version of the server",
        "Take the old image back: DATABASE_IMAGE in docker/.env",
    ),
    (
        ("no module named", "modulenotfounderror", ", which is not installed."),
        "the image lacks a package",
        "Add it to pyproject.toml, then: djproject up",
    ),
    (("permission denied",), "a folder belongs to another user", "ls -ld .djproject/stack/stores"),
    (
        ("exec format error",),
        "the image was built for another CPU architecture",
        "DATABASE_IMAGE or STORE_IMAGE in docker/.env",
    ),
    (('"djproject": executable file not found',), "the image has no djproject", "djproject up --build"),
)


@dataclass(frozen=True, slots=True)
class Service:
    """One container of a stack.

    Attributes
    ----------
    service
        As the compose file calls it.
    container
        The container's name.
    state
        running, exited, created, restarting, paused or dead.
    health
        healthy, starting or unhealthy; empty where the image says nothing.
    exit_code
        Of the last run; 0 while it runs.
    image
        As the compose file names it.
    image_id
        The image it was made of.
    ports
        `address:port` on this machine, for each that is published.
    started, finished
        Times of the last run, ISO 8601; empty where there was none.
    killed_for_memory
        Whether the kernel ended it because memory ran out.
    restarts
        How often the engine started it again because it ended.
    """

    service: str
    container: str
    state: str
    health: str
    exit_code: int
    image: str
    image_id: str
    ports: tuple[str, ...]
    started: str
    finished: str
    killed_for_memory: bool = False
    restarts: int = 0

    @property
    def is_up(self) -> bool:
        """Whether it runs and is healthy, as far as is known."""
        return self.state == "running" and self.health in {"", "healthy"}

    @property
    def has_failed(self) -> bool:
        """Whether waiting longer will not help: it ended, or its checks failed all their tries."""
        return self.state in {"exited", "dead"} or self.health == "unhealthy"


def look(client: "docker.DockerClient", name: str) -> tuple[Service, ...]:
    """The containers of the stack called `name`, by service and number; those of `compose run` are left out."""
    filters = {"label": [f"{PROJECT_LABEL}={name}", "com.docker.compose.oneoff=False"]}
    found = client.containers.list(all=True, filters=filters, ignore_removed=True)
    return tuple(sorted((_service(container) for container in found), key=lambda s: (s.service, s.container)))


def _service(container: Any) -> Service:
    state = container.attrs["State"]
    labels = container.labels
    bindings = container.attrs.get("NetworkSettings", {}).get("Ports") or {}
    ports = [f"{b['HostIp']}:{b['HostPort']}" for one in bindings.values() for b in one or ()]
    return Service(
        labels.get("com.docker.compose.service", ""),
        container.name,
        state["Status"],
        (state.get("Health") or {}).get("Status", "").replace("none", ""),
        int(state.get("ExitCode", 0)),
        container.attrs["Config"]["Image"],
        container.attrs["Image"],
        tuple(sorted(set(ports))),
        _time(state.get("StartedAt", "")),
        _time(state.get("FinishedAt", "")),
        bool(state.get("OOMKilled")),
        int(container.attrs.get("RestartCount", 0)),
    )


def wait_until_up(
    client: "docker.DockerClient", name: str, wanted: Sequence[str], seconds: float
) -> Iterator[tuple[Service, ...]]:
    """Look repeatedly until all services in `wanted` are up; each look at them is yielded.

    Raises
    ------
    EnvironmentUnavailableError
        One of them ended or is unhealthy, or the time is over; with its last log lines and the likely cause.
    """
    deadline = time.monotonic() + seconds
    restarts: dict[str, int] = {}
    while True:
        mine = tuple(service for service in look(client, name) if service.service in wanted)
        yield mine
        for service in mine:
            restarts.setdefault(service.container, service.restarts)
        failed = next((s for s in mine if s.has_failed or s.restarts >= restarts[s.container] + MANY_RESTARTS), None)
        if failed is not None:
            raise failed_service(client, failed)
        if {service.service for service in mine} == set(wanted) and all(service.is_up for service in mine):
            return
        if time.monotonic() > deadline:
            late = next((service for service in mine if not service.is_up), None)
            if late is None:
                raise EnvironmentUnavailableError("The stack has no container yet.", hint="djproject stack status")
            raise failed_service(client, late, waited=seconds)
        time.sleep(PAUSE_SECONDS)


def wait_until_done(
    client: "docker.DockerClient", name: str, wanted: str, seconds: float
) -> Iterator[tuple[Service, ...]]:
    """Look repeatedly until a service that runs once has ended well; each look is yielded.

    Raises
    ------
    EnvironmentUnavailableError
        It ended badly, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while True:
        services = tuple(service for service in look(client, name) if service.service == wanted)
        yield services
        mine = services[0] if services else None
        if mine is not None and mine.state == "exited":
            if mine.exit_code != 0:
                raise failed_service(client, mine)
            return
        if time.monotonic() > deadline:
            if mine is None:
                raise EnvironmentUnavailableError(f"The service {wanted} has no container.", hint="djproject up")
            raise failed_service(client, mine, waited=seconds)
        time.sleep(PAUSE_SECONDS)


def failed_service(client: "docker.DockerClient", service: Service, waited: float = 0.0) -> EnvironmentUnavailableError:
    """The error for a service that does not come up: how it ended, its last lines, the likely cause."""
    log = last_lines(client, service.container)
    if waited:
        what = f"The service {service.service} is not up after {waited:.0f} s"
    elif service.restarts and service.state != "exited":
        what = f"The service {service.service} restarts repeatedly"
    elif service.health == "unhealthy":
        what = f"The service {service.service} runs, but its health check fails"
    else:
        what = f"The service {service.service} exited with code {service.exit_code}"
    cause, fix = likely_cause(log, service)
    return EnvironmentUnavailableError(
        f"{what}{': ' if cause else ''}{cause}.", hint=fix or f"djproject logs {service.service}", details=log
    )


def likely_cause(log: str, service: Service) -> tuple[str, str]:
    """What a service's last lines mean and what to type; both empty where nothing is recognised."""
    if service.killed_for_memory:
        return "the machine ran out of memory", "docker stats"
    low = log.lower()
    return next(((cause, fix) for words, cause, fix in CAUSES if any(word in low for word in words)), ("", ""))


def last_lines(client: "docker.DockerClient", container: str, lines: int = LAST_LINES) -> str:
    """The end of a container's log."""
    from docker.errors import DockerException

    try:
        raw: bytes = client.containers.get(container).logs(tail=lines)
    except DockerException:
        return ""
    return raw.decode(errors="replace").strip()


def _time(text: str) -> str:
    return "" if text.startswith("0001") else text
