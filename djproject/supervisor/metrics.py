"""`--metrics PORT`: what a pool does, for Prometheus, and `/healthz` beside it."""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from djproject.errors import EnvironmentUnavailableError
from djproject.worker.events import Added, Begins, Event, Failed, Lost, LostJob, Made, MadeNothing, Postponed

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, float("inf"))
OUTCOMES: dict[type[Event], str] = {
    Made: "made", Failed: "error", MadeNothing: "nothing", Postponed: "passing", LostJob: "lost", Lost: "killed",
}  # fmt: skip


class Metrics:
    """Counts events, and answers `GET /metrics` and `GET /healthz` on a port.

    Parameters
    ----------
    port
        0 takes a free one.
    is_healthy
        Asked for every `/healthz`: 200 where it is true, else 503.
    address
        Where to listen; by default everywhere, as Prometheus is on another machine.

    Attributes
    ----------
    port
        The one that is listened on.

    Raises
    ------
    EnvironmentUnavailableError
        The port is taken.
    """

    def __init__(self, port: int, is_healthy: Callable[[], bool], address: str = "") -> None:
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
            self._server: WSGIServer = make_server(address, port, self._answer, handler_class=_Silent)
        except OSError as error:
            raise EnvironmentUnavailableError(
                f"The metrics cannot be served on port {port}: {error.strerror}.", hint="--metrics with another port"
            ) from error
        self.port = self._server.server_port
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


class _Silent(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Requests are no news."""
