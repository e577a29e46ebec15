"""Which tests run without being asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("variables", [{}, {"DJPROJECT_TEST_FRESH": "0"}], ids=["none", "0"])
def test_what_installs_from_the_index_waits_to_be_asked_for(variables: dict[str, str]) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DJPROJECT_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_packaging.py"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment | variables, capture_output=True, text=True, timeout=200, check=False
    )
    assert "set DJPROJECT_TEST_FRESH=1" in done.stdout
    assert " passed" not in done.stdout
