"""What DataJoint and the servers make of types; the cases of enums are declared on both in the integration tests."""

import pytest

from djproject.pipeline.types import (
    BACKENDS,
    Kind,
    TypeFacts,
    core_type,
    enum_values,
    refused_parameters,
    stored_type,
    type_facts,
)

POSTGRESQL, MYSQL = ("postgresql",), ("mysql",)
QUOTES = "its values are written in single quotes, with commas between them"
DOUBLE = "MySQL takes no double quote in an enum: DataJoint puts the type into a text between them"
BACKSLASH = "MySQL reads the backslash in a value as an escape, and keeps another value"
COMMA = "DataJoint splits the value at its comma on PostgreSQL, and keeps two others"
EQUAL = "two values are equal"
EQUAL_TO_MYSQL = "two values are equal to MySQL, which ignores case, accents and final spaces"
LONG = "a value is longer than 63 bytes"


@pytest.mark.parametrize(
    ("written", "postgresql", "mysql"),
    [
        ("enum('a', 'b')", "", ""),
        ("enum( 'a' , 'b' )", "", ""),
        ("enum('a')", "", ""),
        ("enum('a', 'A')", "", EQUAL_TO_MYSQL),
        ("enum('e', 'é')", "", EQUAL_TO_MYSQL),
        ("enum('a', 'a ')", "", EQUAL_TO_MYSQL),
        ("enum('a', ' a')", "", ""),
        ("enum('a', 'a\t')", "", ""),
        ("enum('a', 'aX')", "", ""),
        ("enum('ß', 'SS')", "", EQUAL_TO_MYSQL),
        ("enum('a', 'b', 'a')", EQUAL, EQUAL_TO_MYSQL),
        ('enum("a", "b")', "", DOUBLE),
        ("enum('a', \"b\")", "", DOUBLE),
        ("enum('a\\b', 'c')", "", BACKSLASH),
        ("enum('a,b', 'c')", COMMA, ""),
        ("enum('a', 'c,b')", COMMA, ""),
        ("enum(a, b)", QUOTES, QUOTES),
        ("enum('a' 'b')", QUOTES, QUOTES),
        ("enum('a',)", QUOTES, QUOTES),
        ("enum('it''s', 'b')", "", ""),
        (f"enum('b', '{'a' * 63}')", "", ""),
        (f"enum('b', '{'a' * 64}')", LONG, LONG),
        (f"enum('b', '{'é' * 32}')", LONG, LONG),
    ],
)
def test_an_enum_is_refused_by_the_servers_that_refuse_it(written: str, postgresql: str, mysql: str) -> None:
    assert [refused_parameters(written, backend) for backend in BACKENDS] == [postgresql, mysql]


def test_the_values_of_an_enum_are_read_with_their_quotes() -> None:
    assert enum_values("enum('a, b', 'it''s', \"c\",'5 %%')") == ("a, b", "it's", "c", "5 %")
    assert enum_values("enum('a (b)', \"say \"\"c\"\"\", '', '(')") == ("a (b)", 'say "c"', "", "(")
    assert enum_values("enum(a)") == ()


