"""The edits of findings applied to files, in memory, until there is nothing left to fix."""

import ast
from collections.abc import Iterable
from pathlib import Path

from djproject.checks.examined import decode
from djproject.checks.loading import Inputs
from djproject.checks.run import Choice, chosen, examine
from djproject.findings import Edit, Finding
from djproject.pipeline.use import keeps_meaning
from djproject.project.location import PYPROJECT, read_document

ROUNDS = 20


def fixed_files(inputs: Inputs, choice: Choice, *, unsafe: bool = False) -> tuple[dict[Path, bytes], int]:
    """The files that fixing changes, with their new bytes, and how many findings that fixes.

    A file is changed by all edits that concern it or by none: where the result of a Python file does not parse, or
    would do anything else than before, the file stays as it is. The new files have nothing left to fix.

    With `unsafe`, also by edits that change what the code declares: a file with one of them only has to parse.
    """
    changed: dict[Path, bytes] = {}
    refused: set[str] = set()
    fixed = 0
    for _ in range(ROUNDS):
        found = [f for f in chosen(examine(inputs), choice)[0] if f.location.path not in refused]
        findings = [f for f in found if f.edits or (unsafe and f.unsafe)]
        if not findings:
            break
        by_path: dict[str, list[Finding]] = {}
        for finding in findings:
            by_path.setdefault((finding.edits or finding.unsafe)[0].path, []).append(finding)
        files = dict(inputs.files)
        for name, of_file in by_path.items():
            path = inputs.project.root / name
            new, count = _applied(
                files[path], [edit for finding in of_file for edit in finding.edits or finding.unsafe]
            )
            changes = any(not finding.edits for finding in of_file)
            if count == 0 or not (_parses(path, new) if changes else _is_sound(path, files[path], new)):
                refused.add(name)
                continue
            files[path] = changed[path] = new
            fixed += count
        pyproject = inputs.project.root / PYPROJECT
        document = read_document(files[pyproject].decode(), pyproject)
        inputs = inputs._replace(files=files, document=document)
    return changed, fixed


def _applied(data: bytes, edits: Iterable[Edit]) -> tuple[bytes, int]:
    """The bytes after the edits that do not overlap an earlier one, and how many those are."""
    text, encoding = decode(data)
    if text.encode(encoding, errors="replace") != data:
        return data, 0
    pieces, position, count = [], 0, 0
    for edit in sorted(set(edits)):
        if edit.start < position or (edit.start == position and count):
            continue
        pieces += [text[position : edit.start], edit.text]
        position = edit.end
        count += 1
    try:
        return ("".join(pieces) + text[position:]).encode(encoding), count
    except UnicodeEncodeError:  # the file's encoding has no such character
        return data, 0


def _parses(path: Path, new: bytes) -> bool:
    if path.suffix != ".py":
        return True
    try:
        ast.parse(decode(new)[0])
    except (SyntaxError, ValueError):
        return False
    return True


def _is_sound(path: Path, old: bytes, new: bytes) -> bool:
    if path.suffix != ".py":
        return True
    try:
        return keeps_meaning(decode(old)[0], decode(new)[0])
    except (SyntaxError, ValueError):
        return False
