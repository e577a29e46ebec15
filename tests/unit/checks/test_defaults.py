"""Which defaults are refused, for every type and both servers, and what is said of them."""

import pytest

from djproject.checks.defaults import refused_default
from djproject.pipeline.definition import Attribute
from djproject.pipeline.types import BACKENDS, MYSQL, POSTGRESQL

BOTH = BACKENDS
ON_MYSQL, ON_POSTGRESQL = (MYSQL,), (POSTGRESQL,)
NOT_ONE_STRING = "is not one string in one pair of quotes"


def refused(kind: str, default: str | None, *backends: str) -> str:
    return refused_default(Attribute("x", kind, default, "", False, 1), backends)


@pytest.mark.parametrize("backends", [ON_MYSQL, ON_POSTGRESQL, BOTH])
@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("int16", "32767"), ("int16", "-32768"), ("int16", "+7"), ("int16", "'7'"), ("int16", '"7"'),
        ("int32", "2147483647"), ("int32", "-2147483648"), ("int64", "9223372036854775807"),
        ("int64", "-9223372036854775808"), ("int8", "127"), ("int8", "-128"), ("tinyint", "127"), ("bigint(20)", "1"),
        ("INT", "-5"), ("float32", "3.4e38"), ("float32", "-3.4e38"), ("float32", "1."), ("float32", ".5"),
        ("float32", "+1.5E-3"), ("float64", "1.7e308"), ("float64", "-3.5e38"), ("float64", "0"),
        ("decimal(5,2)", "999.99"), ("decimal(5,2)", "999.9949"), ("decimal(5,2)", f"999.994{'9' * 40}"),
        ("decimal(30,0)", "9" * 30), ("decimal(65,30)", f"-{'9' * 35}.{'9' * 30}"), ("decimal(30,0)", "1e-9999999999999999999"),
        ("decimal(5,2)", "-999.99"), ("decimal(5 , 2)", "1e2"), ("decimal", "12345678901"),
        ("numeric(3,0)", "999"), ("dec(3,0)", "-999"), ("fixed(3,0)", "999"), ("numeric (3,0)", "999"),
        ("bool", "0"), ("bool", "1"), ("bool", "'1'"), ("date", "2026-01-31"), ("date", "'2026-02-28'"),
        ("datetime", "2026-01-31"), ("datetime", "'2026-01-31 12:00:00'"), ("datetime", "'2026-01-31T12:00:00'"),
        ("datetime(3)", "'2026-01-31 12:00:00.5'"), ("datetime(6)", "'2026-01-31 12:00:00.123456'"),
        ("timestamp", "'2026-01-31 12:00:00'"), ("timestamp(3)", "'2026-01-31 12:00:00.123'"),
        ("char(3)", "abc"), ("varchar(3)", "'abc'"), ("varchar(3)", '"abc"'), ("varchar(3)", "''"), ("varchar(3)", None),
        ("varchar(3)", "'a''b'"), ("varchar(4)", '"a""b"'), ("varchar(3)", "a%%b"), ("varchar(3)", "'%%%%%%'"),
        ("varchar(1)", "''''"), ("VARCHAR(3)", "abc"),
        ("enum('left','Right')", "left"), ("enum('left','Right')", "'Right'"), ("enum('left','Right')", '"Right"'),
        ("enum('unsigned','zerofill')", "'unsigned'"), ("enum('it''s','x')", "'it''s'"), ("enum('it''s','x')", '"it\'s"'),
        ("enum('5%%','x')", "'5%%'"), ("ENUM('A','B')", "'A'"),
        ("datetime", "CURRENT_TIMESTAMP"), ("datetime", "current_timestamp"), ("timestamp", "CURRENT_TIMESTAMP"),
        ("datetime(3)", "CURRENT_TIMESTAMP(3)"), ("timestamp(6)", "current_timestamp(6)"),
        ("timestamptz", "CURRENT_TIMESTAMP"),
        ("year", "2026"), ("year", "1"), ("year(4)", "2026"), ("time", "12:00"), ("time", "'123:59:59'"),
        ("time(3)", "'1:00:00.123'"), ("uint8", "anything"), ("point", "'(1,2)'"),
    ],
)  # fmt: skip
def test_a_value_of_the_type_is_a_default(kind: str, default: str | None, backends: tuple[str, ...]) -> None:
    assert refused(kind, default, *backends) == ""


