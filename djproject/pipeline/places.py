"""Where the lines of a definition are in the file that holds it."""

from collections.abc import Iterable, Sequence

from djproject.pipeline.module import Place, Text


def place_in_text(text: Text, lines: Sequence[str], line: int, token: str = "") -> Place:
    """Where a line of a definition, or a token in it, is in the file.

    Parameters
    ----------
    text
        The definition's text and its literals.
    lines
        The lines of the file.
    line
        Within the definition, counted from 1.
    token
        What to point at within the line; the first place it occurs.
    """
    value = text.value or ""
    wanted = value.split("\n")[line - 1] if line <= value.count("\n") + 1 else ""
    offset = sum(len(part) + 1 for part in value.split("\n")[: line - 1])
    offset += len(wanted) - len(wanted.lstrip())
    segment = next((s for s in reversed(text.segments) if s.offset <= offset), text.segments[0])
    inside = value[segment.offset : offset].count("\n")
    first, last = segment.place.line, segment.end_line
    for candidate in _candidates(first + inside, first, last):
        found = lines[candidate - 1].find(wanted.strip()) if candidate <= len(lines) else -1
        if found >= 0:
            shift = max(wanted.strip().find(token), 0)
            return Place(candidate, len(lines[candidate - 1][: found + shift].encode()) + 1)
    return segment.place


def _candidates(guess: int, first: int, last: int) -> Iterable[int]:
    yield min(guess, last)
    yield from range(first, last + 1)
