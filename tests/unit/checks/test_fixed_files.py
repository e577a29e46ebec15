"""Whatever edits a rule proposes, no file is left broken."""

from collections.abc import Callable
from pathlib import Path

import pytest

from djproject.checks import fixing
from djproject.checks.fixing import fixed_files
from djproject.checks.loading import Inputs, load_inputs
from djproject.checks.run import Choice, Results, baseline_text, chosen
from djproject.findings import Edit, Finding, Location, Severity
from tests.checking import PYPROJECT, module, write_project

PATH = "src/workflow/a.py"
Propose = Callable[..., tuple[dict[Path, bytes], int]]
Rounds = Callable[..., tuple[dict[Path, bytes], int, list[Inputs]]]


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


@pytest.mark.parametrize(
    ("edits", "made", "count"),
    [
        ([edit(0, 0, "# new\n")], "# new\n# abcdef\n", 1),
        ([edit(9, 9, "# end\n")], "# abcdef\n# end\n", 1),
        ([edit(2, 4, "x"), edit(2, 4, "x")], "# xcdef\n", 1),
        ([edit(2, 4, "y"), edit(2, 4, "x")], "# xcdef\n", 1),
        ([edit(2, 5, "y"), edit(2, 4, "x")], "# xcdef\n", 1),
        ([edit(2, 4, "x"), edit(4, 5, "y")], "# xcdef\n", 1),
        ([edit(2, 4, "x"), edit(3, 3, "y"), edit(5, 6, "z")], "# xczef\n", 2),
        ([edit(0, 0, "#"), edit(0, 1, "!")], "## abcdef\n", 1),
    ],
)
def test_edits_are_made_in_their_order(
    propose: Propose, tmp_path: Path, edits: list[Edit], made: str, count: int
) -> None:
    assert propose(b"# abcdef\n", *edits) == ({tmp_path / PATH: made.encode()}, count)


@pytest.mark.parametrize(
    ("data", "made"),
    [
        ("# ä ß b\r\n".encode(), "# ä x b\r\n".encode()),
        ("# coding: latin-1\n# ä".encode("latin-1"), "# x\n# ä".encode("latin-1")),
        (b"\xef\xbb\xbf# a b\n", b"\xef\xbb\xbf# a x\n"),
        (b"\xef\xbb\xbf# a \xff\n", None),
        (b"# coding: ascii\n# \xff", None),
    ],
)
def test_a_file_keeps_its_encoding(propose: Propose, tmp_path: Path, data: bytes, made: bytes | None) -> None:
    place = (2, 17) if b"latin" in data else (4, 5)
    changed, count = propose(data, edit(*place, "x"))
    assert (changed, count) == (({tmp_path / PATH: made}, 1) if made else ({}, 0))


def test_a_file_whose_encoding_lacks_a_character_is_left_alone(propose: Propose) -> None:
    assert propose("# coding: latin-1\n# ä".encode("latin-1"), edit(17, 17, " →")) == ({}, 0)


def test_an_edit_that_does_something_else_is_not_made(propose: Propose) -> None:
    assert propose(b"x = 1\n", edit(4, 5, "2")) == ({}, 0)
    assert propose(b"x = 1\n", edit(5, 5, " \x00")) == ({}, 0)


@pytest.fixture
def rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    """Fix what the rules find in each round; also says what they were given."""

    def fix(
        *found: list[Finding], unsafe: bool = False, choice: Choice | None = None
    ) -> tuple[dict[Path, bytes], int, list[Inputs]]:
        given: list[Inputs] = []

        def examine(inputs: Inputs) -> Results:
            given.append(inputs)
            return Results(tuple(found[len(given) - 1]) if len(given) <= len(found) else (), (), 1, 1, 1)

        write_project(tmp_path, {"a.py": "x = 1\n", "b.py": "y = 1\n"}, git=False)
        monkeypatch.setattr(fixing, "examine", examine)
        return *fixed_files(load_inputs(tmp_path), choice or Choice(), unsafe=unsafe), given

    return fix


