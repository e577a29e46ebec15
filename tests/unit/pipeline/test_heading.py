"""The attributes of tables: in which order, of which types, from which parent and under which name."""

from pathlib import Path

import pytest

from djproject.pipeline.definition import ForeignKey
from djproject.pipeline.heading import Heading, Headings, Link, ProjectionError
from djproject.pipeline.linking import link
from djproject.pipeline.model import Pipeline, Table
from djproject.pipeline.reading import read_python
from tests.checking import module, table

UP = table("Up", "a : int8", "b : varchar(8)", "---", "c : int32", "d = null : float32")


def pipeline(*tables: str) -> Pipeline:
    source = read_python(module("m", *tables).encode(), name="m", package="workflow", path=Path("m.py"))
    return link("workflow", {"m": source}, {})


def heading(name: str, *tables: str) -> Heading:
    found = pipeline(*tables)
    wanted = found.table(f"m.{name}")
    assert wanted is not None
    return Headings(found).of(wanted)


def key_in(found: Pipeline) -> tuple[Table, Table, ForeignKey]:
    """The table T, its parent Up, and the foreign key between them."""
    child, parent = found.table("m.T"), found.table("m.Up")
    assert child is not None
    assert child.definition is not None
    assert parent is not None
    return child, parent, child.definition.foreign_keys[0]


def test_a_heading_has_the_attributes_in_order_with_their_types() -> None:
    assert heading("Up", UP) == Heading(
        ("a", "b"), ("a", "b", "c", "d"), frozenset(), (), (), True,
        {"a": "int8", "b": "varchar(8)", "c": "int32", "d": "float32"},
    )  # fmt: skip


def test_a_foreign_key_brings_the_primary_key_of_its_parent_at_its_place() -> None:
    found = heading("T", UP, table("T", "x : uuid", "-> Up", "---", "y : bool"))
    key = Link("m.T", "m.Up", (("a", "a"), ("b", "b")), True, 3)
    assert found == Heading(
        ("x", "a", "b"), ("x", "a", "b", "y"), frozenset({"a", "b"}), (key,), (), True,
        {"x": "uuid", "a": "int8", "b": "varchar(8)", "y": "bool"},
    )  # fmt: skip
    assert not key.renamed


def test_below_the_line_it_is_not_primary() -> None:
    found = heading("T", UP, table("T", "x : uuid", "---", "-> [nullable] Up.proj(z='a')", "y : bool"))
    key = Link("m.T", "m.Up", (("z", "a"), ("b", "b")), False, 4)
    assert (found.primary, found.names, found.links) == (("x",), ("x", "z", "b", "y"), (key,))
    assert (found.types["z"], found.types["b"], found.inherited) == ("int8", "varchar(8)", {"z", "b"})
    assert key.renamed


def test_the_types_of_a_key_are_handed_down() -> None:
    middle = table("Middle", "-> Up.proj(z='a')", "---", "x : int8")
    found = heading("T", table("T", "-> Middle.proj(y='z')", "t : bool"), middle, UP)
    assert found.types == {"y": "int8", "b": "varchar(8)", "t": "bool"}
    assert found.links == (Link("m.T", "m.Middle", (("y", "z"), ("b", "b")), True, 2),)


def test_lines_that_declare_a_name_again_are_told() -> None:
    again = heading("T", UP, table("T", "a : uuid", "a : int8", "-> Up", "---", "b : bool", "c : int8", "c : int16"))
    assert again.doubled == ((3, "a", 2), (4, "a", 2), (6, "b", 4), (8, "c", 7))
    assert (again.primary, again.names) == (("a", "b"), ("a", "b", "c"))
    assert again.types == {"a": "uuid", "b": "varchar(8)", "c": "int8"}
    assert again.inherited == {"a", "b"}
    assert again.links == (Link("m.T", "m.Up", (("a", "a"), ("b", "b")), True, 4),)
    assert again.complete


def test_two_foreign_keys_may_share_attributes() -> None:
    other = table("Other", "-> Up", "o : int8")
    found = heading("T", UP, other, table("T", "-> Up", "---", "-> Other"))
    assert (found.doubled, found.primary, found.names) == ((), ("a", "b"), ("a", "b", "o"))
    assert [(key.parent, key.primary) for key in found.links] == [("m.Up", True), ("m.Other", False)]
    within = heading("T", UP, other, table("T", "-> Other", "---", "-> Up"))
    assert [(key.parent, key.primary, key.line) for key in within.links] == [("m.Other", True, 2), ("m.Up", True, 4)]


@pytest.mark.parametrize("line", ["-> Nothing", "-> Up & 'a=1'", "-> Up.proj(x='nothing')", "-> elsewhere.Table"])
def test_a_foreign_key_that_is_not_understood_leaves_the_heading_incomplete(line: str) -> None:
    found = heading("T", UP, table("T", "t : int8", line, "-> Up", "u : int8"))
    assert not found.complete
    assert (found.names, found.inherited) == (("t", "a", "b", "u"), {"a", "b"})
    assert [key.line for key in found.links] == [4]
    below = heading("D", UP, table("T", "t : int8", line), table("D", "d : int8", "-> T"))
    assert (below.complete, below.names, below.links) == (False, ("d",), ())


def test_a_table_without_a_definition_has_no_heading() -> None:
    nothing = Heading((), (), frozenset(), (), (), False, {})
    assert heading("T", "@schema\nclass T(dj.Manual):\n    definition = f()") == nothing


