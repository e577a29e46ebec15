"""A module in which something is broken is left out with those that need it; the others are declared and filled."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from djproject.targets.embedded import EmbeddedServer
from tests.checking import module, table, write_project
from tests.conftest import Run
from tests.integration.conftest import MySQL, stop
from tests.integration.test_pipeline import use_mysql

MAKE = "    def make(self, key):\n        self.insert1({**key, 'x': 1})\n"
A = table("A", "k : int32", tier="Lookup", body="    contents = [(1,), (2,)]")
B = table("B", "-> a.A", "---", "x : uint8")


def made(name: str, parent: str) -> str:
    return table(name, f"-> {parent}", "---", "x : int32", tier="Computed", body=MAKE)


@pytest.fixture(params=["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def broken(request: pytest.FixtureRequest, tmp_path: Path, run: Run) -> Iterator[Path]:
    """Module b is broken, c needs it; a and d do not."""
    mark = f"left{uuid.uuid4().hex[:6]}_"
    files = {
        "__init__.py": "from djproject.runtime import configure\n\nconfigure(__file__)\n",
        "a.py": module(f"{mark}a", A),
        "b.py": module(f"{mark}b", B, imports="from . import a"),
        "c.py": module(f"{mark}c", made("C", "b.B"), imports="from . import b"),
        "d.py": module(f"{mark}d", made("D", "a.A"), imports="from . import a"),
    }
    root = write_project(tmp_path / "p", files, git=False)
    if request.param == "mysql":
        server: MySQL = request.getfixturevalue("mysql")
        use_mysql(root, run, server)
        yield root
        server.drop(*(f"{mark}{name}" for name in "dcba"))
    else:
        yield root
        stop(EmbeddedServer(root / ".djproject"))


def test_what_is_broken_is_left_out_and_the_rest_is_filled(broken: Path, run: Run) -> None:
    root = broken
    planned = json.loads(run("deploy", "--dry-run", "--format", "json", cwd=root, code=1).stdout)
    done = run("deploy", "--format", "json", cwd=root, code=1)
    assert json.loads(done.stdout) == planned | {"dry_run": False}
    assert [item["module"] for item in planned["left_out"]] == ["b", "c"]
    assert [item["name"] for item in planned["created"] if item["kind"] == "table"] == ["a.A", "d.D"]
    assert "not deployed: src/workflow/b.py:10 DJP211" in done.stderr
    assert "not deployed: c needs b" in done.stderr
    assert "Next: djproject check" in done.stderr
    filled = run("populate", cwd=root, code=1)
    assert "not populated: c needs b" in filled.stderr
    assert "2 jobs done, 0 failed" in filled.stderr
    assert "2 jobs done" not in run("populate", "d.D", cwd=root, code=1).stderr
    refused = run("populate", "c.C", cwd=root, code=2)
    assert "src/workflow/b.py:10 DJP211" in refused.stderr
    path = root / "src/workflow/b.py"
    path.write_text(path.read_text().replace("uint8", "int32"))
    created = json.loads(run("deploy", "--format", "json", cwd=root).stdout)
    assert [item["name"] for item in created["created"] if item["kind"] == "table"] == ["b.B", "c.C"]
    assert created["left_out"] == []
    assert run("populate", cwd=root).stderr.count("not populated") == 0


def test_what_is_no_python_is_left_out_and_the_rest_is_filled(broken: Path, run: Run) -> None:
    root = broken
    path = root / "src/workflow/b.py"
    path.write_text(path.read_text().replace("class B(", "class B("[:-1] + "((", 1))
    done = run("deploy", "--format", "json", cwd=root, code=1)
    assert [item["module"] for item in json.loads(done.stdout)["left_out"]] == ["b", "c"]
    assert "not deployed: src/workflow/b.py:" in done.stderr
    assert "2 jobs done, 0 failed" in run("populate", cwd=root, code=1).stderr
    shown = run("status", cwd=root)
    assert "Skipping b: src/workflow/b.py:" in shown.stderr
    assert "d.D" in shown.stdout
    assert "Skipping b: " in run("graph", cwd=root).stderr
