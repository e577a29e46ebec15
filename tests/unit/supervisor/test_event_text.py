"""Events in logs and in metrics."""

import json
import socket
import urllib.error
import urllib.request

import pytest

from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.supervisor.event_text import json_of, text_of
from djproject.supervisor.metrics import Address, Metrics, read_address
from djproject.worker.events import Added, Alive, Begins, Failed, Lost, Made, Refused, Retired, Waiting


def test_one_line_of_words() -> None:
    assert text_of(Made(1, "a.B", 1.234, 5.0, "x=1")) == "made a.B (x=1) in 1.23 s"
    key = '{"x": 1}'
    assert text_of(Lost(2, -9, 77, "a.B", key)) == "worker 2 was stopped by SIGKILL while making a.B (x=1)"
    assert text_of(Lost(2, 3)) == "worker 2 exited with code 3"
    assert (
        text_of(Lost(2, -9, 77, "a.B", key, 3.0))
        == "worker 2 was stopped after 3 s (job timeout) while making a.B (x=1)"
    )
    assert text_of(Retired(2, "30 jobs")) == "a new process replaces worker 2 after 30 jobs"
    assert text_of(Refused(0, "no", "do", "why")) == "error: no\nwhy\nnext: do"
    assert text_of(Begins(1, "a.B", "{}")) == text_of(Alive(1)) == json_of(Alive(1)) == ""
    assert len(text_of(Failed(1, "a.B", "x=1", "y" * 100_000))) < 600


def test_one_line_of_json() -> None:
    value = json.loads(json_of(Failed(3, "a.B", "x=1", "line\nbreak")))
    time = value.pop("time")
    assert time.endswith("+00:00")
    assert value == {"level": "error", "event": "failed", "worker": 3, "table": "a.B", "key": "x=1",
                     "message": "line\nbreak"}  # fmt: skip
    assert json.loads(json_of(Lost(2, -11)))["cause"] == "SIGSEGV"
    assert json.loads(json_of(Waiting(2, "no database", "hint")))["level"] == "warning"


def test_metrics_and_health_are_served() -> None:
    healthy = [True]
    metrics = Metrics(read_address("0"), lambda: healthy[0])
    try:
        for event in (Added(1, "a.B", 5), Begins(1, "a.B", "{}"), Made(1, "a.B", 0.5, 1.0), Begins(1, "a.B", "{}"),
                      Failed(1, "a.B", "", "x"), Begins(2, "a.B", "{}")):  # fmt: skip
            metrics.see(event)
        text = _get(metrics.address.port, "/metrics")
        assert 'djproject_attempts_total{outcome="made",table="a.B"} 1.0' in text
        assert 'djproject_attempts_total{outcome="error",table="a.B"} 1.0' in text
        assert 'djproject_jobs_added_total{table="a.B"} 5.0' in text
        assert 'djproject_make_seconds_bucket{le="1.0",table="a.B"} 1.0' in text
        assert "djproject_workers_busy 1.0" in text
        assert _get(metrics.address.port, "/healthz") == "ok\n"
        healthy[0] = False
        with pytest.raises(urllib.error.HTTPError, match="503") as caught:
            _get(metrics.address.port, "/healthz")
        caught.value.close()
        with pytest.raises(EnvironmentUnavailableError, match="cannot be served"):
            Metrics(metrics.address, lambda: True)
    finally:
        metrics.close()


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("9000", ("127.0.0.1", 9000), "127.0.0.1:9000"),
        ("0.0.0.0:9000", ("0.0.0.0", 9000), "0.0.0.0:9000"),
        ("node-7.lab:1", ("node-7.lab", 1), "node-7.lab:1"),
        ("[::1]:9000", ("::1", 9000), "[::1]:9000"),
    ],
)
def test_an_address_is_this_machine_s_unless_it_names_another(text: str, address: tuple[str, int], shown: str) -> None:
    assert read_address(text) == address
    assert str(read_address(text)) == shown


@pytest.mark.parametrize("text", ["", "x", "-1", "65536", "::1:9000", "a b:1", "http://x:1", "1:2:3", ":9000"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ProjectError, match="is neither a port nor an address"):
        read_address(text)


def test_clients_that_say_nothing_keep_nobody_waiting() -> None:
    metrics = Metrics(read_address("0"), lambda: True)
    silent = [socket.create_connection(metrics.address) for _ in range(20)]
    assert _get(metrics.address.port, "/healthz") == "ok\n"
    metrics.close()  # the end of a run does not wait for them either
    for connection in silent:
        connection.close()


def test_other_machines_do_not_reach_it_unless_asked_for() -> None:
    metrics = Metrics(read_address("0"), lambda: True)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", metrics.address.port), timeout=2)
    metrics.close()
    everywhere = Metrics(Address("0.0.0.0", 0), lambda: True)
    socket.create_connection(("127.0.0.2", everywhere.address.port), timeout=2).close()
    everywhere.close()
