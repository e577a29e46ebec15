"""Names are refused with the reason."""

from collections.abc import Callable

import pytest

from djproject.errors import ProjectError
from djproject.project.names import (
    PACKAGE_HINT,
    RESERVED_MODULES,
    RESERVED_PACKAGES,
    RESERVED_SCHEMAS,
    checked_package_name,
    checked_project_name,
    checked_schema_name,
    checked_store_name,
    checked_table_name,
    compose_name,
    normalized,
    read_tier,
    schema_name_problem,
    snake_case,
)

PROJECT_HINT = "djproject init DIRECTORY --name NAME"
SCHEMA_HINT = "djproject add-schema NAME"
STORE_HINT = "djproject stores add NAME --protocol file --location FOLDER"


def refusal(check: Callable[[str], str], name: str) -> tuple[str, str]:
    with pytest.raises(ProjectError) as refused:
        check(name)
    return refused.value.message, refused.value.hint


@pytest.mark.parametrize(
    ("check", "names"),
    [
        (checked_project_name, ["a", "Z", "1", "mouse-v1", "Za.9_x-Y", "z0", "data-joint", "x" * 100]),
        (checked_package_name, ["a", "workflow", "lab_9z", "x" * 40]),
        (checked_schema_name, ["a", "pgm", "lab_9z", "x" * 63]),
        (checked_store_name, ["a", "Z", "aZ9_z-Y", "x" * 63]),
    ],
)
def test_a_name_that_is_allowed_comes_back(check: Callable[[str], str], names: list[str]) -> None:
    assert [check(name) for name in names] == names


@pytest.mark.parametrize("name", ["-x", "x-", ".x", "x_", "a b", "", "ä", "a\n"])
def test_a_project_name_is_that_of_a_distribution(name: str) -> None:
    assert refusal(checked_project_name, name) == (
        f"{name!r} cannot be the name of a Python distribution: PEP 508 allows letters, digits, '.', '_' "
        "and '-', with a letter or digit at both ends.",
        PROJECT_HINT,
    )


def test_a_project_is_not_called_datajoint_and_has_at_most_100_characters() -> None:
    assert refusal(checked_project_name, "DataJoint") == (
        "A distribution called 'DataJoint' would take the place of DataJoint itself.",
        PROJECT_HINT,
    )
    assert refusal(checked_project_name, "x" * 101) == (
        "The project name is 101 characters long; at most 100 are allowed.",
        PROJECT_HINT,
    )


@pytest.mark.parametrize(
    ("check", "what", "hint"),
    [(checked_package_name, "package", PACKAGE_HINT), (checked_schema_name, "schema module", SCHEMA_HINT)],
)
def test_a_module_name_is_one_that_code_can_import(check: Callable[[str], str], what: str, hint: str) -> None:
    case = f"The name of a {what} is lowercase_with_underscores (a-z, 0-9, _), starting with a letter, unlike "
    for name, message in {
        "my-pkg": f"'my-pkg' cannot be the name of a {what}: it is not a Python identifier.",
        "1st": f"'1st' cannot be the name of a {what}: it is not a Python identifier.",
        "class": f"'class' cannot be the name of a {what}: it is a Python keyword.",
        "Workflow": f"{case}'Workflow'.",
        "workFlow": f"{case}'workFlow'.",
        "_private": f"{case}'_private'.",
        "größe": f"{case}'größe'.",
        "datajoint": f"A {what} called 'datajoint' would hide DataJoint itself.",
        "json": f"A {what} called 'json' would hide the standard library's json.",
    }.items():
        assert refusal(check, name) == (message, hint)


def test_a_package_hides_no_tests_and_has_at_most_40_characters() -> None:
    assert refusal(checked_package_name, "x" * 41) == (
        "The package name is 41 characters long; at most 40 are allowed.",
        PACKAGE_HINT,
    )
    for name in RESERVED_PACKAGES:
        message = f"A package called {name!r} would hide the project's own folder of tests."
        assert refusal(checked_package_name, name) == (message, PACKAGE_HINT)


def test_a_schema_is_none_of_the_servers_or_the_packages_own() -> None:
    for name in (*(RESERVED_SCHEMAS - {"sys"}), "pg_mine"):
        message = f"A database server already has a schema called {name!r}."
        assert refusal(checked_schema_name, name) == (message, SCHEMA_HINT)
    for name in RESERVED_MODULES:
        message = f"{name}.py has a meaning of its own in a pipeline package."
        assert refusal(checked_schema_name, name) == (message, SCHEMA_HINT)
    message = f"The schema name {'x' * 64!r} is 64 bytes long; PostgreSQL cuts names after 63."
    assert refusal(checked_schema_name, "x" * 64) == (message, SCHEMA_HINT)


