"""What the rules say in further situations: several lines, neighbours that are right, one server and the other.

What is expected is in `__snapshots__`; see `test_findings.py`.
"""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.checking import findings_in, write_project
from tests.unit.checks.more_cases import SITUATIONS
from tests.unit.checks.test_findings import told


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_rules_say(tmp_path: Path, name: str, snapshot: SnapshotAssertion) -> None:
    codes, files, pyproject = SITUATIONS[name]
    write_project(tmp_path, files, pyproject=pyproject, git=False)
    assert "\n".join(told(finding) for finding in findings_in(tmp_path, codes.split())) == snapshot
