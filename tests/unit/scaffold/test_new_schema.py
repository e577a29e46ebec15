"""Schema modules and tables that fit the DAG, or are refused before a file is touched."""

import subprocess
import sys
from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.pipeline.graph import table_parents
from djproject.pipeline.source import load_pipeline
from djproject.project.location import Project, load_project
from djproject.scaffold.new_part import plan_part
from djproject.scaffold.new_schema import plan_schema, plan_table, read_new_table
from djproject.scaffold.plan import Action, write_plan


@pytest.fixture
def here(project: Path) -> Project:
    return load_project(project, {})


def schema(project: Project, name: str, *tables: str, upstream: tuple[str, ...] = ()) -> int:
    news = [read_new_table(text) for text in tables]
    return len(write_plan(plan_schema(project, load_pipeline(project), name, upstream, news)))


def table(project: Project, module: str, text: str, *parents: str) -> int:
    return len(write_plan(plan_table(project, load_pipeline(project), module, read_new_table(text), parents)))


def convention(project: Project) -> None:
    schema(project, "subject", "Species:lookup", "Subject:manual")
    schema(project, "acquisition", "Session:Entry", "Scan:Ingest", upstream=("subject",))
    schema(project, "processing", "ProcessedScan:computed", upstream=("acquisition",))


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_conventions_example_is_scaffolded_as_a_dag(here: Project) -> None:
    convention(here)
    assert table_parents(load_pipeline(here)) == {
        "subject.Species": (),
        "subject.Subject": (),
        "acquisition.Session": ("subject.Subject",),
        "acquisition.Scan": ("acquisition.Session",),
        "processing.ProcessedScan": ("acquisition.Scan",),
    }
    assert (here.root / "tests/test_acquisition.py").exists()
    assert (here.root / "docs/api/acquisition.md").read_text() == "# acquisition\n\n::: workflow.acquisition\n"


def test_sphinx_needs_no_page_for_each_module(here: Project) -> None:
    (here.root / "docs/conf.py").touch()
    convention(here)
    assert [path.name for path in (here.root / "docs/api").iterdir()] == ["index.md"]


