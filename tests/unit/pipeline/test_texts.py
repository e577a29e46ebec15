"""Texts made of literals: their value, where their pieces are, and when they cannot be known."""

import ast

import pytest

from djproject.pipeline.module import Place, Segment, Text
from djproject.pipeline.texts import LONGEST, UNKNOWN, either, joined, place_of, read_text

KNOWN = {
    "KEY": Text("k : int32", (Segment(0, Place(40, 7), 41),)),
    "texts.KEY": Text("t : int32", (Segment(0, Place(50, 7), 50),)),
    "LATER": Text(None, (), "other.LATER"),
}


def read(source: str) -> Text:
    return read_text(ast.parse(source, mode="eval").body, KNOWN)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'a'", "a"),
        ("3", "3"),
        ("KEY", "k : int32"),
        ("texts.KEY", "t : int32"),
        ("'a' 'b'", "ab"),
        ("'a' + KEY", "ak : int32"),
        ("'a' + 'b' + 'c'", "abc"),
        ("f'a{KEY}b{3}'", "ak : int32b3"),
        ("(x := 'a')", "a"),
        ("(x := KEY)", "k : int32"),
        ("KEY if True else 'b'", "k : int32"),
        ("'a' if False else KEY", "k : int32"),
        ("KEY if flag else KEY", "k : int32"),
        ("'a' if flag else 'a'", "a"),
        ("'a' if True else 'b'", "a"),
        ("'a' if 0 else 'b'", "b"),
        ("dedent('a')", "a"),
        ("textwrap.dedent(KEY)", "k : int32"),
        ("cleandoc('a')", "a"),
        ("inspect.cleandoc('a')", "a"),
        ("str('a')", "a"),
        ("' a '.strip()", " a "),
        ("' a '.lstrip()", " a "),
        ("' a '.rstrip()", " a "),
        ("', '.join(['a', KEY, 'c'])", "a, k : int32, c"),
        ("'-'.join(('a', 'b'))", "a-b"),
        ("'-'.join([])", ""),
        ("'-'.join(['a'])", "a"),
        ("'a b a'.replace('a', 'c')", "c b c"),
        ("'a'.replace('a', '')", ""),
        ("'{} {}'.format('a', 'b')", "a b"),
        ("'{1} {0}'.format('a', 'b')", "b a"),
        ("'{x} {}{y}'.format('a', y='b', x=KEY)", "k : int32 ab"),
        ("'{{}} {}{}{}'.format('a', 'b', 'c')", "{} abc"),
        ("'x'.format()", "x"),
        ("'a{}b{x}c'.format('', x='')", "abc"),
        ("'%s : %d' % ('a', 3)", "a : 3"),
        ("'%s' % 'a'", "a"),
        ("'%s' % ('a',)", "a"),
        ("'%% %s %%' % KEY", "% k : int32 %"),
        ("'%(x)s %(y)s %(x)s' % {'x': 'a', 'y': 'b'}", "a b a"),
        ("'%(x)s' % {'x': 'a', 'y': 'b'}", "a"),
        ("'%(x)s' % {'x': KEY}", "k : int32"),
        ("'%(0)s' % {0: 'a'}", "a"),
        ("'%%' % ()", "%"),
        ("'%s' % ''", ""),
        ("'%d%s' % (1, 'a') + 'b'", "1ab"),
    ],
)
def test_what_is_made_of_literals_is_known(source: str, value: str) -> None:
    found = read(source)
    assert (found.value, found.reference, found.parts) == (value, "", ())


@pytest.mark.parametrize(
    "source",
    [
        "True",
        "3.5",
        "b'a'",
        "None",
        "f()",
        "f('a')",
        "dedent('a', 'b')",
        "dedent('a', x='b')",
        "textwrap.wrap('a')",
        "a['b']",
        "f'{KEY!r}'",
        "f'{KEY:>3}'",
        "'a' * 3",
        "'a' - 'b'",
        "3 % True",
        "'a' if flag else 'b'",
        "'a' + f()",
        "' a '.strip('a')",
        "' a '.strip(chars='a')",
        "'a'.upper()",
        "MISSING.strip()",
        "f().format('a')",
        "'-'.join(names)",
        "'-'.join(['a'], x=1)",
        "'-'.join(['a'], ['b'])",
        "'-'.join(['a', f()])",
        "'-'.join()",
        "'a'.replace('a')",
        "'a'.replace('a', 'b', '1')",
        "'a'.replace('', 'b')",
        "'a'.replace('a', 'b', count='1')",
        "'a'.replace(f(), 'b')",
        "'{}'.format()",
        "'{}'.format(f())",
        "'{x}'.format(x=f())",
        "'{x}'.format('a')",
        "'{x}'.format('a', **y)",
        "'x'.format(**KEY)",
        "'{:>3}'.format('a')",
        "'{!r}'.format('a')",
        "'{x.y}'.format(x='a')",
        "'{0[1]}'.format('ab')",
        "'{1}'.format('a')",
        "'{'.format('a')",
        "'{} {'.format('a')",
        "'%s %s' % ('a',)",
        "'%s' % ('a', 'b')",
        "'a' % 'b'",
        "'%s %s' % 'a'",
        "'%s' % f()",
        "'%s %s' % ('a', f())",
        "'%(x)s' % {'x': f()}",
        "'%(x)s' % {'y': 'a'}",
        "'%(x)s' % 'a'",
        "'%(x)s' % {**y}",
        "'%(x)s' % {'x': 'a', **f()}['x']",
        "'%r' % 'a'",
        "'%5s' % 'a'",
        "'%s %' % 'a'",
        "f() % 'a'",
        "MISSING % 'a'",
    ],
)
def test_what_needs_code_is_unknown(source: str) -> None:
    assert read(source) == UNKNOWN == Text(None, ())


