"""A project brought from the template it was made of to the one of this version: a three-way merge, as `git merge`.

`[tool.djproject.template]` says which version of the template and which answers a project was made of. What the user
changed since stays; what the template changed comes; where both changed the same lines, git's marks show it.
"""

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Any

from djproject.errors import ConfigError, EnvironmentUnavailableError, ProjectError
from djproject.project.git import ask_git
from djproject.project.location import PYPROJECT, Project
from djproject.project.opening import read_regular
from djproject.scaffold.new_project import TEMPLATE_VERSION, Answers, Author, rendered
from djproject.scaffold.plan import Action, Plan, PlannedFile

OLDER = "older"
NO_TEMPLATE = "[tool.djproject.template] does not say which template this project was made of."


class Outcome(StrEnum):
    """What becomes of one file."""

    CREATE = "create"
    CHANGE = "change"
    MERGE = "merge"  # both changed it, in different places
    CONFLICT = "conflict"  # both changed the same lines
    KEPT = "kept"  # the template has no such file any more


@dataclass(frozen=True, slots=True)
class UpgradedFile:
    """One file that an upgrade concerns; `data` is what it shall have, None where it stays as it is."""

    path: PurePosixPath
    outcome: Outcome
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """From one version of the template to another, and the files that it concerns."""

    old: int
    new: int
    files: tuple[UpgradedFile, ...] = ()

    def plan(self, root: Path) -> Plan:
        """The plan that writes it."""
        return Plan(
            root,
            tuple(
                PlannedFile(file.path, file.data, Action.CREATE if file.outcome is Outcome.CREATE else Action.CHANGE)
                for file in self.files
                if file.data is not None
            ),
        )


def plan_upgrade(project: Project, document: Mapping[str, Any], templates: "Templates | None" = None) -> Upgrade:
    """What brings a project to the newest template; nothing is written.

    Parameters
    ----------
    project, document
        The project and its pyproject.toml.
    templates
        Where templates are; those of this version by default.

    Raises
    ------
    ConfigError
        The project does not say which template it was made of, or a newer one.
    EnvironmentUnavailableError
        There is no git, which merges.
    """
    templates = templates or Templates()
    old, answers, more = _made_of(project, document)
    if old > templates.version:
        raise ConfigError(
            f"The project was made of template {old}, and this djproject has {templates.version}.",
            hint="pip install --upgrade djproject",
        )
    if old == templates.version:
        return Upgrade(old, old)
    before = dict(rendered(answers, {**more, "version": old}, templates.of(old)))
    after = dict(rendered(answers, {**more, "version": templates.version}, templates.of(templates.version)))
    found = []
    for name in sorted(before.keys() | after.keys()):
        file = _upgraded(project.root, PurePosixPath(name), before.get(name), after.get(name), templates.version, old)
        if file is not None:
            found.append(file)
    return Upgrade(old, templates.version, tuple(found))


class Templates:
    """The templates of this version, and those before it.

    Parameters
    ----------
    folder
        Where they are; those of the package by default.
    version
        Of the newest.
    """

    def __init__(self, folder: Traversable | None = None, version: int = TEMPLATE_VERSION) -> None:
        self._folder = folder or resources.files("djproject.scaffold") / "templates"
        self.version = version

    def of(self, version: int) -> Traversable:
        """The folder of one version."""
        return self._folder if version == self.version else self._folder / OLDER / str(version)


def refuse_uncommitted(root: Path, upgrade: Upgrade) -> None:
    """Refuse where a file that changes has changes that are not committed: they would be mixed with the template's.

    Raises
    ------
    ProjectError
        There are some, or the project is in no repository.
    """
    names = [str(file.path) for file in upgrade.files if file.data is not None]
    try:
        answer = ask_git(root, "status", "--porcelain=v1", "-z", "--", *names).decode(errors="replace")
    except (OSError, subprocess.SubprocessError) as error:
        raise ProjectError(
            "The project is in no Git repository, so an upgrade could not be taken back.",
            hint="git init && git add . && git commit -m 'Before the upgrade'",
        ) from error
    changed = [entry[3:] for entry in answer.split("\0") if entry]
    if changed:
        raise ProjectError(
            f"{', '.join(changed[:3])} {'have' if len(changed) > 1 else 'has'} changes that are not committed.",
            hint="git commit -am 'Before the upgrade'  (or: git stash)",
        )


def _made_of(project: Project, document: Mapping[str, Any]) -> tuple[int, Answers, dict[str, object]]:
    """The template's version, and the answers, as far as the project still says them."""
    template = document.get("tool", {}).get("djproject", {}).get("template")
    if template is None:
        raise ConfigError(NO_TEMPLATE, hint=f"$EDITOR {PYPROJECT}  ([tool.djproject.template] version = 1)")
    metadata = document.get("project", {})
    authors = metadata.get("authors") or [{}]
    answers = Answers(
        name=project.name,
        package=project.package,
        description=str(metadata.get("description", "")),
        license=str(template.get("license", metadata.get("license", "MIT"))),
        author=Author(str(authors[0].get("name", "")), str(authors[0].get("email", ""))),
        database=str(project.datajoint.values.get("database.backend", "postgresql")),
        docs=str(template.get("docs", "mkdocs")),
        example=bool(template.get("example", False)),
        object_store=str(template.get("object-store", "seaweedfs")),
        year=int(template.get("year", 0)),
    )
    more: dict[str, object] = {"folder": project.source_folder or "src", "readme": "README.md"}
    return int(template.get("version", 0)), answers, {**more, "has_license": False, "adopt": False}


def _upgraded(
    root: Path, name: PurePosixPath, before: bytes | None, after: bytes | None, new: int, old: int
) -> UpgradedFile | None:
    path = root / name
    mine = read_regular(path) if path.is_file() and not path.is_symlink() else None
    if before == after or mine == after:
        return None
    if mine is None:  # deleted by the user, unless it is new in the template
        return UpgradedFile(name, Outcome.CREATE, after) if before is None and not path.exists() else None
    if after is None:
        return UpgradedFile(name, Outcome.KEPT, None)
    if mine == before:
        return UpgradedFile(name, Outcome.CHANGE, after)
    merged, has_conflicts = _merged(mine, before or b"", after, new, old)
    if has_conflicts and name.suffix == ".ipynb":  # marks would make it unreadable
        return UpgradedFile(name, Outcome.KEPT, None)
    if merged == mine:
        return None
    return UpgradedFile(name, Outcome.CONFLICT if has_conflicts else Outcome.MERGE, merged)


def _merged(mine: bytes, before: bytes, after: bytes, new: int, old: int) -> tuple[bytes, bool]:
    """A three-way merge by git, and whether it has conflicts."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("mine", "before", "after")]
        for path, data in zip(paths, (mine, before, after), strict=True):
            path.write_bytes(data)
        labels = [part for label in ("yours", f"template {old}", f"template {new}") for part in ("-L", label)]
        try:
            merged = ask_git(Path(folder), "merge-file", "-p", "--diff3", *labels, *map(str, paths), codes=range(128))
        except (OSError, subprocess.SubprocessError) as error:
            raise EnvironmentUnavailableError("git cannot merge the files.", hint="djproject doctor") from error
    return merged, b"\n<<<<<<< yours" in b"\n" + merged
