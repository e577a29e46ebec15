"""A project read from disk for the rules, and the digest of all that was read."""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import SubprocessError
from typing import NamedTuple

from djproject import __version__
from djproject.errors import ProjectError
from djproject.pipeline.files import load_files
from djproject.project.location import NO_PROJECT_HINT, PYPROJECT, Project, find_root, read_document, read_leniently
from djproject.project.opening import read_regular, read_text
from djproject.project.schema import SettingProblem

OWN_SETTINGS = ("tool", "djproject", "check")  # where they are not understood, the wrong rules would run
PRIVATE = (".env", "docker/.env", "dj_local_conf.json", ".dj_local_conf.json")
PRIVATE_FOLDERS = (".secrets",)
_CODE = (Path(__file__).parent, Path(__file__).parents[1] / "pipeline", Path(__file__).parents[1] / "project")


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
        parts += [*sorted(self.names), "", *sorted(self.tracked), "", *sorted(self.unignored)]
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
        pyproject.toml is not valid TOML, or a setting of `[tool.djproject.check]` is refused.
    """
    start = (start or Path(environ.get("DJPROJECT_ROOT") or Path.cwd())).resolve()
    root = find_root(start)
    if root is None:
        raise ProjectError(f"{start} is not in a djproject project.", hint=NO_PROJECT_HINT)
    text = read_text(root / PYPROJECT)
    document = read_document(text, root / PYPROJECT)
    project, problems = read_leniently(root, document)
    for problem in problems:
        if problem.path[: len(OWN_SETTINGS)] == OWN_SETTINGS:
            raise problem.error()
    folder = project.source
    files = load_files(folder)
    files |= dict(_other_files(root))
    files[root / PYPROJECT] = text.encode()
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
            yield path, read_regular(path)
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
    from djproject.project.git import ask_git, names_in  # here, because most projects have no private file

    try:
        tracked = names_in(ask_git(root, "ls-files", "-z", "--", *names))
        ignored = names_in(ask_git(root, "check-ignore", "--no-index", "-z", "--stdin", given=names, codes=(0, 1)))
    except (OSError, SubprocessError):
        return frozenset(), frozenset()
    return tracked, frozenset(names) - ignored
