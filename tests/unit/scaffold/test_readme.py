"""The README's list of tables is true after every command that adds tables, and the rest of the file is not touched."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.scaffold.new_project import Answers, plan_project
from djproject.scaffold.plan import write_plan
from djproject.scaffold.readme import BEGIN, END, NO_TABLES, with_table_list

Cli = Callable[..., Result]


def listed(root: Path) -> list[str]:
    text = (root / "README.md").read_text("utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip().splitlines()


def rows(root: Path) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in listed(root)[2:]]


def test_a_new_project_says_how_to_add_the_first_table(project: Path) -> None:
    assert listed(project) == [NO_TABLES]


def test_the_examples_readme_lists_its_tables(tmp_path: Path) -> None:
    write_plan(plan_project(tmp_path / "p", Answers("p", example=True)))
    assert [row[0] for row in rows(tmp_path / "p")] == ["`subject`", "`acquisition`", "`processing`", "`analysis`"]
    assert rows(tmp_path / "p")[0] == ["`subject`", "who was recorded", "", "`Species` (lookup), `Subject` (manual)"]


def test_the_list_follows_every_command_and_nothing_else_changes(project: Path, cli: Cli) -> None:
    before = (project / "README.md").read_text("utf-8")
    result = cli("add-schema", "subject", "--table", "Subject:manual", cwd=project)
    assert "change    README.md" in result.stdout
    cli("add-schema", "analysis", "--upstream", "subject", "--table", "Fit:computed", cwd=project)
    cli("add-table", "subject", "Note:manual", "--parent", "Subject", cwd=project)
    cli("add-table", "analysis", "Fit.Piece:part", cwd=project)
    assert rows(project) == [
        ["`subject`", "", "", "`Subject` (manual), `Note` (manual)"],
        ["`analysis`", "", "`subject`", "`Fit` (computed)"],
    ]
    after = (project / "README.md").read_text("utf-8")
    assert after.split(BEGIN)[0] == before.split(BEGIN)[0]
    assert after.split(END)[1] == before.split(END)[1]


def test_a_dry_run_shows_the_readme_and_leaves_it(project: Path, cli: Cli) -> None:
    result = cli("add-schema", "subject", "--table", "Subject:manual", "--dry-run", cwd=project)
    assert "change    README.md" in result.stdout
    assert listed(project) == [NO_TABLES]


@pytest.mark.parametrize("text", ["my own words\n", f"{END} {BEGIN}\n", f"{BEGIN}\n", b"\xff\xfe not text"])
def test_a_readme_without_the_two_marks_is_the_users_own(project: Path, cli: Cli, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    (project / "README.md").write_bytes(data)
    assert "README" not in cli("add-schema", "subject", "--table", "Subject:manual", cwd=project).stdout
    assert (project / "README.md").read_bytes() == data


def test_a_project_without_readme_gets_none(project: Path, cli: Cli) -> None:
    (project / "README.md").unlink()
    assert cli("add-schema", "subject", "--table", "Subject:manual", cwd=project).exit_code == 0
    assert not (project / "README.md").exists()


def test_line_endings_stay(project: Path, cli: Cli) -> None:
    path = project / "README.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    cli("add-schema", "subject", "--table", "Subject:manual", cwd=project)
    assert b"`Subject` (manual) |\r\n" in path.read_bytes()
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")


def test_what_a_module_is_for_cannot_break_the_list(project: Path, cli: Cli) -> None:
    cli("add-schema", "subject", "--table", "Subject:manual", cwd=project)
    path = project / "src/workflow/subject.py"
    path.write_text(path.read_text().replace("what it is for, in one sentence", "a | b <b>"))
    text = with_table_list(f"{BEGIN}\n{END}\n", load_pipeline(load_project(project, {})))
    assert text.splitlines()[3] == "| `subject` | a &#124; b &lt;b&gt; |  | `Subject` (manual) |"
