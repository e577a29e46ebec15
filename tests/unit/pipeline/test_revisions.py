"""The files of a package as a revision has them: which count, with which bytes, and what is said where there are none."""

import os
import subprocess
from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.pipeline.revisions import files_at, pipeline_at
from tests.checking import module, table


def git(root: Path, *words: str, given: bytes = b"") -> str:
    command = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b.c", *words]
    return subprocess.run(command, check=True, capture_output=True, input=given).stdout.decode().strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def commit(root: Path, **files: bytes) -> None:
    for name, content in files.items():
        path = root / "workflow" / f"{name.replace('__0__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")


def test_regular_python_files_are_read_sorted_with_their_bytes(root: Path) -> None:
    folder = root / "workflow"
    (folder / "b").mkdir(parents=True)
    (folder / "b/link.py").symlink_to("../a.py")
    (folder / "notes.txt").write_text("no")
    (folder / "py").write_text("no")
    (root / "outside.py").write_text("no")
    (folder / "run.py").write_bytes(b"#!/usr/bin/env python\n")
    (folder / "run.py").chmod(0o755)
    (folder / os.fsdecode(b"\xff.py")).write_bytes(b"odd")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},workflow/module.py")
    (folder / "module.py").mkdir()
    files = {"b__0__c": b"x = 1\r\n\x00\n", "b": b"", "a": b"\n\nsame\n", "c": b"\n\nsame\n", "ü ä": b"no end", "t\tt": b"tab",
             "fits": b"#" * 2_000_000, "large": b"#" * 2_000_001}  # fmt: skip
    commit(root, **files)
    commit(root, a=b"later")
    del files["large"]
    expected = {folder / f"{name.replace('__0__', '/')}.py": content for name, content in files.items()}
    expected |= {folder / "run.py": b"#!/usr/bin/env python\n", folder / os.fsdecode(b"\xff.py"): b"odd"}
    found = files_at(folder, "HEAD~1")
    assert found == expected
    assert list(found) == sorted(expected, key=str)
    assert files_at(folder, "main") == expected | {folder / "a.py": b"later"}
    assert files_at(folder / "b", "HEAD") == {folder / "b/c.py": files["b__0__c"]}


def test_a_pipeline_is_read_from_a_revision(root: Path) -> None:
    commit(root, a=module("a", table("A", "a : int8")).encode(), __init__=b"")
    commit(root, a=module("a", table("B", "b : int8")).encode())
    commit(root, b=module("b", "from flow.a import B", table("C", "-> B")).encode())
    pipeline, files = pipeline_at(root / "workflow", "flow", "HEAD~2")
    assert pipeline.package == "flow"
    assert [(each.full_name, each.path) for each in pipeline.tables] == [("a.A", root / "workflow/a.py")]
    assert files == files_at(root / "workflow", "HEAD~2")
    today, _ = pipeline_at(root / "workflow", "flow", "HEAD")
    assert today.parents == {"a.B": (), "b.C": ("a.B",)}


def test_a_revision_without_the_package_says_so(root: Path) -> None:
    (root / "workflow").mkdir()
    (root / "workflow/notes.txt").write_text("no")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    assert files_at(root / "workflow", "HEAD") == {}
    with pytest.raises(ProjectError) as refused:
        pipeline_at(root / "workflow", "flow", "HEAD")
    assert (refused.value.message, refused.value.hint) == (
        "The revision HEAD has no Python file in workflow.", "git log --oneline -- '*.py'",
    )  # fmt: skip


@pytest.mark.parametrize("revision", ["nowhere", "--all", "-q", "main:workflow", "main:workflow/a.py", ""])
def test_what_is_no_revision_says_so(root: Path, revision: str) -> None:
    commit(root, a=b"x")
    with pytest.raises(ProjectError) as refused:
        files_at(root / "workflow", revision)
    assert (refused.value.message, refused.value.hint) == (
        f"{revision} is no revision that Git knows here.", "git log --oneline",
    )  # fmt: skip
