"""What all tests share: a clean environment, the command line, whole sample projects."""

import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from typer.testing import CliRunner, Result

from djproject.cli._app import app, with_global_options_first
from tests.running import Running
from tests.warm import Warm

SERVICES_REQUIRED = os.environ.get("DJPROJECT_REQUIRE_SERVICES") == "1"
FRESH_WANTED = SERVICES_REQUIRED or os.environ.get("DJPROJECT_TEST_FRESH") == "1"
Run = Callable[..., subprocess.CompletedProcess[str]]
PYTHON_ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "200"}


hypothesis.settings.register_profile("no-deadline", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("no-deadline")
OWN_TEMPORARY = pytest.StashKey[Path]()
MEMORY_NEEDED = 6_000_000_000
# Where --cov measures the processes that tests start as well. Elsewhere it would take half as long again and add little.
MEASURED = {
    f"test_{name}.py"
    for name in ("populate", "queue_upkeep", "groups", "deploy", "drift", "embedded", "stores", "shell")
}
COVERAGE = "COVERAGE_PROCESS_CONFIG"  # by which coverage begins in a new process
COVERAGE_SETTINGS = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in a folder of this run's own.

    Every pytest closes the folder that all pytests of one user share, and removes the oldest in it. As root, that locks
    the PostgreSQL of a test out of its own data, because the server runs as another user.
    """
    if not config.option.basetemp and not hasattr(config, "workerinput"):
        config.stash[OWN_TEMPORARY] = Path(tempfile.mkdtemp(prefix="djproject-tests-", dir=_memory()))
        config.option.basetemp = str(config.stash[OWN_TEMPORARY] / "t")
    if config.getoption("numprocesses", None):
        config.pluginmanager.register(Running())


def _memory() -> str | None:
    """A folder in memory, where there is one with room: the tests make and remove a database of 40 MB every second."""
    folder = "/dev/shm"
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK | os.X_OK):
        return None
    found = os.statvfs(folder)
    has_room = found.f_bavail * found.f_frsize > MEMORY_NEEDED and not found.f_flag & os.ST_NOEXEC
    return folder if has_room else None


def pytest_collection_finish() -> None:
    """The garbage collector need not look through thousands of tests after every few."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that no process is left alone with it at the end.

    Kubernetes may still be built when the tests begin, and comes after the others of that kind.
    """
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("kubernetes"):
        return 2
    if item.get_closest_marker("slurm"):
        return 0
    return 1 if any(item.get_closest_marker(slow) for slow in ("docker", "fresh")) else 3


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what installs from the package index; measure the processes that a test starts, or only its own."""
    if item.get_closest_marker("fresh") and not FRESH_WANTED:
        pytest.skip("installs from the package index: set DJPROJECT_TEST_FRESH=1")
    settings = item.config.stash.setdefault(COVERAGE_SETTINGS, os.environ.get(COVERAGE, ""))
    if settings and item.path.name in MEASURED:
        os.environ[COVERAGE] = settings
    else:
        os.environ.pop(COVERAGE, None)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that folder."""
    if OWN_TEMPORARY in config.stash:
        shutil.rmtree(config.stash[OWN_TEMPORARY], ignore_errors=True)


def missing_service(reason: str) -> None:
    """Skip on a laptop, fail in CI."""
    if SERVICES_REQUIRED:
        pytest.fail(f"{reason} (and DJPROJECT_REQUIRE_SERVICES=1)")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("DJ_", "DJPROJECT_")):
            monkeypatch.delenv(name)
    # A pytest that a test starts closes its temporary folder to others, and so, for root, to a PostgreSQL below ours.
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(tmp_path))
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in this process, as typed in `cwd`; only for commands that reach no database."""

    def invoke(*arguments: str, cwd: Path | None = None, input: str | None = None) -> Result:
        if cwd is not None:
            monkeypatch.chdir(cwd)
        return CliRunner().invoke(app, with_global_options_first(arguments), input=input, catch_exceptions=False)

    return invoke


@pytest.fixture(scope="session")
def warm() -> Warm:
    """Starts the commands of `run` and `python` without importing their libraries once more."""
    return Warm({**os.environ, **PYTHON_ENVIRONMENT})


@pytest.fixture
def run(warm: Warm) -> Run:
    """Run a command in a process of its own, as a user does."""

    def invoke(
        *arguments: str, cwd: Path, env: dict[str, str] | None = None, code: int | None = 0, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **PYTHON_ENVIRONMENT, **(env or {})}
        result = warm.run(["-m", "djproject", *arguments], cwd=cwd, env=environment, timeout=timeout)
        if code is not None:
            assert result.returncode == code, f"{arguments}: {result.stdout}\n{result.stderr}"
        return result

    return invoke


@pytest.fixture
def python(warm: Warm) -> Run:
    """Run Python code in a project, its `src` importable; DataJoint tells its connection on stdout before it."""

    def invoke(code: str, *, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join((PYTHON_ENVIRONMENT["PYTHONPATH"], str(cwd / "src")))
        environment = {**os.environ, "PYTHONPATH": path, **(env or {})}
        result = warm.run(["-c", code], cwd=cwd, env=environment, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    return invoke


@pytest.fixture
def project(tmp_path: Path, cli: Callable[..., Result]) -> Path:
    """An empty project."""
    root = tmp_path / "my_pipeline"
    assert cli("init", str(root), "--yes", "--no-git", cwd=tmp_path).exit_code == 0
    return root
