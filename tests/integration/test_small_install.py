"""`pip install djproject` without extras: what designs and checks a pipeline works, and the rest says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.fresh, pytest.mark.timeout(600), pytest.mark.xdist_group("fresh")]


def call(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DJ"))}
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with this checkout's wheel and its plain dependencies."""
    folder = tmp_path_factory.mktemp("small")
    assert call(sys.executable, "-m", "venv", "venv", cwd=folder).returncode == 0
    python = folder / "venv" / "bin" / "python"
    source = folder / "source"
    source.mkdir()
    for name in ("djproject", "pyproject.toml", "README.md", "LICENSE"):
        call("cp", "-r", str(ROOT / name), str(source), cwd=folder)
    installed = call(
        str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(source), cwd=folder
    )
    assert installed.returncode == 0, installed.stderr
    return python.parent


def test_neither_datajoint_nor_a_database_server_is_installed(binaries: Path) -> None:
    listed = call(str(binaries / "python"), "-m", "pip", "list", "--format=freeze", cwd=binaries).stdout.lower()
    assert "djproject" in listed
    assert not [name for name in ("datajoint", "numpy", "pandas", "pgserver", "botocore") if f"\n{name}" in listed]


def test_a_project_is_made_and_checked_and_deploy_says_what_to_install(binaries: Path, tmp_path: Path) -> None:
    djproject = str(binaries / "djproject")
    root = tmp_path / "pipeline"
    assert call(djproject, "init", str(root), "--example", "--yes", cwd=tmp_path).returncode == 0
    for command in (
        ("add-schema", "extra", "--upstream", "subject"),
        ("add-table", "extra", "Note:manual", "--parent", "subject.Subject"),
        ("stores", "list"),
        ("check",),
        ("graph", "-o", "pipeline.svg"),
        ("config", "show"),
    ):
        result = call(djproject, *command, cwd=root)
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    for command in (("deploy",), ("status",), ("populate",)):
        result = call(djproject, *command, cwd=root)
        assert result.returncode == 2, result.stderr
        assert "is not installed in this environment" in result.stderr
        assert "pip install" in result.stderr
        assert "Traceback" not in result.stderr
