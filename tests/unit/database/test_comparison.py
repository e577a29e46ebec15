"""Source and database compared, as values."""

from pathlib import Path
from typing import Any

import pytest

from djproject.database.agreement import sentences, source_places, way_out, why_not_filled
from djproject.database.catalogue import split_comment
from djproject.database.column_types import is_same_column, plain_type
from djproject.database.comparison import Aspect, Difference, differences
from djproject.database.declared import Attribute, Declared, ForeignKey, Table
from djproject.database.source_tables import source_tables
from djproject.pipeline.model import Pipeline
from tests.checking import module, pipeline_in, table, write_project


def column(name: str, kind: str, nullable: bool = False, marker: str = "", **other: Any) -> Attribute:
    """An attribute as a database has it, without a comment of its own."""
    return Attribute(name, marker, kind, nullable, **{"comment": "", **other})


K = column("k", "int", False, "int32")


def pipeline_of(root: Path, *tables: str) -> Pipeline:
    return pipeline_in(write_project(root, {"mine.py": module("mine", *tables)}, git=False))


def found(
    root: Path, lines: list[str], *columns: Attribute, key: tuple[str, ...] = ("k",), backend: str = "mysql"
) -> list[str]:
    """What differs between a table with these lines and one with these columns."""
    pipeline = pipeline_of(root, table("T", *lines))
    declared = {("mine", "t"): Table(("mine", "t"), columns, key, comment="")}
    return [d.text for d in compared(pipeline, declared, backend)]


def compared(pipeline: Pipeline, declared: Declared, backend: str = "mysql") -> tuple[Difference, ...]:
    return differences(source_tables(pipeline, source_places(pipeline, str), backend), declared, backend)


def test_the_attributes_of_foreign_keys_have_the_parents_type_the_keys_place_and_the_options_null(
    tmp_path: Path,
) -> None:
    pipeline = pipeline_of(
        tmp_path,
        table("A", "a : uuid", "---", "b = null : float32"),
        table("B", "-> A.proj(x='a')", "n : int16", "---", "-> [nullable] A", "-> A.proj(x='a')", "a : int32"),
    )
    read = source_tables(pipeline, source_places(pipeline, str), "postgresql")
    assert read["mine.B"] == Table(
        ("mine", "b"),
        (
            Attribute("x", "uuid", inherited=True),
            Attribute("n", "int16", comment=""),
            Attribute("a", "uuid", nullable=True, inherited=True),
        ),
        ("x", "n"),
        (
            ForeignKey((("x", "a"),), ("mine", "a")),
            ForeignKey((("a", "a"),), ("mine", "a"), nullable=True),
            ForeignKey((("x", "a"),), ("mine", "a")),
        ),
        comment="",
    )
    assert [key.line for key in read["mine.B"].foreign_keys] == [2, 5, 6]
    assert read["mine.A"].attributes[1].nullable


def test_each_aspect_that_differs_is_a_sentence(tmp_path: Path) -> None:
    lines = [
        "k : int32",
        "---",
        "raw : <blob>",
        "note = null : varchar(40)",
        "score : float64",
        "new : <npy@main>",
        "id = null : uuid",
    ]
    columns = [
        K,
        column("raw", "longblob", False),
        column("note", "varchar(40)", False, "varchar(40)"),
        column("score", "float", False, "float32"),
        column("old", "date", False, "date"),
        column("id", "binary(16)", True),
    ]
    assert found(tmp_path, lines, *columns) == [
        "raw is <blob> in the source and longblob in the database",
        "note is nullable in the source and required in the database",
        "score is float64 in the source and float32 in the database",
        "the database has no attribute new (<npy@main>)",
        "id is uuid in the source and binary(16) in the database",
        "the source has no attribute old (date in the database)",
    ]


def test_a_key_that_differs_is_one_sentence(tmp_path: Path) -> None:
    lines = ["k : int32", "n : int32", "---", "v : int32"]
    other = [K, column("m", "int", False, "int32"), column("v", "int", False, "int32")]
    assert found(tmp_path, lines, *other, key=("k", "m")) == [
        "the primary key is (k, n) in the source and (k, m) in the database"
    ]


