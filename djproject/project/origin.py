"""Where an imported module comes from: the project's own source, a copy of it, or another project."""

import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, MutableSequence, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

from djproject.errors import DJProjectError, ProjectError
from djproject.project.location import PYPROJECT, Project, find_root, load_project, read_document
from djproject.project.opening import read_text

INSTALLED = frozenset({"site-packages", "dist-packages"})
OWN_SOURCE = "djproject run -- python …  (or install this project in an environment of its own)"
OWN_ENVIRONMENT = "python -m venv .venv && source .venv/bin/activate && pip install -e ."


class Process(NamedTuple):
    """What a Python process says about the project it works for.

    Attributes
    ----------
    environ
        Its environment; `$DJPROJECT_ROOT` is looked up in it.
    folders
        The current folder and that of the script that runs.
    path
        `sys.path`.
    callers
        The files of the code that is importing the package.
    configured
        The root of the project that DataJoint was configured for before; None at first.
    """

    environ: Mapping[str, str]
    folders: tuple[Path, ...]
    path: tuple[str, ...]
    callers: tuple[str, ...]
    configured: Path | None = None


def this_process(configured: Path | None = None) -> Process:
    """The process that runs, as it is now."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    folders = [Path.cwd()]
    if script and not _is_installed(Path(script), Path(sys.prefix)):
        folders.append(Path(script).absolute().parent)
    names = (frame.f_code.co_filename for frame, _ in traceback.walk_stack(sys._getframe(1)))
    callers = tuple(name for name in names if not name.startswith("<"))
    return Process(os.environ, tuple(folders), tuple(sys.path), callers, configured)


def put_first(project: Project, path: MutableSequence[str]) -> None:
    """Put the project's source in front of everything else that Python imports from; `path` is changed in place."""
    source = str(project.import_root)
    path[:] = [source, *(entry for entry in path if entry != source)]


def check_origin(project: Project, module: str) -> None:
    """Refuse a module of the package that Python would not import from the project's source.

    Its parents are imported, the module itself is not.

    Raises
    ------
    ProjectError
        The module comes from elsewhere, or was imported from elsewhere before.
    """
    loaded = sys.modules.get(module)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
    else:
        spec = util.find_spec(module)
        origin = spec.origin if spec is not None and spec.has_location else None
    if origin is None or _is_below(Path(origin), project.source):
        return
    hint = OWN_ENVIRONMENT
    if not (project.source / "__init__.py").exists():  # then Python prefers a package that has one
        hint = f"touch {project.source_path}/__init__.py"
    raise ProjectError(
        f"Python imports {module} from {described(Path(origin))}, not from {project.source_path} of {project.root}.",
        hint=hint,
    )


def package_project(package_file: str, process: Process) -> Project | None:
    """The project whose settings a package gets when it is imported; None where no project is its own.

    Parameters
    ----------
    package_file
        The `__file__` of the package or of a module in it.
    process
        That imports it. `$DJPROJECT_ROOT` names the project, then the one it was configured for before, then the
        package's own, then (for an installed package) that of the current folder.

    Raises
    ------
    ProjectError
        The process works for one project, and this code is another's.
    """
    file = Path(package_file).absolute()
    own = _own_root(file)
    named = process.environ.get("DJPROJECT_ROOT")
    chosen = (find_root(Path(named).resolve()) if named else None) or process.configured
    here = tuple(root for folder in process.folders if (root := find_root(folder.resolve())))
    root = chosen or own or next(iter(here), None)
    if root is None:
        return None
    project = load_project(root)
    copy = _copied_package(project, file, process.path)
    if _is_below(file, project.source) or (own == project.root and copy is None):
        if chosen is None:
            _refuse_rivals(project, file, here)
        return project
    if own not in {None, project.root} and (copy or _package_of(own) == project.package):
        raise _namesake(project, file)
    if copy is not None:
        return _proven_copy(project, copy)
    if _is_library(project, own, file, process):
        return project
    if chosen is None:
        return None  # an installed package that has nothing to do with the current folder
    raise _stranger(project, own, file, named=bool(named))


def _refuse_rivals(project: Project, file: Path, here: Iterable[Path]) -> None:
    """Refuse where the current folder belongs to another project, which calls its package the same."""
    for root in here:
        if root != project.root and _package_of(root) == project.package:
            raise ProjectError(
                f"Python imports {project.package} from {described(file)}, but this folder belongs to {root}, "
                "whose package has the same name.",
                hint=OWN_SOURCE,
            )


def _namesake(project: Project, file: Path) -> ProjectError:
    return ProjectError(
        f"Python imports {project.package} from {described(file)}, not from {project.source_path} of {project.root}.",
        hint=OWN_SOURCE,
    )


