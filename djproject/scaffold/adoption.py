"""An existing repository made a djproject project: where its package is, what it lacks, and the few lines it needs."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from djproject.errors import ProjectError
from djproject.pipeline.editing import source_lines
from djproject.project.location import NO_PACKAGES, PYPROJECT, find_root, read_document
from djproject.project.opening import read_regular, read_text
from djproject.scaffold.module_text import ModuleText, read_module
from djproject.scaffold.plan import Action, Plan, PlannedFile

ADOPTED = """\
[tool.djproject]
package = "{package}"{source}

[tool.djproject.check]
convention = "advise"  # code that works but breaks the convention gives a warning; with "strict", an error
"""
CONFIGURE = "from djproject.runtime import configure\n\nconfigure(__file__)\n"
# What a repository has under another name already, so that it needs none of ours: our file, and the names of others.
LICENCE = ("LICENSE*", "LICENCE*", "License*", "Licence*", "license*", "COPYING*")
README = ("README.md", "README.rst", "README*", "Readme*", "readme*")
SAME = (
    (re.compile(r"LICENSE$"), LICENCE),
    (re.compile(r"README\.md$"), README),
    (re.compile(r"(docs/|mkdocs\.yml$)"), ("mkdocs.y*ml", "docs/**/*", "doc/**/*")),
    (re.compile(r"docker/"), ("Dockerfile*", "docker-compose*", "compose.y*ml", "docker/*", "*/docker-compose*")),
    (re.compile(r"\.github/"), (".github/workflows/*", ".gitlab-ci.yml", ".travis.yml", ".circleci/*", "azure-*.yml")),
    (re.compile(r"tests/"), ("tests/*.py", "test/*.py", "tests/**/test_*.py")),
    (re.compile(r"notebooks/"), ("notebooks/*.ipynb", "*.ipynb", "notebook/*.ipynb", "jupyter/*.ipynb")),
)


class Place(NamedTuple):
    """Where a package is: its folder, relative to the root ("" for the root itself), and its name."""

    folder: str
    package: str


def used_packages(root: Path) -> tuple[Place, ...]:
    """The packages of a repository whose files name datajoint: in `src/`, at its top, or in another folder of it.

    Packages with an `__init__.py` come before folders without one.
    """
    others = sorted(path.name for path in _folders(root) if path.name not in NO_PACKAGES)
    for has_init in (True, False):
        for folders in (("src",), ("",), others):
            found = [place for folder in folders for place in _packages_in(root, folder, has_init=has_init)]
            if found:
                return tuple(found)
    return ()


def loose_modules(root: Path) -> tuple[str, ...]:
    """The modules at the top of a repository that declare a schema, and are in no package."""
    return tuple(path.name for path in sorted(root.glob("*.py")) if _declares(path))


def find_place(root: Path, package: str) -> Place:
    """Where a package is; in `src/` where there is none yet."""
    for place in used_packages(root):
        if place.package == package:
            return place
    at_top = not (root / "src" / package).is_dir() and (root / package).is_dir()
    return Place("" if at_top else "src", package)


def is_missing(root: Path, path: str) -> bool:
    """Whether a repository that is no djproject project yet lacks what a file is for."""
    if path == PYPROJECT or (root / path).exists() or (root.is_dir() and find_root(root) == root):
        return True  # planned: as a change, identical or a conflict
    return not any(ours.match(path) and any(any(root.glob(pattern)) for pattern in patterns) for ours, patterns in SAME)


def names_of(root: Path) -> tuple[str, bool]:
    """What pyproject.toml needs to know of a repository: the name of its README, and whether it has a licence."""
    readmes = [path.name for pattern in README for path in sorted(root.glob(pattern))]
    licences = [path for pattern in LICENCE for path in root.glob(pattern)]
    is_ours = (root / "LICENSE").is_file() and find_root(root) == root
    return next(iter(readmes), "README.md"), bool(licences) and not is_ours


def plan_minimal(root: Path, place: Place) -> Plan:
    """The plan that adds `[tool.djproject]` to pyproject.toml and `configure` to the package, and nothing else."""
    return with_own_settings(Plan(root, ()), place, alone=True)


def with_own_settings(plan: Plan, place: Place, *, alone: bool = False) -> Plan:
    """A plan that also gives pyproject.toml its `[tool.djproject]`, and the package the call to `configure`.

    No metadata are written beside a setup.py or setup.cfg, nor where these tables are all that is added (`alone`).
    """
    files = {file.path.as_posix(): file for file in plan.files}
    for changed in (_pyproject(plan.root, place, alone=alone), _init(plan.root, place)):
        if changed is not None:
            files[changed.path.as_posix()] = changed
    return replace(plan, files=tuple(files[name] for name in sorted(files)))


def _pyproject(root: Path, place: Place, *, alone: bool) -> PlannedFile | None:
    path = root / PYPROJECT
    source = f'\nsource = "{place.folder}"' if place.folder not in {"", "src"} else ""
    own = ADOPTED.format(package=place.package, source=source)
    if not path.is_file():
        if not alone and not any((root / name).exists() for name in ("setup.py", "setup.cfg")):
            return None
        return PlannedFile(PurePosixPath(PYPROJECT), own.encode(), Action.CREATE)
    text = read_text(path)
    read_document(text, path)
    if find_root(root) == root:
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    new = text.rstrip() + f"\n\n{own}".replace("\n", newline)
    return PlannedFile(PurePosixPath(PYPROJECT), new.encode(), Action.CHANGE)


def _init(root: Path, place: Place) -> PlannedFile | None:
    name = PurePosixPath(place.folder, *place.package.split("."), "__init__.py")
    path = root / name
    if not path.parent.is_dir():
        return None  # a new package, which is planned whole
    if not path.is_file():
        return PlannedFile(name, CONFIGURE.encode(), Action.CREATE)
    old = read_module(path)
    if "djproject.runtime" in old.text:
        return None
    return PlannedFile(name, old.encoded(with_configure(old)), Action.CHANGE)


def with_configure(old: ModuleText) -> str:
    """The text of an `__init__.py` that calls `configure` before it imports anything of its own."""
    try:
        body = ast.parse(old.text).body
    except (SyntaxError, ValueError) as error:
        raise ProjectError(
            f"The package's __init__.py is not valid Python: {error}.", hint="python -m compileall ."
        ) from error
    last = 0
    for statement in body:
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_docstring and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            break
        last = statement.end_lineno or last
    lines = source_lines(old.text)
    before, after = "".join(lines[:last]), "".join(lines[last:]).lstrip("\r\n")
    call = CONFIGURE.replace("\n", old.newline)
    return old.newline.join(part for part in (before, call, after) if part)


def _folders(root: Path) -> Iterator[Path]:
    yield from (path for path in root.glob("*/") if path.is_dir() and path.name[:1] != "." and not path.is_symlink())


def _packages_in(root: Path, folder: str, *, has_init: bool) -> Iterator[Place]:
    for path in sorted(_folders(root / folder)):
        if path.name in NO_PACKAGES or not path.name.isidentifier() or (path / "__init__.py").is_file() != has_init:
            continue
        names = path.rglob("*.py") if has_init else path.glob("*.py")
        if any(map(_names_datajoint if has_init else _declares, names)):
            yield Place(folder, path.name)


def _names_datajoint(path: Path) -> bool:
    return b"datajoint" in _read(path)


def _declares(path: Path) -> bool:
    data = _read(path)
    return b"datajoint" in data and re.search(rb"\b[sS]chema\s*\(", data) is not None


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError:
        return b""
