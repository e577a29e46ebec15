"""Results are kept whole, for what was read and nothing else; where that cannot be, they are found again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from djproject.checks import cache
from djproject.checks.cache import cached_results
from djproject.checks.loading import Inputs, load_inputs
from djproject.checks.run import Ignore, Results
from djproject.findings import Edit, Finding, Kind, Location, Note, Severity
from tests.checking import write_project

PATH = "src/workflow/größe.py"
FOUND = Results(
    (
        Finding(
            "DJP112", Severity.ERROR, "größer\udcff?", Location(PATH, 2, 3, 4), "do this",
            (Edit(PATH, 1, 2, "ä"), Edit(PATH, 3, 4, "")), (Note(Location(PATH, 5, 6, 7), "here"), Note(Location("b"), "")),
            Kind.CONVENTION, (Edit("c", 5, 6, "x"),),
        ),
        Finding("DJP213", Severity.INFO, "small", Location("b")),
    ),
    (Ignore(Location(PATH, 1, 2, 3), ("DJP1", "DJP2"), 4, 5), Ignore(Location("b"), (), 1, 1)),
    11, 22, 33,
)  # fmt: skip
Ask = Callable[[], Results]


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return load_inputs(write_project(tmp_path / "p", {}, git=False))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "state/check.json"


@pytest.fixture
def examinations(monkeypatch: pytest.MonkeyPatch) -> list[Inputs]:
    """What was examined, where every examination finds the same."""
    seen: list[Inputs] = []

    def examine(inputs: Inputs) -> Results:
        seen.append(inputs)
        return FOUND

    monkeypatch.setattr(cache, "examine", examine)
    return seen


@pytest.fixture
def ask(inputs: Inputs, tmp_path: Path) -> Ask:
    return lambda: cached_results(inputs, {"DJPROJECT_STATE": str(tmp_path / "state")})


def test_results_are_kept_as_they_are(ask: Ask, examinations: list[Inputs], inputs: Inputs, kept: Path) -> None:
    assert ask() == FOUND
    again = ask()
    assert again.findings[1:] == FOUND.findings[1:]
    assert again.findings[0] == FOUND.findings[0]._replace(message="größer??")
    assert again[1:] == FOUND[1:]
    first, *_ = again.findings
    assert [type(part) for part in first] == [type(part) for part in FOUND.findings[0]]
    assert {type(part) for part in (*first.edits, *first.unsafe)} == {Edit}
    assert {(type(note), type(note.location)) for note in first.notes} == {(Note, Location)}
    assert {(type(each), type(each.location)) for each in again.ignores} == {(Ignore, Location)}
    assert examinations == [inputs]
    assert "größer" in kept.read_text(encoding="utf-8")
    assert list(json.loads(kept.read_bytes())) == ["digest", "results"]


def test_they_are_in_the_folder_of_the_project_without_another(
    inputs: Inputs, examinations: list[Inputs], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert cached_results(inputs, {}) == FOUND
    assert (inputs.project.root / ".djproject/check.json").is_file()
    monkeypatch.setenv("DJPROJECT_STATE", str(tmp_path / "state"))
    cached_results(inputs)
    assert (tmp_path / "state/check.json").is_file()
    assert len(examinations) == 2


def test_what_was_found_in_another_state_is_found_again(
    inputs: Inputs, ask: Ask, examinations: list[Inputs], tmp_path: Path
) -> None:
    ask()
    other = inputs._replace(names=inputs.names | {"more"})
    for _ in range(2):
        cached_results(other, {"DJPROJECT_STATE": str(tmp_path / "state")})
    assert examinations == [inputs, other]
    ask()
    assert len(examinations) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text, digest: "",
        lambda text, digest: text[:-1],
        lambda text, digest: "[" + text + "]",
        lambda text, digest: text.replace(digest, digest + "1"),
        lambda text, digest: text.replace('"results"', '"other"'),
        lambda text, digest: json.dumps({"digest": digest, "results": 3}),
        lambda text, digest: json.dumps({"digest": digest, "results": []}),
        lambda text, digest: json.dumps({"digest": digest, "results": [[["DJP213"]], [], 1, 2, 3]}),
        lambda text, digest: text.replace('"error"', '"mistake"'),
        lambda text, digest: text.replace("33]", "33, 44]"),
        lambda text, digest: text.replace(", 11, 22, 33]", ", 11, 22]"),
    ],
)
def test_what_cannot_be_read_is_found_again_and_kept_anew(
    inputs: Inputs, ask: Ask, examinations: list[Inputs], kept: Path, spoil: Callable[[str, str], str]
) -> None:
    ask()
    text = kept.read_text(encoding="utf-8")
    spoilt = spoil(text, inputs.digest())
    assert spoilt != text
    kept.write_text(spoilt, encoding="utf-8")
    assert ask() == FOUND
    assert len(examinations) == 2
    assert kept.read_text(encoding="utf-8") == text


def test_a_folder_that_takes_no_file_is_no_error(tmp_path: Path, inputs: Inputs, examinations: list[Inputs]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken/check.json").mkdir(parents=True)
    for place in ("file/state", "taken"):
        assert cached_results(inputs, {"DJPROJECT_STATE": str(tmp_path / place)}) == FOUND
    assert len(examinations) == 2


def test_what_depends_on_what_is_installed_is_not_kept(
    ask: Ask, examinations: list[Inputs], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "looks_outside", lambda: len(examinations))
    assert ask() == ask() == FOUND
    assert (len(examinations), kept.exists()) == (2, False)
