"""Text that fits a terminal: lines break between words, never inside one."""

import os
import re
import sys
from collections.abc import Sequence
from typing import TextIO

_STEERING = re.compile(
    "\x1b\\[[0-9;]*m|\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)  # colours first

NARROWEST = 40  # columns; below that, lines are left to the terminal


def terminal_width(stream: TextIO) -> int:
    """The columns of the terminal that a stream goes to; without a terminal there is no limit."""
    if not stream.isatty():
        return sys.maxsize
    if os.environ.get("COLUMNS", "").isdigit():
        return max(int(os.environ["COLUMNS"]), NARROWEST)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or 80, NARROWEST)
    except (OSError, ValueError):
        return 80


def fitted(text: str, width: int, margin: str | None = None) -> list[str]:
    """The lines of a text, broken between words where they are too long.

    A word that is longer than a line gets a line of its own. What follows a break is indented by `margin`, by default
    as far as the line that was broken.

    Examples
    --------
    >>> fitted("  one two three", 10)
    ['  one two', '  three']
    """
    import textwrap

    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) <= width:
            lines.append(line)
            continue
        indent = margin if margin is not None else line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines


def fitted_command(command: str, width: int, margin: str = "      ") -> list[str]:
    r"""A command to type, with its remark in brackets, as lines that can still be copied into a shell.

    Examples
    --------
    >>> fitted_command("djproject stores add main  (or --force)", 31)
    ['djproject stores add main', '      (or --force)']
    >>> fitted_command("djproject stores add main --location x", 33)
    ['djproject stores add main \\', '      --location x']
    """
    if len(margin) + len(command) <= width:
        return [command]
    typed, gap, remark = command.partition("  (")
    if not (typed[:1].islower() or typed[:1] in "./"):  # a sentence
        first, *rest = fitted(margin + command, width, margin)
        return [first.removeprefix(margin), *rest]
    lines = [margin + typed]
    if len(lines[0]) > width:
        lines = fitted(lines[0], width - 2, margin)
        lines = [f"{line} \\" for line in lines[:-1]] + lines[-1:]
    if gap:
        lines += fitted(f"{margin}({remark}", width)
    return [lines[0].removeprefix(margin), *lines[1:]]


def fitted_tree(line: str, width: int) -> list[str]:
    """A line of a tree; what does not fit continues below it, with the tree's lines on its left.

    Examples
    --------
    >>> fitted_tree("├─ a.Table  (computed, also from b.Other)", 30)
    ['├─ a.Table  (computed, also', '│      from b.Other)']
    """
    lead = re.match(r"[│├└─ ]*", line)
    before = lead[0].replace("├─", "│ ").replace("└─", "  ") if lead else ""
    return fitted(line, width, f"{before}    ")


def table_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, right: Sequence[int] = ()
) -> list[str]:
    """Rows under a header; the first line is the header.

    Columns are as wide as their content. Where that is too wide, the widest are broken between words; where no break
    is left, the first column gets lines of its own, above the others.

    Examples
    --------
    >>> table_lines(("name", "n"), [("a", "10")], 80, right=[1])
    ['name   n', 'a     10']
    """
    everything = (header, *rows)
    full = [max(len(row[index]) for row in everything) for index in range(len(header))]
    least = [max(len(word) for row in everything for word in row[index].split() or [""]) for index in range(len(full))]
    gap = "  " if sum(full) + 2 * (len(full) - 1) <= width else " "
    room = width - len(gap) * (len(full) - 1)
    if sum(least) > room and len(header) > 1:
        indent = "  "
        below = table_lines(
            header[1:], [row[1:] for row in rows], max(width - 2, NARROWEST), right=[index - 1 for index in right]
        )
        if len(below) == len(everything):
            return [text for row, line in zip(everything, below, strict=True) for text in (row[0], indent + line)]
    widths = _narrowed(full, least, room)
    return [line for row in everything for line in _row_lines(row, widths, gap, right)]


def _narrowed(full: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    widths = list(full)
    while sum(widths) > room:
        index = max(range(len(widths)), key=lambda index: (widths[index] > least[index], widths[index]))
        if widths[index] <= least[index]:
            break
        widths[index] -= 1
    return widths


def _row_lines(row: Sequence[str], widths: Sequence[int], gap: str, right: Sequence[int]) -> list[str]:
    cells = [fitted(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(map(len, cells))):
        texts = [cell[number] if number < len(cell) else "" for cell in cells]
        line = gap.join(
            f"{text:>{width}}" if index in right else f"{text:<{width}}"
            for index, (text, width) in enumerate(zip(texts, widths, strict=True))
        )
        lines.append(line.rstrip())
    return lines


def harmless(text: str, *, colors: bool = True) -> str:
    r"""A text whose names and comments cannot steer a terminal: control characters are shown as a question mark.

    Line ends and tabs stay, and so do our own colours where there are any. Characters that turn the direction of
    writing are replaced as well, because they make a text look like another.

    Examples
    --------
    >>> print(ascii(harmless("a\x1b]0;title\x07b\x1b[31mred\x1b[0m", colors=False)))
    'a\ufffd]0;title\ufffdb\ufffd[31mred\ufffd[0m'
    >>> print(ascii(harmless("\x1b[31mred\x1b[0m\x9b2J")))
    '\x1b[31mred\x1b[0m\ufffd2J'
    """
    return _STEERING.sub(
        lambda match: match[0] if colors and match[0].startswith("\x1b[") else "\ufffd" + match[0][1:], text
    )


def harmless_json(text: str) -> str:
    """JSON with the same characters, written as JSON escapes them."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0][0]):04x}{match[0][1:]}", text)
