"""`djproject diff` as a user sees it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from tests.checking import module, table, write_project

Cli = Callable[..., Result]
MAKE = "    def make(self, key):\n        self.insert1({**key, 'x': FACTOR})\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files: dict[str, str | bytes] = {
        "a.py": module("a", table("A", "k : int32")),
        "b.py": module(
            "b",
            table("B", "-> a.A", "---", "x : int32", tier="Computed", body=MAKE),
            imports="from . import a\nFACTOR = 1",
        ),
        "c.py": module("c", table("C", "-> b.B", tier="Computed", body=MAKE), imports="from . import b\nFACTOR = 1"),
    }
    root = write_project(tmp_path, files)
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    return root


def change(root: Path, name: str, old: str, new: str) -> None:
    path = root / "src/workflow" / name
    path.write_text(path.read_text().replace(old, new))


def test_nothing_changed_is_said_and_succeeds(cli: Cli, project: Path) -> None:
    result = cli("diff", "HEAD", cwd=project)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No table changed.\n")
    assert json.loads(cli("diff", "HEAD", "--format", "json", cwd=project).stdout) == {
        "from": "HEAD", "until": None, "changes": [], "descendants": [],
    }  # fmt: skip
    rebuilt = cli("diff", "HEAD", "--rebuild", cwd=project)
    assert (rebuilt.exit_code, rebuilt.stdout) == (0, "")


def test_what_changed_and_what_is_below_it_are_listed(cli: Cli, project: Path) -> None:
    change(project, "b.py", "FACTOR = 1", "FACTOR = 2")
    change(project, "a.py", 'schema = dj.Schema("a")', 'schema = dj.Schema("a")\n\n' + table("New", "n : int32"))
    result = cli("diff", "HEAD", cwd=project)
    assert result.exit_code == 1
    assert result.stdout == "added     a.New\nchanged   b.B    make (b.FACTOR)\nbelow     c.C\n"
    assert cli("diff", "HEAD", "--rebuild", cwd=project).stdout == (
        "djproject shell -c 'b.B.delete()'\ndjproject populate b.B+\n"
    )
    value = json.loads(cli("diff", "HEAD", "HEAD", "--format", "json", cwd=project).stdout)
    assert (value["until"], value["changes"]) == ("HEAD", [])


def test_of_two_changes_one_below_the_other_the_upper_is_rebuilt(cli: Cli, project: Path) -> None:
    for name in ("b.py", "c.py"):
        change(project, name, "FACTOR = 1", "FACTOR = 2")
    shown = cli("diff", "HEAD", "--rebuild", cwd=project).stdout
    assert shown == "djproject shell -c 'b.B.delete()'\ndjproject populate b.B+\n"


def test_what_is_no_revision_is_refused(cli: Cli, project: Path) -> None:
    result = cli("diff", "nowhere", cwd=project)
    assert result.exit_code == 2
    assert result.stderr == "Error: nowhere is no revision that Git knows here.\nNext: git log --oneline\n"
    for path in (project / "src/workflow").iterdir():
        path.unlink()
    assert "no tables yet" in cli("diff", "HEAD", cwd=project).stderr
