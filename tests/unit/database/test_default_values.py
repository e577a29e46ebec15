"""Defaults of definitions beside those of catalogues."""

import pytest

from djproject.database.default_values import is_same_default

MYSQL, POSTGRESQL = "mysql", "postgresql"


@pytest.mark.parametrize(
    ("source", "stored", "kind", "backend"),
    [
        ("1", "1.00", "decimal(5,2)", MYSQL), ("2.345", "2.35", "decimal(5,2)", MYSQL), ("1.5", "2", "int32", MYSQL),
        ("3.14159265", "3.14159", "float32", MYSQL), ("1e3", "'1000'::double precision", "float64", POSTGRESQL),
        ("5", "'5'::smallint", "int16", POSTGRESQL), ("-3", "'-3'::integer", "int32", POSTGRESQL), ("1", "true", "bool", POSTGRESQL),
        ('"2026-01-31"', "2026-01-31 00:00:00", "datetime", MYSQL), ("null", None, "int32", MYSQL), (None, None, "int32", MYSQL),
        (None, "NULL::character varying", "varchar(5)", POSTGRESQL), ('""', "", "varchar(5)", MYSQL),
        ("current_timestamp(3)", "CURRENT_TIMESTAMP(3)", "datetime(3)", POSTGRESQL),
        ("CURRENT_TIMESTAMP", "(CURRENT_TIMESTAMP)", "datetime", MYSQL), ("left", "'left'::s.enum_1", "enum('left')", POSTGRESQL),
        ("'it''s'", "'it''s'::character varying", "varchar(9)", POSTGRESQL), ('"it\'s"', "it's", "varchar(9)", MYSQL),
        ("'{\"a\": 1}'", "'{\"a\":1}'::jsonb", "json", POSTGRESQL), ("now", "'2026-01-01 00:00:00'::timestamp", "datetime", POSTGRESQL),
    ],
)  # fmt: skip
def test_the_same_default_in_other_words(source: str | None, stored: str | None, kind: str, backend: str) -> None:
    assert is_same_default(source, stored, kind, backend)


@pytest.mark.parametrize(
    ("source", "stored", "kind", "backend"),
    [
        ("1", "2", "int32", MYSQL), (None, "1", "int32", MYSQL), ("1", None, "int32", MYSQL), ("1", "false", "bool", POSTGRESQL),
        ("2.345", "2.36", "decimal(5,2)", MYSQL), ("0.1", "0.2", "float32", MYSQL), ('"a"', "A", "varchar(5)", MYSQL),
        ('"a"', "'b'::bpchar", "char(1)", POSTGRESQL), ('""', None, "varchar(5)", MYSQL), ('""', "'a'", "varchar(5)", POSTGRESQL),
        ("CURRENT_TIMESTAMP", "2026-01-01 00:00:00", "datetime", MYSQL), ('"2026-01-31"', "2026-01-30", "date", MYSQL),
        ('"2026-01-31 10:00:00.5"', "2026-01-31 10:00:00.250", "datetime(3)", MYSQL), ("current_timestamp", "CURRENT_TIMESTAMP(3)", "datetime", POSTGRESQL),
        ("left", "'right'::s.enum_1", "enum('left','right')", POSTGRESQL), ("'[1]'", "'[2]'::jsonb", "json", POSTGRESQL),
    ],
)  # fmt: skip
def test_another_default(source: str | None, stored: str | None, kind: str, backend: str) -> None:
    assert not is_same_default(source, stored, kind, backend)
