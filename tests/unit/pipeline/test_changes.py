"""Which tables changed between two revisions of a real repository: what counts, and what does not."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.pipeline.changes import changes_since
from djproject.pipeline.revisions import files_at
from djproject.pipeline.selection import select
from tests.checking import module, pipeline_in, table, write_project

TOOLS = (
    "import math\n\nLIMIT = 3\nUNUSED = 1\n\n\ndef inner(x):\n    return x + LIMIT\n\n\ndef smooth(x):\n"
    '    """Smooth."""\n    return inner(x)\n\n\ndef unused(x):\n    return x\n'
)
BASE = "import datajoint as dj\n\n\nclass Making(dj.Computed):\n    def make(self, key):\n        self.store(key, 1)\n\n    def store(self, key, x):\n        self.insert1({**key, 'x': x})\n"
MAKE = "    def make(self, key):\n        # a comment\n        self.insert1({**key, 'x': smooth(len(LUT)) + tools.LIMIT})\n        self.Part.insert1(key)\n"
PART = '\n\n    class Part(dj.Part):\n        definition = "-> master"\n'
FILES = {
    "__init__.py": "",
    "tools.py": TOOLS,
    "base.py": BASE,
    "a.py": module(
        "a",
        table("A", "k : int32  # a comment", "---", "y : int32", tier="Lookup", body="    contents = [(1, 2)]"),
    ),
    "b.py": module(
        "b",
        table("B", "-> a.A", "---", "x : int32", tier="Computed", body=MAKE + PART),
        '@schema\nclass C(Making):\n    """C."""\n\n    definition = "-> B\\n---\\nx : int32"',
        imports="from . import a, tools\nfrom .base import Making\nfrom .tools import smooth\n\nLUT = [1]",
    ),
}


def committed(root: Path, files: dict[str, str | bytes] | None = None) -> Path:
    write_project(root, {**FILES, **(files or {})})
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    return root


def told(root: Path, revision: str = "HEAD", until: str = "") -> dict[str, tuple[list[str], list[str]]]:
    changes = changes_since(pipeline_in(root), revision, until)
    return {change.table: ([str(aspect) for aspect in change.aspects], list(change.through)) for change in changes}


EDITS = [
    ("nothing", "b.py", "", "", {}),
    ("a comment of the code", "b.py", "# a comment", "# another", {}),
    ("formatting", "b.py", "{**key, 'x': smooth(len(LUT)) + tools.LIMIT}", '{\n            **key, "x": smooth(len(LUT)) + tools.LIMIT\n        }', {}),
    ("a docstring", "b.py", '"""C."""', '"""See C."""', {}),
    ("a docstring of a function", "tools.py", '"""Smooth."""', '"""Smoother."""', {}),
    ("a comment of the definition", "a.py", "# a comment", "# another", {}),
    ("what nobody uses", "tools.py", "UNUSED = 1", "UNUSED = 2", {}),
    ("a function nobody uses", "tools.py", "    return x\n", "    return 2 * x\n", {}),
    ("the make", "b.py", "+ tools.LIMIT", "- tools.LIMIT", {"b.B": (["make"], [])}),
    ("a function", "tools.py", "return inner(x)", "return -inner(x)", {"b.B": (["make"], ["tools.smooth"])}),
    ("a function of a function", "tools.py", "return x + LIMIT", "return x - LIMIT", {"b.B": (["make"], ["tools.inner"])}),
    ("a constant elsewhere", "tools.py", "LIMIT = 3", "LIMIT = 4", {"b.B": (["make"], ["tools.LIMIT"])}),
    ("a constant here", "b.py", "LUT = [1]", "LUT = [2]", {"b.B": (["make"], ["b.LUT"])}),
    ("the make of a base", "base.py", "self.store(key, 1)", "self.store(key, 2)", {"b.C": (["make"], ["base.Making.make"])}),
    ("a method of a base", "base.py", "'x': x", "'x': -x", {"b.C": (["make"], ["base.Making.store"])}),
    ("a type", "a.py", "y : int32", "y : int64", {"a.A": (["definition"], [])}),
    ("contents", "a.py", "(1, 2)", "(1, 3)", {"a.A": (["contents"], [])}),
    ("a tier", "a.py", "dj.Lookup", "dj.Manual", {"a.A": (["definition"], [])}),
    ("the definition of a part", "b.py", '"-> master"', '"-> master\\nn : int32"', {"b.B.Part": (["definition"], [])}),
    ("a table less", "a.py", "class A(", "class D(", {"a.D": (["added"], []), "a.A": (["removed"], [])}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new", "expected"), [edit[1:] for edit in EDITS], ids=[e[0] for e in EDITS])
def test_what_changes_a_table_and_what_does_not(
    tmp_path: Path, path: str, old: str, new: str, expected: dict[str, tuple[list[str], list[str]]]
) -> None:
    root = committed(tmp_path)
    file = root / "src/workflow" / path
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    assert told(root) == expected
    if old != new:
        committed(root, {path: file.read_text()})
        assert told(root, "HEAD~1", "HEAD") == expected
        assert told(root) == {}


def test_a_selector_chooses_what_changed(tmp_path: Path) -> None:
    root = committed(tmp_path)
    path = root / "src/workflow/tools.py"
    path.write_text(path.read_text().replace("LIMIT = 3", "LIMIT = 4"))
    pipeline = pipeline_in(root)
    assert [table.full_name for table in select(pipeline, ["changed:HEAD"])] == ["b.B"]
    assert [table.full_name for table in select(pipeline, ["changed:HEAD+"])] == ["b.B", "b.B.Part", "b.C"]


@pytest.mark.parametrize("revision", ["nowhere", "--help", "HEAD:src", ""])
def test_what_is_no_revision_is_one_sentence(tmp_path: Path, revision: str) -> None:
    with pytest.raises(ProjectError, match="is no revision that Git knows here"):
        changes_since(pipeline_in(committed(tmp_path)), revision)


def test_a_revision_without_the_package_and_a_folder_without_repository_are_one_sentence(tmp_path: Path) -> None:
    root = committed(tmp_path / "p")
    git: Callable[..., object] = lambda *words: subprocess.run(  # noqa: E731
        ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b.c", *words], check=True
    )
    git("checkout", "-q", "--orphan", "empty")
    git("rm", "-q", "-r", "--cached", "src")
    git("commit", "-q", "-m", "empty")
    with pytest.raises(ProjectError, match="has no Python file in workflow"):
        changes_since(pipeline_in(root), "HEAD")
    with pytest.raises(ProjectError, match="is no revision"):
        changes_since(pipeline_in(write_project(tmp_path / "q", FILES, git=False)), "HEAD")


def test_links_and_what_is_no_python_in_a_revision_are_passed_over(tmp_path: Path) -> None:
    root = write_project(tmp_path, FILES)
    (root / "src/workflow/link.py").symlink_to("/etc/hostname")
    committed(root, {"old.py": "print 'no'\n", "ümlaut name.py": "x = 1\n"})
    names = {path.name for path in files_at(root / "src/workflow", "HEAD")}
    assert names == {*FILES, "old.py", "ümlaut name.py"}
    assert told(root) == {}
    (root / "src/workflow/old.py").write_text("print 'yes'\n")
    assert told(root) == {}
