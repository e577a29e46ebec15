"""The rules run over a project, and their findings chosen: by code, by file, by comment, by baseline."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from djproject.checks.loading import Inputs
from djproject.errors import ConfigError
from djproject.findings import Finding, Location, Severity
from djproject.pipeline.parallel import both
from djproject.project.opening import read_text

if TYPE_CHECKING:
    from djproject.checks.examined import Examined
    from djproject.checks.rule import Rule

UNUSED_IGNORE = "DJP090"
LARGE_TABLES = 2000
SECOND_PROCESS = ("DJP0", "DJP1", "DJP220", "DJP221")
_IGNORE = re.compile(r"#\s*djp:\s*ignore(?:\[(?P<codes>[^\]]*)\])?")


class Ignore(NamedTuple):
    """One `# djp: ignore[…]` comment.

    Attributes
    ----------
    location
        Of the comment.
    codes
        What it ignores; nothing means every rule.
    first_line, last_line
        The lines of the file it counts for.
    """

    location: Location
    codes: tuple[str, ...]
    first_line: int
    last_line: int


class Results(NamedTuple):
    """What all rules found, and what they looked at; nothing is chosen yet.

    Attributes
    ----------
    findings
        Sorted by place.
    ignores
        The comments that suppress findings.
    modules, tables, files
        How many schema modules, tables and Python files were read.
    """

    findings: tuple[Finding, ...]
    ignores: tuple[Ignore, ...]
    modules: int
    tables: int
    files: int


class Choice(NamedTuple):
    """Which findings are wanted.

    Attributes
    ----------
    select, ignore
        Codes or beginnings of codes; nothing in `select` means all.
    per_file_ignores
        Codes by pattern of a path.
    paths
        Files or folders relative to the root; nothing means all.
    baseline
        Findings that are known: code, path and message, with how many of each.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] | None = None
    paths: tuple[str, ...] = ()
    baseline: Mapping[tuple[str, str, str], int] | None = None

    def wants(self, code: str) -> bool:
        """Whether findings of a code are wanted at all."""
        return (not self.select or code.startswith(self.select)) and not code.startswith(self.ignore)


def examine(inputs: Inputs) -> Results:
    """What every rule finds in a project."""
    from djproject.pipeline.linking import link
    from djproject.pipeline.source import read_files

    package = inputs.project.package
    inside = {path: data for path, data in inputs.files.items() if path.is_relative_to(inputs.folder)}
    python = {path: data for path, data in inside.items() if path.suffix == ".py"}
    pipeline = link(package, *read_files(inputs.folder, package, python, meanwhile=_load_rules))
    from djproject.checks.examined import Examined
    from djproject.checks.registry import all_rules

    examined = Examined(inputs, pipeline)
    findings = _found(examined, all_rules())
    spans = {
        (examined.relative(table.text_path), segment.end_line): segment.place.line
        for table in examined.tables
        if table.text
        for segment in table.text.segments[-1:]
    }
    ignores = tuple(_ignores(examined, spans))
    unique = {(f.order, f.hint): f for f in findings}
    ordered = tuple(sorted(unique.values(), key=lambda finding: finding.order))
    return Results(ordered, ignores, len(pipeline.modules), len(pipeline.tables), len(python))


def _load_rules() -> None:
    import djproject.checks.registry  # noqa: F401 (50 ms that need not wait for the files)


def _found(examined: "Examined", rules: Sequence["Rule"]) -> list[Finding]:
    """What rules find; of a large pipeline by two processes, which share what was read."""
    second = [rule for rule in rules if rule.code.startswith(SECOND_PROCESS)]
    first = [rule for rule in rules if rule not in second]
    work = [partial(_found_by, examined, part) for part in (first, second)]
    if len(examined.tables) < LARGE_TABLES:
        return [finding for part in work for finding in part()]
    mine, others = both(*work)
    return mine + others


def _found_by(examined: "Examined", rules: Sequence["Rule"]) -> list[Finding]:
    return [finding for rule in rules for finding in rule.findings(examined)]