@pytest.mark.parametrize(
    ("written", "postgresql", "mysql"),
    [
        ("int32", "", ""),
        ("datetime", "", ""),
        ("datetime(6)", "", ""),
        ("datetime (7)", "", "the precision is at most 6"),
        ("varchar(0)", "PostgreSQL needs a length of at least 1", ""),
        ("char(0)", "PostgreSQL needs a length of at least 1", ""),
        ("char(1)", "", ""),
        ("char(255)", "", ""),
        ("char(256)", "", "MySQL's char has at most 255 characters"),
        ("varchar(256)", "", ""),
        ("varchar(16383)", "", ""),
        ("varchar(16384)", "", "MySQL's varchar has at most 16383 characters"),
        ("varchar(10485760)", "", "MySQL's varchar has at most 16383 characters"),
        ("varchar(10485761)", "PostgreSQL's strings with a length have at most 10485760 characters",
         "MySQL's varchar has at most 16383 characters"),
        ("char(10485760)", "", "MySQL's char has at most 255 characters"),
        ("char(10485761)", "PostgreSQL's strings with a length have at most 10485760 characters",
         "MySQL's char has at most 255 characters"),
        ("decimal(0,0)", "a decimal has at least 1 digit", ""),
        ("decimal(1, 0)", "", ""),
        ("decimal(65,30)", "", ""),
        ("decimal(66,30)", "", "a decimal has at most 65 digits, 30 of them after the point"),
        ("decimal(65,31)", "", "a decimal has at most 65 digits, 30 of them after the point"),
        ("decimal(1000,1000)", "", "a decimal has at most 65 digits, 30 of them after the point"),
        ("decimal(1001,0)", "a decimal has at most 1000 digits, 1000 of them after the point",
         "a decimal has at most 65 digits, 30 of them after the point"),
        ("decimal(3,1001)", "a decimal has at most 1000 digits, 1000 of them after the point",
         "a decimal has at most 65 digits, 30 of them after the point"),
        ("decimal(3,3)", "", ""),
        ("decimal(3,4)", *["it has more digits after the point than it has digits"] * 2),
        ("decimal", "", ""),
        ("enum('1', '2')", "", ""),
    ],
)  # fmt: skip
def test_the_numbers_of_a_type_have_limits(written: str, postgresql: str, mysql: str) -> None:
    assert [refused_parameters(written, backend) for backend in BACKENDS] == [postgresql, mysql]


CORE = [
    "int8", "int16", "int32", "int64", "float32", "float64", "bool", "uuid", "json", "bytes", "date", "datetime",
    "datetime(3)", "char(8)", "varchar(80)", "decimal(8,2)", "decimal(8 , 2)", "enum('a')",
]  # fmt: skip


@pytest.mark.parametrize("text", CORE)
def test_core_types_are_portable_and_misspelt_ones_refused(text: str) -> None:
    assert type_facts(text) == TypeFacts(Kind.CORE, "", ())
    assert type_facts(text.upper()) == TypeFacts(
        Kind.MISSPELT, text.partition("(")[0] + text.upper().removeprefix(text.partition("(")[0].upper()), BACKENDS
    )


