"""`diff --target`: the rows that a change concerns, and who made them, on both servers."""

import json
import subprocess
from pathlib import Path

from tests.conftest import Run
from tests.integration.conftest import insert_items


def commit(root: Path, message: str) -> None:
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", message], check=True)


def test_the_rows_at_stake_and_the_versions_that_made_them(server_project: Path, run: Run, python: Run) -> None:
    root, path = server_project, server_project / "src/workflow/work.py"
    target = "lab" if "targets.lab" in (root / "pyproject.toml").read_text() else "embedded"
    commit(root, "one")
    run("deploy", cwd=root)
    insert_items(python, root, 3)
    run("populate", "Result", cwd=root)
    path.write_text(path.read_text().replace('"value": 1.0', '"value": 3.0'))
    commit(root, "two")
    insert_items(python, root, 5)
    run("populate", cwd=root)
    plain = run("diff", "HEAD~1", cwd=root, code=1)
    assert plain.stdout == "changed   work.Result  make\nbelow     work.Child\n"
    result, child = run("diff", "HEAD~1", "--target", target, cwd=root, code=1).stdout.splitlines()
    versions = [
        subprocess.run(["git", "-C", str(root), "describe", "--always", revision], capture_output=True, text=True,
                       check=True).stdout.strip()
        for revision in ("HEAD~1", "HEAD")
    ]  # fmt: skip
    assert result == f"changed   work.Result  make; 5 rows ({versions[0]}: 3, {versions[1]}: 2)"
    assert child == f"below     work.Child   5 rows ({versions[1]}: 5)"
    document = json.loads(run("diff", "HEAD~1", "--target", target, "--format", "json", cwd=root, code=1).stdout)
    stake = document["rows"]["work.Result"]
    assert (stake["rows"], list(stake["versions"].values())) == (5, [3, 2])
    assert stake["seconds"] > 0
    status = json.loads(run("status", "--format", "json", cwd=root).stdout)
    assert status["differences"] == []


def test_a_table_that_is_not_declared_has_no_rows(server_project: Path, run: Run) -> None:
    root = server_project
    target = "lab" if "targets.lab" in (root / "pyproject.toml").read_text() else "embedded"
    commit(root, "one")
    path = root / "src/workflow/work.py"
    path.write_text(path.read_text().replace('"value": 1.0', '"value": 3.0'))
    shown = run("diff", "HEAD", "--target", target, cwd=root, code=1).stdout
    assert shown == "changed   work.Result  make; not declared\nbelow     work.Child   not declared\n"
