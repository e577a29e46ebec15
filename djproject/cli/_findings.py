"""Findings as text: for people, for other programs, for GitHub, for SARIF viewers. Nothing here prints."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from djproject import __version__
from djproject.cli._terminal import fitted
from djproject.findings import Finding, Kind, Location, Severity

SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def as_text(
    findings: Sequence[Finding],
    root: Path,
    files: Mapping[Path, bytes],
    paint: Mapping[str, str],
    width: int = sys.maxsize,
) -> str:
    """Each finding with its source line and a caret below it.

    Parameters
    ----------
    findings
        In the order to print.
    root, files
        Where the source lines come from.
    paint
        Terminal codes for "error", "warning", "info", "dim" and "end"; empty texts for no colours.
    width
        Of the terminal, in columns.
    """
    lines: dict[str, list[str]] = {}

    def line_of(location: Location) -> str:
        if location.path not in lines:
            path = root / location.path  # what a link leads to elsewhere is not for a log
            data = files.get(path, b"") if path.resolve().is_relative_to(root.resolve()) else b""
            lines[location.path] = data.decode("utf-8", errors="replace").split("\n")
        known = lines[location.path]
        return known[location.line - 1].rstrip("\r") if location.line <= len(known) else ""

    blocks = []
    for finding in findings:
        code = f"{finding.code} {finding.label}:"
        block = _marked(f"{code} {finding.message}", code, (paint[finding.severity], paint["end"]), width)
        block += _excerpt(finding.location, line_of(finding.location), finding.severity, paint, width)
        for note in finding.notes:
            where = f"{note.location.path}:{note.location.line}"
            block += _marked(f"   :: {where} {note.text}", "::", (paint["dim"], paint["end"]), width)
        if finding.hint:
            block += _marked(f"   = {finding.hint}", "=", (paint["dim"], paint["end"]), width)
        blocks.append("\n".join(block))
    return "\n\n".join(blocks)


def _marked(text: str, mark: str, color: tuple[str, str], width: int) -> list[str]:
    """A text as lines, its mark in colour."""
    first, *rest = fitted(text, width, "      ")
    return [first.replace(mark, f"{color[0]}{mark}{color[1]}", 1), *rest]


def _excerpt(location: Location, line: str, severity: Severity, paint: Mapping[str, str], columns: int) -> list[str]:
    dim, end = paint["dim"], paint["end"]
    if not line.strip() or (location.line, location.column, location.end_column) == (1, 1, 1):
        return [f"  {dim}-->{end} {location.path}"]
    number = str(location.line)
    gap = " " * len(number)
    shown, start = line.expandtabs(1), location.column - 1
    room = min(columns - len(number) - 4, 200)
    if len(shown) > room:  # a window around the place
        first = max(0, start - 40)
        shown, start = shown[first : first + min(room, 100)], start - first
    width = max(1, min(location.end_column - location.column, len(shown) - start))
    return [
        f"  {dim}-->{end} {location.path}:{location.line}:{location.column}",
        f" {gap} {dim}|{end}",
        f" {dim}{number} |{end} {shown}",
        f" {gap} {dim}|{end} {' ' * start}{paint[severity]}{'^' * width}{end}",
    ]


def as_lines(findings: Sequence[Finding]) -> str:
    """One line each, `path:line:column: CODE message`, as editors and grep understand."""
    return "\n".join(
        f"{f.location.path}:{f.location.line}:{f.location.column}: {f.code} {f.label}: {f.message}" for f in findings
    )


def as_github(findings: Sequence[Finding]) -> str:
    """Workflow commands that GitHub shows beside the lines of a pull request."""
    levels = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
    lines = []
    for finding in findings:
        place = finding.location
        properties = {"file": place.path, "line": place.line, "col": place.column, "title": _title(finding)}
        written = ",".join(f"{key}={escaped(str(value), ':,')}" for key, value in properties.items())
        lines.append(f"::{levels[finding.severity]} {written}::{escaped(finding.message)}")
    return "\n".join(lines)


def _title(finding: Finding) -> str:
    return f"{finding.code} (convention)" if finding.kind is Kind.CONVENTION else finding.code


def escaped(text: str, more: str = "") -> str:
    """A text as GitHub's workflow commands take it; `more` are further characters to write in another way."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def as_values(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """What `--format json` has in its list `findings`."""
    return [
        {
            "code": finding.code,
            "severity": str(finding.severity),
            "kind": str(finding.kind),
            "message": finding.message,
            "path": finding.location.path,
            "line": finding.location.line,
            "column": finding.location.column,
            "end_column": finding.location.end_column,
            "hint": finding.hint,
            "fixable": bool(finding.edits),
            "notes": [
                {"path": note.location.path, "line": note.location.line, "text": note.text} for note in finding.notes
            ],
        }
        for finding in findings
    ]


def as_sarif(findings: Sequence[Finding]) -> str:
    """A SARIF 2.1.0 log, as code-scanning services take it."""
    from djproject.checks.registry import all_rules

    rules = [rule for rule in all_rules() if any(finding.code == rule.code for finding in findings)]
    index = {rule.code: number for number, rule in enumerate(rules)}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "djproject",
                        "version": __version__,
                        "rules": [
                            {
                                "id": rule.code,
                                "name": rule.name,
                                "shortDescription": {"text": rule.claim},
                                "fullDescription": {"text": rule.page.partition("\n\nExample")[0]},
                                "help": {"text": rule.page},
                                "defaultConfiguration": {"level": SARIF_LEVELS[rule.severity]},
                                "properties": {"kind": str(rule.kind)},
                            }
                            for rule in rules
                        ],
                    }
                },
                "originalUriBaseIds": {"ROOT": {"description": {"text": "The folder of pyproject.toml."}}},
                "results": [_sarif_result(finding, index) for finding in findings],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False)


def _sarif_result(finding: Finding, index: Mapping[str, int]) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": SARIF_LEVELS[finding.severity],
        "message": {"text": " ".join(filter(None, (finding.message, finding.hint)))},
        "locations": [_sarif_location(finding.location)],
    }
    if finding.notes:
        related = [
            {"id": number, **_sarif_location(note.location), "message": {"text": note.text}}
            for number, note in enumerate(finding.notes, start=1)
        ]
        result["relatedLocations"] = related
    return result


def _sarif_location(location: Location) -> dict[str, object]:
    from urllib.parse import quote

    region = {
        "startLine": location.line,
        "startColumn": location.column,
        "endColumn": max(location.end_column, location.column),
    }
    place = {"artifactLocation": {"uri": quote(location.path), "uriBaseId": "ROOT"}, "region": region}
    return {"physicalLocation": place}