def other(path: str, start: int, end: int, text: str, *, unsafe: bool = False) -> Finding:
    edits = (Edit(path, start, end, text),)
    found = finding(path=path)
    return found._replace(unsafe=edits) if unsafe else found._replace(edits=edits)


B = "src/workflow/b.py"


def test_each_round_has_the_files_of_the_one_before(rounds: Rounds, tmp_path: Path) -> None:
    name = len('[project]\nname = "')
    changed, count, given = rounds(
        [other(PATH, 0, 0, "# one\n"), other(B, 0, 0, "# b\n"), other("pyproject.toml", name, name + 1, "q")],
        [other(PATH, 0, 0, "# two\n")],
    )
    pyproject = tmp_path / "pyproject.toml"
    assert count == 4
    assert {path.name: data for path, data in changed.items()} == {
        "a.py": b"# two\n# one\nx = 1\n", "b.py": b"# b\ny = 1\n",
        "pyproject.toml": pyproject.read_bytes().replace(b'"p"', b'"q"'),
    }  # fmt: skip
    assert [inputs.files[tmp_path / PATH] for inputs in given] == [
        b"x = 1\n", b"# one\nx = 1\n", b"# two\n# one\nx = 1\n",
    ]  # fmt: skip
    assert [inputs.document["project"]["name"] for inputs in given] == ["p", "q", "q"]


def test_a_file_that_an_edit_would_break_is_left_and_the_others_are_mended(rounds: Rounds) -> None:
    broken = [other(PATH, 0, 1, "((("), other(B, 0, 0, "# b\n")]
    changed, count, given = rounds(broken, [other(PATH, 0, 0, "# later\n"), other(B, 0, 0, "# c\n")])
    assert ({path.name: data for path, data in changed.items()}, count) == ({"b.py": b"# c\n# b\ny = 1\n"}, 2)
    assert len(given) == 3


def test_fixing_comes_to_an_end(rounds: Rounds) -> None:
    changed, count, given = rounds(*([other(PATH, 0, 0, "#\n")] for _ in range(30)))
    assert (count, len(given)) == (20, 20)
    assert list(changed.values()) == [b"#\n" * 20 + b"x = 1\n"]


def test_what_means_something_else_is_only_changed_where_that_is_wanted(rounds: Rounds) -> None:
    unsafe = other(PATH, 4, 5, "2", unsafe=True)
    assert rounds([unsafe])[:2] == ({}, 0)
    changed, count, _ = rounds([unsafe, other(PATH, 0, 0, "# safe\n"), other(B, 4, 5, "2")], unsafe=True)
    assert ({path.name: data for path, data in changed.items()}, count) == ({"a.py": b"# safe\nx = 2\n"}, 2)
    for text in ("(", "\x00", "2\n x"):
        assert rounds([other(PATH, 4, 5, text, unsafe=True)], unsafe=True)[:2] == ({}, 0)
    edit_and_unsafe = other(PATH, 0, 0, "# safe\n")._replace(unsafe=(edit(4, 5, "2"),))
    changed, _, _ = rounds([edit_and_unsafe], unsafe=True)
    assert list(changed.values()) == [b"# safe\nx = 1\n"]


def test_a_file_that_is_no_python_is_changed_as_it_is(rounds: Rounds, tmp_path: Path) -> None:
    size = len(PYPROJECT)
    for unsafe in (False, True):
        changed, count, _ = rounds([other("pyproject.toml", size, size, "# ((\n", unsafe=unsafe)], unsafe=unsafe)
        assert (changed, count) == ({tmp_path / "pyproject.toml": f"{PYPROJECT}# ((\n".encode()}, 1)


def test_only_what_is_chosen_is_fixed(rounds: Rounds) -> None:
    findings = [other(PATH, 0, 0, "#\n"), other(B, 0, 0, "#\n")._replace(code="DJP301")]
    changed, count, _ = rounds(findings, choice=Choice(select=("DJP3",)))
    assert ([path.name for path in changed], count) == (["b.py"], 1)