def chosen(results: Results, choice: Choice) -> tuple[tuple[Finding, ...], int]:
    """The findings that are wanted, unused ignores among them, and how many the baseline holds back."""
    used: set[tuple[Ignore, str]] = set()
    kept: list[Finding] = []
    for finding in results.findings:
        if not choice.wants(finding.code) or _is_ignored_in_file(finding, choice):
            continue
        comments = [ignore for ignore in results.ignores if _covers(ignore, finding)]
        used |= {(ignore, finding.code if ignore.codes else "") for ignore in comments}
        if not comments:
            kept.append(finding)
    if choice.wants(UNUSED_IGNORE):
        kept += _unused(results, choice, used)
    known = dict(choice.baseline or {})
    new: list[Finding] = []
    held_back = 0
    for finding in sorted(kept, key=lambda finding: finding.order):
        key = (finding.code, finding.location.path, finding.message)
        if known.get(key, 0) > 0:
            known[key] -= 1
            held_back += 1
        elif _is_in(finding.location.path, choice.paths):
            new.append(finding)
    return tuple(new), held_back


def fails(findings: Iterable[Finding], level: Severity) -> bool:
    """Whether one of the findings is as bad as `level`."""
    return any(finding.severity.reaches(level) for finding in findings)


def check_codes(codes: Sequence[str]) -> None:
    """Refuse codes that no rule begins with."""
    from djproject.checks.registry import all_rules

    for code in codes:
        if not any(rule.code.startswith(code) for rule in all_rules()):
            raise ConfigError(f"No rule has the code {code}.", hint="djproject rules")


def load_baseline(path: Path) -> dict[tuple[str, str, str], int]:
    """The findings that a baseline file holds; ConfigError where it is none."""
    try:
        match json.loads(read_text(path)):
            case {"findings": list(entries)}:
                return {(e["code"], e["path"], e["message"]): int(e["count"]) for e in entries}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"The baseline {path} cannot be read.", hint=f"djproject check --write-baseline {path.name}"
        ) from error
    raise ConfigError(f"{path} is not a baseline.", hint="djproject check --write-baseline ANOTHER_FILE")


def baseline_text(findings: Iterable[Finding]) -> str:
    """A baseline file that holds these findings, the same whatever their order."""
    counts: dict[tuple[str, str, str], int] = {}
    for finding in findings:
        key = (finding.code, finding.location.path, finding.message)
        counts[key] = counts.get(key, 0) + 1
    entries = [
        {"code": code, "path": path, "message": message, "count": count}
        for (code, path, message), count in sorted(counts.items())
    ]
    return json.dumps({"version": 1, "findings": entries}, indent=2, ensure_ascii=False) + "\n"


def _ignores(examined: "Examined", spans: Mapping[tuple[str, int], int]) -> Iterator[Ignore]:
    for path, data in examined.files.items():
        if b"djp:" not in data:
            continue
        name = examined.relative(path)
        for number, line in enumerate(data.decode("utf-8", errors="replace").split("\n"), start=1):
            match = _IGNORE.search(line)
            if match:
                codes = tuple(re.findall(r"DJP\d+", match["codes"] or ""))
                where = Location(name, number, match.start() + 1, match.end() + 1)
                yield Ignore(where, codes, spans.get((name, number), number), number)


def _covers(ignore: Ignore, finding: Finding) -> bool:
    if ignore.location.path != finding.location.path:
        return False
    inside = ignore.first_line <= finding.location.line <= ignore.last_line
    return inside and (not ignore.codes or finding.code in ignore.codes)


def _unused(results: Results, choice: Choice, used: set[tuple[Ignore, str]]) -> Iterator[Finding]:
    for ignore in results.ignores:
        for code in ignore.codes or ("",):
            if (ignore, code) not in used and (not code or choice.wants(code)):
                what = f"ignore[{code}]" if code else "ignore"
                message = f"'# djp: {what}' suppresses nothing."
                yield Finding(UNUSED_IGNORE, Severity.WARNING, message, ignore.location, "Remove it.")


def _is_ignored_in_file(finding: Finding, choice: Choice) -> bool:
    patterns = choice.per_file_ignores or {}
    path = finding.location.path
    return any(
        finding.code.startswith(codes)
        for pattern, codes in patterns.items()
        if fnmatch(path, pattern) or fnmatch(path, f"{pattern.rstrip('/')}/*")
    )


def _is_in(path: str, paths: Sequence[str]) -> bool:
    return not paths or any(
        path == other or path.startswith(f"{other.rstrip('/')}/") or other in {"", "."} for other in paths
    )
