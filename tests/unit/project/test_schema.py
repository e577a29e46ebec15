"""A table of settings that is declared once is read, documented and described to editors."""

from collections.abc import Iterator, Mapping

import pytest

from djproject.errors import ConfigError
from djproject.project.durations import read_duration
from djproject.project.schema import (
    DRAFT,
    EDIT,
    FLAG,
    INTEGER,
    NAME,
    SECONDS,
    TEXT,
    WHOLE,
    Key,
    Path,
    Scalar,
    SettingProblem,
    Table,
    choice,
    json_schema,
    leaves,
    place,
    read_table,
    shown,
    texts,
)
from djproject.project.settings_schema import DATAJOINT, pyproject_schema, tool_schema
from djproject.project.stores import PROTOCOLS


def no_secrets(path: Path, table: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    yield from ((key, f"{place(path)} {key}: {table[key]}", "remove it") for key in table if key == "secret")


def odd(value: object) -> object:
    if value == 2:
        raise ConfigError("Two is even.", hint="type 3")
    return value


def names_of(**values: object) -> list[str]:
    return list(values)


INNER = Table({"n": Key(Scalar("odd", {"const": 1}, odd), "a [number](x.md#y) of `n`", "1", "number")}, make=names_of)
SMALL = Table(
    {
        "name": Key(NAME, "the name", hint="name it"),
        "inner": Key(INNER, "more", attribute="inside"),
        "flag": Key(FLAG, "yes or no"),
    },
    others=lambda key: WHOLE if key != "lines" else texts(),
    required=("name", "flag"),
    refused=no_secrets,
    unknown="{where}: what is {key!r}",
    json={"minProperties": 1},
)
CLOSED = Table({"name": Key(TEXT, ""), "count": Key(WHOLE, "")}, unknown="{where}: what is {key!r}")


def test_what_is_right_is_read_and_what_is_wrong_is_listed_in_the_order_of_the_file() -> None:
    found, problems = read_table(
        SMALL,
        {"secret": "x", "flag": True, "inner": {"n": 3}, "b": 2, "name": "", 5: 1, "lines": ["a"], "a": 0},
        ("t", "u"),
    )
    assert found == {"flag": True, "inside": ["number"], "b": 2, "5": 1, "lines": ("a",)}
    assert problems == [
        SettingProblem(("t", "u", "secret"), "[t.u] secret: x", "remove it"),
        SettingProblem(("t", "u", "name"), "[t.u] name must be a string that is not empty, not ''.", "name it"),
        SettingProblem(("t", "u", "a"), "[t.u] a must be a whole number above 0, not 0.", EDIT),
    ]


@pytest.mark.parametrize(
    ("table", "value", "found", "problem"),
    [
        (SMALL, 5, None, ((), "[t] is not a table.", EDIT)),
        (SMALL, {"name": "x"}, None, ((), "[t] has no flag.", EDIT)),
        (SMALL, {}, None, ((), "[t] has no name.", EDIT)),
        (INNER, {"n": 2}, [], (("n",), "Two is even.", "type 3")),
        (CLOSED, {"nme": 1}, {}, (("nme",), "[t]: what is 'nme'; did you mean 'name'?", "Settings: name, count")),
        (CLOSED, {"xyz": 1}, {}, (("xyz",), "[t]: what is 'xyz'.", "Settings: name, count")),
    ],
)
def test_a_table_that_is_wrong_is_refused_alone(
    table: Table, value: object, found: object, problem: tuple[Path, str, str]
) -> None:
    path, message, hint = problem
    assert read_table(table, value, ("t",)) == (found, [SettingProblem(("t", *path), message, hint)])


def test_an_inner_table_that_is_refused_is_left_out() -> None:
    found, problems = read_table(SMALL, {"name": "x", "flag": False, "inner": 1}, ("t",))
    assert found == {"name": "x", "flag": False}
    assert problems == [SettingProblem(("t", "inner"), "[t.inner] is not a table.", EDIT)]


@pytest.mark.parametrize(
    ("scalar", "right", "wrong"),
    [
        (TEXT, {"": "", "x": "x"}, [1, None, True]),
        (NAME, {"x": "x"}, ["", 1, None]),
        (FLAG, {True: True, False: False}, [1, "true", None]),
        (INTEGER, {0: 0, -5: -5}, [1.0, "1", True]),
        (WHOLE, {1: 1, 7: 7}, [0, -1, True, "1", 1.0]),
        (SECONDS, {"2m": 120.0, 0: 0.0, 1.5: 1.5, "1.5h": 5400.0, " 3 s ": 3.0}, ["soon", -1, True, [1], None]),
        (texts(), {}, ["a", ["a", 1], ("a",)]),
        (choice("a", "b", "c"), {"a": "a", "c": "c"}, ["d", 1, ""]),
    ],
)
def test_a_scalar_reads_what_it_says_and_nothing_else(
    scalar: Scalar, right: dict[object, object], wrong: list[object]
) -> None:
    for value, result in right.items():
        found = scalar.read(value)
        assert (found, type(found)) == (result, type(result))
    for value in wrong:
        with pytest.raises(ValueError, match="^$"):
            scalar.read(value)


def test_lists_and_choices_say_which() -> None:
    assert texts().words == "a list of strings"
    assert texts("some names").words == "some names"
    assert texts().read(["a", "b"]) == ("a", "b")
    assert texts().json == {"type": "array", "items": {"type": "string"}}
    assert choice("a", "b", "c").words == "a, b or c"
    assert choice("a", "b").words == "a or b"
    assert choice("a", "b").json == {"type": "string", "enum": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0), ("90s", 90.0), ("2m", 120.0), ("1h", 3600.0), (" 1.25 h ", 4500.0), ("0", 0.0),
        ("1.", None), (".5", None), ("5S", None), ("1d", None), ("-1", None), ("", None), ("1 2", None),
    ],
)  # fmt: skip
def test_a_duration_is_a_number_and_perhaps_a_unit(text: str, seconds: float | None) -> None:
    assert read_duration(text) == seconds


