"""Findings are chosen, held back and counted as asked for, whatever the rules are."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from djproject.checks import registry, run
from djproject.checks.examined import Examined
from djproject.checks.loading import Inputs, load_inputs
from djproject.checks.rule import Found, Rule
from djproject.checks.run import (
    UNUSED_IGNORE,
    Choice,
    Ignore,
    Results,
    baseline_text,
    check_codes,
    chosen,
    examine,
    fails,
    load_baseline,
)
from djproject.errors import ConfigError
from djproject.findings import Finding, Kind, Location, Severity
from tests.checking import module, table, write_project

PATH = "src/workflow/a.py"
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def finding(code: str = "DJP213", path: str = PATH, line: int = 1, message: str = "wrong") -> Finding:
    return Finding(code, WARNING, message, Location(path, line))


def ignore(*codes: str, line: int = 1, last: int = 0, path: str = PATH) -> Ignore:
    return Ignore(Location(path, last or line, 5, 9), codes, line, last or line)


def results(*findings: Finding, ignores: tuple[Ignore, ...] = ()) -> Results:
    return Results(findings, ignores, 1, 1, 1)


@pytest.mark.parametrize(
    ("select", "ignored", "wanted"),
    [
        ((), (), {"DJP101", "DJP210", "DJP213"}),
        (("DJP2",), (), {"DJP210", "DJP213"}),
        (("DJP101", "DJP213"), (), {"DJP101", "DJP213"}),
        ((), ("DJP21",), {"DJP101"}),
        ((), ("DJP1", "DJP213"), {"DJP210"}),
        (("DJP2",), ("DJP213",), {"DJP210"}),
        (("DJP3",), (), set()),
    ],
)
def test_codes_are_wanted_by_their_beginning(
    select: tuple[str, ...], ignored: tuple[str, ...], wanted: set[str]
) -> None:
    choice = Choice(select, ignored)
    codes = ["DJP101", "DJP210", "DJP213"]
    assert {code for code in codes if choice.wants(code)} == wanted
    found, held_back = chosen(results(*map(finding, codes)), choice)
    assert ({each.code for each in found}, held_back) == (wanted, 0)


@pytest.mark.parametrize(
    ("pattern", "codes", "left"),
    [
        ("src/workflow/a.py", ("DJP2",), ["b/DJP213", "a/DJP301"]),
        ("src/workflow/?.py", ("DJP213",), ["a/DJP301"]),
        ("src/workflow", ("DJP2", "DJP3"), []),
        ("src/workflow/", ("DJP2", "DJP3"), []),
        ("src/*", ("DJP3",), ["a/DJP213", "b/DJP213"]),
        ("workflow", ("DJP",), ["a/DJP213", "b/DJP213", "a/DJP301"]),
        ("a.py", ("DJP",), ["a/DJP213", "b/DJP213", "a/DJP301"]),
        ("src/workflow/a.py", (), ["a/DJP213", "b/DJP213", "a/DJP301"]),
    ],
)
def test_codes_are_ignored_by_the_pattern_of_a_path(pattern: str, codes: tuple[str, ...], left: list[str]) -> None:
    given = results(
        finding(), finding(path="src/workflow/b.py"), finding("DJP301", line=2), finding("DJP301", "src/workflow/b.py")
    )
    other = {"src/workflow/b.py": ("DJP301",), "nowhere": ("DJP2",)}
    found, _ = chosen(given, Choice(per_file_ignores={**other, pattern: (*codes, *other.get(pattern, ()))}))
    assert sorted(f"{each.location.path[-4]}/{each.code}" for each in found) == sorted(left)


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        ((), ["BOX/c.py", "src/a.py", "src/b.py", "srcs/a.py"]),
        (("src/a.py",), ["src/a.py"]),
        (("src/a.py", "BOX"), ["BOX/c.py", "src/a.py"]),
        (("src",), ["src/a.py", "src/b.py"]),
        (("src/",), ["src/a.py", "src/b.py"]),
        (("BOX/",), ["BOX/c.py"]),
        (("a.py",), []),
        (("src/a",), []),
        (("",), ["BOX/c.py", "src/a.py", "src/b.py", "srcs/a.py"]),
        ((".",), ["BOX/c.py", "src/a.py", "src/b.py", "srcs/a.py"]),
    ],
)
def test_paths_narrow_what_is_told(paths: tuple[str, ...], told: list[str]) -> None:
    given = results(*(finding(path=path) for path in ("src/b.py", "src/a.py", "srcs/a.py", "BOX/c.py")))
    assert [each.location.path for each in chosen(given, Choice(paths=paths))[0]] == told


@pytest.mark.parametrize(
    ("comment", "line", "held"),
    [
        (ignore("DJP213", line=3, last=5), 2, False),
        (ignore("DJP213", line=3, last=5), 3, True),
        (ignore("DJP213", line=3, last=5), 5, True),
        (ignore("DJP213", line=3, last=5), 6, False),
        (ignore("DJP201", line=3), 3, False),
        (ignore("DJP201", "DJP213", line=3), 3, True),
        (ignore(line=3), 3, True),
        (ignore("DJP213", line=3, path="src/workflow/b.py"), 3, False),
    ],
)
def test_a_comment_holds_back_findings_of_its_lines(comment: Ignore, line: int, held: bool) -> None:
    kept = [finding(line=line)] if not held else []
    found, held_back = chosen(results(finding(line=line), ignores=(comment,)), Choice(ignore=(UNUSED_IGNORE,)))
    assert (list(found), held_back) == (kept, 0)


def test_comments_that_suppress_nothing_are_told_in_order() -> None:
    comments = (ignore(line=9), ignore("DJP213", "DJP201", line=1), ignore("DJP301", line=2), ignore(line=3))
    found, _ = chosen(results(finding(), finding("DJP101", line=3), finding(line=4), ignores=comments), Choice())
    assert found == (
        Finding(
            "DJP090", WARNING, "'# djp: ignore[DJP201]' suppresses nothing.", Location(PATH, 1, 5, 9), "Remove it."
        ),
        Finding(
            "DJP090", WARNING, "'# djp: ignore[DJP301]' suppresses nothing.", Location(PATH, 2, 5, 9), "Remove it."
        ),
        finding(line=4),
        Finding("DJP090", WARNING, "'# djp: ignore' suppresses nothing.", Location(PATH, 9, 5, 9), "Remove it."),
    )


def test_two_comments_on_a_finding_are_both_used() -> None:
    comments = (ignore("DJP213"), ignore("DJP213", "DJP214"), ignore(line=1, last=3))
    found, _ = chosen(results(finding(), finding("DJP214"), ignores=comments), Choice())
    assert found == ()


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (Choice(), ["DJP201", "DJP301"]),
        (Choice(ignore=("DJP3",)), ["DJP201"]),
        (Choice(select=("DJP09", "DJP3")), ["DJP301"]),
        (Choice(select=("DJP2", "DJP3")), []),
        (Choice(ignore=("DJP090",)), []),
    ],
)
def test_only_comments_about_codes_that_are_wanted_can_be_unused(choice: Choice, told: list[str]) -> None:
    comments = (ignore("DJP201"), ignore("DJP301", line=2))
    found, _ = chosen(results(ignores=comments), choice)
    assert [each.message.partition("[")[2][:6] for each in found] == told


def test_a_baseline_holds_back_by_code_path_and_message() -> None:
    given = (
        finding(line=3),
        finding(line=1),
        finding("DJP214"),
        finding(message="other"),
        finding(path="src/workflow/b.py"),
        finding(line=2),
    )
    found, held_back = chosen(results(*given), Choice(baseline={("DJP213", PATH, "wrong"): 2}))
    assert held_back == 2
    assert found == (
        finding(message="other"),
        finding("DJP214"),
        finding(line=3),
        finding(path="src/workflow/b.py"),
    )
    known = {("DJP213", PATH, "wrong"): 1}
    assert chosen(results(*given), Choice(baseline=known, paths=("b",))) == ((), 1)
    assert known == {("DJP213", PATH, "wrong"): 1}


@pytest.mark.parametrize(
    ("severities", "level", "failed"),
    [
        ([], INFO, False),
        ([WARNING, INFO], ERROR, False),
        ([WARNING, ERROR], ERROR, True),
        ([INFO], WARNING, False),
        ([WARNING], WARNING, True),
        ([ERROR], WARNING, True),
        ([INFO], INFO, True),
    ],
)
def test_what_is_bad_enough_fails(severities: list[Severity], level: Severity, failed: bool) -> None:
    assert fails([finding()._replace(severity=severity) for severity in severities], level) is failed


def test_a_code_that_no_rule_begins_with_is_refused() -> None:
    check_codes(["DJP", "DJP2", "DJP213"])
    with pytest.raises(ConfigError) as refused:
        check_codes(["DJP213", "DJP8", "DJP9"])
    assert (refused.value.message, refused.value.hint) == ("No rule has the code DJP8.", "djproject rules")


def test_a_baseline_is_a_sorted_file_and_is_read_back(tmp_path: Path) -> None:
    text = baseline_text([finding("DJP301"), finding(line=2), finding(message="größer"), finding(line=7)])
    entry = '    {{\n      "code": "{}",\n      "path": "src/workflow/a.py",\n      "message": "{}",\n      "count": {}\n    }}'
    entries = [("DJP213", "größer", 1), ("DJP213", "wrong", 2), ("DJP301", "wrong", 1)]
    listed = ",\n".join(entry.format(*values) for values in entries)
    assert text == '{\n  "version": 1,\n  "findings": [\n' + listed + "\n  ]\n}\n"
    (tmp_path / "known.json").write_text(text, encoding="utf-8")
    assert load_baseline(tmp_path / "known.json") == {(code, PATH, message): count for code, message, count in entries}
    (tmp_path / "empty.json").write_text(baseline_text([]))
    assert load_baseline(tmp_path / "empty.json") == {}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"findings": [{"code": "DJP213", "path": "a", "message": "b"}]}',
        '{"findings": [{"code": "DJP213", "path": "a", "message": "b", "count": "many"}]}',
        '{"findings": [1]}',
        '{"findings": [{"code": [], "path": "a", "message": "b", "count": 1}]}',
        None,
    ],
)
def test_a_baseline_that_cannot_be_read_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "known.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_baseline(path)
    assert refused.value.message == f"The baseline {path} cannot be read."
    assert refused.value.hint == "djproject check --write-baseline known.json"


@pytest.mark.parametrize("value", [[], {}, {"findings": {}}, {"version": 1}])
def test_another_file_is_no_baseline(tmp_path: Path, value: object) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ConfigError) as refused:
        load_baseline(path)
    assert refused.value.message == f"{path} is not a baseline."
    assert refused.value.hint == "djproject check --write-baseline ANOTHER_FILE"


def test_comments_are_read_with_their_place_and_the_lines_they_count_for(tmp_path: Path) -> None:
    text = "\n".join(
        [
            "x = 1  #djp:ignore",
            "größe = 2  # djp: ignore[DJP201, DJP3 and DJP301]",
            "y = 3  # djp: ignored, # djp:  ignore[none]",
            "@schema",
            "class T(dj.Manual):",
            '    definition = """',
            "    k : int32",
            '    """  # djp: ignore[DJP213]',
            "@schema",
            "class U(dj.Manual):",
            "    definition = (",
            '        """',
            "        k : int32",
            '        """ +  # djp: ignore',
            '        "---\\n"',
            '        "x : int32"  # djp: ignore',
            "    )",
        ]
    )
    files: dict[str, str | bytes] = {
        "a.py": "x = 1\n",
        "b.py": f"import datajoint as dj\nschema = dj.Schema('b')\n{text}\n",
        "c.py": b"# \xff djp: ignore\n# djp: ignore",
        "docker/Dockerfile": "FROM python  # djp: ignore[DJP012]\n",
    }
    found = examine(load_inputs(write_project(tmp_path, files, git=False))).ignores
    b, c = "src/workflow/b.py", "src/workflow/c.py"
    assert found == (
        Ignore(Location(b, 3, 8, 19), (), 3, 3),
        Ignore(Location(b, 4, 12, 50), ("DJP201", "DJP3", "DJP301"), 4, 4),
        Ignore(Location(b, 5, 8, 21), (), 5, 5),
        Ignore(Location(b, 10, 10, 31), ("DJP213",), 8, 10),
        Ignore(Location(b, 16, 16, 29), (), 16, 16),
        Ignore(Location(b, 18, 22, 35), (), 17, 18),
        Ignore(Location(c, 2, 1, 14), (), 2, 2),
        Ignore(Location("docker/Dockerfile", 1, 14, 35), ("DJP012",), 1, 1),
    )


