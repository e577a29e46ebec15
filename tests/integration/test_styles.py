"""The styles in which pipelines are written declare the same tables on a server: what the static reader is held to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import MySQL, PostgreSQL
from tests.styles import EDGES, STYLES

ROOT = Path(__file__).parents[2]
# Takes every style in turn: writes its files, imports them, and prints the foreign keys that DataJoint then loads.
RUNNER = """
import importlib, json, shutil, sys
from pathlib import Path
import datajoint as dj
from tests.styles import STYLES
connection = dj.conn()
quote = "`" if connection.adapter.backend == "mysql" else '"'
more = "" if quote == "`" else " CASCADE"
found = {}
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
def drop():
    for name in ("scan", "subject", "lab"):
        connection.query(f"DROP SCHEMA IF EXISTS {quote}{name}{quote}{more}")
for style, files in STYLES.items():
    drop()
    for name in [name for name in sys.modules if name.split(".")[0] == "workflow"]:
        del sys.modules[name]
    shutil.rmtree(folder / "workflow", ignore_errors=True)
    (folder / "workflow").mkdir()
    (folder / "workflow/__init__.py").touch()
    for name, text in files.items():
        path = folder / name.removeprefix("src/") if "/" in name else folder / "workflow" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    importlib.invalidate_caches()
    try:
        for name in ["lab", "subject", "scan", *(name[:-3] for name in files if "/" not in name)]:
            if not name.startswith("__"):
                importlib.import_module("workflow." + name)
        connection.dependencies.load(force=True, schema_names={"lab", "subject", "scan"})
        plain = lambda name: name.replace('"', "").replace("`", "")
        found[style] = sorted(
            [plain(child), plain(parent), sorted(edge["attr_map"].items()), edge["primary"]]
            for parent, child, edge in connection.dependencies.edges(data=True)
        )
    except Exception as error:
        found[style] = f"{type(error).__name__}: {error}"
drop()
print("FOUND" + json.dumps(found))
"""
NAMES = {
    "lab.Lab": "lab.#lab", "subject.Subject": "subject.subject", "scan.Scan": "scan._scan",
    "scan.Scan.Frame": "scan._scan__frame", "scan.Fit": "scan.__fit",
}  # fmt: skip
NOT_RUNNABLE = {"from another package"}  # which is not installed


@pytest.mark.parametrize("backend", ["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def test_every_style_declares_what_the_reader_finds(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str
) -> None:
    place: PostgreSQL | MySQL = request.getfixturevalue("mysql_alone" if backend == "mysql" else backend)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DJ_IGNORE_CONFIG_FILE": "true", "DJ_BACKEND": backend}
    environ |= {"DJ_HOST": place.host, "DJ_PORT": str(place.port), "DJ_USER": place.user, "DJ_PASS": place.password}
    environ |= {"DJ_USE_TLS": "false", "DJ_LOG_LEVEL": "ERROR"}
    if backend == "postgresql":
        environ["DJ_DATABASE_NAME"] = "postgres"
    command = [sys.executable, "-W", "ignore", "-c", RUNNER, str(tmp_path)]
    answer = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=300)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.partition("FOUND")[2])
    expected = sorted(
        [NAMES[child], NAMES[parent], sorted(map(list, attributes)), primary]
        for child, parent, attributes, primary in EDGES
    )
    wrong = {style: found[style] for style in STYLES if style not in NOT_RUNNABLE and found[style] != expected}
    assert wrong == {}


def test_modules_that_import_each_other_as_scripts_do_are_deployed_and_filled(tmp_path: Path, run: Run) -> None:
    from tests.styles import PLAIN

    folder = tmp_path / "pipeline"
    folder.mkdir()
    for name, text in PLAIN.items():
        (folder / f"{name}.py").write_text(text.replace("from . import", "import"))
    run("init", ".", "--adopt", "--minimal", "--yes", "--no-git", cwd=tmp_path)
    done = run("deploy", cwd=tmp_path)
    assert "created table scan.Fit" in done.stdout
    run("shell", "-c", "subject.Subject.insert1({'subject_id': 1, 'lab': 'a'})", cwd=tmp_path)
    assert "2 jobs done, 0 failed" in run("populate", cwd=tmp_path).stderr
    run("down", cwd=tmp_path)
