"""The only printer: results on stdout, everything else on stderr."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from djproject.cli._terminal import (
    fitted,
    fitted_command,
    fitted_tree,
    harmless,
    harmless_json,
    table_lines,
    terminal_width,
)
from djproject.errors import DJProjectError
from djproject.project.tables import MANAGED_TARGETS

if TYPE_CHECKING:
    from rich.console import Console

    from djproject.cli._run_summary import FailureGroup
    from djproject.database.status import TableStatus
    from djproject.project.stores import StoreSpec
    from djproject.scaffold.plan import Plan
    from djproject.targets.probes import Probe

LONGEST_MESSAGE = 500  # `djproject jobs show` has all of it
_quiet: list[bool] = []


def be_quiet(quiet: bool) -> None:
    """Print notes, or not; results and errors are always printed."""
    _quiet[:] = [quiet]


def is_live() -> bool:
    """Whether pictures that change are wanted: stderr is a terminal, and --quiet was not given."""
    return not any(_quiet) and sys.stderr.isatty()


def result(text: str = "") -> None:
    """A line of the result."""
    print(harmless(text, colors=sys.stdout.isatty()))


def as_json(value: object) -> None:
    """The result as JSON."""
    print(harmless_json(json.dumps(value, indent=2, ensure_ascii=False, default=str)))


def note(text: str) -> None:
    """A line about what is being done."""
    if not any(_quiet):
        _say("\n".join(fitted(text, terminal_width(sys.stderr))))


def target(description: str) -> None:
    """Which target a command uses."""
    note(f"Target: {description}")


def moved_stores(target: str, configured: Mapping[str, "StoreSpec"]) -> None:
    """Which stores are in another place at a target than [tool.datajoint.stores] says, and how to choose it."""
    from djproject.targets.places import place

    for name, spec in configured.items():
        note(
            f"For the target {target}, the store {name} is not at {place(spec)} (its place in [tool.datajoint.stores])."
        )
    if configured and target in MANAGED_TARGETS:
        table = f"[tool.djproject.targets.{target}.stores.{next(iter(configured))}]"
        note(f"To choose another folder, set location in {table}.")


def moved_stores_in_brief(target: str, names: Iterable[str]) -> None:
    """The same in one line, for commands that are about something else."""
    text = ", ".join(names)
    if text:
        note(f"Stores that are not where [tool.datajoint.stores] says: {text}  (djproject stores list -t {target})")


def diff(name: str, old: bytes, new: bytes) -> None:
    """A unified diff of one file."""
    from difflib import unified_diff

    before, after = (data.decode("utf-8", errors="replace").splitlines(keepends=True) for data in (old, new))
    for line in unified_diff(before, after, f"a/{name}", f"b/{name}"):
        color = {"+": "32", "-": "31", "@": "36"}.get(line[0], "0")
        result(_styled(line.rstrip("\n"), color))


def paint() -> dict[str, str]:
    """Terminal codes by what they are for; empty texts where the result is not for a terminal."""
    codes = {"error": "31;1", "warning": "33;1", "info": "36;1", "dim": "34", "end": "0"}
    return {use: _code(code) for use, code in codes.items()}


def width() -> int:
    """The columns that a line of the result may have."""
    return terminal_width(sys.stdout)


def next_step(command: str) -> None:
    """What to type next."""
    if not any(_quiet):
        _print_next(command)


def error(problem: DJProjectError) -> None:
    """An error: the sentence, the lines that belong to it, what to type next."""
    _print_error(problem.message)
    for line in problem.details.splitlines():
        _say("\n".join(fitted(f"  {line}", terminal_width(sys.stderr))))
    if problem.hint:
        _print_next(problem.hint)


def _print_error(message: str) -> None:
    lines = "\n".join(fitted(f"Error: {message}", terminal_width(sys.stderr)))
    _say(lines.replace("Error:", _red("Error:"), 1))


def _print_next(command: str) -> None:
    lines = fitted_command(command, terminal_width(sys.stderr))
    _say("\n".join([f"Next: {lines[0]}", *lines[1:]]))


def interrupted() -> None:
    """The answer to Ctrl-C."""
    print("Interrupted.", file=sys.stderr)


def unexpected(problem: BaseException) -> None:
    """An error nobody foresaw: a bug."""
    text = " ".join(str(problem).split())
    _say(f"This is a bug in djproject: {type(problem).__name__}: {text}")
    _print_next("Run it again after 'export DJPROJECT_DEBUG=1' and report the traceback.")


def is_terminal() -> bool:
    """Whether a person can be asked: both stdin and stderr are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def left_out(what: str, reasons: Sequence[str]) -> None:
    """Which modules a command works without, one line each, and where to read more; nothing where there is none."""
    for reason in reasons:
        note(f"not {what}: {reason}")
    if reasons:
        next_step("djproject check")