@pytest.mark.parametrize("backends", [ON_MYSQL, ON_POSTGRESQL, BOTH])
@pytest.mark.parametrize(
    ("kind", "default", "reason"),
    [
        ("int16", "32768", "is not an int16: 32768"),
        ("int16", "-32769", "is not an int16: -32769"),
        ("int32", "2147483648", "is not an int32: 2147483648"),
        ("int32", "-2147483649", "is not an int32: -2147483649"),
        ("int64", "9223372036854775808", "is not an int64: 9223372036854775808"),
        ("int64", "-9223372036854775809", "is not an int64: -9223372036854775809"),
        ("int8", "70000", "is not an int8: 70000"),
        ("int32", "1.0", "is not an int32: 1.0"),
        ("int32", "'left'", "is not an int32: left"),
        ("INT(11)", "left", "is not an int32: left"),
        ("smallint", "40000", "is not an int16: 40000"),
        ("int32", None, "is not an int32: "),
        ("float32", "3.5e38", "is too large for float32: 3.5e38"),
        ("float32", "-3.5e38", "is too large for float32: -3.5e38"),
        ("float64", "1e309", "is too large for float64: 1e309"),
        ("float64", "-1e309", "is too large for float64: -1e309"),
        ("float64", "left", "is not a number: left"),
        ("float64", ".", "is not a number: ."),
        ("float64", "1e", "is not a number: 1e"),
        ("decimal(5,2)", "999.995", "has more digits than decimal(5,2): 999.995"),
        ("decimal(30,0)", "9" * 30 + ".5", f"has more digits than decimal(30,0): {'9' * 30}.5"),
        ("decimal(30,0)", "1" + "0" * 30, f"has more digits than decimal(30,0): 1{'0' * 30}"),
        ("decimal(30,0)", "1e99999999999999999999", "has more digits than decimal(30,0): 1e99999999999999999999"),
        ("decimal(5,2)", "1000", "has more digits than decimal(5,2): 1000"),
        ("decimal(5 , 2)", "-1000", "has more digits than decimal(5 , 2): -1000"),
        ("decimal(5,2) unsigned zerofill", "1000", "has more digits than decimal(5,2): 1000"),
        ("numeric(3,0)", "1000", "has more digits than decimal(3,0): 1000"),
        ("dec(3,0)", "1000", "has more digits than decimal(3,0): 1000"),
        ("fixed(3,0)", "1000", "has more digits than decimal(3,0): 1000"),
        ("numeric (3,0)", "1000", "has more digits than decimal(3,0): 1000"),
        ("decimal", "left", "is not a number: left"),
        ("decimal unsigned", "left", "is not a number: left"),
        ("decimal zerofill", "left", "is not a number: left"),
        ("bool", "2", "is not a bool: 2 (0 and 1 are)"),
        ("bool", "TRUTH", "is not a bool: TRUTH (0 and 1 are)"),
        ("enum('left','Right')", "up", "is not one of the values of its enum: up"),
        ("enum('left','Right')", "Left", "is not one of the values of its enum: Left"),
        ("enum('left','Right')", "'right'", "is not one of the values of its enum: right"),
        ("enum('a''b','x')", "\"a''b\"", "is not one of the values of its enum: a''b"),
        ("date", "31.1.2026", "is not a date as in 2026-01-31: 31.1.2026"),
        ("date", "2026-01-31 12:00:00", "is not a date as in 2026-01-31: 2026-01-31 12:00:00"),
        ("date", "20260131", "is not a date as in 2026-01-31: 20260131"),
        ("date", "2026-02-30", "is not a date: 2026-02-30"),
        ("datetime", "31.1.2026", "is not a date and time as in 2026-01-31 12:00:00: 31.1.2026"),
        ("datetime", "2026-01-31 12:00", "is not a date and time as in 2026-01-31 12:00:00: 2026-01-31 12:00"),
        ("datetime", "2026-01-31 12:00:00.", "is not a date and time as in 2026-01-31 12:00:00: 2026-01-31 12:00:00."),
        ("datetime", "'2026-01-31x12:00:00'", "is not a date and time as in 2026-01-31 12:00:00: 2026-01-31x12:00:00"),
        (
            "datetime(6)",
            "'2026-01-31 12:00:00.1234567'",
            "is not a date and time as in 2026-01-31 12:00:00: 2026-01-31 12:00:00.1234567",
        ),
        ("datetime(3)", "'2026-02-30 12:00:00'", "is not a datetime(3): 2026-02-30 12:00:00"),
        ("timestamp", "2026-02-30", "is not a datetime: 2026-02-30"),
        ("char(3)", "abcd", "is longer than its type: 4 characters"),
        ("varchar(3)", "'abcd'", "is longer than its type: 4 characters"),
        ("varchar(3)", '"a""b"', "is longer than its type: 4 characters"),
        ("varchar(3)", "a%%%%%%b", "is longer than its type: 5 characters"),
        ("uuid", "'0'", "can only be null: a uuid identifies one row"),
        ("year", "20261", "is not a year: 20261"),
        ("year(4)", "left", "is not a year(4): left"),
        ("time", "noon", "is not a time: noon"),
        ("TIME", "1234:00", "is not a time: 1234:00"),
        ("time(3)", "12", "is not a time(3): 12"),
        ("time", "'12:00:00.'", "is not a time: 12:00:00."),
        ("serial", "1", "is not allowed: a serial counts by itself"),
        ("<blob>", "'x'", "can only be null: <blob> allows no other default"),
        ("<attach@main>", "x", "can only be null: <attach@main> allows no other default"),
        ("<graph>", "CURRENT_TIMESTAMP", "can only be null: <graph> allows no other default"),
        ("blob", "x", "can only be null: blob allows no other default"),
        ("LONGBLOB", "'x'", "can only be null: LONGBLOB allows no other default"),
        ("tinyblob", "x", "can only be null: tinyblob allows no other default"),
        ("mediumblob", "x", "can only be null: mediumblob allows no other default"),
        ("int32", "null()", "is not null as DataJoint reads it: write null"),
        ("datetime", "NULL(1)", "is not null as DataJoint reads it: write null"),
        ("int32", "CURRENT_TIMESTAMP", "is the current time, which is not a int32"),
        ("date", "current_timestamp(3)", "is the current time, which is not a date"),
        ("time", "CURRENT_TIMESTAMP", "is the current time, which is not a time"),
        ("varchar(20)", "'", NOT_ONE_STRING),
        ("varchar(20)", '"', NOT_ONE_STRING),
        ("varchar(20)", "'left", NOT_ONE_STRING),
        ("varchar(20)", "'left\"", NOT_ONE_STRING),
        ("varchar(20)", '"left', NOT_ONE_STRING),
        ("varchar(20)", "'a'b'", NOT_ONE_STRING),
        ("varchar(20)", '"a"b"', NOT_ONE_STRING),
        ("varchar(20)", "a'b", NOT_ONE_STRING),
        ("int32", "1'", NOT_ONE_STRING),
    ],
)
def test_a_default_is_refused_by_every_server(kind: str, default: str, reason: str, backends: tuple[str, ...]) -> None:
    assert refused(kind, default, *backends) == reason


