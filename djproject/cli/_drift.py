"""Differences between source and database as text, JSON and GitHub's annotations."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from djproject.cli import _render
from djproject.cli._findings import escaped
from djproject.pipeline.model import Pipeline

if TYPE_CHECKING:
    from djproject.database.comparison import Difference


def difference_values(found: "Sequence[Difference]", pipeline: Pipeline, root: Path) -> list[dict[str, object]]:
    """What `--format json` has for each difference; path and line are null where the source has no such table."""
    values = []
    for difference, (path, line) in zip(found, _places(found, pipeline, root), strict=True):
        values.append(asdict(difference) | {"path": path or None, "line": line or None, "text": difference.text})
    return values


def difference_lines(found: "Sequence[Difference]", pipeline: Pipeline, root: Path) -> list[str]:
    """One line for each difference: where the source has it, the table, and what differs."""
    places = _places(found, pipeline, root)
    return [
        f"{f'{path}:{line}: ' if path else ''}{difference.table}: {difference.text}"
        for difference, (path, line) in zip(found, places, strict=True)
    ]


def difference_annotations(found: "Sequence[Difference]", pipeline: Pipeline, root: Path) -> list[str]:
    """Workflow commands that GitHub shows beside the lines of a pull request."""
    lines = []
    for difference, (path, line) in zip(found, _places(found, pipeline, root), strict=True):
        level = "error" if difference.blocks else "warning"
        place = f" file={escaped(path, ':,')},line={line},title=drift" if path else " title=drift"
        lines.append(f"::{level}{place}::{escaped(f'{difference.table}: {difference.text}')}")
    return lines


def note_drift(found: "Sequence[Difference]") -> None:
    """One line that says there is drift, where there is."""
    from djproject.database.agreement import drift_line

    if line := drift_line(found):
        _render.note(line)


def _places(found: "Sequence[Difference]", pipeline: Pipeline, root: Path) -> list[tuple[str, int]]:
    from djproject.database.agreement import place_of

    places = (place_of(pipeline, difference) for difference in found)
    return [(place[0].relative_to(root).as_posix(), place[1]) if place else ("", 0) for place in places]
