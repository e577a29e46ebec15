"""Whatever edits a rule proposes, no file is left broken."""

from collections.abc import Callable
from pathlib import Path

import pytest

from djproject.checks import fixing
from djproject.checks.fixing import fixed_files
from djproject.checks.loading import load_inputs
from djproject.checks.run import Choice, Results, baseline_text, chosen
from djproject.findings import Edit, Finding, Location, Severity
from tests.checking import module, write_project

PATH = "src/workflow/a.py"
Propose = Callable[..., tuple[dict[Path, bytes], int]]


def finding(*edits: Edit, message: str = "wrong", path: str = PATH) -> Finding:
    return Finding("DJP213", Severity.WARNING, message, Location(path), edits=edits)


@pytest.fixture
def propose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Propose:
    """Fix a file for which the rules propose these edits, once."""

    def fix(data: bytes, *edits: Edit) -> tuple[dict[Path, bytes], int]:
        write_project(tmp_path, {"a.py": data}, git=False)
        rounds = iter([(finding(*edits),)])
        monkeypatch.setattr(fixing, "examine", lambda inputs: Results(next(rounds, ()), (), 1, 1, 1))
        return fixed_files(load_inputs(tmp_path), Choice())

    return fix


def edit(start: int, end: int, text: str) -> Edit:
    return Edit(PATH, start, end, text)


def test_an_edit_is_made(propose: Propose, tmp_path: Path) -> None:
    assert propose(b"# abc\n", edit(2, 5, "x")) == ({tmp_path / PATH: b"# x\n"}, 1)


def test_a_result_that_does_not_parse_is_not_written(propose: Propose) -> None:
    assert propose(module("a").encode(), edit(0, 3, "(((")) == ({}, 0)


def test_of_two_edits_that_overlap_the_first_is_made(propose: Propose, tmp_path: Path) -> None:
    changed, count = propose(b"# abcdef\n", edit(2, 6, "x"), edit(4, 8, "y"))
    assert (changed[tmp_path / PATH], count) == (b"# xef\n", 1)


def test_edits_beside_each_other_are_all_made(propose: Propose, tmp_path: Path) -> None:
    changed, count = propose(b"# a b\n", edit(4, 5, "y"), edit(2, 3, "xxx"))
    assert (changed[tmp_path / PATH], count) == (b"# xxx y\n", 2)


def test_a_file_whose_bytes_are_not_its_encoding_is_left_alone(propose: Propose) -> None:
    assert propose(b"# a \xff\n", edit(2, 3, "b")) == ({}, 0)


def test_a_baseline_counts(tmp_path: Path) -> None:
    known = {("DJP213", PATH, "wrong"): 1}
    findings = tuple(finding()._replace(location=Location(PATH, line)) for line in (1, 2, 3))
    new, held_back = chosen(Results(findings, (), 1, 1, 1), Choice(baseline=known))
    assert ([f.location.line for f in new], held_back) == ([2, 3], 1)
    assert '"count": 3' in baseline_text(findings)
