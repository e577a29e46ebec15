"""Where a project is and what its pyproject.toml says of it."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from djproject.errors import ConfigError, ProjectError
from djproject.project.checking import CheckTable
from djproject.project.opening import UnreadableFileError, read_regular, read_text
from djproject.project.schema import SettingProblem, read_table
from djproject.project.settings_schema import DATAJOINT, DJPROJECT
from djproject.project.tables import MANAGED_TARGETS, DataJointTable, TargetTable, target_store_problems

if TYPE_CHECKING:
    from djproject.project.clusters import Cluster
    from djproject.project.groups import WorkerGroup

PYPROJECT = "pyproject.toml"
NO_PACKAGES = frozenset({"src", "tests", "test", "docs", "doc", "examples", "scripts", "notebooks", "benchmarks"})
DEFAULT_PACKAGE = "workflow"
NO_PROJECT_HINT = "djproject init my_pipeline  (or: djproject init . --adopt)"


class Project(NamedTuple):
    """One pipeline project: a repository that is a Python package.

    Attributes
    ----------
    root
        The folder of pyproject.toml.
    name
        The distribution's name; the folder's name where pyproject.toml has none.
    package
        The import package, in `src/` or at the top of the repository.
    datajoint
        What `[tool.datajoint]` says.
    target
        The target that `[tool.djproject]` names; "embedded" where it names none.
    targets
        The targets defined in `[tool.djproject.targets]`, by name; embedded and stack are not among them.
    check
        What `[tool.djproject.check]` says.
    groups
        The groups of workers in `[tool.djproject.workers]`, by name.
    clusters
        Those of `[tool.djproject.clusters]`, by name.
    managed
        What `[tool.djproject.targets]` says of embedded and stack: their stores, and the prefix of schemas.
    schema_prefix
        What is put before the names of schemas in a database, where the target says nothing else.
    source_folder
        The folder that has the package, relative to the root; empty where the settings do not say.
    """

    root: Path
    name: str
    package: str
    datajoint: DataJointTable
    target: str
    targets: Mapping[str, TargetTable]
    check: CheckTable = CheckTable()
    groups: Mapping[str, "WorkerGroup"] = MappingProxyType({})
    clusters: Mapping[str, "Cluster"] = MappingProxyType({})
    managed: Mapping[str, TargetTable] = MappingProxyType({})
    schema_prefix: str = ""
    source_folder: str = ""

    @property
    def import_root(self) -> Path:
        """The folder to put on `sys.path`, so that `import package` finds the project's own source.

        `src/`, unless the package is at the top of the repository and not there, or the settings name another folder.
        """
        if self.source_folder:
            return self.root / self.source_folder
        first, *_ = self.package.split(".")
        at_top = not (self.root / "src" / first).is_dir() and (self.root / first).is_dir()
        return self.root if at_top else self.root / "src"

    @property
    def source(self) -> Path:
        """The folder of the import package."""
        return self.import_root.joinpath(*self.package.split("."))

    @property
    def source_path(self) -> str:
        """The folder of the import package, relative to the root: `src/workflow`."""
        return self.source.relative_to(self.root).as_posix()


def find_root(start: Path) -> Path | None:
    """The nearest folder, from `start` upwards, whose pyproject.toml is about a DataJoint pipeline; else None.

    A pyproject.toml that cannot be parsed counts where it mentions one of the two tables: the user means it.
    """
    for folder in (start, *start.parents):
        try:
            text = read_regular(folder / PYPROJECT)
        except UnreadableFileError as error:
            if folder == start:
                raise ConfigError(
                    f"{folder / PYPROJECT} {error.strerror}.", hint=f"ls -l {folder / PYPROJECT}"
                ) from error
            continue
        except OSError:
            continue
        if b"tool.djproject" in text or b"tool.datajoint" in text:
            return folder
    return None


def load_project(start: Path | None = None, environ: Mapping[str, str] = os.environ) -> Project:
    """The project that `start` lies in.

    Parameters
    ----------
    start
        A folder; by default `$DJPROJECT_ROOT`, else the current one.
    environ
        Where `DJPROJECT_ROOT` is looked up.

    Raises
    ------
    ProjectError
        There is no project here or above.
    ConfigError
        Its pyproject.toml is malformed.
    """
    if start is None:
        start = Path(environ.get("DJPROJECT_ROOT") or Path.cwd())
    start = start.resolve()
    root = find_root(start)
    if root is None:
        raise ProjectError(f"{start} is not in a djproject project.", hint=NO_PROJECT_HINT)
    path = root / PYPROJECT
    return read_project(root, read_document(read_text(path), path))


def read_document(text: str, path: Path) -> dict[str, object]:
    """The parsed TOML document, or a ConfigError that names file, line and column."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        lines = text.split("\n")
        end = f"at line {len(lines)}, column {len(lines[-1]) + 1}"
        reason = str(error).replace("at end of document", end)
        raise ConfigError(f"{path} is not valid TOML: {reason}.", hint=f"$EDITOR {path}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply to be read.", hint=f"$EDITOR {path}") from error
    except ValueError as error:  # Python converts no text to a number of thousands of digits
        raise ConfigError(f"{path} has a number that is too long.", hint=f"$EDITOR {path}") from error


def read_project(root: Path, document: Mapping[str, object]) -> Project:
    """The project that a parsed pyproject.toml in `root` describes.

    Raises
    ------
    ConfigError
        The first setting that is refused.
    """
    project, problems = read_leniently(root, document)
    if problems:
        raise problems[0].error()
    return project


def read_leniently(root: Path, document: Mapping[str, object]) -> tuple[Project, tuple[SettingProblem, ...]]:
    """The project without the settings that are refused, and those."""
    match document:
        case {"project": {"name": str(name)}}:
            pass
        case _:
            name = root.name
    tool = document.get("tool")
    tables: Mapping[str, object] = tool if isinstance(tool, Mapping) else {}
    own, problems = read_table(DJPROJECT, tables.get("djproject", {}), ("tool", "djproject"))
    datajoint, more = read_table(DATAJOINT, tables.get("datajoint", {}), ("tool", "datajoint"))
    own, datajoint = own or {}, datajoint or DataJointTable()
    targets = own.get("targets", {})
    problems = [*more, *problems]
    broken = {problem.store for problem in problems}
    problems += [
        problem for problem in target_store_problems(targets, datajoint.stores) if problem.path[5] not in broken
    ]
    project = Project(
        root=root,
        name=name,
        package=own.get("package") or _package(root),
        datajoint=datajoint,
        target=own.get("target", "embedded"),
        targets={name: table for name, table in targets.items() if name not in MANAGED_TARGETS},
        check=own.get("check", CheckTable()),
        groups=own.get("workers", {}),
        clusters=own.get("clusters", {}),
        managed={name: table for name, table in targets.items() if name in MANAGED_TARGETS},
        schema_prefix=own.get("schema_prefix", ""),
        source_folder=own.get("source", ""),
    )
    return project, tuple(problems)


def _package(root: Path) -> str:
    for folder in (root / "src", root):
        packages = [name for path in folder.glob("*/__init__.py") if (name := path.parent.name) not in NO_PACKAGES]
        if packages:
            return packages[0] if len(packages) == 1 else DEFAULT_PACKAGE
    return DEFAULT_PACKAGE
