"""The image is built again when, and only when, something it holds has changed."""

import io
import zipfile
from pathlib import Path

import pytest

import djproject
from djproject.stack.image import context_digest, put_wheel
from djproject.stack.starting import none_newer, read_state, write_state


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src/lab").mkdir(parents=True)
    (tmp_path / "src/lab/a.py").write_text("a = 1")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/Dockerfile").write_text("FROM x")
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


@pytest.mark.parametrize("name", ["src/lab/a.py", "src/lab/new.bin", "docker/Dockerfile", "docker/wheels/x.whl", "pyproject.toml"])  # fmt: skip
def test_a_change_of_what_the_image_holds(root: Path, name: str) -> None:
    before = context_digest(root, "3.12 1000")
    assert context_digest(root, "3.12 1000") == before
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("changed")
    assert context_digest(root, "3.12 1000") != before


@pytest.mark.parametrize(
    "name", ["src/lab/__pycache__/a.pyc", "src/lab.egg-info/PKG-INFO", "notebooks/a.ipynb", ".git/HEAD"]
)
def test_a_change_of_what_it_does_not_hold(root: Path, name: str) -> None:
    before = context_digest(root, "3.12 1000")
    (root / name).parent.mkdir(parents=True)
    (root / name).write_text("changed")
    assert context_digest(root, "3.12 1000") == before
    assert context_digest(root, "3.13 1000") != before


def test_a_renamed_file_is_a_change(root: Path) -> None:
    before = context_digest(root, "")
    (root / "src/lab/a.py").rename(root / "src/lab/b.py")
    assert context_digest(root, "") != before


def test_the_wheel_of_this_djproject(root: Path) -> None:
    old = root / "docker/wheels/djproject-0.0.1-py3-none-any.whl"
    old.parent.mkdir()
    old.write_bytes(b"")
    (old.parent / "another-1.whl").write_bytes(b"")
    path = put_wheel(root)
    data, time = path.read_bytes(), path.stat().st_mtime_ns
    assert not old.exists()
    assert (old.parent / "another-1.whl").exists()
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert {"djproject/__init__.py", f"djproject-{djproject.__version__}.dist-info/RECORD"} <= set(names)
    assert not any("__pycache__" in name for name in names)
    assert put_wheel(root).stat().st_mtime_ns == time, "the same bytes are not written again"


def test_what_a_step_was_done_with(tmp_path: Path) -> None:
    assert read_state(tmp_path, "build") == ""
    write_state(tmp_path, "build", "one")
    write_state(tmp_path, "deploy", "two")
    assert (read_state(tmp_path, "build"), read_state(tmp_path, "deploy")) == ("one", "two")
    (tmp_path / "state.json").write_text("[")
    assert read_state(tmp_path, "build") == ""


def test_a_volume_made_after_the_tables_were_declared() -> None:
    finished = "2026-01-01T10:00:00.5Z"
    assert none_newer([], finished)
    assert none_newer(["2026-01-01T09:00:00Z", "2026-01-01T12:00:00+02:00"], finished)
    assert not none_newer(["2026-01-01T09:00:00Z", "2026-01-01T09:00:01-02:00"], finished)