def test_modules_tables_and_files_are_counted(tmp_path: Path) -> None:
    first = module("a", table("A", "k : int32"), table("B", "-> A"))
    files: dict[str, str | bytes] = {
        "a.py": first,
        "b.py": module("b", table("C", "k : int32")),
        "tools.py": "x = 1\n",
        "docker/Dockerfile": "FROM python\n",
        "src/workflow/docker/Dockerfile": "FROM python\n",
    }
    found = examine(load_inputs(write_project(tmp_path, files, git=False)))
    assert (found.modules, found.tables, found.files) == (2, 3, 4)


@pytest.fixture
def examined_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Results]:
    """What rules of these codes find, each of which says all that is given."""

    def find(*codes: str, says: tuple[Found, ...] = (Found(Location(PATH), "wrong"),)) -> Results:
        def check(_: Examined) -> Iterator[Found]:
            """DJP999 warning: Nothing is wrong."""
            yield from says

        rules = [Rule(check) for _ in codes]
        for each, code in zip(rules, codes, strict=True):
            each.code = code
        monkeypatch.setattr(registry, "all_rules", lambda: tuple(rules))
        return examine(inputs())

    def inputs() -> Inputs:
        two = module("a", table("A", "k : int32"), table("B", "-> A"))
        return load_inputs(write_project(tmp_path, {"a.py": two}, git=False))

    return find


