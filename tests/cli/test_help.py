"""Help and messages as a person sees them: plain words, headings, 80 columns; nothing is deleted unasked."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import Result

import djproject.cli
from djproject.cli._app import COMMANDS, HEADINGS, LazyCommands, app, module_of

Cli = Callable[..., Result]
LEAKS = re.compile(
    r"<(?:str|int|float|bool|path|list|tuple|uuid|text\|)[^>]*>|Value error|Input should|pydantic|x[<>]=|Enum"
)
WRONG = ("not one of these", "-5", "", "1e999", "\x00", "9" * 400)


def every_command() -> Iterator[tuple[tuple[str, ...], Any]]:
    root = typer.main.get_command(app)
    yield (), root
    for name, command in LazyCommands().items():
        yield (name,), command
        for inner, subcommand in getattr(command, "commands", {}).items():
            yield (name, inner), subcommand


EVERY_COMMAND = list(every_command())
WITH_OPTIONS = [
    (path, option)
    for path, command in EVERY_COMMAND
    for option in command.params
    if option.param_type_name == "option" and not option.is_flag
]


@pytest.mark.parametrize("path", [path for path, _ in EVERY_COMMAND], ids=" ".join)
def test_help_names_what_to_type_and_no_types_of_python(cli: Cli, path: tuple[str, ...]) -> None:
    result = cli(*path, "--help")
    assert result.exit_code == 0
    assert LEAKS.findall(result.stdout) == []
    assert "..." not in result.stdout.replace("]...", "").replace("ARGS]...", "").replace("COMMAND...", ""), "cut off"


def test_commands_for_other_commands_are_not_listed(cli: Cli) -> None:
    listed = cli("cluster", "--help").stdout
    assert "  test " in listed
    assert "probe" not in listed
    assert cli("cluster", "probe", "--help").exit_code == 0


@pytest.mark.parametrize("path", [path for path, _ in EVERY_COMMAND], ids=" ".join)
def test_help_breaks_no_word_at_80_columns(cli: Cli, path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    whole = set(cli(*path, "--help").stdout.split())
    monkeypatch.setenv("COLUMNS", "80")
    narrow = cli(*path, "--help").stdout
    assert max(map(len, narrow.splitlines())) <= 80
    assert set(narrow.split()) - whole == set()


def test_the_commands_are_listed_under_headings_each_once(cli: Cli) -> None:
    names = [name for names in HEADINGS.values() for name in names]
    assert sorted(names) == sorted(COMMANDS)
    assert list(HEADINGS) == ["Design", "Data", "Run", "Stack", "More"]
    lines = cli("--help").stdout.splitlines()
    shown = [line.split()[0] for line in lines[lines.index("Design:") :] if re.match(r"  \S|\S+:$", line)]
    assert shown == [word for heading, names in HEADINGS.items() for word in (f"{heading}:", *names)]


def test_each_command_is_a_file_in_the_folder_of_its_heading() -> None:
    room = Path(djproject.cli.__file__).parent
    files = {".".join(("djproject.cli", *path.relative_to(room).with_suffix("").parts)) for path in room.glob("*/*.py")}
    assert {name for name in files if not name.endswith("__init__")} == set(map(module_of, COMMANDS))


@pytest.mark.parametrize(("path", "option"), WITH_OPTIONS, ids=lambda value: " ".join(getattr(value, "opts", value)))
def test_a_wrong_value_of_any_option_is_answered_in_plain_words(
    cli: Cli, tmp_path: Path, path: tuple[str, ...], option: Any
) -> None:
    command = dict(EVERY_COMMAND)[path]
    needed = ["--protocol", "file"] if path == ("stores", "add") and option.name != "protocol" else []
    needed += ["Word" for argument in command.params if argument.param_type_name == "argument" and argument.required]
    for wrong in WRONG:
        arguments = [*path, *needed, option.opts[0], wrong] if path else [option.opts[0], wrong, "rules"]
        result = cli(*arguments, *(["--dry-run"] if path == ("init",) else []), cwd=tmp_path)
        assert LEAKS.findall(result.output) == [], arguments
        assert "bug in djproject" not in result.output, arguments
        assert result.exit_code in ({0, 1, 2} if path == ("doctor",) else {0, 2}), arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["populate", "--workers", "many"],
            "Invalid value for '--workers' / '-w': must be a whole number, not 'many'.",
        ),
        (["populate", "--workers", "0"], "Invalid value for '--workers' / '-w': must be at least 1, not '0'."),
        (["populate", "--workers", "999"], "Invalid value for '--workers' / '-w': must be at most 256, not '999'."),
        (["status", "--interval", "often"], "Invalid value for '--interval': must be a number, not 'often'."),
        (["status", "--format", "yaml"], "Invalid value for '--format': 'yaml' is not one of 'text', 'json'."),
        (["up", "--wait", "5x"], "Invalid value for '--wait': '5x' is not a valid duration (use 90s, 2m or 1h)."),
    ],
)
def test_a_wrong_value_is_answered_with_what_it_must_be(cli: Cli, arguments: list[str], message: str) -> None:
    result = cli(*arguments)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {message}")


def test_a_store_is_removed_off_a_terminal_only_with_yes(cli: Cli, project: Path) -> None:
    cli("stores", "add", "main", "--protocol", "file", "--location", "x", cwd=project)
    before = (project / "pyproject.toml").read_bytes()
    for arguments in (["remove", "main"], ["remove", "main", "--force"]):
        result = cli("stores", *arguments, cwd=project, input="y\n")
        assert result.exit_code == 2
        assert f"Next: djproject stores {' '.join(arguments)} --yes" in result.stderr
        assert (project / "pyproject.toml").read_bytes() == before
    assert cli("stores", "remove", "main", "--yes", cwd=project).exit_code == 0
    assert (project / "pyproject.toml").read_bytes() != before


def test_a_store_is_replaced_off_a_terminal_only_with_yes(cli: Cli, project: Path) -> None:
    add = ("stores", "add", "main", "--protocol", "file", "--location")
    cli(*add, "x", cwd=project)
    before = (project / "pyproject.toml").read_bytes()
    result = cli(*add, "elsewhere", "--force", cwd=project, input="y\n")
    assert (result.exit_code, (project / "pyproject.toml").read_bytes()) == (2, before)
    assert "Replace the settings of the store main? There is no terminal to ask on" in result.stderr
    assert cli(*add, "elsewhere", "--force", "--yes", cwd=project).exit_code == 0
    assert b"elsewhere" in (project / "pyproject.toml").read_bytes()


def test_a_snapshot_is_replaced_off_a_terminal_only_with_yes(cli: Cli, project: Path) -> None:
    (project / "old.tar").write_bytes(b"precious")
    result = cli("stack", "snapshot", "old.tar", "--force", cwd=project)
    assert result.exit_code == 2
    assert "Next: djproject stack snapshot old.tar --force --yes" in result.stderr
    assert (project / "old.tar").read_bytes() == b"precious"


def test_another_machines_database_is_taken_off_a_terminal_only_with_yes(cli: Cli, project: Path) -> None:
    result = cli("down", "--forget-machine", cwd=project)
    assert result.exit_code == 2
    assert "Next: djproject down --forget-machine --yes" in result.stderr
    assert cli("down", "--forget-machine", "--yes", cwd=project).exit_code == 0


def test_a_baseline_replaces_no_other_file(cli: Cli, project: Path) -> None:
    cli("add-schema", "subject", "--table", "Subject:manual", cwd=project)
    source = project / "src/workflow/subject.py"
    before = source.read_bytes()
    result = cli("check", "--write-baseline", "src/workflow/subject.py", cwd=project)
    assert (result.exit_code, source.read_bytes()) == (2, before)
    for _ in range(2):
        assert cli("check", "--write-baseline", "known.json", cwd=project).exit_code == 0


# Commands that delete or replace something a user cannot get back, and all others; a new command must be judged.
ASKING = {
    "stores add", "stores remove", "jobs clear", "stack snapshot", "stack restore", "down", "init", "migrate", "upgrade",
}  # fmt: skip
HARMLESS = {
    "add-schema", "add-table", "check", "explain", "rules", "graph", "deploy", "status", "use", "populate", "workers",
    "run", "up", "logs", "restart", "scale", "shell", "doctor", "demo", "drift", "diff", "import-schema", "cluster render", "cluster submit", "cluster status",
    "cluster drain", "cluster cancel", "cluster test", "cluster probe", "cluster logs", "config show", "config export",
    "config schema", "stores list",
    "stores show", "stores set", "stores rename", "stores default", "stores test", "jobs list", "jobs show",
    "jobs retry", "jobs ignore", "jobs requeue", "stack status",
}  # fmt: skip


def test_every_command_that_destroys_something_has_yes() -> None:
    leaves = {" ".join(path): command for path, command in EVERY_COMMAND if not getattr(command, "commands", None)}
    with_yes = {name for name, command in leaves.items() if any("--yes" in option.opts for option in command.params)}
    assert with_yes == ASKING
    assert set(leaves) == ASKING | HARMLESS, "decide whether the new command needs --yes off a terminal"
