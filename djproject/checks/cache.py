"""The results of the last check, kept in `.djproject/` under the digest of all that was read."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from djproject.checks.loading import Inputs
from djproject.checks.run import Ignore, Results, examine
from djproject.findings import Edit, Finding, Location, Note, Severity
from djproject.project.files import make_state_directory, replace_file, state_directory

NAME = "check.json"


def cached_results(inputs: Inputs, environ: Mapping[str, str] = os.environ) -> Results:
    """What all rules find: from the last run where nothing changed since, else found now and kept.

    Runs side by side disturb nobody: the file is replaced whole, and belongs to one digest. Where it cannot be
    written, or read, everything is simply found again.
    """
    path = state_directory(inputs.project.root, environ) / NAME
    digest = inputs.digest()
    results = _read(path, digest)
    if results is None:
        results = examine(inputs)
        _write(path, digest, results)
    return results


def _write(path: Path, digest: str, results: Results) -> None:
    value = json.dumps({"digest": digest, "results": asdict(results)}, ensure_ascii=False)
    try:
        make_state_directory(path.parent)
        replace_file(path, value.encode(errors="replace"))
    except OSError:
        return


def _read(path: Path, digest: str) -> Results | None:
    try:
        with path.open("rb") as stream:
            head = stream.read(len(digest) + 40)
            if digest.encode() not in head:
                return None
            match json.loads(head + stream.read()):
                case {"digest": str(found), "results": {**value}} if found == digest:
                    return _results({str(key): item for key, item in value.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def _results(value: dict[str, object]) -> Results:
    def location(item: dict[str, object]) -> Location:
        return Location(**item)  # type: ignore[arg-type]

    findings = [
        Finding(
            item["code"],
            Severity(item["severity"]),
            item["message"],
            location(item["location"]),
            item["hint"],
            tuple(Edit(**edit) for edit in item["edits"]),
            tuple(Note(location(note["location"]), note["text"]) for note in item["notes"]),
        )
        for item in value["findings"]  # type: ignore[attr-defined]
    ]
    ignores = [
        Ignore(location(item["location"]), tuple(item["codes"]), item["first_line"], item["last_line"])
        for item in value["ignores"]  # type: ignore[attr-defined]
    ]
    counts = [int(value[name]) for name in ("modules", "tables", "files")]  # type: ignore[call-overload]
    return Results(tuple(findings), tuple(ignores), *counts)
