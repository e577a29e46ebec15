"""Commands that tests start from a warm process behave as those that are started on their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PYTHON_ENVIRONMENT
from tests.warm import Warm

CODES = {
    "arguments": "import sys; print(sys.argv, sys.path)",
    "environment": "import os; print(sorted(os.environ.items()), os.getcwd())",
    "stdin": "import sys; print(repr(sys.stdin.read()), sys.stdin.isatty())",
    "message": "import sys; print('out'); raise SystemExit('no')",
    "number": "raise SystemExit(3)",
    "killed": "import os; print('out', flush=True); os.kill(os.getpid(), 9)",
    "at the end": "import atexit; atexit.register(print, 'the end')",
    "own modules": "import sys; print({'datajoint', 'djproject', 'pytest'} & set(sys.modules))",
    "child": "import multiprocessing as m; p = m.Process(target=print, args=(1,)); p.start(); p.join(); print(p.exitcode)",
}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_a_command_is_as_started_on_its_own(warm: Warm, tmp_path: Path, code: str) -> None:
    env = {**os.environ, **PYTHON_ENVIRONMENT, "SPECIAL": "1"}
    told = warm.run(["-c", code], cwd=tmp_path, env=env, timeout=60)
    alone = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (told.stdout, told.stderr, told.returncode) == (alone.stdout, alone.stderr, alone.returncode)


def test_a_changed_interpreter_is_started_on_its_own(warm: Warm, tmp_path: Path) -> None:
    env = {**os.environ, **PYTHON_ENVIRONMENT, "PYTHONOPTIMIZE": "2"}
    assert warm.run(["-c", "import sys; print(sys.flags.optimize)"], cwd=tmp_path, env=env, timeout=60).stdout == "2\n"


@pytest.mark.parametrize(
    "code", ["import time; time.sleep(30)", "import subprocess; subprocess.Popen(['sleep', '30'])"]
)
def test_what_takes_too_long_is_killed(warm: Warm, tmp_path: Path, code: str) -> None:
    """Also where the command has ended, and something that it left behind holds its output."""
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run(["-c", code], cwd=tmp_path, env={**os.environ, **PYTHON_ENVIRONMENT}, timeout=0.5)


def test_the_libraries_are_set_aside_by_the_collector(warm: Warm, tmp_path: Path) -> None:
    env = {**os.environ, **PYTHON_ENVIRONMENT}
    told = warm.run(["-c", "import gc; print(gc.get_freeze_count())"], cwd=tmp_path, env=env, timeout=60).stdout
    assert int(told) > 50_000
