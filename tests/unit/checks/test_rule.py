"""A rule is read from its docstring, and its findings carry what it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from djproject.checks.examined import Examined
from djproject.checks.loading import load_inputs
from djproject.checks.registry import all_rules, find_rule
from djproject.checks.rule import Found, Rule, rule
from djproject.errors import ConfigError
from djproject.findings import Edit, Finding, Kind, Location, Note, Severity
from tests.checking import pipeline_in, write_project

AT = Location("a.py", 1, 2, 3)
FOUND = Found(AT, "wrong", "do this", (Edit("a", 1, 2, "x"),), (Note(AT, "here"),), (Edit("b", 3, 4, "y"),))


def with_docstring(text: str | None) -> Rule:
    def nothing_is_wrong(examined: Examined) -> Iterator[Found]:
        assert examined.project.name == "p"
        yield FOUND
        yield Found(AT, "small")

    nothing_is_wrong.__doc__ = text
    return rule(nothing_is_wrong)


@pytest.mark.parametrize(
    ("line", "severity", "kind", "fixable", "label"),
    [
        ("DJP999 error: X.", Severity.ERROR, Kind.BROKEN, False, "error"),
        ("DJP999 error, fix: X.", Severity.ERROR, Kind.BROKEN, True, "error"),
        ("DJP999 error (convention): X.", Severity.ERROR, Kind.CONVENTION, False, "error, convention"),
        ("DJP999 error (convention), fix: X.", Severity.ERROR, Kind.CONVENTION, True, "error, convention"),
        ("DJP999 warning, fix: X.", Severity.WARNING, Kind.ADVICE, True, "warning"),
        ("DJP999 info: X.", Severity.INFO, Kind.ADVICE, False, "info"),
    ],
)
@pytest.mark.parametrize("convention", ["strict", "advise"])
def test_the_first_line_says_what_a_rule_is(
    tmp_path: Path, line: str, severity: Severity, kind: Kind, fixable: bool, label: str, convention: str
) -> None:
    found = with_docstring(line)
    assert (found.code, found.claim, found.name) == ("DJP999", "X.", "nothing_is_wrong")
    assert (found.severity, found.kind, found.fixable, found.label) == (severity, kind, fixable, label)
    check = f'[tool.djproject.check]\nconvention = "{convention}"\n'
    write_project(tmp_path, {}, pyproject=check, git=False)
    told = Severity.WARNING if convention == "advise" and kind is Kind.CONVENTION else severity
    assert list(found.findings(Examined(load_inputs(tmp_path), pipeline_in(tmp_path)))) == [
        Finding("DJP999", told, "wrong", AT, "do this", FOUND.edits, FOUND.notes, kind, FOUND.unsafe),
        Finding("DJP999", told, "small", AT, kind=kind),
    ]


def test_a_claim_may_have_lines_and_a_page_follows() -> None:
    found = with_docstring(
        "\n    DJP999 error: X\n    and  y.\n\n    What: it does.\n\n        code\n\n    Why: so.\n    "
    )
    assert found.claim == "X and y."
    assert found.page == "What: it does.\n\n    code\n\nWhy: so."
    assert with_docstring("DJP999 error: X.").page == ""


@pytest.mark.parametrize(
    "text", [None, "", "DJP9 error: X.", "DJP999 mistake: X.", "DJP999 error:", "X.\n\nDJP999 error: X."]
)
def test_another_docstring_is_refused(text: str | None) -> None:
    with pytest.raises(
        ValueError, match=r"^The docstring of nothing_is_wrong does not begin with CODE severity: claim$"
    ):
        with_docstring(text)


def test_rules_are_sorted_and_found_by_code_or_name() -> None:
    codes = [found.code for found in all_rules()]
    assert codes == sorted(set(codes))
    assert {"DJP001", "DJP090", "DJP307"} <= set(codes)
    for found in all_rules():
        assert find_rule(found.code) is find_rule(found.code.lower()) is find_rule(found.name) is found


@pytest.mark.parametrize(
    ("code", "hint"),
    [("DJP307X", "Did you mean DJP307?"), ("djp307x", "Did you mean DJP307?"), ("nonsense", "djproject rules")],
)
def test_a_rule_that_is_not_there_is_refused(code: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        find_rule(code)
    assert (refused.value.message, refused.value.hint) == (f"There is no rule {code!r}.", hint)