def test_a_mapping_may_hold_more_than_literals() -> None:
    assert read("'%(x)s' % {name: f(), 'x': 'a'}").value == "a"


@pytest.mark.parametrize(
    ("source", "reference"), [("NAME", "NAME"), ("texts.NAME", "texts.NAME"), ("a.b.NAME", "a.b.NAME")]
)
def test_a_name_that_is_not_known_here_may_be_elsewhere(source: str, reference: str) -> None:
    assert read(source) == Text(None, (), reference)
    assert read("LATER") == Text(None, (), "other.LATER")


def test_a_text_with_a_name_from_elsewhere_keeps_its_parts() -> None:
    first, last = Text("a", (Segment(0, Place(1, 1), 1),)), Text("b", (Segment(0, Place(1, 14), 1),))
    assert read("'a' + NAME + 'b'") == Text(None, (), "", (Text(None, (), "", (first, Text(None, (), "NAME"))), last))
    between = Text(", ", ())
    joining = read("', '.join(['a', NAME])")
    assert joining.parts == (Text("a", (Segment(0, Place(1, 12), 1),)), between, Text(None, (), "NAME"))
    assert read("f'{NAME}a'").parts[0] == Text(None, (), "NAME")
    assert read("NAME + f()") == UNKNOWN
    assert read("f() + NAME") == UNKNOWN


@pytest.mark.parametrize(
    ("source", "segments"),
    [
        ("'ab'", [(0, 1, 1, 1)]),
        ("(\n  'a'\n  'b'\n)", [(0, 2, 3, 3)]),
        ("(\n  'a' +\n  'b'\n)", [(0, 2, 3, 2), (1, 3, 3, 3)]),
        ("'ab' + KEY + 'c' + KEY", [(0, 1, 1, 1), (2, 40, 7, 41), (11, 1, 14, 1), (12, 40, 7, 41)]),
        ("f'{KEY}{texts.KEY}'", [(0, 40, 7, 41), (9, 50, 7, 50)]),
        ("', '.join(['ab', KEY])", [(0, 1, 12, 1), (4, 40, 7, 41)]),
        ("dedent('a')", [(0, 1, 8, 1)]),
        ("'a'.strip()", [(0, 1, 1, 1)]),
        (" (\n'{}'.format(\nKEY))", [(0, 2, 1, 3)]),
        ("'a%s' % (\nKEY)", [(0, 1, 1, 2)]),
        ("'a'.replace('a', 'b')", [(0, 1, 1, 1)]),
    ],
)
def test_the_places_of_the_literals_are_known(source: str, segments: list[tuple[int, int, int, int]]) -> None:
    found = read(source.strip())
    assert found.segments == tuple(Segment(offset, Place(line, column), end) for offset, line, column, end in segments)


def test_a_text_that_grows_beyond_a_million_characters_is_unknown() -> None:
    known = {"LONG": Text("a" * (LONGEST // 2), ())}
    fits = ast.parse("'%s%s' % (LONG, LONG)", mode="eval").body
    assert read_text(fits, known).value == "a" * LONGEST
    assert read_text(ast.parse("'%s%s.' % (LONG, LONG)", mode="eval").body, known) == UNKNOWN


def test_a_condition_that_is_written_chooses_and_another_does_where_both_are_equal() -> None:
    first, second = Text("a", (Segment(0, Place(1, 1), 1),)), Text("b", ())
    true, false, name = (ast.parse(test, mode="eval").body for test in ("1", "None", "flag"))
    assert either(true, first, second) is first
    assert either(false, first, second) is second
    assert either(name, first, second) == UNKNOWN
    assert either(name, first, Text("a", ())) is first


def test_places_are_counted_from_one() -> None:
    tree = ast.parse("\n\nif x:\n    y = 1\n")
    assert place_of(tree.body[0]) == Place(3, 1)
    assert place_of(tree.body[0].body[0]) == Place(4, 5)  # type: ignore[attr-defined]


def test_texts_are_joined_with_their_places_moved() -> None:
    place = Place(3, 5)
    one, two = Text("ab", (Segment(0, place, 3), Segment(1, place, 4))), Text("c", (Segment(0, place, 5),))
    assert joined([one, two, one]) == Text(
        "abcab",
        (Segment(0, place, 3), Segment(1, place, 4), Segment(2, place, 5), Segment(3, place, 3), Segment(4, place, 4)),
    )
    assert joined([]) == Text("", ())
    nested = Text(None, (), "", (Text(None, (), "NAME"),))
    assert joined([one, nested]) == Text(None, (), "", (one, nested))
    assert joined([nested, UNKNOWN]) == UNKNOWN
