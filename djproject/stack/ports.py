"""Ports of this machine: which are taken, by whom, and which are free."""

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from djproject.errors import EnvironmentUnavailableError
from djproject.stack.compose import Port
from djproject.stack.services import Service

if TYPE_CHECKING:
    import docker

ADDRESS = "127.0.0.1"
VARIABLES = {"database": "DATABASE_PORT", "store": "STORE_PORT"}


def is_free(number: int) -> bool:
    """Whether a server could listen at a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that just ended is no server
        try:
            probe.bind((ADDRESS, number))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports nobody listens at, each another."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((ADDRESS, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def busy_ports(ports: Iterable[Port]) -> list[Port]:
    """Those of the ports at which somebody listens."""
    return [port for port in ports if not is_free(port.number)]


def foreign_ports(ports: Iterable[Port], services: Iterable[Service]) -> list[Port]:
    """Those of the ports that no running container of the stack itself holds."""
    mine = {address for service in services if service.state == "running" for address in service.ports}
    return [port for port in ports if f"{ADDRESS}:{port.number}" not in mine]


def fixed_port(busy: list[Port], *, auto_ports: bool) -> Port | None:
    """The first port that cannot be moved: its number is not in `docker/.env`, or moving was not asked for."""
    unknown = [port for port in busy if port.service not in VARIABLES]
    return (unknown or busy)[0] if unknown or not auto_ports else None


def moved_ports(busy: list[Port], numbers: list[int]) -> dict[str, str]:
    """The variables of `docker/.env` that move ports to new numbers."""
    return {VARIABLES[port.service]: str(number) for port, number in zip(busy, numbers, strict=True)}


def refuse_busy(port: Port, client: "docker.DockerClient") -> EnvironmentUnavailableError:
    """The error for a port that is taken: who holds it, and how to free it."""
    who, fix = _holder(port.number, client)
    return EnvironmentUnavailableError(
        f"The port {port.number} for the {port.service} is taken by {who}.",
        hint=f"{fix}  (or: djproject up --auto-ports)",
    )


def _holder(number: int, client: "docker.DockerClient") -> tuple[str, str]:
    for container in client.containers.list():
        bindings = (container.attrs.get("NetworkSettings", {}).get("Ports") or {}).values()
        if any(int(binding["HostPort"]) == number for one in bindings for binding in one or ()):
            folder = container.labels.get("com.docker.compose.project.working_dir", "")
            stack = container.labels.get("com.docker.compose.project", "")
            if stack:
                return (
                    f"the container {container.name} of the stack {stack} ({folder})",
                    f"docker compose -p {stack} stop",
                )
            return f"the container {container.name}", f"docker stop {container.name}"
    return _process(number)


def _process(number: int) -> tuple[str, str]:
    import psutil

    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == number and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f"the process {name} (pid {connection.pid})", f"kill {connection.pid}"
    except psutil.Error:
        pass
    return "another program", f"sudo lsof -i :{number}"
