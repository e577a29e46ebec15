"""What the body of a class says: its definition in whatever way it is written, methods, parts, contents."""

import ast
from pathlib import Path

import pytest

from djproject.pipeline.class_body import ClassBody
from djproject.pipeline.module import ClassFacts, Method, Place, Row, Segment, Text
from djproject.pipeline.reading import read_python
from djproject.pipeline.texts import UNKNOWN

AROUND = {"COMMON": Text("k : int32", (Segment(0, Place(90, 1), 90),))}


def facts(node: ast.ClassDef) -> ClassFacts:
    return ClassFacts(node.name, (), (), None, (), (), (), "", Place(node.lineno, 1))


def body(*lines: str) -> ClassBody:
    text = "".join(f"    {line}\n" for part in lines for line in part.split("\n"))
    (node,) = ast.parse(f"class T(dj.Manual):\n{text}").body
    assert isinstance(node, ast.ClassDef)
    found = ClassBody(AROUND, facts)
    found.read(node)
    return found


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('definition = "a : int8"', "a : int8"),
        ('definition: str = "a : int8"', "a : int8"),
        ('definition = other = "a : int8"', "a : int8"),
        ('other = definition = "a : int8"', "a : int8"),
        ("definition = COMMON", "k : int32"),
        ('HEAD = "a : int8"\ndefinition = HEAD + COMMON', "a : int8k : int32"),
        ('COMMON = "a : int8"\ndefinition = COMMON', "a : int8"),
        ('A = B = "a : int8"\ndefinition = B', "a : int8"),
        ('definition = "a"\ndefinition = "b"', "b"),
        ('"""a : int8"""\ndefinition = __doc__', "a : int8"),
        ('definition = "a" if x else "a"', "a"),
        ('if x:\n    definition = "a"\nelse:\n    definition = "a"', "a"),
        ('if True:\n    definition = "a"\nelse:\n    definition = "b"', "a"),
        ('if False:\n    definition = "a"\nelse:\n    definition = "b"', "b"),
        ('definition = "a"\nif x:\n    y = 1', "a"),
        ('definition = "a"\nif x:\n    definition = "a"', "a"),
        ('definition = "a"\nif False:\n    definition = "b"', "a"),
        ('definition = "a"\nif True:\n    definition = "b"', "b"),
        ('try:\n    definition = "a"\nexcept E:\n    definition = "b"', "a"),
        ('try:\n    y = 1\nexcept E:\n    definition = "b"', "b"),
        ('try:\n    y = 1\nexcept E:\n    z = 1\nexcept F:\n    definition = "b"', "b"),
        ('with x:\n    definition = "a"', "a"),
        ('@property\ndef definition(self):\n    return "a"', "a"),
        ('async def definition(self):\n    return COMMON', "k : int32"),
        ('def definition(self):\n    """Words."""\n    x = "a"\n    y = x + COMMON\n    return y', "ak : int32"),
        ('HEAD = "a"\ndef definition(self):\n    return HEAD', "a"),
        ('def definition(self):\n    return "a"\n    return "b"', "a"),
    ],
)  # fmt: skip
def test_a_definition_is_the_text_that_is_bound_to_it(written: str, value: str) -> None:
    definition = body(written).definition
    assert definition is not None
    assert definition.value == value


@pytest.mark.parametrize(
    "written",
    [
        "definition = f()",
        "definition = 'a' if x else 'b'",
        'if x:\n    definition = "a"',
        'if x:\n    y = 1\nelse:\n    definition = "a"',
        'if x:\n    definition = "a"\nelse:\n    definition = "b"',
        'definition = "a"\nif x:\n    definition = "b"',
        "def definition(self):\n    pass",
        'def definition(self):\n    f()\n    return "a"',
        'def definition(self):\n    x += 1\n    return "a"',
        'def definition(self):\n    if x:\n        return "a"',
        "def definition(self):\n    return",
        'def definition(self):\n    x.y = "a"\n    return "a"',
        "def definition(self):\n    return f()",
    ],
)
def test_a_definition_that_depends_on_what_runs_is_unknown(written: str) -> None:
    assert body(written).definition == UNKNOWN


@pytest.mark.parametrize(
    "written", ["pass", "definition: str", 'x.definition = "a"', "def make(self): pass", "x = 'a'"]
)
def test_a_class_may_have_no_definition(written: str) -> None:
    assert body(written).definition is None


