"""Which files of a folder are a package's modules, and what they are called."""

import os
from pathlib import Path

import pytest

from djproject.pipeline.files import load_files, module_name


def test_the_python_files_below_a_folder_are_read_sorted_by_path(tmp_path: Path) -> None:
    files = {
        "b.py": b"b", "a/__init__.py": b"", "a/c.py": b"\xff", "a.py": b"x = 1\r\n", "a-b.py": b"",
        ".hidden/a.py": b"", "a/.venv/a.py": b"", "__pycache__/a.py": b"", "a/__pycache__/a.py": b"",
        "a.pyc": b"", "notes.txt": b"", "py": b"", "a/d/.e.py": b"hidden", "pycache/x.py": b"y",
    }  # fmt: skip
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = load_files(tmp_path)
    names = ["a-b.py", "a.py", "a/__init__.py", "a/c.py", "a/d/.e.py", "b.py", "pycache/x.py"]
    assert [str(path) for path in found] == [f"{tmp_path}/{name}" for name in names]
    assert {str(path.relative_to(tmp_path)): content for path, content in found.items()} == {
        name: files[name] for name in names
    }


def test_a_file_that_cannot_be_read_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to("nowhere")
    os.mkfifo(tmp_path / "b.py")
    (tmp_path / "c.py").write_bytes(b"x")
    assert load_files(tmp_path) == {tmp_path / "a.py": b"", tmp_path / "b.py": b"", tmp_path / "c.py": b"x"}
    assert load_files(tmp_path / "nothing") == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("__init__.py", ""),
        ("a.py", "a"),
        ("a/__init__.py", "a"),
        ("a/b/__init__.py", "a.b"),
        ("a/b/c.py", "a.b.c"),
        ("my__init__.py", "my__init__"),
        ("a.py.py", "a.py"),
        ("a/__init__/b.py", "a.__init__.b"),
    ],
)
def test_a_module_is_called_by_its_path_below_the_package(path: str, name: str) -> None:
    assert module_name(Path("/x/workflow") / path, Path("/x/workflow")) == name
