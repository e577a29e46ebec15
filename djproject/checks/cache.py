"""The results of the last check, kept in `.djproject/` under the digest of all that was read."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from djproject.checks.loading import Inputs
from djproject.checks.run import Ignore, Results, examine
from djproject.errors import DJProjectError
from djproject.findings import Edit, Finding, Kind, Location, Note, Severity
from djproject.pipeline.outside import looks_outside
from djproject.project.files import make_state_directory, replace_file, state_directory
from djproject.project.opening import read_regular

NAME = "check.json"
Edits = Sequence[Sequence[object]]
Notes = Sequence[tuple[Sequence[object], str]]


def cached_results(inputs: Inputs, environ: Mapping[str, str] = os.environ) -> Results:
    """What all rules find: from the last run where nothing changed since, else found now and kept.

    Runs side by side disturb nobody: the file is replaced whole, and belongs to one digest. Where it cannot be
    written, or read, everything is simply found again.
    """
    path = state_directory(inputs.project.root, environ) / NAME
    digest = inputs.digest()
    results = _read(path, digest)
    if results is None:
        before = looks_outside()
        results = examine(inputs)
        if looks_outside() == before:  # what is installed may change, and is in no digest
            _write(path, digest, results)
    return results


def _write(path: Path, digest: str, results: Results) -> None:
    value = json.dumps({"digest": digest, "results": results}, ensure_ascii=False)
    try:
        make_state_directory(path.parent)
        replace_file(path, value.encode(errors="replace"), durable=False)
    except (OSError, DJProjectError):
        return


def _read(path: Path, digest: str) -> Results | None:
    try:
        data = read_regular(path)
        if digest.encode() not in data[: len(digest) + 40]:
            return None
        match json.loads(data):
            case {"digest": str(found), "results": list(value)} if found == digest:
                return _results(value)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, DJProjectError):
        return None
    return None


def _results(value: list[Any]) -> Results:
    """What `json` made of the tuples that `Results` consists of, as they were."""
    findings, ignores, *counts = value
    return Results(
        tuple(_finding(*item) for item in findings),
        tuple(Ignore(Location(*item[0]), tuple(item[1]), item[2], item[3]) for item in ignores),
        *counts,
    )


def _finding(
    code: str,
    severity: str,
    message: str,
    where: Sequence[object],
    hint: str,
    edits: Edits,
    notes: Notes,
    kind: str,
    unsafe: Edits,
) -> Finding:
    return Finding(
        code,
        Severity(severity),
        message,
        Location(*where),  # type: ignore[arg-type]
        hint,
        tuple(Edit(*edit) for edit in edits),  # type: ignore[arg-type]
        tuple(Note(Location(*place), text) for place, text in notes),  # type: ignore[arg-type]
        Kind(kind),
        tuple(Edit(*edit) for edit in unsafe),  # type: ignore[arg-type]
    )