@pytest.mark.parametrize(
    ("text", "kind", "replacement", "refused"),
    [
        ("<blob>", Kind.CODEC, "", ()),
        ("<other@main>", Kind.CODEC, "", ()),
        ("jsonb", Kind.MISSPELT, "json", BACKENDS),
        ("Jsonb", Kind.MISSPELT, "json", BACKENDS),
        ("varchar (80)", Kind.MISSPELT, "varchar(80)", BACKENDS),
        ("Enum ('A', 'b')", Kind.MISSPELT, "enum('A', 'b')", BACKENDS),
        ("Enum('(', 'b')", Kind.MISSPELT, "enum('(', 'b')", BACKENDS),
        ("int", Kind.NATIVE, "", ()),
        ("integer", Kind.NATIVE, "", ()),
        ("smallint", Kind.NATIVE, "", ()),
        ("tinyint", Kind.NATIVE, "", POSTGRESQL),
        ("MediumInt", Kind.NATIVE, "", POSTGRESQL),
        ("int unsigned", Kind.NATIVE, "", POSTGRESQL),
        ("int(11)", Kind.NATIVE, "", POSTGRESQL),
        ("int auto_increment", Kind.NATIVE, "", BACKENDS),
        ("serial", Kind.NATIVE, "", ()),
        ("double", Kind.NATIVE, "", POSTGRESQL),
        ("float", Kind.NATIVE, "", ()),
        ("float(8)", Kind.NATIVE, "", ()),
        ("float(8,2)", Kind.NATIVE, "", POSTGRESQL),
        ("real", Kind.NATIVE, "", ()),
        ("timestamp", Kind.NATIVE, "", ()),
        ("year", Kind.NATIVE, "", POSTGRESQL),
        ("text", Kind.NATIVE, "", ()),
        ("longtext", Kind.NATIVE, "", POSTGRESQL),
        ("smalltext", Kind.NATIVE, "", BACKENDS),
        ("char(x)", Kind.UNKNOWN, "", BACKENDS),
        ("varchar(x)", Kind.UNKNOWN, "", BACKENDS),
        ("VARCHAR(x)", Kind.UNKNOWN, "", BACKENDS),
        ("blob", Kind.RAW_BLOB, "", POSTGRESQL),
        ("LongBlob", Kind.RAW_BLOB, "", POSTGRESQL),
        ("smallblob", Kind.RAW_BLOB, "", BACKENDS),
        ("SMALLBLOB", Kind.RAW_BLOB, "", BACKENDS),
        ("boolean", Kind.OLD, "bool", BACKENDS),
        ("Boolean", Kind.OLD, "bool", BACKENDS),
        ("attach", Kind.OLD, "<attach>", BACKENDS),
        ("binary(16)", Kind.OLD, "uuid", BACKENDS),
        ("blob@main", Kind.OLD, "<blob@main>", BACKENDS),
        ("Attach @ main", Kind.OLD, "<attach@main>", BACKENDS),
        ("filepath@main", Kind.OLD, "<filepath@main>", BACKENDS),
        ("object@", Kind.OLD, "<object@>", BACKENDS),
        ("npy@main", Kind.OLD, "<npy@main>", BACKENDS),
        ("hash@main", Kind.OLD, "<hash@main>", BACKENDS),
        ("external", Kind.OLD, "<blob@>", BACKENDS),
        ("External-raw", Kind.OLD, "<blob@raw>", BACKENDS),
        ("object", Kind.OLD, "<object@>", BACKENDS),
        ("filepath", Kind.OLD, "<filepath@>", BACKENDS),
        ("NPY", Kind.OLD, "<npy@>", BACKENDS),
        ("hash", Kind.UNKNOWN, "", BACKENDS),
        ("other@main", Kind.UNKNOWN, "", BACKENDS),
        ("external-", Kind.UNKNOWN, "", BACKENDS),
        ("point", Kind.UNKNOWN, "", BACKENDS),
        ("varchar", Kind.UNKNOWN, "", BACKENDS),
        ("", Kind.UNKNOWN, "", BACKENDS),
    ],
)
def test_a_type_is_of_one_kind(text: str, kind: Kind, replacement: str, refused: tuple[str, ...]) -> None:
    assert type_facts(text) == TypeFacts(kind, replacement, refused)


@pytest.mark.parametrize(
    ("native", "postgresql", "mysql"),
    [
        ("tinyint", "int8", "int8"),
        ("smallint", "int16", "int16"),
        ("int", "int32", "int32"),
        ("integer", "int32", "int32"),
        ("BIGINT (20)", "int64", "int64"),
        ("double", "", "float64"),
        ("float", "float64", "float32"),
        ("real", "float32", "float64"),
        ("int unsigned", "", ""),
        ("float(8,2)", "", ""),
        ("text", "", ""),
    ],
)
def test_a_native_type_may_be_the_column_of_a_core_type(native: str, postgresql: str, mysql: str) -> None:
    assert [core_type(native, backend) for backend in BACKENDS] == [postgresql, mysql]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("int32", "int32"),
        ("<blob>", "bytes"),
        ("<attach>", "bytes"),
        ("<blob@>", "json"),
        ("<attach@main>", "json"),
        ("<hash@>", "json"),
        ("<hash>", "json"),
        ("<object>", "json"),
        ("<npy>", "json"),
        ("<filepath>", "json"),
        ("<other>", "bytes"),
    ],
)
def test_a_codec_keeps_bytes_in_the_table_or_the_facts_of_a_store(text: str, stored: str) -> None:
    assert stored_type(text) == stored
