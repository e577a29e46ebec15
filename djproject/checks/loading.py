"""A project read from disk for the rules, and the digest of all that was read."""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from djproject import __version__
from djproject.checks.setting_problems import SettingProblem, lenient_project
from djproject.errors import ConfigError, ProjectError
from djproject.pipeline.files import load_files
from djproject.project.location import NO_PROJECT_HINT, PYPROJECT, Project, find_root, read_document

PRIVATE = (".env", "docker/.env", "dj_local_conf.json", ".dj_local_conf.json")
PRIVATE_FOLDERS = (".secrets",)
_CODE = (Path(__file__).parent, Path(__file__).parents[1] / "pipeline", Path(__file__).parents[1] / "project")
LARGEST_NOTEBOOK_BYTES = 50_000_000


class Inputs(NamedTuple):
    """All that the rules look at, as it is on disk; see `Examined` for what it means."""

    project: Project
    document: Mapping[str, object]
    folder: Path
    files: Mapping[Path, bytes]
    names: frozenset[str]
    tracked: frozenset[str]
    unignored: frozenset[str]
    in_git: bool
    setting_problems: tuple[SettingProblem, ...]

    def digest(self) -> str:
        """A hash of everything a finding can depend on: files, names, versions, what is installed."""
        state = hashlib.blake2b(digest_size=20)
        installed = [Path(place) for place in sys.path if place.endswith("-packages")]
        parts = [__version__, sys.version, str(self.project.root), str(self.in_git), repr(self.setting_problems)]
        parts += [str(entry.stat().st_mtime_ns) for folder in _CODE for entry in os.scandir(folder)]
        parts += [str(place.stat().st_mtime_ns) for place in installed if place.exists()]
        parts += [*sorted(self.names), *sorted(self.tracked), "", *sorted(self.unignored)]
        state.update("\0".join(parts).encode(errors="surrogateescape"))
        for path, data in self.files.items():
            state.update(f"\0{path}\0{len(data)}\0".encode(errors="surrogateescape"))
            state.update(data)
        return state.hexdigest()


def load_inputs(start: Path | None = None, environ: Mapping[str, str] = os.environ) -> Inputs:
    """What is on disk of the project that `start` lies in.

    Raises
    ------
    ProjectError
        There is no project here or above.
    ConfigError
        pyproject.toml is not valid TOML.
    """
    start = (start or Path(environ.get("DJPROJECT_ROOT") or Path.cwd())).resolve()
    root = find_root(start)
    if root is None:
        raise ProjectError(f"{start} is not in a djproject project.", hint=NO_PROJECT_HINT)
    data = (root / PYPROJECT).read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{root / PYPROJECT} is not UTF-8 text.", hint=f"$EDITOR {root / PYPROJECT}") from error
    document = read_document(text, root / PYPROJECT)
    project, problems = lenient_project(root, document)
    folder = project.source
    files = load_files(folder)
    files |= dict(_other_files(root))
    files[root / PYPROJECT] = data
    in_git = any((place / ".git").exists() for place in (root, *root.parents))
    private = list(_private_files(root))
    tracked, unignored = _asked_git(root, private) if in_git and private else (frozenset(), frozenset())
    names = frozenset(os.listdir(root)) - {".djproject", ".git"}  # noqa: PTH208
    return Inputs(project, document, folder, files, names, tracked, unignored, in_git, problems)


def _other_files(root: Path) -> Iterator[tuple[Path, bytes]]:
    """The files besides the package that rules look into: what containers run, and notebooks."""
    found = [*root.glob("docker/Dockerfile*"), *root.glob("Dockerfile*")]
    for folder in (root, root / "docker"):
        found += [*folder.glob("compose*.y*ml"), *folder.glob("docker-compose*.y*ml")]
    found += root.glob("notebooks/*.ipynb")
    for path in sorted(found):
        try:
            if path.is_file() and path.stat().st_size <= LARGEST_NOTEBOOK_BYTES:
                yield path, path.read_bytes()
        except OSError:
            continue


def _private_files(root: Path) -> Iterator[str]:
    yield from (name for name in PRIVATE if (root / name).is_file())
    yield from sorted(path.name for path in root.glob("*.local.toml"))
    for name in PRIVATE_FOLDERS:
        folder = root / name
        if folder.is_dir():
            yield from sorted(f"{name}/{item.name}" for item in folder.iterdir() if item.name != ".gitignore")


def _asked_git(root: Path, names: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Which of the files git tracks, and which no .gitignore covers; nothing where there is no git."""
    try:
        tracked = _git(root, "ls-files", "-z", "--", *names)
        ignored = _git(root, "check-ignore", "--no-index", "-z", "--stdin", given=names)
    except OSError:
        return frozenset(), frozenset()
    return frozenset(tracked), frozenset(names) - ignored


def _git(root: Path, *arguments: str, given: Sequence[str] = ()) -> set[str]:
    """The names that a git command answers with; `given` go to its standard input."""
    import subprocess  # here, because most projects have no private file to ask about

    answer = subprocess.run(
        ["git", "-C", str(root), *arguments],
        capture_output=True,
        check=False,
        input="\0".join(given).encode(errors="surrogateescape"),
    )
    return {name for name in answer.stdout.decode(errors="surrogateescape").split("\0") if name}
