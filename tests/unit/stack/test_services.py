"""What the state of a container means, and what its last lines mean."""

from typing import Any

import pytest

from djproject.stack.services import CAUSES, Service, likely_cause


def service(name: str = "worker", **values: Any) -> Service:
    known: dict[str, Any] = {
        "service": name, "container": f"lab-{name}-1", "state": "running", "health": "", "exit_code": 0,
        "image": "i", "image_id": "1", "ports": (), "started": "", "finished": "",
    }  # fmt: skip
    return Service(**(known | values))


@pytest.mark.parametrize(
    ("state", "health", "up", "failed"),
    [
        ("running", "", True, False),
        ("running", "healthy", True, False),
        ("running", "starting", False, False),
        ("running", "unhealthy", False, True),
        ("exited", "", False, True),
        ("dead", "healthy", False, True),
        ("created", "", False, False),
        ("restarting", "", False, False),
    ],
)
def test_up_failed_or_to_wait_for(state: str, health: str, up: bool, failed: bool) -> None:
    found = service(state=state, health=health)
    assert (found.is_up, found.has_failed) == (up, failed)


@pytest.mark.parametrize(("words", "cause", "hint"), CAUSES)
def test_each_cause_is_recognised_in_any_case(words: tuple[str, ...], cause: str, hint: str) -> None:
    for word in words:
        assert likely_cause(f"first line\n… {word.upper()} …\n", service()) == (cause, hint)


def test_no_cause_is_made_up() -> None:
    assert likely_cause("Traceback: ValueError: 3", service()) == ("", "")
    assert likely_cause("permission denied", service(killed_for_memory=True))[0] == "the machine ran out of memory"
