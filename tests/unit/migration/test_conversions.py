"""Which values fit another type; what a plan is in a file."""

import dataclasses
from pathlib import Path

import pytest

from djproject.errors import ConfigError
from djproject.migration.conversions import IMPOSSIBLE, WIDER, conversion
from djproject.migration.steps import DROP_TABLE, Grade, Plan, Step, plan_text, read_plan

P, M = "postgresql", "mysql"


@pytest.mark.parametrize(
    ("old", "new", "backend"),
    [
        ("smallint", "int32", P), ("int", "int64", M), ("int unsigned", "int64", M), ("tinyint", "int8", M),
        ("real", "float64", P), ("integer", "float64", P), ("smallint", "float32", P), ("integer", "decimal(10,0)", P),
        ("numeric(5,2)", "decimal(6,2)", P), ("character varying(20)", "varchar(40)", P), ("char(3)", "varchar(3)", M),
        ("enum('a','b')", "enum('b','a','c')", M), ("enum('a','b')", "varchar(1)", P), ("date", "datetime", M),
        ("datetime", "datetime(3)", M), ("timestamp(3) without time zone", "datetime(6)", P), ("varchar(9)", "text", M),
    ],
)  # fmt: skip
def test_a_wider_type_takes_every_value(old: str, new: str, backend: str) -> None:
    assert conversion(old, new, backend) == WIDER


@pytest.mark.parametrize(
    ("old", "new", "backend", "misfit", "cuts"),
    [
        ("bigint", "int32", P, "{} NOT BETWEEN -2147483648 AND 2147483647", False),
        ("int", "int unsigned", M, "{} NOT BETWEEN 0 AND 4294967295", False),
        ("bigint", "float64", M, "ABS({}) > 9007199254740992", False),
        ("integer", "decimal(5,2)", P, "ABS({}) >= 1e3", False),
        ("double precision", "float32", P, "{}::float4::float8 <> {}", True),
        ("double", "float32", M, "CAST(CAST({} AS FLOAT) AS DOUBLE) <> {}", True),
        ("decimal(6,3)", "decimal(6,2)", M, "ROUND({}, 2) <> {}", True),
        ("decimal(6,2)", "decimal(5,2)", M, "ABS({}) >= 1e3", False),
        ("varchar(40)", "varchar(20)", M, "CHAR_LENGTH({}) > 20", True),
        ("text", "varchar(20)", P, "CHAR_LENGTH({}) > 20", True),
        ("enum('a','b''c')", "enum('b''c')", P, "{}::text NOT IN ('b''c')", False),
        ("datetime(3)", "datetime", M, "CAST({} AS DATETIME(0)) <> {}", True),
    ],
)
def test_a_narrower_type_says_which_rows_do_not_fit(old: str, new: str, backend: str, misfit: str, cuts: bool) -> None:
    found = conversion(old, new, backend)
    assert (found.possible, found.misfit, found.cuts) == (True, misfit, cuts)


@pytest.mark.parametrize(
    ("old", "new", "backend"),
    [("varchar(20)", "int32", M), ("longblob", "varchar(20)", M), ("uuid", "int32", P), ("enum('abc')", "varchar(2)", M),
     ("double", "int32", M), ("geometry", "int32", M)],
)  # fmt: skip
def test_what_the_server_would_guess_is_not_converted(old: str, new: str, backend: str) -> None:
    assert conversion(old, new, backend) == IMPOSSIBLE


STEP = Step("a.B", 'the "comment"', Grade.LOSSY, ("ALTER TABLE x", "COMMENT ON y IS 'ü'"), 1)


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(plan_text(Plan((STEP,), seen="abc"), "lab"))
    assert read_plan(path) == ("lab", "abc", (STEP,))
    for text in ("", "[]", "{}", "[" * 100_000, path.read_text().replace('"version": 1', '"version": 2')):
        path.write_text(text)
        with pytest.raises(ConfigError, match="is not a plan of this version"):
            read_plan(path)
    with pytest.raises(ConfigError, match="There is no file"):
        read_plan(tmp_path / "other.json")


def test_a_step_says_what_it_costs() -> None:
    assert STEP.text == 'a.B: the "comment"; 1 row loses a value'
    dropped = dataclasses.replace(STEP, table="lab.old", what=DROP_TABLE, rows=5)
    assert dropped.text == "lab.old: drop the table; 5 rows are deleted"
    assert dataclasses.replace(dropped, rows=1).text.endswith("; 1 row is deleted")
    assert dataclasses.replace(STEP, rows=1200, grade=Grade.REWRITE).text.endswith("; about 1,200 rows")
    assert dataclasses.replace(STEP, grade=Grade.SAFE).text == 'a.B: the "comment"'
