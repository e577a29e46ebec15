"""Pieces of source: the text of a method, the names in a text, a method of a class."""

from pathlib import Path

import pytest

from djproject.pipeline.module import method_text, names_in
from djproject.pipeline.reading import read_python

TEXT = "class A:\n    x = 1\n    def first(self):\n        return 1\n\n    @property\n    def second(self): return 2\n    def first(self, key): pass\n"


def test_a_method_is_found_and_its_text_is_its_lines() -> None:
    (facts,) = read_python(TEXT.encode(), name="a", package="workflow", path=Path("a.py")).classes
    first, second = facts.method("first"), facts.method("second")
    assert first is not None
    assert second is not None
    assert facts.method("third") is None
    lines = TEXT.split("\n")
    assert method_text(lines, first) == "    def first(self):\n        return 1"
    assert method_text(lines, second) == "    def second(self): return 2"
    assert (first.positions, first.decorated, second.decorated) == (1, False, True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", set()),
        ("a = Subject.fetch(x)", {"Subject.fetch"}),
        ("self.insert1(Scan)", {"self.insert1", "Scan"}),
        ("lower case 1.5 words", set()),
        ("'Quoted' # Comment", {"Quoted", "Comment"}),
        ("A & B_1 | _C", {"A", "B_1", "_C"}),
        ("a.b.c.D().e", {"a.b.c.D"}),
        ("a.", set()),
    ],
)
def test_names_with_a_capital_or_a_dot_are_found_in_a_text(text: str, names: set[str]) -> None:
    assert names_in(text) == names