def plan(changes: "Plan", *, dry_run: bool) -> None:
    """The files of a plan and what becomes of each."""
    for file in changes.files:
        result(f"{file.action:<9} {file.path}")
    if dry_run:
        note("Nothing was written (--dry-run).")


def probes(lines: Sequence["Probe"]) -> None:
    """The lines of `doctor`."""
    width = max((len(probe.name) for probe in lines), default=0)
    margin = f"        {'':<{width}}  "
    for probe in lines:
        mark = {"ok": _green("ok     "), "warning": _yellow("warning"), "failed": _red("failed ")}[probe.state]
        first, *rest = fitted(f"{margin}{probe.detail}", terminal_width(sys.stdout))
        result(f"{mark} {probe.name:<{width}}  {first[len(margin) :]}")
        for line in rest:
            result(line)
        if probe.fix:
            for line in fitted(f"{margin}→ {probe.fix}", terminal_width(sys.stdout), f"{margin}  "):
                result(line)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Rows under a header, as wide as their content; the columns in `right` are set to the right."""
    for number, line in enumerate(table_lines(header, rows, terminal_width(sys.stdout), right=right)):
        result(_bold(line) if number == 0 else line)


def tree(text: str) -> None:
    """A tree, line by line."""
    for line in text.splitlines():
        for piece in fitted_tree(line, terminal_width(sys.stdout)):
            result(piece)


def heading(text: str) -> None:
    """A line above a group of the result."""
    result(_bold(text))


def entry(name: str, kind: str, text: str) -> None:
    """One entry of a list: its name and kind, and a text that is wrapped beside them."""
    import textwrap

    margin = f"  {name}  {kind:<13}"
    width = max(min(terminal_width(sys.stdout), 100), 60) if sys.stdout.isatty() else 80
    result(
        textwrap.fill(
            text, width, initial_indent=margin, subsequent_indent=" " * len(margin),
            break_long_words=False, break_on_hyphens=False,
        )
    )  # fmt: skip


def status_table(statuses: Sequence["TableStatus"]) -> None:
    """The table of `status`."""
    header = ("table", "tier", "rows", "keys", "done", "pending", "reserved", "errors")
    rows = []
    for status in statuses:
        numbers = (status.rows, status.keys, status.done, status.pending, status.reserved, status.errors)
        cells = ["" if number is None else str(number) for number in numbers]
        if not status.deployed:
            cells[0] = "not deployed"
        rows.append((status.name, status.tier, *cells))
    columns(header, rows, right=range(2, 8))


def failures(groups: Sequence["FailureGroup"], *, limit: int) -> None:
    """Failed jobs, by cause."""
    if groups:
        result()
    room = terminal_width(sys.stdout)
    for group in groups[:limit]:
        others = f" and {count(group.count - 1, 'other job')}" if group.count > 1 else ""
        head = "\n".join(fitted(f"error {group.table} ({group.key}){others}", room))
        message = group.message
        shown = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"
        result(head.replace("error", _red("error"), 1))
        result("\n".join(fitted(f"      {shown}", room)))
    if len(groups) > limit:
        result(f"… and {count(len(groups) - limit, 'other cause')}: djproject jobs list")


def count(number: int, thing: str) -> str:
    """So many of a thing: `1 job`, `2 jobs`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time in the two units that matter: `3 h 20 min`, `45 s`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def clear_screen() -> None:
    """Begin a new picture on a terminal (`--watch`)."""
    print("\033[2J\033[H", end="")


def stderr_console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


def _styled(text: str, code: str) -> str:
    return f"{_code(code)}{text}{_code('0')}"


def _code(code: str) -> str:
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return "" if plain or not (sys.stdout.isatty() and sys.stderr.isatty()) else f"\033[{code}m"


def _red(text: str) -> str:
    return _styled(text, "31")


def _green(text: str) -> str:
    return _styled(text, "32")


def _yellow(text: str) -> str:
    return _styled(text, "33")


def _bold(text: str) -> str:
    return _styled(text, "1")


def _say(text: str) -> None:
    print(harmless(text, colors=sys.stderr.isatty()), file=sys.stderr, flush=True)
