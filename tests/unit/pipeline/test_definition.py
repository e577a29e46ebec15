"""What the lines of a definition say, each as exactly what DataJoint reads in it."""

import ast

import pytest

from djproject.pipeline.definition import (
    Attribute,
    CodecType,
    Fault,
    ForeignKey,
    Index,
    Malformed,
    Projection,
    TableComment,
    arguments_of,
    dotted,
    old_reference,
    read_codec,
    read_definition,
)

OPTIONS = "is not understood: options are written [nullable], [unique] or [nullable, unique]"
TWICE = "renames an attribute twice; DataJoint takes a table or one projection of it"
EXPRESSION = "is an expression; DataJoint takes a table or its projection"
UNREADABLE = "cannot be read without running it"


def test_a_definition_is_read_line_by_line() -> None:
    text = "# sessions ## of a day #\n\n  -> Subject\nk : int32  # a key #\n  ---  \n# no comment of it\nx = 3 : int8\nindex(x)\n_x : int8"
    found = read_definition(text)
    subject = ForeignKey("Subject", (), (), "", True, 3)
    k, x = Attribute("k", "int32", None, "a key", True, 4), Attribute("x", "int8", "3", "", False, 7)
    assert found.text == text
    assert found.comment == TableComment("sessions ## of a day #", 1)
    assert found.lines == (
        subject, k, x, Index(("x",), (), False, 8), Malformed("_x : int8", Fault.UNDERSCORE, 9),
    )  # fmt: skip
    assert found.attributes == (k, x)
    assert found.foreign_keys == (subject,)
    assert [type(line) for line in found.lines] == [ForeignKey, Attribute, Attribute, Index, Malformed]


def test_a_foreign_key_below_the_line_is_not_primary() -> None:
    found = read_definition("k : int8\n---\n-> A\n---\n-> B")
    assert [(key.target, key.primary, key.line) for key in found.foreign_keys] == [("A", False, 3), ("B", False, 5)]


@pytest.mark.parametrize(
    ("text", "comment", "faults"),
    [
        ("\n\n  # words  \nk : int8", TableComment("words", 3), []),
        ("k : int8\n# words", None, []),
        ("---\n# words", None, []),
        ("# one\n# two", TableComment("one", 1), []),
        ("#: words", TableComment(": words", 1), [Malformed("#: words", Fault.TABLE_COMMENT, 1)]),
        ("\n# : words", TableComment(": words", 2), [Malformed("# : words", Fault.TABLE_COMMENT, 2)]),
        ("# one\n#: two", TableComment("one", 1), []),
        ("#", TableComment("", 1), []),
        ("", None, []),
    ],
)
def test_the_first_line_may_be_the_comment_of_the_table(
    text: str, comment: TableComment | None, faults: list[Malformed]
) -> None:
    found = read_definition(text)
    assert found.comment == comment
    assert [line for line in found.lines if isinstance(line, Malformed)] == faults


@pytest.mark.parametrize(
    ("line", "name", "type_", "default", "comment"),
    [
        ("a : int32", "a", "int32", None, ""),
        ("a1_b:int32", "a1_b", "int32", None, ""),
        ("a = null : int32 # x", "a", "int32", "null", "x"),
        ("a='b:c' : varchar(8)# x ##", "a", "varchar(8)", "'b:c'", "x"),
        ('a = "#" : char(2)', "a", "char(2)", '"#"', ""),
        ("a : enum('#', 'b')  # x # y", "a", "enum('#', 'b')", None, "x # y"),
        ("a : <blob@main>  # -> x", "a", "<blob@main>", None, "-> x"),
        ("a = '->' : varchar(8)", "a", "varchar(8)", "'->'", ""),
        ('a = "->" : varchar(8)', "a", "varchar(8)", '"->"', ""),
        ("i : int8", "i", "int8", None, ""),
        ("unique : int8", "unique", "int8", None, ""),
        ("index_of : int8", "index_of", "int8", None, ""),
        ("a = : int8", "a", "int8", "", ""),
    ],
)
def test_an_attribute_has_a_name_a_type_a_default_and_a_comment(
    line: str, name: str, type_: str, default: str | None, comment: str
) -> None:
    assert read_definition(line).lines == (Attribute(name, type_, default, comment, True, 1),)


