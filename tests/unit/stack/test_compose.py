"""What Compose says of a file, and what its failures mean."""

from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.stack.compose import Compose, Port, compose_of, failure, read_plan

DOCUMENT = {
    "name": "lab",
    "services": {
        "database": {"image": "postgres:17", "ports": [{"published": "5433", "target": 5432}]},
        "store": {"image": "postgres:17", "ports": [{"published": "8000-8010", "target": 8333}, {"target": 1}]},
        "worker": {"image": "lab-worker", "build": {"context": ".."}, "ports": None},
    },
    "volumes": {"data": {"name": "lab_data"}, "other": None},
}


def test_what_a_file_says() -> None:
    plan = read_plan(DOCUMENT)
    assert plan.services == ("database", "store", "worker")
    assert plan.ports == (Port("database", 5433, 5432),), "a range is Docker's to choose from"
    assert plan.volumes == ("lab_data", "other")
    assert (plan.image, plan.pinned) == ("lab-worker", ("postgres:17",))
    assert read_plan({"name": "empty"}).services == ()


@pytest.mark.parametrize(
    ("output", "message", "hint"),
    [
        ("Error response from daemon: no space left on device", "no space left on device", "docker system prune"),
        ("x\nerror: required variable X is missing\nbye", "required variable X is missing", "djproject up"),
        ("a\nBind for 0.0.0.0: port is already allocated", "port is already allocated", "--auto-ports"),
        ("pull access denied for x", "pull access denied for x", "Check the image's name"),
        ("yaml: line 3: bad", "yaml: line 3: bad", "docker-compose.yaml"),
        ("", "no reason", "djproject stack status"),
    ],
)
def test_a_failure_is_one_sentence_and_what_to_type(output: str, message: str, hint: str) -> None:
    error = failure(output, "The stack does not start")
    assert str(error).startswith("The stack does not start: ")
    assert message in str(error)
    assert hint in error.hint


def test_the_compose_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"no docker/docker-compose\.yaml"):
        compose_of(tmp_path)
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/compose.yml").write_text("services: {}")
    (tmp_path / "docker/compose.yaml").write_text("services: {}")
    compose: Compose = compose_of(tmp_path)
    assert compose.file.name == "compose.yaml"
    assert compose.command("up")[-2:] == [str(compose.file), "up"]
