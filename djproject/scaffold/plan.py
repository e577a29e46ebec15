"""A plan: every file that shall be written, known before the first byte is."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from djproject.errors import ProjectError
from djproject.project.files import replace_file
from djproject.project.opening import refuse_leading_out


class Action(StrEnum):
    """What writing one file of a plan means."""

    CREATE = "create"
    CHANGE = "change"
    IDENTICAL = "identical"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a plan.

    Attributes
    ----------
    path
        Below the plan's root.
    data
        The whole content it shall have.
    action
        `CONFLICT` where another file is in its place, which is kept.
    """

    path: PurePosixPath
    data: bytes
    action: Action


@dataclass(frozen=True, slots=True)
class Plan:
    """Files to be written below `root`, in the order they are written."""

    root: Path
    files: tuple[PlannedFile, ...]

    @property
    def changes(self) -> tuple[PlannedFile, ...]:
        """The files that are created or changed; empty where everything already exists."""
        return tuple(file for file in self.files if file.action in {Action.CREATE, Action.CHANGE})


def plan_new_files(root: Path, contents: Iterable[tuple[str, bytes]]) -> Plan:
    """The plan that adds files and never changes one: each is new, identical, or in conflict with another.

    Parameters
    ----------
    root
        The folder; it may be missing.
    contents
        Paths below it and what each shall contain.
    """
    files = []
    for name, data in contents:
        path = root / name
        if not os.path.lexists(path):
            action = Action.CREATE
        elif path.is_file() and path.read_bytes() == data:
            action = Action.IDENTICAL
        else:
            action = Action.CONFLICT
        files.append(PlannedFile(PurePosixPath(name), data, action))
    return Plan(root, tuple(files))


def write_plan(plan: Plan) -> tuple[PlannedFile, ...]:
    """Write what a plan creates and changes, all of it or nothing; the files written come back.

    Raises
    ------
    ProjectError
        A file to be created appeared in the meantime.
    OSError
        The folder is read-only or the disk is full; what was written before has been taken back.
    """
    made: list[Path] = []
    changed: list[tuple[Path, bytes]] = []
    for file in plan.changes:
        refuse_leading_out(plan.root / file.path, plan.root)
    try:
        for file in plan.changes:
            path = plan.root / file.path
            made += _make_folders(path.parent)
            if file.action is Action.CHANGE:
                changed.append((path, path.read_bytes()))
            elif os.path.lexists(path):
                raise ProjectError(f"{path} appeared while it was being written.", hint="Type the command again.")
            else:
                made.append(path)
            replace_file(path, file.data, within=plan.root)
    except BaseException:
        for path, old in reversed(changed):
            replace_file(path, old)
        for path in reversed(made):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        raise
    return plan.changes


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; the ones that were missing come back, the topmost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    made: list[Path] = []
    try:
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
    except OSError:
        for path in reversed(made):
            path.rmdir()
        raise
    return made