def _stranger(project: Project, own: Path | None, file: Path, *, named: bool) -> ProjectError:
    name = _distribution(own, file)
    why = "DJPROJECT_ROOT says so" if named else f"{project.package} was imported first"
    leave = "unset DJPROJECT_ROOT" if named else "use a Python process for each"
    return ProjectError(
        f"This process works for {project.root} ({why}), and {described(file)} does not belong to it.",
        hint=f'{leave}; or add "{name or "its name"}" to dependencies in {project.root / PYPROJECT}',
    )


def _proven_copy(project: Project, copy: Path) -> Project:
    """The project, where an installed copy of a package is its own and up to date."""
    if project.source.is_dir():
        if same_source(project, copy):
            return project
        raise ProjectError(
            f"Python imports {project.package} from {described(copy)}, which is not the same as "
            f"{project.source_path} of {project.root}.",
            hint="pip install -e .",
        )
    owner = _distribution(None, copy / "__init__.py")
    if owner and _normalized(owner) != _normalized(project.name):
        raise ProjectError(
            f"{copy} was installed by {owner}, not by {project.name}, whose settings are in {project.root}.",
            hint=f"pip install {project.root}",
        )
    return project


def same_source(project: Project, copy: Path) -> bool:
    """Whether the modules of an installed copy are, byte for byte, those of the project's source."""
    return _sources(copy) == _sources(project.source)


def _sources(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}


def is_own_copy(project: Project, place: Path) -> bool:
    """Whether a package of the same name was installed from this project, by the name of its distribution."""
    owner = _distribution(None, place) if _own_root(place) in {None, project.root} else None
    return owner is not None and _normalized(owner) == _normalized(project.name)


def _is_library(project: Project, own: Path | None, file: Path, process: Process) -> bool:
    """Whether the project builds on a package: its own code imports it, or it is among its dependencies."""
    if any(_is_below(Path(name), project.root) and not _is_installed(Path(name)) for name in process.callers):
        return True
    name = _distribution(own, file)
    return name is not None and _normalized(name) in _dependencies(project.root)


def _own_root(file: Path) -> Path | None:
    """The root of the project in whose files a module is; None for an installed one, also in an environment there."""
    for path in (file, file.resolve()):
        root = find_root(path.parent)
        if root is not None and not _is_installed(path.relative_to(root)):
            return root.resolve()
    return None


def _copied_package(project: Project, file: Path, path: Sequence[str]) -> Path | None:
    """The folder of a package that has the name of the project's, and is not its source."""
    parts = project.package.split(".")
    folders = (Path(entry).absolute().joinpath(*parts) for entry in path)
    return next((folder for folder in folders if _is_below(file, folder)), None)


def _package_of(root: Path | None) -> str | None:
    """The package that a project really has; None where it has none or its settings are malformed."""
    if root is None:
        return None
    try:
        project = load_project(root)
    except (DJProjectError, OSError):
        return None
    return project.package if project.source.is_dir() else None


def described(file: Path) -> str:
    """A file or folder, with the project it belongs to."""
    root = _own_root(file)
    folder = file.parent if file.name == "__init__.py" else file
    name = _distribution(root, file)
    return f"{folder} (project {name})" if name else f"{folder}"


def _distribution(own: Path | None, file: Path) -> str | None:
    """What a module's package is called where it is installed: by its project, else by what installed it."""
    if own is not None:
        try:
            return load_project(own).name
        except (DJProjectError, OSError):
            return own.name
    place = next((folder for folder in file.parents if folder.name in INSTALLED), None)
    if place is None:
        return None
    top = file.relative_to(place).parts[0]
    for distribution in metadata.distributions(path=[str(place)]):
        if any(name.parts[0] == top for name in distribution.files or ()):
            return distribution.name
    return None


def _dependencies(root: Path) -> set[str]:
    """The names of the distributions that a project builds on, as its pyproject.toml lists them."""
    return {_normalized(name[0]) for text in _requirements(root) if (name := re.match(r"[\w.-]+", text.strip()))}


def _requirements(root: Path) -> Iterator[str]:
    document = read_document(read_text(root / PYPROJECT), root / PYPROJECT)
    lists: list[object] = []
    match document:
        case {"project": {"dependencies": texts}}:
            lists.append(texts)
    match document:
        case {"project": {"optional-dependencies": dict(extras)}}:
            lists += extras.values()
    match document:
        case {"dependency-groups": dict(groups)}:
            lists += groups.values()
    for texts in lists:
        yield from (text for text in texts if isinstance(text, str)) if isinstance(texts, list) else ()


def _normalized(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_below(file: Path, folder: Path) -> bool:
    return file.absolute().is_relative_to(folder.absolute()) or file.resolve().is_relative_to(folder.resolve())


def _is_installed(path: Path, prefix: Path | None = None) -> bool:
    return not INSTALLED.isdisjoint(path.parts) or (prefix is not None and path.absolute().is_relative_to(prefix))
