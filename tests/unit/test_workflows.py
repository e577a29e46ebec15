"""The workflows run nothing that can change under its name, with no more rights than they need."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_digest(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    for line in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_more(path: Path) -> None:
    text = path.read_text()
    assert text.count("\npermissions:\n  contents: read\n\n") == 1
    more = re.findall(r"\n  (\w+):\n(?:    .*\n)*?    permissions:", text)
    assert more == (["attest", "publish"] if path.name == "release.yml" else [])
