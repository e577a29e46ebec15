"""`djproject upgrade` as a user sees it."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result


def test_a_new_project_has_the_newest_template(cli: Callable[..., Result], tmp_path: Path) -> None:
    root = tmp_path / "lab"
    assert cli("init", str(root), "--yes", "--no-git", cwd=tmp_path).exit_code == 0
    for arguments in ((), ("--check",), ("--dry-run",)):
        result = cli("upgrade", *arguments, cwd=root)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "Nothing to do: the project already uses template" in result.stderr
    value = json.loads(cli("upgrade", "--format", "json", cwd=root).stdout)
    assert (value["from"], value["files"]) == (value["to"], [])


def test_a_project_without_a_template_is_told_what_to_write(cli: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\n[tool.djproject]\n')
    result = cli("upgrade", cwd=tmp_path)
    assert result.exit_code == 2
    assert "does not say which template" in result.stderr
