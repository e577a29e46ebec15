"""Two projects with one package name, both in one environment: each way in runs the project's own code, or refuses."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from djproject.targets.embedded import EmbeddedServer, stop
from tests.conftest import PYTHON_ENVIRONMENT, Run
from tests.integration.conftest import insert_items

FILES = "from workflow import work; print('file', work.__file__)"


@dataclass(frozen=True, slots=True)
class Twins:
    """Two projects; `other` comes first wherever Python looks."""

    other: Path
    own: Path

    def call(self, *command: str, cwd: Path | None = None, code: int = 0, **environ: str) -> str:
        """What a program says on stdout and stderr, with the other project's source in front of everything."""
        path = os.pathsep.join((str(self.other / "src"), str(self.own / "src"), PYTHON_ENVIRONMENT["PYTHONPATH"]))
        variables = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **environ}
        result = subprocess.run(
            [sys.executable, *command], cwd=cwd or self.own, env=variables, capture_output=True, text=True,
            timeout=120, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout + result.stderr


@pytest.fixture
def twins(jobs_project: Path, tmp_path: Path) -> Iterator[Twins]:
    """The project whose Result is 1.0, and a copy of it, where it is 100.0."""
    other = tmp_path / "other"
    shutil.copytree(jobs_project, other, ignore=shutil.ignore_patterns(".djproject"))
    for name, old, new in (("pyproject.toml", '"jobs"', '"other"'), ("src/workflow/work.py", "1.0", "100.0")):
        path = other / name
        path.write_text(path.read_text().replace(old, new))
    yield Twins(other, jobs_project)
    stop(EmbeddedServer(other / ".djproject"))


def values(project: Path, python: Run) -> list[str]:
    code = "from workflow import work; print('values', *work.Result.to_arrays('value'))"
    return python(code, cwd=project).stdout.rpartition("values")[2].split()


def test_deploy_populate_and_run_use_the_projects_own_source(twins: Twins, python: Run) -> None:
    twins.call("-m", "djproject", "deploy")
    insert_items(python, twins.own, 3)
    twins.call("-m", "djproject", "populate", "work.Result", "--workers", "2")
    assert values(twins.own, python) == ["1.0", "1.0", "1.0"]
    assert not (twins.other / ".djproject/postgres").exists()
    said = twins.call("-m", "djproject", "run", "--", sys.executable, "-c", FILES)
    assert f"file {twins.own}/src/workflow/work.py" in said


def test_pytest_tests_the_projects_own_source_from_the_first_conftest_on(twins: Twins) -> None:
    (twins.own / "tests/conftest.py").write_text("from workflow import work\n")
    (twins.own / "tests/test_own.py").write_text(
        "import datajoint as dj\nfrom workflow import work\n\ndef test_own(pipeline):\n"
        f"    assert work.__file__ == {str(twins.own / 'src/workflow/work.py')!r}\n"
        "    assert 'djproject-test-' in dj.config['database.host']\n"
    )
    twins.call("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_own.py")


def test_pytest_refuses_a_package_that_was_imported_from_elsewhere(twins: Twins, tmp_path: Path) -> None:
    early = tmp_path / "early"
    early.mkdir()
    (early / "early_plugin.py").write_text(
        f"import sys\nsys.path.insert(0, {str(twins.other / 'src')!r})\nimport workflow\n"
    )
    environ = {
        "PYTHONPATH": os.pathsep.join((str(early), PYTHON_ENVIRONMENT["PYTHONPATH"])),
        "DJPROJECT_ROOT": str(twins.other),
    }
    said = twins.call("-m", "pytest", "-q", "-p", "early_plugin", "-p", "no:cacheprovider", code=4, **environ)
    assert "Python imports workflow from" in said
    assert "Next: " in said


@pytest.mark.parametrize("command", [("-c", FILES), ("-m", "workflow.worker"), ("-m", "workflow.work")])
@pytest.mark.parametrize("folder", ["", "notebooks"])
def test_plain_python_refuses_the_other_projects_code(twins: Twins, command: tuple[str, ...], folder: str) -> None:
    for environ in ({}, {"DJPROJECT_ROOT": str(twins.own)}):
        said = twins.call(*command, cwd=twins.own / folder, code=1, **environ)
        assert f"Python imports workflow from {twins.other}/src/workflow (project other)" in said
        assert "Next: djproject run -- python" in said
        assert "file " not in said
    assert not (twins.other / ".djproject/postgres").exists()
    assert not (twins.own / ".djproject/postgres").exists()


def test_a_package_without_the_call_of_configure_is_refused_by_every_command(twins: Twins) -> None:
    """Without `__init__.py` Python prefers the other project's package, wherever it comes on the path."""
    twins.call("-m", "djproject", "deploy")
    (twins.own / "src/workflow/__init__.py").unlink()
    (twins.other / "src/workflow/__init__.py").write_text("raise SystemExit('the other project ran')\n")
    for command in (("deploy",), ("populate",), ("status",)):
        said = twins.call("-m", "djproject", *command, code=2)
        assert f"Python imports workflow from {twins.other}/src/workflow" in said
        assert "Next: touch src/workflow/__init__.py" in said
        assert "the other project ran" not in said


def test_one_python_process_works_for_one_project(twins: Twins) -> None:
    for path in twins.other.rglob("*.*"):
        if path.suffix in {".py", ".toml"}:
            path.write_text(path.read_text().replace("workflow", "stranger"))
    (twins.other / "src/workflow").rename(twins.other / "src/stranger")
    code = "from workflow import work; from stranger import work as other"
    said = twins.call("-c", code, code=1)
    assert f"This process works for {twins.own} (workflow was imported first)" in said
    (twins.own / "src/workflow/helper.py").write_text("from stranger import work\n")
    twins.call("-c", "from workflow import helper")
    assert (twins.own / ".djproject/postgres").exists()
    assert not (twins.other / ".djproject/postgres").exists()


def test_doctor_and_init_say_when_another_project_has_the_name(twins: Twins, tmp_path: Path) -> None:
    said = twins.call("-m", "djproject", "doctor")
    assert f"workflow is also at {twins.other}/src/workflow (project other)" in said
    assert "python -m venv .venv" in said
    said = twins.call("-m", "djproject", "init", str(tmp_path / "third"), "--yes", "--no-git", cwd=tmp_path)
    assert f"another package called workflow: {twins.other}/src/workflow (project other)" in said
    assert "--package" in said
    said = twins.call(
        "-m", "djproject", "init", str(tmp_path / "fourth"), "--yes", "--no-git", "--package", "lab", cwd=tmp_path
    )
    assert "another package" not in said