def test_findings_are_sorted_and_the_same_is_told_once(examined_with: Callable[..., Results]) -> None:
    at = Location(PATH, 2, 1)
    says = (
        Found(at, "wrong", "do this"),
        Found(Location(PATH, 1, 1), "wrong"),
        Found(at, "wrong", "do that"),
        Found(at, "wrong", "do this"),
        Found(at, "early"),
    )
    found = examined_with("DJP202", "DJP201", says=says).findings
    told = [(each.location.line, each.code, each.message, each.hint) for each in found]
    assert told == [
        (1, "DJP201", "wrong", ""),
        (1, "DJP202", "wrong", ""),
        (2, "DJP201", "early", ""),
        (2, "DJP201", "wrong", "do this"),
        (2, "DJP201", "wrong", "do that"),
        (2, "DJP202", "early", ""),
        (2, "DJP202", "wrong", "do this"),
        (2, "DJP202", "wrong", "do that"),
    ]
    assert {each.kind for each in found} == {Kind.ADVICE}


@pytest.mark.parametrize(("large", "shared"), [(1, True), (2, True), (3, False)])
def test_a_second_process_has_a_part_of_the_rules_from_a_number_of_tables_on(
    examined_with: Callable[..., Results], monkeypatch: pytest.MonkeyPatch, large: int, shared: bool
) -> None:
    parts: list[list[str]] = []

    def both(*work: Callable[[], list[Finding]]) -> list[list[Finding]]:
        found = [each() for each in work]
        parts.extend([sorted({one.code for one in each}) for each in found])
        return found

    monkeypatch.setattr(run, "both", both)
    monkeypatch.setattr(run, "LARGE_TABLES", large)
    codes = ["DJP001", "DJP110", "DJP219", "DJP220", "DJP221", "DJP222", "DJP301"]
    assert [each.code for each in examined_with(*codes).findings] == codes
    assert parts == ([["DJP219", "DJP222", "DJP301"], ["DJP001", "DJP110", "DJP220", "DJP221"]] if shared else [])
