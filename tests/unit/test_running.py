"""A run of tests that is ended from outside says which of them were running."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
import pathlib, time
def test_quick(): pass
def test_endless():
    pathlib.Path("begun").touch()
    time.sleep(600)
"""


def test_the_tests_that_were_running_are_named(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.running import Running\ndef pytest_configure(config):\n"
        "    if config.getoption('numprocesses'):\n        config.pluginmanager.register(Running())\n"
    )
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", "-p", "no:djproject", "--rootdir=."]
    with subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.terminate()
        told, _ = process.communicate(timeout=60)
    _, ended, running = told.partition("Ended from outside after ")
    assert ended, told
    assert [line.split()[-1] for line in running.splitlines()[1:]] == ["test_it.py::test_endless"], told