def test_an_attribute_that_moved_out_of_the_key_differs(tmp_path: Path) -> None:
    columns = [K, column("n", "int", False, "int32")]
    assert found(tmp_path, ["k : int32", "---", "n : int32"], *columns, key=("k", "n")) == [
        "the primary key is (k) in the source and (k, n) in the database"
    ]


def test_the_order_of_the_key_hidden_columns_and_what_is_not_known_do_not_differ(tmp_path: Path) -> None:
    own = [column("n", "int", False, "int32"), K]
    assert found(tmp_path, ["k : int32", "n : int32"], *own, key=("n", "k")) == []
    elsewhere = ["-> other.Parent", "k : int32"]
    assert found(tmp_path, elsewhere, K, column("parent_id", "int", False), key=("parent_id", "k")) == []
    assert found(tmp_path, elsewhere, column("k", "date", False), key=("k",)) == [
        "k is int32 in the source and date in the database"
    ]


def test_tables_that_are_not_in_the_database_do_not_differ(tmp_path: Path) -> None:
    pipeline = pipeline_of(tmp_path, table("T", "k : int32"))
    assert compared(pipeline, {}) == ()


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("<blob>", column("v", "longblob", False)),
        ("<blob>", column("v", "longblob", False, "bytes")),
        ("<blob>", column("v", "longblob", False, "blob@main")),
        ("<blob>", column("v", "longblob", False, "<attach>")),
        ("<blob@main>", column("v", "json", False, "<blob@other>")),
        ("<blob@main>", column("v", "json", False, "<blob@>")),
        ("<blob@main>", column("v", "longblob", False, "<blob>")),
        ("bytes", column("v", "longblob", False, "<blob>")),
        ("longblob", column("v", "longblob", False, "<blob>")),
        ("uuid", column("v", "binary(16)", False)),
    ],
)
def test_codecs_that_differ(tmp_path: Path, source: str, column: Attribute) -> None:
    pipeline = pipeline_of(tmp_path, table("T", "k : int32", "---", f"v : {source}"))
    (difference,) = compared(pipeline, {("mine", "t"): Table(("mine", "t"), (K, column), ("k",), comment="")})
    assert (difference.attribute, difference.aspect) == ("v", Aspect.CODEC)


@pytest.mark.parametrize(
    ("source", "column", "backend"),
    [
        ("int32", column("v", "int(11)", False), "mysql"),
        ("int", column("v", "int", False, "int32"), "mysql"),
        ("int64", column("v", "int unsigned", False), "mysql"),
        ("float32", column("v", "float", False), "mysql"),
        ("bool", column("v", "tinyint(1)", False), "mysql"),
        ("bytes", column("v", "longblob", False), "mysql"),
        ("longblob", column("v", "longblob", False), "mysql"),
        ("enum('a', 'b')", column("v", "enum('a','b')", False), "mysql"),
        ('enum("a","b")', column("v", "enum('a','b')", False, "enum('a', 'b')"), "mysql"),
        ("decimal(5, 2)", column("v", "decimal(5,2)", False, "decimal(5,2)"), "mysql"),
        ("json", column("v", "longtext", False, "json"), "mysql"),
        ("uuid", column("v", "uuid", False), "postgresql"),
        ("datetime(3)", column("v", "timestamp(3) without time zone", False), "postgresql"),
        ("varchar(8)", column("v", "character varying(8)", False), "postgresql"),
        ("something(7)", column("v", "anything", False), "postgresql"),
    ],
)
def test_what_is_the_same_column_in_other_words_does_not_differ(
    tmp_path: Path, source: str, column: Attribute, backend: str
) -> None:
    assert found(tmp_path, ["k : int32", "---", f"v : {source}"], K, column, backend=backend) == []