def test_a_value_of_more_than_60_characters_is_cut_to_60() -> None:
    assert shown("x" * 58) == f"'{'x' * 58}'"
    assert shown("x" * 59) == f"'{'x' * 58}…"


def test_all_settings_of_a_table_are_listed_by_dotted_name() -> None:
    keys = {"a": Key(SMALL, ""), "b": Key(TEXT, "")}
    assert [name for name, _ in leaves(keys)] == ["a.name", "a.inner.n", "a.flag", "b"]
    assert [name for name, _ in leaves(keys, "x.")] == ["x.a.name", "x.a.inner.n", "x.a.flag", "x.b"]
    assert dict(leaves(keys))["a.inner.n"] is INNER.keys["n"]


def test_the_json_schema_of_a_table_is_whole() -> None:
    inner = {
        "description": "more",
        "type": "object",
        "properties": {"n": {"description": "a number of n", "const": 1}},
        "additionalProperties": False,
    }
    assert json_schema(SMALL, "urn:x", "A table") == {
        "$schema": DRAFT,
        "$id": "urn:x",
        "title": "A table",
        "type": "object",
        "properties": {
            "name": {"description": "the name", "type": "string", "minLength": 1},
            "inner": inner,
            "flag": {"description": "yes or no", "type": "boolean"},
        },
        "additionalProperties": {"type": "integer", "minimum": 1},
        "required": ["name", "flag"],
        "minProperties": 1,
    }


def test_the_schema_of_pyproject_describes_both_tables_and_allows_all_else() -> None:
    schema = pyproject_schema()
    head = {
        "$schema": DRAFT,
        "$id": "urn:djproject:settings:pyproject",
        "title": "pyproject.toml of a DataJoint pipeline",
    }
    tools = {tool: tool_schema(tool) for tool in ("djproject", "datajoint")}
    assert schema == {
        **head,
        "type": "object",
        "properties": {"tool": {"type": "object", "properties": tools}},
        "additionalProperties": True,
    }
    for tool, found in tools.items():
        assert (found["$id"], found["title"]) == (
            f"urn:djproject:settings:{tool}",
            f"[tool.{tool}] in pyproject.toml",
        )


def test_the_schema_of_datajoints_settings_has_their_types_and_no_secrets() -> None:
    properties: dict[str, dict[str, object]] = tool_schema("datajoint")["properties"]  # type: ignore[assignment]
    assert list(properties) == [*DATAJOINT.keys]
    assert properties["database"] == {
        "description": "database.*",
        "type": "object",
        "properties": {
            "backend": {"description": "the database server's kind", "type": "string", "enum": ["mysql", "postgresql"]},
            "host": {"description": "the server; set it in a target instead", "type": "string"},
            "port": {"description": "its port", "type": "integer"},
            "user": {"description": "the user name", "type": "string"},
            "name": {"description": "the database (PostgreSQL)", "type": "string"},
            "use_tls": {"description": "whether the connection must be encrypted", "type": "boolean"},
            "reconnect": {"description": "connect again after the connection was lost", "type": "boolean"},
            "create_tables": {
                "description": "declare tables on import, in plain Python; under djproject only deploy declares them",
                "type": "boolean",
            },
        },
        "additionalProperties": False,
    }
    store: dict[str, object] = properties["stores"]["additionalProperties"]  # type: ignore[assignment]
    assert store["allOf"] == [
        {
            "if": {"properties": {"protocol": {"const": name}}, "required": ["protocol"]},
            "then": {"required": list(rules.required), "propertyNames": {"enum": list(rules.allowed)}},
        }
        for name, rules in PROTOCOLS.items()
    ]


def test_defaults_are_documented_as_they_are_written() -> None:
    defaults = {name: key.default for name, key in leaves(DATAJOINT.keys) if key.default}
    assert defaults == {
        "database.backend": "`mysql`",
        "database.host": "`localhost`",
        "database.reconnect": "`true`",
        "database.create_tables": "`true`",
        "display.limit": "`12`",
        "display.width": "`14`",
        "display.show_tuple_count": "`true`",
        "display.diagram_direction": "`LR`",
        "display.diagram_theme": "`auto`",
        "jobs.auto_refresh": "`true`",
        "jobs.keep_completed": "`false`",
        "jobs.stale_timeout": "`3600`",
        "jobs.default_priority": "`5`",
        "jobs.allow_new_pk_fields_in_computed_tables": "`false`",
        "jobs.add_job_metadata": "`false`",
        "provenance.capture": "`false`",
        "loglevel": "`INFO`",
        "safemode": "`true`",
        "download_path": "`.`",
    }
