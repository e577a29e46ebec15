"""`djproject stores` as a user types it."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]
S3 = ("--protocol", "s3", "--endpoint", "localhost:8333", "--bucket", "b", "--location", "raw", "--insecure")


def stores(project: Path) -> dict[str, object]:
    document = tomllib.loads((project / "pyproject.toml").read_text())
    found: dict[str, object] = document["tool"]["datajoint"].get("stores", {})
    return found


def test_the_life_of_a_store(cli: Cli, project: Path) -> None:
    before = (project / "pyproject.toml").read_bytes()
    assert cli("stores", "add", "main", *S3, "--default", cwd=project).exit_code == 0
    main = {"protocol": "s3", "endpoint": "localhost:8333", "bucket": "b", "location": "raw", "secure": False}
    assert stores(project) == {"default": "main", "main": main}
    assert "Nothing to do" in cli("stores", "add", "main", *S3, "--default", cwd=project).stderr
    assert cli("stores", "set", "main", "token_length=12", "subfolding=2,2", "secure=", cwd=project).exit_code == 0
    changed = {k: v for k, v in main.items() if k != "secure"} | {"token_length": 12, "subfolding": [2, 2]}
    assert stores(project)["main"] == changed
    cli("stores", "set", "main", "--secret", "secret_key", "--access-key", "id", input="k\n", cwd=project)
    assert cli("stores", "rename", "main", "raw", cwd=project).exit_code == 0
    assert stores(project) == {"default": "raw", "raw": changed}
    assert (project / ".secrets/stores.raw.secret_key").read_text() == "k\n"
    assert cli("stores", "remove", "raw", "--yes", cwd=project).exit_code == 0
    assert stores(project) == {}
    assert list((project / ".secrets").glob("stores.*")) == []
    assert b"[tool.djproject]" in before


def test_secrets_go_to_files_of_their_own_and_nowhere_else(cli: Cli, project: Path) -> None:
    result = cli(
        "stores", "add", "main", *S3, "--access-key", "AKIA", "--secret-key", "-", input="s3cr3t\n", cwd=project
    )
    assert result.exit_code == 0
    assert "s3cr3t" not in result.output
    secret = project / ".secrets/stores.main.secret_key"
    assert secret.read_text() == "s3cr3t\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert "s3cr3t" not in (project / "pyproject.toml").read_text()
    for command in (("stores", "show", "main"), ("config", "show"), ("stores", "list", "--format", "json")):
        assert "s3cr3t" not in cli(*command, cwd=project).output


def test_a_store_that_tables_use_is_kept(cli: Cli, project: Path) -> None:
    cli("stores", "add", "main", *S3, cwd=project)
    cli("add-schema", "acquisition", "--table", "Scan:manual", cwd=project)
    path = project / "src/workflow/acquisition.py"
    path.write_text(path.read_text().replace("notes = ", "raw : <object@main>\n    notes = "))
    result = cli("stores", "remove", "main", "--yes", cwd=project)
    assert result.exit_code == 2
    assert "acquisition.Scan uses the store 'main'." in result.stderr
    assert "acquisition.Scan" in cli("stores", "list", cwd=project).stdout
    assert cli("stores", "remove", "main", "--force", "--yes", cwd=project).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "x", "--protocol", "S3"), "lower case"),
        (("add", "x", "--protocol", "file"), "missing location"),
        (("add", "default", "--protocol", "file", "--location", "x"), "not a store"),
        (("add", "x", "--protocol", "file", "--location", "x", "--bucket", "b"), "no attribute 'bucket'"),
        (("add", "x", "--protocol", "file", "--location", "x", "--set", "secret_key=k"), "is a secret"),
        (("add", "x", "--protocol", "file", "--location", "x", "--secret-key", "k"), "no secret called"),
        (("add", "x", "--protocol", "file", "--location", "x", "--set", "nonsense"), "not KEY=VALUE"),
        (("add", "main", "--protocol", "file", "--location", "other"), "already"),
        (("set", "main", "partition_pattern=subject_id"), "in braces"),
        (("set", "main"), "Give at least one KEY=VALUE"),
        (("set", "nothing", "a=b"), "no store called 'nothing'"),
        (("rename", "main", "other"), "already"),
        (("rename", "main", "filepath_default"), "not a store"),
        (("remove", "main", "--yes"), "is the default store"),
        (("default", "nothing"), "no store called"),
        (("show", "nothing"), "no store called"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    cli: Cli, project: Path, arguments: tuple[str, ...], words: str
) -> None:
    cli("stores", "add", "main", "--protocol", "file", "--location", "a", "--default", cwd=project)
    cli("stores", "add", "other", "--protocol", "file", "--location", "b", cwd=project)
    before = (project / "pyproject.toml").read_bytes()
    result = cli("stores", *arguments, cwd=project)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "\nNext: " in result.stderr
    assert (project / "pyproject.toml").read_bytes() == before
    assert not (project / ".secrets").exists()


def test_a_dry_run_shows_the_difference_and_writes_nothing(cli: Cli, project: Path) -> None:
    before = (project / "pyproject.toml").read_bytes()
    result = cli("stores", "add", "main", *S3, "--access-key", "a", "--secret-key", "b", "--dry-run", cwd=project)
    assert '+[tool.datajoint.stores.main]\n+protocol = "s3"\n' in result.stdout
    assert (project / "pyproject.toml").read_bytes() == before
    assert not (project / ".secrets").exists()


def test_list_and_show_say_where_a_store_is_at_the_target(cli: Cli, project: Path) -> None:
    cli("stores", "add", "raw", "--protocol", "file", "--location", "/data/raw", cwd=project)
    listed = cli("stores", "list", cwd=project)
    assert ".djproject/stores/raw" in listed.stdout
    assert "the store raw is not at /data/raw (its place in [tool.datajoint.stores])." in listed.stderr
    assert "[tool.djproject.targets.embedded.stores.raw]" in listed.stderr
    with (project / "pyproject.toml").open("a") as stream:
        stream.write('\n[tool.djproject.targets.embedded.stores.raw]\nlocation = "/big/raw"\n')
    listed = cli("stores", "list", cwd=project)
    assert "/big/raw" in listed.stdout
    assert "is not at" not in listed.stderr
    shown = json.loads(cli("stores", "show", "raw", "--format", "json", cwd=project).stdout)
    assert shown["location"] == "/data/raw"
    assert (shown["target"], shown["at_target"]) == ("embedded", {"protocol": "file", "location": "/big/raw"})
    rows = json.loads(cli("stores", "list", "--format", "json", cwd=project).stdout)["stores"]
    assert rows[0]["at_target"] == shown["at_target"]


def test_stores_are_listed_before_the_stack_was_ever_started(cli: Cli, project: Path) -> None:
    cli("stores", "add", "raw", "--protocol", "file", "--location", "/data/raw", cwd=project)
    listed = cli("stores", "list", "--target", "stack", cwd=project)
    assert listed.exit_code == 0
    assert "/data/raw" in listed.stdout
    assert "never started on this machine" in listed.stderr