CHARACTERS = 'has a character (% . " or a control character) that DataJoint fails on'
BACKTICK = "has a backtick or ends in a space, which MySQL refuses"
SPACE = "has a space, which DataJoint fails on at PostgreSQL"
CAPITALS = "has capitals, which DataJoint fails on at PostgreSQL"
PG = "begins with pg_, which PostgreSQL reserves for itself"
OWN = "is the server's own schema"
MYSQLS = "is MySQL's own schema"


@pytest.mark.parametrize(
    ("name", "mysql", "postgresql"),
    [
        ("lab_subject-1", "", ""),
        ("a%b", CHARACTERS, CHARACTERS),
        ("a.b", CHARACTERS, CHARACTERS),
        ('a"b', CHARACTERS, CHARACTERS),
        ("a\x00", CHARACTERS, CHARACTERS),
        ("a\x1f", CHARACTERS, CHARACTERS),
        ("Information_Schema", OWN, OWN),
        ("x" * 63, "", ""),
        ("x" * 64, "has 64 bytes; 63 are kept", "has 64 bytes; 63 are kept"),
        ("ä" * 32, "has 64 bytes; 63 are kept", "has 64 bytes; 63 are kept"),
        ("a`b", BACKTICK, ""),
        ("a ", BACKTICK, SPACE),
        (" a", "", SPACE),
        ("MySQL", MYSQLS, CAPITALS),
        ("sys", MYSQLS, ""),
        ("performance_schema", MYSQLS, ""),
        ("pg_x", "", PG),
        ("PG_x", "", PG),
        ("x_pg_", "", ""),
        ("Lab", "", CAPITALS),
    ],
)
def test_what_a_server_refuses_as_the_name_of_a_schema(name: str, mysql: str, postgresql: str) -> None:
    assert schema_name_problem(name, iter(["mysql"])) == mysql
    assert schema_name_problem(name, iter(["postgresql"])) == postgresql
    assert schema_name_problem(name, iter(["postgresql", "mysql"])) == (mysql or postgresql)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scan", "A table class is CamelCase, which 'scan' is not."),
        ("Scan_1", "A table class is CamelCase, which 'Scan_1' is not."),
        ("None", "'None' is a Python keyword."),
        (
            "T" + "x" * 62,
            f"The table of T{'x' * 62} would be called '__t{'x' * 62}', which is 65 characters long; MySQL allows 64.",
        ),
    ],
)
def test_table_names(name: str, message: str) -> None:
    assert refusal(lambda name: checked_table_name(name, "computed", hint="a hint"), name) == (message, "a hint")


@pytest.mark.parametrize(("tier", "longest"), [("manual", 64), ("lookup", 63), ("imported", 63), ("computed", 62)])
def test_a_table_name_may_be_64_characters_long_with_its_prefix(tier: str, longest: int) -> None:
    name = "Zz9" + "x" * (longest - 3)
    assert checked_table_name(name, tier, hint="") == name
    with pytest.raises(ProjectError, match="65 characters"):
        checked_table_name(name + "x", tier, hint="")


def test_a_tier_has_several_names() -> None:
    names = ["manual", "LOOKUP", "imported", "computed", "Entry", "ingest", "compute"]
    tiers = ["manual", "lookup", "imported", "computed", "manual", "imported", "computed"]
    assert [read_tier(name, hint="") for name in names] == tiers
    assert refusal(lambda name: read_tier(name, hint="a hint"), "Part") == (
        "'Part' is not a tier; the tiers are manual, lookup, imported, computed.",
        "a hint",
    )


def test_a_store_name_fits_into_a_codec_and_is_no_setting() -> None:
    for name in ("default", "filepath_default"):
        message = f"{name!r} is a setting of [tool.datajoint.stores], not a store."
        assert refusal(checked_store_name, name) == (message, STORE_HINT)
    for name in ("a b", "1st", "_a", "a.b", "ä", ""):
        message = f"Store names may contain letters, digits, '_' and '-', and start with a letter; {name!r} is not one."
        assert refusal(checked_store_name, name) == (message, STORE_HINT)
    message = f"The store name {'x' * 64!r} is longer than 63 characters."
    assert refusal(checked_store_name, "x" * 64) == (message, STORE_HINT)


@pytest.mark.parametrize("name", ["Subject", "ABTest", "Scan2P", "ProcessedScan", "A", "HTTPServer2X"])
def test_snake_case_is_datajoints(name: str) -> None:
    from datajoint.utils import from_camel_case

    assert snake_case(name) == from_camel_case(name)


def test_names_of_distributions_and_of_stacks_are_made_of_any_text() -> None:
    assert normalized("Mouse__V1.-2") == "mouse-v1-2"
    for text, name in {
        "My  Pipeline": "my-pipeline",
        "Lab_9-Z": "lab_9-z",
        "-_42_-": "42",
        "Größe": "gr-e",
        "--": "pipeline",
        "": "pipeline",
    }.items():
        assert compose_name(text) == name
