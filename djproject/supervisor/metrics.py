"""`--metrics [HOST:]PORT`: what a pool does, for Prometheus, and `/healthz` beside it."""

import re
import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.worker.events import Added, Begins, Event, Failed, KeyGone, Lost, LostJob, Made, MadeNothing, Postponed

REQUEST_SECONDS = 5.0
LOOPBACK = "127.0.0.1"
BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, float("inf"))
OUTCOMES: dict[type[Event], str] = {
    Made: "made", Failed: "error", MadeNothing: "nothing", Postponed: "passing", LostJob: "lost", Lost: "killed",
    KeyGone: "gone",
}  # fmt: skip


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str) -> Address:
    """The address that `9000`, `0.0.0.0:9000`, `node7:9000` or `[::1]:9000` means; only this machine by default.

    Raises
    ------
    ProjectError
        It is no address.
    """
    match = re.fullmatch(r"(?:(?P<name>[\w.-]+):|\[(?P<six>[0-9a-fA-F:.]+)\]:)?(?P<port>\d{1,5})", text)
    if match is None or int(match["port"]) > 65535:
        raise ProjectError(
            f"{text!r} is neither a port nor an address such as 0.0.0.0:9000.",
            hint="--metrics 9000  (this machine only)",
        )
    return Address(match["name"] or match["six"] or LOOPBACK, int(match["port"]))


class Metrics:
    """Counts events, and answers `GET /metrics` and `GET /healthz` on a port.

    Parameters
    ----------
    address
        Where to listen; port 0 takes a free one.
    is_healthy
        Asked for every `/healthz`: 200 where it is true, else 503.

    Attributes
    ----------
    address
        The one that is listened on.

    Raises
    ------
    EnvironmentUnavailableError
        The port is taken, or there is no such address.
    """

    def __init__(self, address: Address, is_healthy: Callable[[], bool]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

        self._registry = CollectorRegistry()
        table = ["table"]
        self._attempts = Counter(
            "djproject_attempts", "Attempts at jobs, by how they ended", [*table, "outcome"], registry=self._registry
        )
        self._seconds = Histogram(
            "djproject_make_seconds", "How long a make took", table, buckets=BUCKETS, registry=self._registry
        )
        self._added = Counter("djproject_jobs_added", "New keys that were found", table, registry=self._registry)
        self._busy = Gauge("djproject_workers_busy", "Workers that are making a job", registry=self._registry)
        self._making: set[int] = set()
        self._is_healthy = is_healthy
        self._metrics = make_wsgi_app(self._registry)
        try:
            kind = _SixServer if ":" in address.host else _Server
            self._server: WSGIServer = make_server(*address, self._answer, server_class=kind, handler_class=_Handler)
        except OSError as error:
            raise EnvironmentUnavailableError(
                f"The metrics cannot be served at {address}: {error.strerror}.", hint="--metrics with another port"
            ) from error
        self.address = Address(address.host, self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def see(self, event: Event) -> None:
        """Count one event."""
        match event:
            case Begins(slot=slot):
                self._making.add(slot)
            case Added(table=table, count=count):
                self._added.labels(table).inc(count)
            case Made(table=table, seconds=seconds):
                self._seconds.labels(table).observe(seconds)
        outcome = OUTCOMES.get(type(event))
        if outcome:
            self._making.discard(event.slot)
            if table := getattr(event, "table", ""):
                self._attempts.labels(table, outcome).inc()
        self._busy.set(len(self._making))

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/healthz":
                good = self._is_healthy()
                start_response("200 OK" if good else "503 Service Unavailable", [("Content-Type", "text/plain")])
                return [b"ok\n" if good else b"the workers do not turn\n"]
            case "/metrics" | "/":
                return list(self._metrics(environ, start_response))
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/metrics and /healthz\n"]


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request, so that one that does not speak keeps nobody waiting."""

    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        """Without asking the name server for this machine's name, as `http.server` does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away or was too slow is no news."""


class _SixServer(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, *args: object) -> None:
        """Requests are no news."""