def test_a_table_without_a_key_has_an_empty_one() -> None:
    found = heading("T", table("T", "---", "x : int8"), table("D", "-> T"))
    assert (found.primary, found.names, found.complete) == ((), ("x",), True)
    below = heading("D", table("T", "---", "x : int8"), table("D", "-> T"))
    assert below.links == (Link("m.D", "m.T", (), True, 2),)


def test_the_links_of_a_pipeline_are_in_its_order() -> None:
    found = pipeline(table("Z", "-> Up", "-> Y"), UP, table("Y", "-> Up", "y : int8"))
    assert [(key.child, key.parent, key.line) for key in Headings(found).links()] == [
        ("m.Z", "m.Up", 2), ("m.Z", "m.Y", 3), ("m.Y", "m.Up", 2),
    ]  # fmt: skip


def test_tables_that_refer_to_each_other_are_incomplete_and_what_is_beside_them_is_not() -> None:
    found = pipeline(
        table("A", "a : int8", "-> B"),
        table("B", "b : int8", "-> A"),
        table("C", "-> B", "-> D"),
        table("D", "d : int8"),
    )
    headings = Headings(found)
    known = {each.name: (headings.of(each).complete, headings.of(each).names) for each in found.tables}
    assert known == {"A": (False, ("a",)), "B": (False, ("b",)), "C": (False, ("d",)), "D": (True, ("d",))}
    itself = heading("S", table("S", "s : int8", "-> S"))
    assert (itself.complete, itself.names) == (False, ("s",))


def test_each_heading_is_worked_out_once() -> None:
    found = pipeline(table("A", "-> B", "-> C"), table("B", "-> C", "b : int8"), table("C", "c : int8"))
    headings = Headings(found)
    first = {each.name: headings.of(each) for each in found.tables}
    assert all(headings.of(each) is first[each.name] for each in found.tables)
    assert first["A"].primary == ("c", "b")
    assert all(each.complete for each in first.values())


@pytest.mark.parametrize(
    ("projections", "pairs"),
    [
        ("", [("a", "a"), ("b", "b")]),
        (".proj()", [("a", "a"), ("b", "b")]),
        (".proj(x='a')", [("x", "a"), ("b", "b")]),
        (".proj(x='b', y='a')", [("y", "a"), ("x", "b")]),
        (".proj(b='a', a='b')", [("b", "a"), ("a", "b")]),
        (".proj(x='c')", [("a", "a"), ("b", "b")]),
        (".proj('c')", [("a", "a"), ("b", "b")]),
        (".proj('a')", [("a", "a"), ("b", "b")]),
        (".proj('-c')", [("a", "a"), ("b", "b")]),
        (".proj(' - c ')", [("a", "a"), ("b", "b")]),
        (".proj('-nothing')", [("a", "a"), ("b", "b")]),
        (".proj('-Xa')", [("a", "a"), ("b", "b")]),
        (".proj(c='a')", [("c", "a"), ("b", "b")]),
        (".proj(x='a').proj(y='b')", [("x", "a"), ("y", "b")]),
        (".proj('c').proj(x='c')", [("a", "a"), ("b", "b")]),
        (".proj(x='c').proj(y='a')", [("y", "a"), ("b", "b")]),
    ],
)
def test_a_projection_renames_what_it_brings(projections: str, pairs: list[tuple[str, str]]) -> None:
    found = pipeline(UP, table("T", f"-> Up{projections}", "t : int8"))
    child, parent, key = key_in(found)
    assert Headings(found).parent_key(key, parent) == tuple(pairs)
    assert Headings(found).of(child).links == (Link("m.T", "m.Up", tuple(pairs), True, 2),)


@pytest.mark.parametrize(
    ("projections", "problem"),
    [
        (".proj(x='nothing')", "the parent has no attribute 'nothing'; DataJoint would ignore the new name"),
        (".proj('nothing')", "the parent has no attribute 'nothing'"),
        (".proj('z', 'nothing', 'y')", "the parent has no attribute 'nothing'"),
        (".proj('-b', '-a')", "'a' is in the parent's primary key and cannot be left out"),
        (".proj('- b ')", "'b' is in the parent's primary key and cannot be left out"),
        (".proj(b='a')", "the parent has an attribute 'b' already"),
        (".proj(x='c', b='a')", "the parent has an attribute 'b' already"),
        (".proj('c', c='a')", "the parent has an attribute 'c' already"),
        (".proj(x='c').proj(y='d')", "the parent has no attribute 'd'; DataJoint would ignore the new name"),
        (".proj().proj('c')", "the parent has no attribute 'c'"),
        (".proj(x='a').proj('a')", "the parent has no attribute 'a'"),
        (".proj(x='a').proj('-x')", "'x' is in the parent's primary key and cannot be left out"),
        (".proj(x='a').proj(y='b', x='b')", "the parent has an attribute 'x' already"),
    ],
)
def test_a_projection_that_datajoint_refuses_says_why(projections: str, problem: str) -> None:
    found = pipeline(UP, table("T", f"-> Up{projections}", "t : int8"))
    child, parent, key = key_in(found)
    with pytest.raises(ProjectionError) as refused:
        Headings(found).parent_key(key, parent)
    assert str(refused.value) == problem
    assert not Headings(found).of(child).complete


def test_the_key_of_a_parent_that_is_not_known_whole_is_not_known() -> None:
    found = pipeline(table("Up", "-> Nothing", "a : int8"), table("T", "-> Up"))
    _, parent, key = key_in(found)
    assert Headings(found).parent_key(key, parent) is None