@pytest.mark.parametrize(
    ("default", "nullable"), [("", False), ("= null ", True), ("= NULL ", True), ("= 'null' ", False), ("= 3 ", False)]
)
def test_an_attribute_is_nullable_where_its_default_is_null(default: str, nullable: bool) -> None:
    assert read_definition(f"k : int8\na {default}: int8").attributes[1].nullable is nullable


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a", Fault.NO_TYPE),
        ("a int32", Fault.NO_TYPE),
        ("a = 3", Fault.NO_TYPE),
        ("a  # b : int8", Fault.NO_TYPE),
        ("3a", Fault.SYNTAX),
        ("(a)", Fault.SYNTAX),
        ("= 3", Fault.SYNTAX),
        ("A : int8", Fault.UPPER_CASE),
        ("a-b : int8", Fault.UPPER_CASE),
        ("1a : int8", Fault.UPPER_CASE),
        (": int8", Fault.SYNTAX),
        ("a :", Fault.SYNTAX),
        ("a b : int8", Fault.SYNTAX),
        ("_a : int8", Fault.UNDERSCORE),
        ("_", Fault.UNDERSCORE),
        ("a -> B", Fault.FOREIGN_KEY),
        ("(a) -> B", Fault.FOREIGN_KEY),
    ],
)
def test_a_line_that_is_none_of_them_has_a_reason(line: str, fault: Fault) -> None:
    assert read_definition(f"\n{line}").lines == (Malformed(line, fault, 2),)


@pytest.mark.parametrize(
    ("line", "attributes", "expressions", "unique"),
    [
        ("index(a)", ("a",), (), False),
        ("INDEX ( a , b )  # x", ("a", "b"), (), False),
        ("unique index(a,b)", ("a", "b"), (), True),
        ("Unique  Index (a)", ("a",), (), True),
        ("index(a desc, b ASC)", ("a", "b"), ("a desc", "b ASC"), False),
        ("index(a  desc)", ("a",), ("a  desc",), False),
        ("index(a(10), b (5))", ("a", "b"), ("a(10)", "b (5)"), False),
        ("index((lower(a)), b)", ("b",), ("(lower(a))",), False),
        ("index(data.side.left, data.list[1:2])", ("data", "data"), ("data.side.left", "data.list[1:2]"), False),
        ("index(a.b)", ("a",), ("a.b",), False),
        ("index(json_value(a, b), c)", ("json_value", "c"), ("json_value(a, b)",), False),
        ("index(a, , b)", ("a", "b"), (), False),
        ("index()", (), (), False),
    ],
)
def test_an_index_names_attributes_and_has_expressions(
    line: str, attributes: tuple[str, ...], expressions: tuple[str, ...], unique: bool
) -> None:
    assert read_definition(line).lines == (Index(attributes, expressions, unique, 1),)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", []),
        ("a", ["a"]),
        ("a, b", ["a", " b"]),
        ("f(a, b), c", ["f(a, b)", " c"]),
        ("f(g(a, b), c), (d, e),f", ["f(g(a, b), c)", " (d, e)", "f"]),
        (",a, ,", ["a"]),
    ],
)
def test_commas_within_parentheses_separate_nothing(text: str, arguments: list[str]) -> None:
    assert arguments_of(text) == arguments


def key(line: str) -> tuple[str, tuple[str, ...], tuple[Projection, ...], str]:
    (found,) = read_definition(line).foreign_keys
    assert (found.primary, found.line, found.projected) == (True, 1, bool(found.projections))
    return found[:4]


@pytest.mark.parametrize(
    ("line", "target", "options", "problem"),
    [
        ("-> A", "A", (), ""),
        ("->a.b.C  # words -> x", "a.b.C", (), ""),
        ("-> [nullable] A", "A", ("nullable",), ""),
        ("->[ Unique , NULLABLE ]A", "A", ("unique", "nullable"), ""),
        ("-> [other] A", "A", ("other",), ""),
        ("-> [nullable unique] A", "", ("nullable unique",), OPTIONS),
        ("-> [] A", "", ("",), OPTIONS),
        ("-> [nullable, 2] A", "", ("nullable", "2"), OPTIONS),
        ("-> [nullable] A B  # c", "", ("nullable",), "is not a table: A B is not a Python expression"),
        ("-> A B # c # d", "", (), "is not a table: A B is not a Python expression"),
        ("->", "", (), "is not a table: nothing is not a Python expression"),
        ("-> # words", "", (), "is not a table: nothing is not a Python expression"),
        ("-> (A)", "A", (), ""),
        ("-> (a.A)", "a.A", (), ""),
        ("-> f().A", "", (), UNREADABLE),
        ("-> A()", "A", (), ""),
        ("-> Abc()", "Abc", (), ""),
        ("-> a.A()", "a.A", (), ""),
        ("-> a.b.make()", "", (), ""),
        ("-> make()", "", (), ""),
        ("-> A.b()", "", (), ""),
        ("-> A(1)", "", (), ""),
        ("-> A(x=1)", "", (), ""),
        ("-> f().A()", "", (), ""),
        ("-> A & 'x=1'", "A", (), EXPRESSION),
        ("-> [unique] A * B", "A", ("unique",), EXPRESSION),
        ("-> 3", "", (), "is not a table"),
        ("-> 'A'", "", (), "is not a table"),
        ("-> (A, B)", "", (), "is not a table"),
        ("-> [A, B][0]", "", ("a", "b"), "is not a table"),
        ("-> ([A, B])", "", (), "is not a table"),
        ("-> A == B", "", (), "is not a table"),
        ("-> {'A': B}", "", (), "is not a table"),
        ("-> A[0]", "", (), ""),
        ("-> A if x else B", "", (), ""),
    ],
)
def test_a_foreign_key_has_a_target_options_or_a_problem(
    line: str, target: str, options: tuple[str, ...], problem: str
) -> None:
    assert key(line) == (target, options, (), problem)


