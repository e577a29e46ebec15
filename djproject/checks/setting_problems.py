"""Settings of pyproject.toml that cannot be understood: each is found with its place, and the others stay known."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from djproject.errors import ConfigError
from djproject.project.location import Project, read_project

OURS = (("project",), ("tool", "djproject"), ("tool", "datajoint"))
OWN = ("tool", "djproject", "check")  # without them the wrong rules would run
MOST_PROBLEMS = 50
_Document = dict[str, Any]  # what tomllib returns
_Path = tuple[str, ...]


class SettingProblem(NamedTuple):
    """One setting that is refused.

    Attributes
    ----------
    path
        The keys that lead to it: `("tool", "datajoint", "database", "hots")`; a table where it lacks something.
    message, hint
        As every other command prints them.
    """

    path: _Path
    message: str
    hint: str

    @property
    def store(self) -> str:
        """The store of `[tool.datajoint.stores]` that it belongs to; empty where it belongs to none."""
        return self.path[3] if len(self.path) > 3 and self.path[:3] == ("tool", "datajoint", "stores") else ""


def lenient_project(root: Path, document: Mapping[str, object]) -> tuple[Project, tuple[SettingProblem, ...]]:
    """The project without the settings that are refused, and those.

    Raises
    ------
    ConfigError
        A setting of `[tool.djproject.check]` is refused, or something outside `[project]`, `[tool.datajoint]` and
        `[tool.djproject]`.
    """
    problems: list[SettingProblem] = []
    rest = copy.deepcopy(dict(document))
    while True:
        try:
            return read_project(root, rest), tuple(problems)
        except ConfigError as error:
            path = _culprit(root, rest, error.message)
            if not path or path[: len(OWN)] == OWN or len(problems) >= MOST_PROBLEMS:
                raise
            problems.append(SettingProblem(path, error.message, error.hint))
            _remove(rest, path)


def _culprit(root: Path, document: _Document, message: str) -> _Path:
    """What is refused with a message: what remains when everything is left out without which it is refused too."""
    smallest = copy.deepcopy(document)
    for path in OURS:
        _shrink(root, smallest, path, message)
    return next((_deepest(smallest, path) for path in reversed(OURS) if _lookup(smallest, path) is not None), ())


def _shrink(root: Path, document: _Document, path: _Path, message: str) -> None:
    if _lookup(document, path) is None:
        return
    kept = _remove(document, path)
    if _message(root, document) == message:
        return
    _lookup(document, path[:-1])[path[-1]] = kept
    for key in list(kept) if isinstance(kept, dict) else ():
        _shrink(root, document, (*path, key), message)


def _message(root: Path, document: _Document) -> str:
    try:
        read_project(root, document)
    except ConfigError as error:
        return error.message
    return ""


def _deepest(document: _Document, path: _Path) -> _Path:
    value = _lookup(document, path)
    while isinstance(value, dict) and value:
        key = next(iter(value))
        path, value = (*path, key), value[key]
    return path


def _lookup(document: Any, path: _Path) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _remove(document: _Document, path: _Path) -> Any:
    return _lookup(document, path[:-1]).pop(path[-1])


def broken_stores(problems: tuple[SettingProblem, ...]) -> Iterator[str]:
    """The stores that are configured, but not as they should be: what else is said of them would mislead."""
    yield from (problem.store for problem in problems if problem.store)