def test_what_is_written_is_in_ruffs_format_and_passes_its_rules(here: Project) -> None:
    convention(here)
    table(here, "processing", "VeryLongNamedResultOfTheProcessing:computed", "subject.Subject", "ProcessedScan")
    table(here, "subject", "Note:manual", "Subject")
    table(here, "acquisition", "Kind:lookup")
    many = tuple(f"a_rather_long_upstream_module_{n}" for n in range(4))
    for name in many:
        schema(here, name, "T:manual")
    schema(here, "last", "X:computed", upstream=many)
    for command in (["format", "--check", "."], ["check", "."]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache"],
            cwd=here.root, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout


def part(project: Project, module: str, name: str) -> int:
    return len(write_plan(plan_part(project, load_pipeline(project), module, name)))


def test_a_part_is_added_to_its_master_in_ruffs_format(here: Project) -> None:
    convention(here)
    table(here, "acquisition", "After:computed", "Scan")
    assert part(here, "acquisition", "Scan.Channel") == 1
    assert part(here, "acquisition", "Scan.Channel") == 0
    assert part(here, "acquisition", "After.Piece") == 1
    parents = table_parents(load_pipeline(here))
    assert parents["acquisition.Scan.Channel"] == ("acquisition.Scan",)
    assert parents["acquisition.After.Piece"] == ("acquisition.After",)
    result = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--diff", "--no-cache", "."],
        cwd=here.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


def test_adding_again_what_is_there_does_nothing(here: Project) -> None:
    convention(here)
    table(here, "processing", "Extra:computed", "subject.Subject")
    before = snapshot(here.root)
    assert schema(here, "acquisition", "Session:manual", "Scan:imported", upstream=("subject",)) == 0
    assert table(here, "processing", "Extra:computed", "subject.Subject") == 0
    assert snapshot(here.root) == before


def test_a_table_brings_its_import_and_its_line_in_the_docstring(here: Project) -> None:
    convention(here)
    table(here, "processing", "Extra:computed", "subject.Subject")
    text = (here.source / "processing.py").read_text()
    assert "from . import acquisition, subject\n" in text
    assert "    - subject: upstream of Extra\n" in text
    assert "    - Extra: computed for each subject.Subject\n" in text


def test_a_users_own_lines_survive(here: Project) -> None:
    convention(here)
    path = here.source / "processing.py"
    path.write_text(path.read_text() + "\n\ndef my_helper():  # keep\n    return 1\n")
    table(here, "processing", "Extra:computed", "ProcessedScan")
    assert "def my_helper():  # keep\n    return 1\n\n\n@schema\nclass Extra" in path.read_text()


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_line_ends_and_byte_order_marks_stay(here: Project, newline: bytes, mark: bytes) -> None:
    convention(here)
    path = here.root / "src/workflow/acquisition.py"
    before = mark + path.read_bytes().replace(b"\n", newline)
    path.write_bytes(before)
    table(here, "acquisition", "Rig:manual", "subject.Species")
    write_plan(plan_part(here, load_pipeline(here), "acquisition", "Session.Camera"))
    after = path.read_bytes()
    assert after.startswith(mark + b'"""')
    assert after.count(b"\xef\xbb\xbf") == bool(mark)
    assert after.replace(newline, b"").count(b"\n") == after.replace(newline, b"").count(b"\r") == 0
    kept = set(before.split(newline)) - {b""}
    assert kept <= set(after.split(newline))
    assert {"acquisition.Rig", "acquisition.Session.Camera"} <= set(table_parents(load_pipeline(here)))


def test_a_computed_table_continues_from_the_last_table_of_its_module(here: Project) -> None:
    convention(here)
    table(here, "processing", "Extra:computed")
    assert table_parents(load_pipeline(here))["processing.Extra"] == ("processing.ProcessedScan",)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda p: table(p, "subject", "Bad:manual", "processing.ProcessedScan"), "subject → processing → acquisition → subject"),
        (lambda p: table(p, "subject", "subject:manual"), "CamelCase"),
        (lambda p: table(p, "subject", "Subject:computed"), "another tier"),
        (lambda p: table(p, "subject", "Subject:manual", "Species"), "other parents"),
        (lambda p: table(p, "subjects", "T:manual"), "no schema module called 'subjects'"),
        (lambda p: table(p, "subject", "T:manual", "Nothing"), "no table called 'Nothing'"),
        (lambda p: table(p, "subject", "T"), "has no tier"),
        (lambda p: table(p, "subject", "T:magic"), "not a tier"),
        (lambda p: schema(p, "new", upstream=("nowhere",)), "no schema module called 'nowhere'"),
        (lambda p: schema(p, "subject", "Other:manual"), "already exists"),
        (lambda p: schema(p, "worker"), "meaning of its own"),
        (lambda p: schema(p, "json"), "standard library"),
        (lambda p: schema(p, "new", "T:manual", "T:computed"), "named twice"),
        (lambda p: schema(p, "new", "T:computed"), "needs a parent"),
        (lambda p: schema(p, "New"), "lowercase"),
        (lambda p: part(p, "acquisition", "Nothing.Part"), "no table called"),
        (lambda p: part(p, "nowhere", "Scan.Part"), "no schema module"),
        (lambda p: part(p, "acquisition", "Scan.part"), "CamelCase"),
        (lambda p: part(p, "acquisition", "Scan.P" + "x" * 60), "longer than the 64"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_is_touched(here: Project, action, words: str) -> None:  # type: ignore[no-untyped-def]
    convention(here)
    before = snapshot(here.root)
    with pytest.raises(ProjectError, match=words) as refused:
        action(here)
    assert refused.value.hint
    assert snapshot(here.root) == before


def test_a_module_that_others_import_already_cannot_depend_on_them(here: Project) -> None:
    convention(here)
    path = here.source / "acquisition.py"
    path.write_text(path.read_text().replace("from . import subject", "from . import later, subject"))
    with pytest.raises(ProjectError, match="later → acquisition → later"):
        schema(here, "later", "T:computed", upstream=("acquisition",))


def test_a_test_or_page_of_the_users_own_is_a_conflict_not_overwritten(here: Project) -> None:
    (here.root / "tests/test_subject.py").write_text("mine\n")
    plan = plan_schema(here, load_pipeline(here), "subject", (), [])
    assert {file.action for file in plan.files if file.path.name == "test_subject.py"} == {Action.CONFLICT}