@pytest.mark.parametrize(
    ("reference", "target", "projections", "problem"),
    [
        ("A.proj()", "A", (Projection((), ()),), ""),
        ("a.A.proj(x='y')  # words", "a.A", (Projection((("x", "y"),), ()),), ""),
        ("A.proj('a', '-b', x=' y ', z='w')", "A", (Projection((("x", "y"), ("z", "w")), ("a", "-b")),), ""),
        ("A.proj(..., 'a')", "A", (Projection((), ("a",)),), ""),
        ("A.proj(x='y + 1')", "A", (Projection((), ()),), ""),
        ("A.proj(x='y', z='y + 1')", "A", (Projection((("x", "y"),), ()),), ""),
        ("A.proj(x='a#b')", "A", (Projection((), ()),), ""),
        ("A.proj(3)", "", (), ""),
        ("A.proj(f)", "", (), ""),
        ("A.proj(x=3)", "", (), ""),
        ("A.proj(**x)", "", (), ""),
        ("A.proj(x='y', **z)", "", (), ""),
        ("A.proj(x='y').proj(z='w')", "A", (Projection((("x", "y"),), ()), Projection((("z", "w"),), ())), ""),
        ("A.proj(x='y').proj(z='x')", "A", (Projection((("x", "y"),), ()), Projection((("z", "x"),), ())), TWICE),
        ("A.proj(y='x').proj(x='y')", "A", (Projection((("y", "x"),), ()), Projection((("x", "y"),), ())), TWICE),
        ("A.proj(a='b').proj().proj(z='a')", "A",
         (Projection((("a", "b"),), ()), Projection((), ()), Projection((("z", "a"),), ())), TWICE),
        ("(A & B).proj(x='y')", "A", (Projection((("x", "y"),), ()),), EXPRESSION),
        ("A.proj(x='y') & B", "A", (), EXPRESSION),
        ("f().A.proj()", "", (Projection((), ()),), UNREADABLE),
        ("3 .proj()", "", (Projection((), ()),), "is not a table"),
    ],
)  # fmt: skip
def test_the_projections_of_a_parent_are_read(
    reference: str, target: str, projections: tuple[Projection, ...], problem: str
) -> None:
    assert key(f"-> {reference}") == (target, (), projections, problem)
    assert key(f"-> [nullable] {reference}") == (target, ("nullable",), projections, problem)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("<blob>", CodecType("blob", None)),
        ("< blob >", CodecType("blob", None)),
        ("<blob@>", CodecType("blob", "")),
        ("<blob @ main >", CodecType("blob", "main")),
        ("<blob@a@b>", CodecType("blob", "a@b")),
        ("blob", None),
        ("<blob", None),
        ("<blob> x", None),
    ],
)
def test_a_codec_has_a_name_and_a_store(text: str, codec: CodecType | None) -> None:
    assert read_codec(text) == codec


def test_the_stores_of_a_definition_are_named_once_and_in_order() -> None:
    text = "k : int8\n---\na : <blob@two>\nb : <npy@>\nc : <blob>\nd : <npy@two>\ne : <blob@one>\nf : varchar(8)  # <blob@no>"
    assert read_definition(text).store_names == ("two", "", "one")
    assert read_definition("k : int8").store_names == ()


@pytest.mark.parametrize(
    ("line", "today"),
    [
        ("(a) -> B", "-> B.proj(a='…')"),
        ("(a, b)->c.B", "-> c.B.proj(a='…', b='…')"),
        ("(a) -> B(c)", "-> B.proj(a='c')"),
        ("( a , b )  ->  B ( c , b )  # words", "-> B.proj(a='c')"),
        ("(a) -> [nullable] B(c)", "-> [nullable] B.proj(a='c')"),
        ("(a, b) -> B(c)", ""),
        ("(a) -> B(c, d)", ""),
        ("(a) -> B(a)", "-> B.proj()"),
        ("(a) -> B C", ""),
        ("-> B", ""),
        ("a : int8", ""),
    ],
)
def test_an_old_reference_is_written_as_a_projection(line: str, today: str) -> None:
    assert old_reference(line) == today


@pytest.mark.parametrize(
    ("expression", "name"), [("a", "a"), ("a.b.c", "a.b.c"), ("f().a", ""), ("a[0].b", ""), ("3", ""), ("a.b()", "")]
)
def test_a_chain_of_names_is_text(expression: str, name: str) -> None:
    assert dotted(ast.parse(expression, mode="eval").body) == name
