"""One setting that is wrong is one finding, at its line, and everything else in pyproject.toml stays known."""

from pathlib import Path

import pytest

from tests.checking import PYPROJECT, findings_in, module, table, write_project

STORES = """
[tool.datajoint.stores]
default = "main"

[tool.datajoint.stores.main]
protocol = "file"
location = "/data"

[tool.djproject.targets.lab]
host = "db"
"""
TABLE = module("subject", table("Subject", "subject_id : int32", "---", "scan : <blob@main>"))


def found_in(root: Path, pyproject: str) -> list[tuple[str, int, str]]:
    write_project(root, {"subject.py": TABLE}, pyproject=PYPROJECT + pyproject)
    found = findings_in(root, ("DJP005", "DJP013", "DJP2", "DJP3"))
    lines = (PYPROJECT + pyproject).split("\n")
    return [(finding.code, finding.location.line, lines[finding.location.line - 1]) for finding in found]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('default = "main"', 'default = "main"\nfilepth_default = 5', "filepth_default = 5"),
        ('protocol = "file"', "protocol = 5", "protocol = 5"),
        (
            "[tool.datajoint.stores.main]",
            "[tool.datajoint.databse]\nx = 1\n[tool.datajoint.stores.main]",
            "[tool.datajoint.databse]",
        ),
        ('host = "db"', 'host = "db"\nprt = 1', "prt = 1"),
        ('host = "db"', 'user = "me"', "[tool.djproject.targets.lab]"),
        ('host = "db"', 'host = "db"\n[tool.djproject.workers.gpu]\ncount = "x"', 'count = "x"'),
        ('host = "db"', 'host = "db"\n[tool.djproject.targets.embedded]\nport = 5', "port = 5"),
    ],
)
def test_a_wrong_setting_is_one_finding_at_its_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    found = found_in(tmp_path, STORES.replace(old, new, 1))
    assert [(code, text) for code, _, text in found] == [("DJP013", line)]


def test_several_wrong_settings_are_all_found(tmp_path: Path) -> None:
    found = found_in(
        tmp_path, STORES.replace('host = "db"', 'host = "db"\nprt = 1\nusr = 2') + "[tool.datajoint.x]\ny = 1\n"
    )
    assert [text for _, _, text in found] == ["prt = 1", "usr = 2", "[tool.datajoint.x]"]


def test_a_secret_is_found_once_and_its_store_is_not_said_to_be_missing(tmp_path: Path) -> None:
    found = found_in(tmp_path, STORES.replace('protocol = "file"', 'protocol = "file"\nsecret_key = "abc"'))
    assert [(code, text) for code, _, text in found] == [("DJP005", 'secret_key = "abc"')]


@pytest.mark.parametrize(
    ("name", "backend", "refused"),
    [
        ("pg_stats", "postgresql", True),
        ("PG_stats", "postgresql", True),
        ("Subject", "postgresql", True),
        ("my data", "postgresql", True),
        ("a%b", "postgresql", True),
        ("a.b", "mysql", True),
        ("information_schema", "mysql", True),
        ("sys", "mysql", True),
        ("a`b", "mysql", True),
        ("pg_stats", "mysql", False),
        ("Subject", "mysql", False),
        ("lab-1", "postgresql", False),
        ("1abc", "postgresql", False),
    ],
)
def test_schema_names_that_fail_at_the_server_are_errors(
    tmp_path: Path, name: str, backend: str, refused: bool
) -> None:
    target = f'target = "lab"\n[tool.djproject.targets.lab]\nhost = "h"\nbackend = "{backend}"\n'
    write_project(tmp_path, {"a.py": module(name)}, pyproject=PYPROJECT + target)
    found = findings_in(tmp_path, ("DJP103", "DJP106"))
    assert [(f.code, f.severity) for f in found if f.code == "DJP106"] == [("DJP106", "error")] * refused
    assert not refused or len(found) == 1  # no second finding about the same name