@pytest.mark.parametrize(
    ("source", "column", "backend"),
    [
        ("int32", "bigint", "mysql"), ("int32", "int unsigned", "mysql"), ("varchar(8)", "varchar(9)", "mysql"),
        ("char(8)", "varchar(8)", "mysql"), ("decimal(5,2)", "decimal(5,3)", "mysql"), ("datetime", "datetime(3)", "mysql"),
        ("date", "datetime", "mysql"), ("enum('a')", "enum('a','b')", "mysql"), ("float32", "double", "mysql"),
        ("int64", "integer", "postgresql"), ("float32", "double precision", "postgresql"), ("json", "text", "postgresql"),
        ("varchar(8)", "character varying(9)", "postgresql"), ("numeric(4)", "numeric(5,0)", "postgresql"),
    ],
)  # fmt: skip
def test_columns_of_other_types(source: str, column: str, backend: str) -> None:
    assert not is_same_column(source, column, backend)


def test_markers_are_split_from_comments_and_compared_without_spaces() -> None:
    assert split_comment(":datetime(3):when: exactly") == ("datetime(3)", "when: exactly")
    assert split_comment("") == ("", "")
    assert plain_type("Enum( 'A b' ,'c')") == plain_type('enum("A b", "c")') != plain_type("enum('a b','c')")


def chain(root: Path) -> Pipeline:
    return pipeline_of(
        root,
        table("Raw", "k : int32", "---", "data : <blob>"),
        table("Mean", "-> Raw", "---", "m : float64", tier="Computed",
              body='    class Each(dj.Part):\n        definition = """\n        -> master\n        """'),
        table("Plot", "-> Mean", tier="Computed"),
        table("Other", "n : int32"),
        table("Count", "-> Other", tier="Computed"),
    )  # fmt: skip


def test_what_is_below_a_codec_that_differs_is_not_filled(tmp_path: Path) -> None:
    codec = Difference("mine.Raw", "data", Aspect.CODEC, "<blob>", "longblob", True)
    reasons = why_not_filled(chain(tmp_path), [codec])
    assert list(reasons) == ["mine.Raw", "mine.Mean", "mine.Mean.Each", "mine.Plot"]
    assert reasons["mine.Plot"] == (
        "mine.Plot would read wrong values: mine.Raw differs from the database: "
        "data is <blob> in the source and longblob in the database."
    )
    null = Difference("mine.Raw", "data", Aspect.NULL, "nullable", "required", True)
    assert list(why_not_filled(chain(tmp_path), [null])) == ["mine.Raw"]


def test_a_table_with_a_part_that_differs_is_not_filled(tmp_path: Path) -> None:
    part = Difference("mine.Mean.Each", "x", Aspect.UNKNOWN, "", "int32", True)
    reasons = why_not_filled(chain(tmp_path), [part])
    assert list(reasons) == ["mine.Mean", "mine.Mean.Each"]
    assert reasons["mine.Mean"].startswith("mine.Mean has a part that differs: mine.Mean.Each differs")


def test_a_sentence_names_three_differences_and_the_way_out_the_table(tmp_path: Path) -> None:
    many = [Difference("mine.Plot", f"a{n}", Aspect.MISSING, "int32", "", True) for n in range(5)]
    assert sentences(many)["mine.Plot"].endswith("the database has no attribute a2 (int32); and 2 more.")
    assert way_out(chain(tmp_path), many).startswith("djproject migrate mine.Plot ")
    part = [Difference("mine.Mean.Each", "x", Aspect.MISSING, "int32", "", True)]
    assert way_out(chain(tmp_path), part).startswith("djproject migrate mine.Mean ")
    assert way_out(chain(tmp_path), []) == ""


def test_the_catalogue_is_found_by_names_as_in_the_database(tmp_path: Path) -> None:
    expected = {
        "mine.Raw": ("mine", "raw"),
        "mine.Mean": ("mine", "__mean"),
        "mine.Mean.Each": ("mine", "__mean__each"),
        "mine.Plot": ("mine", "__plot"),
        "mine.Other": ("mine", "other"),
        "mine.Count": ("mine", "__count"),
    }
    assert source_places(chain(tmp_path), str) == expected
