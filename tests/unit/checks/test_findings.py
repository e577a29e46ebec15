"""The whole of what each rule says: place, sentence, hint, notes, and the file that its fix makes.

What is expected is in `__snapshots__`; after a change, `pytest tests/unit/checks/test_findings.py --snapshot-update`
writes it, and the difference is read before it is committed.
"""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from djproject.findings import Finding
from tests.checking import findings_in, write_project
from tests.unit.checks.cases import CASES, Case


def told(finding: Finding) -> str:
    """A finding as lines of text."""
    lines = [f"{finding.code} {finding.label} {finding.location}", f"  {finding.message}"]
    lines += [f"  hint: {finding.hint}"] if finding.hint else []
    lines += [f"  note: {note}" for note in finding.notes]
    lines += [f"  {name}: {edit}" for name in ("edits", "unsafe") for edit in getattr(finding, name)]
    return "\n".join(lines)


@pytest.mark.parametrize("case", CASES, ids=[case.code for case in CASES])
def test_a_rule_says(tmp_path: Path, case: Case, snapshot: SnapshotAssertion) -> None:
    write_project(tmp_path, case.bad, pyproject=case.bad_pyproject, git=case.git)
    for name in case.absent:
        (tmp_path / name).unlink()
    assert "\n".join(told(finding) for finding in findings_in(tmp_path, [case.code])) == snapshot
