"""How long an attribute is in a key of MySQL."""

import pytest

from djproject.checks.attribute_rules import mysql_key_bytes


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        ("int8", 1), ("int16", 2), ("int32", 4), ("int64", 8), ("tinyint", 1), ("smallint", 2), ("INT(11)", 4),
        ("integer", 4), ("bigint", 8), ("float32", 4), ("float64", 8), ("float", 4), ("double", 8), ("real", 8),
        ("bool", 1), ("uuid", 16), ("date", 3), ("datetime", 5), ("datetime(0)", 5), ("datetime(1)", 6),
        ("datetime(2)", 6), ("datetime(3)", 7), ("datetime(6)", 8), ("timestamp", 4), ("time", 3), ("year", 1),
        ("char(1)", 4), ("char(255)", 1020), ("varchar(768)", 3072), ("decimal(9,0)", 4), ("decimal(10,1)", 5),
        ("decimal(12,3)", 6), ("decimal(4,2)", 2), ("decimal(20,10)", 10), ("enum('a','b')", 1), ("enum('1','20')", 1),
        (f"enum({','.join(['~a~'] * 255)})".replace("~", "'"), 1),
        (f"enum({','.join(['~a~'] * 256)})".replace("~", "'"), 2),
        ("varchar", 0), ("varchar(a)", 0), ("decimal(5)", 0), ("json", 0), ("<blob@main>", 0), ("", 0), ("int(1,2)", 0),
    ],
)  # fmt: skip
def test_the_length_of_a_type_in_a_key(kind: str, length: int) -> None:
    assert mysql_key_bytes(kind) == length
