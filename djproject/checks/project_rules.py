"""DJP0xx: the project's files, its dependencies, what is kept secret, and what containers run."""

import re
from collections.abc import Iterator, Mapping

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.checks.secret_rules import pyproject_holds_no_secrets
from djproject.checks.store_rules import toml_place
from djproject.findings import Location

FLOOR = (2, 3, 5)
LEAST = f">={'.'.join(map(str, FLOOR))}"


NEEDED_FILES = ("README.md", "LICENSE", ".gitignore")


NEEDED_FOLDERS = ("notebooks", "docs", "docker", "tests")


@rule
def the_standard_files_exist(examined: Examined) -> Iterator[Found]:
    """DJP001 warning: README.md, LICENSE, .gitignore and the folders notebooks, docs, docker and tests exist.

    What it does: looks for these files and folders beside pyproject.toml. README and LICENSE may have any file
    extension, and COPYING is accepted instead of LICENSE.

    Why it matters: a standard layout helps people find their way in a new project.

    Example: a project without LICENSE.

    Use instead: run `djproject init . --adopt`, which adds the missing files and folders.

    Source: book, Standard Project Structure.
    """
    stems = {name.partition(".")[0].upper() for name in examined.names if "/" not in name and name[:1] != "."}
    for name in NEEDED_FILES:
        present = name in examined.names or (name[:1] != "." and name.partition(".")[0] in stems)
        if not present and not (name == "LICENSE" and "COPYING" in stems):
            yield Found(Location(name), f"The project has no {name}.", "djproject init . --adopt")
    for name in NEEDED_FOLDERS:
        if name not in examined.names:
            yield Found(Location(name), f"The project has no folder {name}.", "djproject init . --adopt")


@rule
def the_project_is_a_git_repository(examined: Examined) -> Iterator[Found]:
    """DJP002 warning: The project is in a Git repository.

    What it does: looks for `.git` in the project's folder and in the folders above it.

    Why it matters: the Git repository is the single source of truth for the pipeline.

    Example: a folder without `.git`.

    Use instead: run `git init`.

    Source: book, Pipeline ≡ Git Repository.
    """
    if not examined.in_git:
        yield Found(Location("pyproject.toml"), "The project is not in a Git repository.", "git init")


@rule
def the_package_is_below_src(examined: Examined) -> Iterator[Found]:
    """DJP003 warning: The package is in `src/`, or in the folder that `[tool.djproject] source` names.

    What it does: looks for `PACKAGE/__init__.py` in the source folder.

    Why it matters: with this layout, tests use the installed package and do not import files from the working folder by
    accident.

    Example: `workflow/__init__.py` beside pyproject.toml.

    Use instead: `src/workflow/__init__.py`.

    Source: book, Use the src Layout.
    """
    package = examined.project.package
    folder = examined.project.source_folder or "src"
    source = examined.project.root.joinpath(folder, *package.split("."))
    if source / "__init__.py" not in examined.files:
        message = f"There is no {folder}/{package.replace('.', '/')}/__init__.py."
        yield Found(Location("pyproject.toml"), message, "djproject init . --adopt, or set [tool.djproject] package")


@rule
def datajoint_is_new_enough(examined: Examined) -> Iterator[Found]:
    """DJP009 warning, fix: The project depends on datajoint 2.3.5 or newer.

    What it does: reads `[project] dependencies`.

    Why it matters: djproject refuses to work with an older version. Before 2.3.2, two workers could reserve the same
    job, and DataJoint could ignore restrictions or fail to create job tables.

    Example:
        dependencies = ["datajoint>=0.14"]

    Use instead:
        dependencies = ["datajoint>=2.3.5"]

    Source: datajoint-python issues 1398, 1413, 1515.
    """
    project = examined.document.get("project")
    listed = project.get("dependencies", []) if isinstance(project, Mapping) else []
    if not isinstance(project, Mapping) or "dependencies" in project.get("dynamic", []):
        return
    found = [
        item for item in listed if isinstance(item, str) and re.match(r"\s*datajoint\s*(\[|[<>=!~;@]|$)", item, re.I)
    ]
    if not found:
        where = toml_place(examined, "project", "dependencies")
        yield Found(where, "The project does not depend on datajoint.", f'dependencies = ["datajoint{LEAST}", …]')
    for requirement in found:
        if _floor(requirement) < FLOOR and "@" not in requirement:
            where = _quoted(examined, requirement)
            better = _with_floor(requirement)
            edits = examined.replacement(where, better) if where.column > 1 and better else ()
            message = (
                f"{requirement!r} allows versions of DataJoint before {LEAST[2:]}, which djproject does not support."
            )
            yield Found(where, message, better or f"datajoint{LEAST}", edits)


@rule
def settings_can_be_understood(examined: Examined) -> Iterator[Found]:
    """DJP013 error: `[tool.datajoint]` and `[tool.djproject]` contain only known settings with valid values.

    What it does: reads both sections the way every command does.

    Why it matters: other commands do not work until this is fixed.

    Example:
        [tool.datajoint.database]
        hots = "db.lab.org"

    Use instead:
        host = "db.lab.org"

    Source: datajoint/settings.py; `djproject config show`.
    """
    secrets = {found.location for found in pyproject_holds_no_secrets.check(examined)}
    for problem in examined.setting_problems:
        where = _place_of_setting(examined, problem.path)
        if where not in secrets:
            yield Found(where, problem.message, problem.hint)


def _place_of_setting(examined: Examined, path: tuple[str, ...]) -> Location:
    value = examined.setting(path)
    return (
        toml_place(examined, ".".join(path))
        if isinstance(value, Mapping)
        else toml_place(examined, ".".join(path[:-1]), path[-1])
    )


def _floor(requirement: str) -> tuple[int, ...]:
    found = re.findall(r"(?:>=|==|~=|>)\s*(\d+(?:\.\d+)*)", requirement.partition(";")[0])
    versions = [tuple(int(part) for part in version.split(".")) for version in found]
    return max((version + (0,) * (3 - len(version)) for version in versions), default=(0, 0, 0))


def _with_floor(requirement: str) -> str:
    """The requirement with its floor raised; empty where an upper bound or an exact version is in the way."""
    specifiers, semicolon, marker = requirement.partition(";")
    if re.search(r"==|~=|<", specifiers):
        return ""
    name = re.split(r"[<>=!~]", specifiers)[0]
    others = [part.strip() for part in specifiers[len(name) :].split(",") if not part.strip().startswith(">")]
    return f"{name.strip()}{','.join([LEAST, *filter(None, others)])}{semicolon}{marker}"


def _quoted(examined: Examined, requirement: str) -> Location:
    """Where the list of dependencies has a requirement; keywords may have the same word."""
    first = toml_place(examined, "project", "dependencies").line
    lines = examined.lines(examined.project.root / "pyproject.toml")
    for number, line in enumerate(lines[first - 1 :], start=first):
        match = re.search(rf"""(?<=["']){re.escape(requirement)}(?=["'])""", line)
        if match:
            return Location("pyproject.toml", number, match.start() + 1, match.end() + 1)
    return Location("pyproject.toml")