@pytest.mark.parametrize(
    ("kind", "default", "on_mysql", "on_postgresql"),
    [
        ("int8", "128", "is not an int8: 128", ""),
        ("int8", "-129", "is not an int8: -129", ""),
        ("int8", "32767", "is not an int8: 32767", ""),
        ("int8", "32768", "is not an int8: 32768", "is not an int8: 32768"),
        ("int8", "-32768", "is not an int8: -32768", ""),
        ("int8", "-32769", "is not an int8: -32769", "is not an int8: -32769"),
        *(
            ("bool", word, f"is not a bool: {word} (0 and 1 are)", "")
            for word in ("true", "false", "yes", "no", "on", "off", "t", "f", "TRUE", "No")
        ),
        *(("float64", word, f"is not a number: {word}", "") for word in ("nan", "NaN", "Infinity", "-infinity")),
        ("float32", "nan", "is not a number: nan", ""),
        ("decimal(3,1)", "NaN", "is not a number: NaN", ""),
        ("bytes", "x", "can only be null: bytes allows no other default", ""),
        ("json", "'{}'", "can only be null: json allows no other default", ""),
        ("text", "x", "can only be null: text allows no other default", ""),
        ("TEXT", "x", "can only be null: TEXT allows no other default", ""),
        ("tinytext", "x", "can only be null: tinytext allows no other default", ""),
        ("mediumtext", "x", "can only be null: mediumtext allows no other default", ""),
        ("longtext", "CURRENT_TIMESTAMP", "can only be null: longtext allows no other default", ""),
        (
            "datetime(3)",
            "CURRENT_TIMESTAMP",
            "has another precision than its type: MySQL takes CURRENT_TIMESTAMP(3)",
            "",
        ),
        ("datetime", "CURRENT_TIMESTAMP(3)", "has another precision than its type: MySQL takes CURRENT_TIMESTAMP", ""),
        (
            "timestamp(3)",
            "CURRENT_TIMESTAMP(6)",
            "has another precision than its type: MySQL takes CURRENT_TIMESTAMP(3)",
            "",
        ),
        ("datetime", "CURRENT_TIMESTAMP()", "", "is written CURRENT_TIMESTAMP, without parentheses"),
        ("float", "3.5e38", "is too large for float32: 3.5e38", ""),
        ("real", "3.5e38", "", "is too large for float32: 3.5e38"),
        ("double", "left", "is not a number: left", ""),
    ],
)
def test_the_servers_differ(kind: str, default: str, on_mysql: str, on_postgresql: str) -> None:
    assert refused(kind, default, MYSQL) == on_mysql
    assert refused(kind, default, POSTGRESQL) == on_postgresql
    if kind not in {"float", "real"}:
        assert refused(kind, default, *BOTH) == (on_mysql or on_postgresql)
