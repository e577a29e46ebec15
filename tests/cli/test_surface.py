"""The command line as a whole: help, names, errors, what is imported."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from djproject.cli._app import COMMANDS, LazyCommands
from tests.checking import module, table, write_project
from tests.conftest import PYTHON_ENVIRONMENT

Cli = Callable[..., Result]
HEAVY = {"datajoint", "pandas", "docker", "git", "pydantic_settings", "numpy", "psycopg2", "jinja2", "rich"}
GROUPS = ("stores", "config")


def all_commands() -> list[tuple[str, ...]]:
    commands: list[tuple[str, ...]] = []
    for name, command in LazyCommands().items():
        inner = getattr(command, "commands", None)
        commands += [(name, sub) for sub in inner] if inner else [(name,)]
    return commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_summary_is_the_first_line_of_its_help(name: str) -> None:
    help_text = LazyCommands()[name].help or ""
    assert help_text.strip().splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_every_command_has_help_with_an_example_that_parses(cli: Cli, command: tuple[str, ...]) -> None:
    result = cli(*command, "--help")
    assert result.exit_code == 0
    assert f"Example: djproject {' '.join(command)}" in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_starting_up_imports_nothing_heavy() -> None:
    code = (
        "import sys; import djproject.cli._app; from djproject.cli._app import LazyCommands\n"
        "light = set(sys.modules); list(LazyCommands().values())\n"
        "print(sorted(m for m in light)); print(sorted(sys.modules))"
    )
    first, second = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert HEAVY & set(eval(first)) == set()
    assert HEAVY & set(eval(second)) == set(), "a command imports it before it runs"


def test_static_commands_never_import_datajoint(project: Path) -> None:
    code = (
        "import sys\nfrom djproject.cli._app import run\n"
        "try:\n    run()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('HEAVY', sorted({'datajoint','pandas','docker','pydantic_settings','git'} & set(sys.modules)))"
    )
    for arguments in (
        ["add-schema", "subject", "--table", "Subject:manual"],
        ["add-table", "subject", "Note:manual"],
        ["stores", "add", "main", "--protocol", "file", "--location", "/tmp"],
        ["stores", "list"],
        ["config", "show"],
        ["use"],
        ["init", "other", "--no-git", "--yes"],
    ):
        result = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=project, capture_output=True, text=True, check=True
        )
        assert result.stdout.splitlines()[-1] == "HEAVY []", (arguments, result.stdout)


def test_version(run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, cli: Cli) -> None:
    from djproject import __version__

    assert run("--version", cwd=tmp_path).stdout == f"djproject {__version__}\n"
    assert cli("-q", "--version").stdout == f"djproject {__version__}\n"


def test_mistyped_commands_are_answered_with_the_nearest(cli: Cli) -> None:
    result = cli("statsu")
    assert result.exit_code == 2
    assert "Did you mean 'status'" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"], ["deploy"], ["populate"], ["add-schema", "x"], ["add-table", "x", "T:manual"], ["stores", "list"],
        ["config", "show"], ["use"], ["run", "--", "true"], ["down"],
    ],
)  # fmt: skip
def test_outside_a_project_every_command_says_so_and_what_to_type(
    cli: Cli, tmp_path: Path, arguments: list[str]
) -> None:
    result = cli(*arguments, cwd=tmp_path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "is not in a djproject project." in result.stderr
    assert "Next: djproject init" in result.stderr


def test_malformed_toml_is_one_sentence_with_line_and_column(cli: Cli, project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.djproject]\npackage = 'x\n")
    result = cli("stores", "list", cwd=project)
    assert result.exit_code == 2
    assert "at line 3, column 1" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unwritable_folder_is_one_sentence(cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only file system, as the kernel reports it (root may write everywhere else)."""
    import djproject.scaffold.plan as plan

    def read_only(path: Path, data: bytes, *, within: Path) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(plan, "replace_file", read_only)
    result = cli("add-schema", "subject", cwd=project)
    assert result.exit_code == 2
    assert "subject.py: read-only file system." in result.stderr
    assert not (project / "src/workflow/subject.py").exists()