def test_a_docstring_is_a_text_only_within_its_class() -> None:
    found = body('"""Words."""', "x = 1", "y = f()", 'z = "a"')
    assert {name: text.value for name, text in found.texts.items()} == {"x": "1", "z": "a"}
    assert body("x = 'a'", '"""Words."""', "definition = __doc__").definition == Text(None, (), "__doc__")


def test_the_places_of_a_definition_are_those_of_its_literals() -> None:
    definition = body('"""k : int8"""', 'definition = __doc__ + """\n    a : int8"""').definition
    assert definition is not None
    assert definition.segments == (Segment(0, Place(2, 5), 2), Segment(8, Place(3, 28), 4))


def test_names_are_assigned_in_their_order() -> None:
    found = body(
        "a = b = 1", "c: int = 2", "d: int", "e.f = 3", "if x:\n    g = 4\nelse:\n    h = 5", "def i(self): pass"
    )
    assert found.assigned == ["a", "b", "c", "d", "g", "h"]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ('name = "image"', "image"),
        ('name: str = "image"', "image"),
        ("name = 3", "3"),
        ("name = None", ""),
        ('name = other = "image"', ""),
        ('label = "image"', ""),
        ("name = COMMON", ""),
        ("name: str", ""),
        ('name = "a"\nname = "b"', "b"),
    ],
)
def test_the_label_is_the_literal_bound_to_name(written: str, label: str) -> None:
    assert body(written).label == label


def test_methods_are_found_with_their_lines_and_arguments() -> None:
    found = body(
        "def a(self, b, /, c, *, d=1): pass",
        "@property\n@other\ndef e(self):\n    x = 1\n    return x",
        "async def f(*args): pass",
        "if x:\n    def g(): pass",
        "try:\n    y = 1\nexcept E:\n    def h(self, **more): pass",
    )
    assert found.methods == [
        Method("a", 2, 2, Place(2, 5), False, 3),
        Method("e", 5, 7, Place(5, 5), True, 1),
        Method("f", 8, 8, Place(8, 5), False, -1),
        Method("g", 10, 10, Place(10, 9), False, 0),
        Method("h", 14, 14, Place(14, 9), False, 1),
    ]


def test_classes_within_are_parts_under_conditions_too() -> None:
    found = body("class A: pass", "if x:\n    class B: pass\nelse:\n    class C: pass", "with y:\n    class D: pass",
                 "try:\n    class E: pass\nexcept F:\n    class G: pass", "for i in j:\n    class H: pass")  # fmt: skip
    assert [part.name for part in found.parts] == ["A", "B", "C", "D", "E", "G"]


@pytest.mark.parametrize(
    ("contents", "rows"),
    [
        ("[(1, 2), [3], ()]", [((), 2, 17), ((), 1, 25), ((), 0, 30)]),
        ("((1,), (2,))", [((), 1, 17), ((), 1, 23)]),
        ("[{'a': 1, 'b': f()}, {}]", [(("a", "b"), 2, 17), ((), 0, 37)]),
        ("[(1, *x), [*x], (1,)]", [((), 1, 32)]),
        ("[{x: 1}, {'a': 1, **y}, {3: 1}, {'b': 2}]", [(("b",), 1, 48)]),
        ("[row, f(1), 3]", []),
        ("[(i,) for i in x]", []),
        ("{'a': 1}", []),
        ("zip(x, y)", []),
    ],
)
def test_the_rows_of_literal_contents_are_counted(contents: str, rows: list[tuple[tuple[str, ...], int, int]]) -> None:
    for written in ("contents = ", "contents: x="):
        found = body(f"{written}{contents}")
        shift = len(written) - len("contents = ")
        assert found.rows == tuple(Row(names, length, Place(2, column + shift)) for names, length, column in rows)
    assert body(f"content = {contents}").rows == ()


def test_contents_are_not_read_as_a_text() -> None:
    found = body('contents = definition = "a"', 'contents = "b"')
    assert (found.definition, found.texts, found.rows) == (None, {}, ())


def test_a_module_is_read_with_the_texts_around_its_classes() -> None:
    text = 'import datajoint as dj\nA = "a"\nclass T(dj.Manual):\n    B = "b"\n    class P(dj.Part):\n        definition = A + B\n'
    (found,) = read_python(text.encode(), name="m", package="p", path=Path("m.py")).classes
    assert found.parts[0].definition == Text(
        None, (), "", (Text("a", (Segment(0, Place(2, 5), 2),)), Text(None, (), "B"))
    )
