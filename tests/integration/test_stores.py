"""Stores on real places: a folder, and a real S3 server; each failure is one sentence."""

from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import S3

LAB = '\n[tool.djproject.targets.lab]\nhost = "db.invalid"\n'


@pytest.fixture
def lab(tmp_path: Path, run: Run) -> Path:
    root = tmp_path / "lab"
    run("init", str(root), "--yes", "--no-git", cwd=tmp_path)
    with (root / "pyproject.toml").open("a") as file:
        file.write(LAB)
    run("use", "lab", cwd=root)
    return root


def add(run: Run, root: Path, s3: S3, secret: str, *, key: str = "test-id", **changes: str) -> None:
    values = {"endpoint": s3.endpoint, "bucket": s3.bucket, "location": "raw", **changes}
    options = [word for key, value in values.items() for word in (f"--{key}", value)]
    run("stores", "add", "main", "--protocol", "s3", *options, "--insecure", "--access-key", key,
        "--secret-key", secret, "--force", cwd=root)  # fmt: skip


def test_an_object_is_written_read_and_removed(lab: Path, run: Run, s3: S3) -> None:
    add(run, lab, s3, s3.secret_key)
    assert f"ok      store main  s3: s3://{s3.bucket}/raw" in run("stores", "test", "main", cwd=lab).stdout


@pytest.mark.parametrize(
    ("secret", "changes", "sentence"),
    [
        ("wrong-9f", {}, "the key is wrong"),
        (None, {"bucket": "no-such-bucket"}, "there is no bucket 'no-such-bucket' at"),
        (None, {"endpoint": "127.0.0.1:9"}, "127.0.0.1:9 does not answer"),
    ],
    ids=["wrong key", "missing bucket", "no route"],
)
def test_what_failed_is_one_sentence(
    lab: Path, run: Run, s3: S3, secret: str | None, changes: dict[str, str], sentence: str
) -> None:
    add(run, lab, s3, secret or s3.secret_key, **changes)
    result = run("stores", "test", "main", cwd=lab, code=1)
    assert f"The store 'main' cannot be used: {sentence}" in result.stdout
    assert "→ djproject stores" in result.stdout
    assert "9f" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_a_key_that_may_only_read_is_told_so(lab: Path, run: Run, s3: S3) -> None:
    add(run, lab, s3, "reader-secret", key="reader-id")
    result = run("stores", "test", "main", cwd=lab, code=1)
    assert "the key or user has no permission to write there" in result.stdout


def test_a_folder_that_is_missing_is_named_with_its_fix(lab: Path, run: Run) -> None:
    place = lab / "place"
    run("stores", "add", "main", "--protocol", "file", "--location", str(place), cwd=lab)
    result = run("stores", "test", cwd=lab, code=1)
    assert f"its folder {place} does not exist" in result.stdout
    assert f"→ mkdir -p {place}" in result.stdout
    place.mkdir()
    run("stores", "test", cwd=lab)
    assert list(place.iterdir()) == []


def test_at_the_embedded_target_every_store_is_a_folder(lab: Path, run: Run, s3: S3) -> None:
    add(run, lab, s3, s3.secret_key)
    result = run("stores", "test", "main", "--target", "embedded", cwd=lab)
    assert f"file://{lab}/.djproject/stores/main" in result.stdout
    assert not (lab / ".djproject/postgres").exists(), "testing a store starts no database"
