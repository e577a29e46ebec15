"""Events in logs and in metrics."""

import json
import urllib.error
import urllib.request

import pytest

from djproject.errors import EnvironmentUnavailableError
from djproject.supervisor.event_text import json_of, text_of
from djproject.supervisor.metrics import Metrics
from djproject.worker.events import Added, Alive, Begins, Failed, Lost, Made, Refused, Retired, Waiting


def test_one_line_of_words() -> None:
    assert text_of(Made(1, "a.B", 1.234, 5.0, "x=1")) == "made a.B (x=1) in 1.23 s"
    key = '{"x": 1}'
    assert text_of(Lost(2, -9, 77, "a.B", key)) == "worker 2 was ended by SIGKILL while making a.B (x=1)"
    assert text_of(Lost(2, 3)) == "worker 2 exited with code 3"
    assert (
        text_of(Lost(2, -9, 77, "a.B", key, 3.0))
        == "worker 2 was stopped while making a.B (x=1): it took longer than 3 s"
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
    metrics = Metrics(0, lambda: healthy[0], "127.0.0.1")
    try:
        for event in (Added(1, "a.B", 5), Begins(1, "a.B", "{}"), Made(1, "a.B", 0.5, 1.0), Begins(1, "a.B", "{}"),
                      Failed(1, "a.B", "", "x"), Begins(2, "a.B", "{}")):  # fmt: skip
            metrics.see(event)
        text = _get(metrics.port, "/metrics")
        assert 'djproject_attempts_total{outcome="made",table="a.B"} 1.0' in text
        assert 'djproject_attempts_total{outcome="error",table="a.B"} 1.0' in text
        assert 'djproject_jobs_added_total{table="a.B"} 5.0' in text
        assert 'djproject_make_seconds_bucket{le="1.0",table="a.B"} 1.0' in text
        assert "djproject_workers_busy 1.0" in text
        assert _get(metrics.port, "/healthz") == "ok\n"
        healthy[0] = False
        with pytest.raises(urllib.error.HTTPError, match="503") as caught:
            _get(metrics.port, "/healthz")
        caught.value.close()
        with pytest.raises(EnvironmentUnavailableError, match="cannot be served"):
            Metrics(metrics.port, lambda: True, "127.0.0.1")
    finally:
        metrics.close()


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return str(answer.read().decode())
