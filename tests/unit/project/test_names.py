"""Names are refused with the reason."""

import pytest

from djproject.errors import ProjectError
from djproject.project.names import (
    checked_package_name,
    checked_project_name,
    checked_schema_name,
    checked_table_name,
    snake_case,
)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("-x", "PEP 508"), ("a b", "PEP 508"), ("", "PEP 508"), ("DataJoint", "DataJoint itself"), ("x" * 101, "101")],
)
def test_project_names(name: str, reason: str) -> None:
    with pytest.raises(ProjectError, match=reason):
        checked_project_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("class", "keyword"),
        ("json", "standard library"),
        ("datajoint", "DataJoint itself"),
        ("Workflow", "lowercase"),
        ("my-pkg", "identifier"),
        ("1st", "identifier"),
        ("_private", "lowercase"),
    ],
)
def test_package_names(name: str, reason: str) -> None:
    with pytest.raises(ProjectError, match=reason):
        checked_package_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mysql", "already has a schema"),
        ("pg_mine", "already has a schema"),
        ("public", "already has a schema"),
        ("worker", "meaning of its own"),
        ("x" * 64, "63"),
        ("queue", "standard library"),
    ],
)
def test_schema_names(name: str, reason: str) -> None:
    with pytest.raises(ProjectError, match=reason):
        checked_schema_name(name)


@pytest.mark.parametrize(("name", "reason"), [("scan", "CamelCase"), ("Scan_1", "CamelCase"), ("None", "keyword")])
def test_table_names(name: str, reason: str) -> None:
    with pytest.raises(ProjectError, match=reason):
        checked_table_name(name, "manual", hint="")


def test_a_table_name_may_be_64_characters_long_with_its_prefix() -> None:
    name = "T" + "x" * 61
    assert checked_table_name(name, "computed", hint="") == name
    with pytest.raises(ProjectError, match="65 characters"):
        checked_table_name(name + "x", "computed", hint="")


@pytest.mark.parametrize("name", ["Subject", "ABTest", "Scan2P", "ProcessedScan", "A", "HTTPServer2X"])
def test_snake_case_is_datajoints(name: str) -> None:
    from datajoint.utils import from_camel_case

    assert snake_case(name) == from_camel_case(name)
