"""The pytest plugin: a throwaway database and stores per test session, with the pipeline deployed in it.

Inert outside projects whose pyproject.toml has a `[tool.djproject]` or `[tool.datajoint]` table. Nothing heavy is
imported until a test asks for the pipeline.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from djproject.errors import DJProjectError
from djproject.project.location import find_root, load_project
from djproject.project.origin import check_origin, put_first
from djproject.targets.choice import EMBEDDED
from djproject.targets.embedded import EmbeddedServer, discard

if TYPE_CHECKING:
    from djproject.database.loading import LoadedTable
    from djproject.project.location import Project
    from djproject.targets.choice import Target
    from djproject.worker.events import Failed

STATE = pytest.StashKey[Path]()
CHOSEN = pytest.StashKey[bool]()


@dataclass(frozen=True, slots=True)
class DeployedPipeline:
    """A pipeline, deployed for the tests of one session.

    Attributes
    ----------
    package
        The imported package.
    loaded
        Its tables, parents first.
    """

    package: ModuleType
    loaded: "tuple[LoadedTable, ...]"

    @property
    def tables(self) -> tuple[Any, ...]:
        """All table classes, parents first, parts among them."""
        return tuple(loaded.cls for loaded in self.loaded)

    def tables_of(self, module: str) -> tuple[Any, ...]:
        """The table classes of one schema module; KeyError if the pipeline has no such module."""
        found = tuple(loaded.cls for loaded in self.loaded if loaded.table.module == module)
        if not found and not hasattr(self.package, module):
            raise KeyError(module)
        return found

    def populate(self) -> "list[Failed]":
        """Fill every imported and computed table in this process.

        The failed jobs come back; those whose `make` inserted nothing, and those that would be tried again, among them.
        """
        from djproject.database.history import History
        from djproject.project.names import AUTOPOPULATED
        from djproject.worker.attempt import attempt
        from djproject.worker.events import Failed, MadeNothing, Postponed
        from djproject.worker.queue import MADE_NOTHING, Queue

        failed = []
        for loaded in self.loaded:
            if loaded.table.tier not in AUTOPOPULATED:
                continue
            queue = Queue(loaded)
            queue.refresh()
            while keys := queue.claim(100):
                for key in keys:
                    match attempt(queue, key, History(None, ""), slot=1):
                        case Failed() as outcome:
                            failed.append(outcome)
                        case MadeNothing(slot, table, text):
                            failed.append(Failed(slot, table, text, MADE_NOTHING))
                        case Postponed(slot, table, text, message):
                            failed.append(Failed(slot, table, text, message))
        return failed


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--djproject-target`."""
    group = parser.getgroup("djproject")
    group.addoption(
        "--djproject-target",
        metavar="NAME",
        help="Run the tests against this target defined in pyproject.toml instead of a throwaway embedded database.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Point everything that is imported from now on at a throwaway database, never at a real one.

    A conftest.py may import the pipeline, so this comes before any of them is read.
    """
    root = find_root(early_config.rootpath)
    if root is not None:
        _choose_database(early_config, root)
        _choose_source(root)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test another project's code; the database is chosen here where a conftest.py named this plugin."""
    root = find_root(config.rootpath)
    if root is None:
        return
    # DataJoint warns about its own deprecated module whenever it is imported.
    config.addinivalue_line("filterwarnings", "ignore:datajoint.migrate is deprecated:DeprecationWarning")
    _choose_database(config, root)
    _choose_source(root)


def _choose_source(root: Path) -> None:
    """Let Python import the package from the project's source; UsageError where it was imported from elsewhere."""
    try:
        project = load_project(root)
        put_first(project, sys.path)
        check_origin(project, project.package)
    except DJProjectError as error:
        hint = f"\nNext: {error.hint}" if error.hint else ""
        raise pytest.UsageError(f"{error.message}{hint}") from error


def _choose_database(config: pytest.Config, root: Path) -> None:
    if config.stash.get(CHOSEN, False):
        return
    config.stash[CHOSEN] = True
    os.environ["DJPROJECT_ROOT"] = str(root)
    target = getattr(config.known_args_namespace, "djproject_target", None)
    if target:
        os.environ |= {"DJPROJECT_TARGET": target, "DJ_IGNORE_CONFIG_FILE": "true"}
        return
    for variable in [name for name in os.environ if name.startswith("DJ_")]:
        del os.environ[variable]
    state = Path(tempfile.mkdtemp(prefix="djproject-test-"))
    config.stash[STATE] = state
    os.environ |= {
        "DJPROJECT_STATE": str(state),
        "DJPROJECT_TARGET": EMBEDDED,
        "DJPROJECT_DURABLE": "false",
        "DJ_SAFEMODE": "false",
        "DJ_IGNORE_CONFIG_FILE": "true",
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the throwaway database and remove it with its stores."""
    state = config.stash.get(STATE, None)
    if state is None:
        return
    if "datajoint" in sys.modules:
        connection = getattr(sys.modules["datajoint"].conn, "connection", None)
        if connection is not None:
            connection.close()
    discard(EmbeddedServer(state, durable=False))


@pytest.fixture(scope="session")
def djproject_project() -> "Project":
    """The project that the tests belong to."""
    return load_project()


@pytest.fixture(scope="session")
def djproject_target(djproject_project: "Project") -> "Target":
    """The target the tests run against: a throwaway embedded one, unless `--djproject-target` says otherwise."""
    from djproject.targets.choice import load_target

    return load_target(djproject_project)


@pytest.fixture(scope="session")
def pipeline(djproject_project: "Project", djproject_target: "Target") -> DeployedPipeline:
    """The pipeline with all its tables and job tables declared."""
    import importlib

    from djproject.database.agreement import blocking, sentences
    from djproject.database.deploy import deploy
    from djproject.database.loading import load_tables
    from djproject.pipeline.source import load_pipeline

    source = load_pipeline(djproject_project)
    deployment = deploy(djproject_project, djproject_target, source)
    if differing := blocking(deployment.differences):
        pytest.fail("\n".join(sentences(differing).values()), pytrace=False)
    loaded = load_tables(djproject_project, djproject_target, source, create=True)
    return DeployedPipeline(importlib.import_module(djproject_project.package), loaded)
