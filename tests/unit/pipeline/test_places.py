"""Where the lines and words of a definition are in its file, whatever the definition is made of."""

import pytest

from djproject.pipeline.module import Place, Segment, Text
from djproject.pipeline.places import place_in_text

LINES = [
    "class A:",
    '    definition = """',
    "    a : int8  # a b",
    "",
    "    größe : int8  # größe",
    "      b : int8",
    '    """',
    "    a : int8",
]
WHOLE = Text("\n    a : int8  # a b\n\n    größe : int8  # größe\n      b : int8\n    ", (Segment(0, Place(2, 18), 7),))


@pytest.mark.parametrize(
    ("line", "token", "place"),
    [
        (2, "", (3, 5)),
        (2, "a", (3, 5)),
        (2, "int8", (3, 9)),
        (2, "b", (3, 19)),
        (2, "nothing", (3, 5)),
        (4, "größe", (5, 5)),
        (4, "int8", (5, 15)),
        (4, "# größe", (5, 21)),
        (5, "", (6, 7)),
        (5, "int8", (6, 11)),
        (1, "", (2, 1)),
        (3, "", (4, 1)),
        (6, "", (7, 1)),
        (7, "", (7, 1)),
        (9, "a", (7, 1)),
    ],
)
def test_a_line_of_a_literal_is_at_its_place(line: int, token: str, place: tuple[int, int]) -> None:
    assert place_in_text(WHOLE, LINES, line, token) == Place(*place)


SOURCE = [
    "K = (",
    "    'x : int8\\n'",
    "    'k : int8\\n'",
    ")",
    "",
    "definition = K + '''y : int8",
    "k : int8",
    "''' + 'z : int8'",
]
JOINED = Text(
    "x : int8\nk : int8\ny : int8\nk : int8\nz : int8",
    (Segment(0, Place(2, 5), 3), Segment(18, Place(6, 18), 8), Segment(36, Place(8, 7), 8)),
)


@pytest.mark.parametrize(
    ("line", "token", "place"),
    [
        (1, "", (2, 6)),
        (2, "", (3, 6)),
        (2, "int8", (3, 10)),
        (3, "y", (6, 21)),
        (3, "int8", (6, 25)),
        (4, "int8", (7, 5)),
        (5, "z", (8, 8)),
        (6, "", (8, 1)),
    ],
)
def test_a_line_of_several_literals_is_looked_for_in_its_own(line: int, token: str, place: tuple[int, int]) -> None:
    assert place_in_text(JOINED, SOURCE, line, token) == Place(*place)


def test_a_line_that_is_not_written_as_it_is_is_at_its_literal() -> None:
    made = Text("a : int8\nb : int8", (Segment(0, Place(3, 7), 4),))
    lines = ["b : int8", "", "x = 'a : {}\\nb : {}'", "  .format('int8')", "b : int8"]
    assert place_in_text(made, lines, 2, "b") == Place(3, 7)
    assert place_in_text(made, [], 2, "b") == Place(3, 7)
    assert place_in_text(made, lines[:3], 1) == Place(3, 7)


def test_a_line_that_is_not_at_its_number_is_looked_for_in_the_whole_literal() -> None:
    value = "a : int8\nb : int8\nc : int8"
    text = Text(value, (Segment(0, Place(2, 1), 4),))
    assert place_in_text(text, ["c : int8", "c : int8", "", "a : int8"], 3) == Place(2, 1)
    assert place_in_text(text, ["a : int8", "", "", "  a : int8"], 1) == Place(4, 3)
    assert place_in_text(text, ["", "", "", "", "a : int8"], 1) == Place(2, 1)


def test_what_is_before_the_first_literal_is_at_it() -> None:
    assert place_in_text(Text("\nb : int8", (Segment(1, Place(2, 5), 2),)), ["", "x = 'b : int8'"], 1) == Place(2, 1)
    assert place_in_text(Text("x : int8\nb : int8", (Segment(9, Place(2, 5), 2),)), ["", "x = 'b : int8'"], 1) == Place(
        2, 5
    )
