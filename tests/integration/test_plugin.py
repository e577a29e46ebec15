"""The pytest plugin: real tables, thrown away; never the user's own database."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import PYTHON_ENVIRONMENT, Run


def run_pytest(root: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=root, env={**os.environ, **PYTHON_ENVIRONMENT, **(env or {})}, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip


def test_the_tests_of_a_new_project_pass_at_once(project: Path, run: Run) -> None:
    run("add-schema", "subject", "--table", "Subject:manual", cwd=project)
    result = run_pytest(project)
    assert result.returncode == 0, result.stdout
    assert "3 passed" in result.stdout
    assert not (project / ".djproject/postgres").exists()


def test_the_examples_tests_populate_it_in_a_throw_away_database(example: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # of this test alone, and short enough for a socket
        result = run_pytest(example, env={"TMPDIR": folder})
        assert result.returncode == 0, result.stdout
        assert "7 passed" in result.stdout
        assert not list(Path(folder).glob("djproject-test-*")), "the throwaway database was left behind"


def test_dj_variables_never_lead_the_tests_to_a_real_database(project: Path) -> None:
    (project / "tests/test_where.py").write_text(
        "import datajoint as dj\n\ndef test_where(pipeline):\n"
        "    host = dj.config['database.host']\n"
        "    assert host.startswith('/') and 'production' not in host\n"
        "    assert not dj.config['safemode']\n"
    )
    environ = {"DJ_HOST": "production.example.org", "DJ_USER": "admin", "DJ_PASS": "x", "DJ_BACKEND": "mysql"}
    result = run_pytest(project, "tests/test_where.py", env=environ)
    assert result.returncode == 0, result.stdout


def test_a_missing_module_fails_instead_of_passing_for_nothing(project: Path) -> None:
    (project / "tests/test_none.py").write_text(
        "import pytest\n\ndef test_none(pipeline):\n    with pytest.raises(KeyError):\n        pipeline.tables_of('nothing')\n"
    )
    assert run_pytest(project, "tests/test_none.py").returncode == 0


@pytest.mark.parametrize("marker", ["", "[tool.other]\n"])
def test_outside_a_project_the_plugin_does_nothing(tmp_path: Path, marker: str) -> None:
    root = tmp_path / "other"
    root.mkdir()
    (root / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{marker}")
    (root / "test_x.py").write_text(
        "import os, sys\ndef test_x():\n    assert 'DJPROJECT_STATE' not in os.environ and 'datajoint' not in sys.modules\n"
    )
    assert run_pytest(root).returncode == 0