def test_ctrl_c_is_exit_code_130(cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import djproject.cli.design.add_schema as command

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    def interrupted_while_a_class_is_made(*arguments: object) -> None:
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    for function in (interrupted, interrupted_while_a_class_is_made):
        monkeypatch.setattr(command, "plan_schema", function)
        result = cli("add-schema", "subject", cwd=project)
        assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_quiet_and_project_may_stand_anywhere(cli: Cli, project: Path, tmp_path: Path) -> None:
    result = cli("add-schema", "subject", "--project", str(project), "-q", cwd=tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (project / "src/workflow/subject.py").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("djproject add-table su", ["subject"]),
        ("djproject add-table subject T:manual --parent subject.S", ["subject.Subject"]),
        ("djproject stores show ma", ["main"]),
        ("djproject use em", ["embedded"]),
        ("djproject deploy --target em", ["embedded"]),
        ("djproject populate subject.S", ["subject.Subject"]),
        ("djproject stat", ["status"]),
        ("djproject stores re", ["remove", "rename"]),
    ],
)
def test_names_are_completed(cli: Cli, project: Path, words: str, expected: list[str]) -> None:
    cli("add-schema", "subject", "--table", "Subject:manual", cwd=project)
    cli("stores", "add", "main", "--protocol", "file", "--location", "x", cwd=project)
    environ = {"_DJPROJECT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    import os

    result = subprocess.run(
        [sys.executable, "-m", "djproject"], env={**os.environ, **environ}, cwd=project, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert sorted(result.stdout.split()) == expected, result.stderr


def test_json_shapes_are_as_documented(cli: Cli, project: Path) -> None:
    """docs/reference/json.md names these keys; later versions may add, not remove."""
    cli("add-schema", "subject", "--table", "Subject:manual", cwd=project)
    cli("stores", "add", "main", "--protocol", "file", "--location", "x", "--default", cwd=project)
    use = json.loads(cli("use", "--format", "json", cwd=project).stdout)
    assert set(use) == {"target", "chosen_by", "targets"}
    stores = json.loads(cli("stores", "list", "--format", "json", cwd=project).stdout)
    there = {"protocol": "file", "location": str(project / ".djproject/stores/main")}
    assert stores == {
        "target": "embedded",
        "default": "main",
        "stores": [
            {"name": "main", "default": True, "protocol": "file", "location": "x", "at_target": there, "tables": []}
        ],
    }
    settings = json.loads(cli("config", "show", "--format", "json", cwd=project).stdout)
    assert set(settings) == {"target", "chosen_by", "settings"}
    assert {"name", "value", "source", "secret"} == set(settings["settings"][0])


def test_typer_is_the_only_command_line_library() -> None:
    """`click` comes with some versions of typer and not with others."""
    sources = Path(__file__).parents[2] / "djproject"
    assert not [path for path in sources.rglob("*.py") if "import click" in path.read_text()]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can play another user")
@pytest.mark.parametrize("command", ["check", "doctor"])
def test_another_user_may_look_at_a_project_that_only_its_owner_can_write(tmp_path: Path, command: str) -> None:
    """A user who may read everything and write nothing: the answer is the owner's, and no file appears."""
    root = write_project(tmp_path / "lab", {"a.py": module("a", table("A", "k : int32"))}, git=False)
    root.chmod(0o755)
    before = sorted(root.rglob("*"))
    environment = {**os.environ, **PYTHON_ENVIRONMENT, "HOME": "/nonexistent"}
    run = [sys.executable, "-m", "djproject", command, "--format", "json"]
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+dac_read_search",
             "--ambient-caps=+dac_read_search", *run]  # fmt: skip
    theirs = subprocess.run(other, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert theirs.returncode in {0, 1}, theirs.stderr
    assert json.loads(theirs.stdout)
    assert "bug in djproject" not in theirs.stderr
    assert sorted(root.rglob("*")) == before
    if command == "doctor":
        failed = [probe for probe in json.loads(theirs.stdout)["probes"] if probe["state"] == "failed"]
        assert any(probe["name"] == "target" and "DJPROJECT_STATE=" in probe["fix"] for probe in failed)
    if command == "check":
        own = subprocess.run(run, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert theirs.stdout == own.stdout
