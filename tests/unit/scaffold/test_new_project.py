"""A new project: the same bytes for the same answers, refused before the first byte, nothing left after a failure."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from djproject.errors import ProjectError
from djproject.project.location import load_project
from djproject.scaffold import plan as plan_module
from djproject.scaffold.new_project import (
    DATABASES,
    DOCS,
    LICENSES,
    Answers,
    Author,
    notebook,
    plan_project,
    read_author,
)
from djproject.scaffold.plan import Action, write_plan

STANDARD = {
    "LICENSE", "README.md", "pyproject.toml", ".gitignore", "src/workflow/__init__.py", "src/workflow/worker.py",
    "notebooks/01-data-entry.ipynb", "notebooks/02-queries.ipynb", "notebooks/03-analysis.ipynb", "docs/index.md",
    "docs/installation.md", "docs/api/index.md", "mkdocs.yml", "docker/README.md", "docker/Dockerfile",
    "docker/docker-compose.yaml", "docker/.env.example", "docker/wheels/.gitignore", ".dockerignore", "tests/__init__.py",
    "tests/test_pipeline.py", ".github/workflows/ci.yml", ".pre-commit-config.yaml",
}  # fmt: skip


def written(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_standard_structure_is_complete(tmp_path: Path) -> None:
    plan = plan_project(tmp_path / "p", Answers("p"))
    assert {str(file.path) for file in plan.files} == STANDARD
    write_plan(plan)
    assert set(written(tmp_path / "p")) == STANDARD


def test_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_plan(plan_project(tmp_path / name, Answers("p", example=True, author=Author("A", "a@b.c"))))
    assert written(tmp_path / "one") == written(tmp_path / "two")


@pytest.mark.parametrize("license", LICENSES)
@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("docs", DOCS)
@pytest.mark.parametrize("example", [False, True])
def test_every_combination_is_a_valid_project_in_ruffs_format(
    tmp_path: Path, license: str, database: str, docs: str, example: bool
) -> None:
    root = tmp_path / "p"
    author = Author('Ada "the" Løvelace', "ada@example.org")
    answers = Answers("p", "wf", 'A "quoted" line: with colon', license, author, database, docs, example)
    write_plan(plan_project(root, answers))
    document = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert document["project"]["license"] == license
    assert document["project"]["description"] == answers.description
    assert document["project"]["authors"] == [{"name": author.name, "email": author.email}]
    project = load_project(root, {})
    assert (project.package, project.target, project.datajoint.values["database.backend"]) == (
        "wf",
        "embedded",
        database,
    )
    for path in root.glob("notebooks/*.ipynb"):
        nbformat.validate(json.loads(path.read_text("utf-8")))
    license_text = (root / "LICENSE").read_text("utf-8")
    assert ("Løvelace" in license_text) == (license in {"MIT", "BSD-3-Clause"})
    environ = {**os.environ, "RUFF_NO_CACHE": "true"}
    for command in (["format", "--check", "."], ["check", "."]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *command], cwd=root, env=environ, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout


def test_a_folder_that_is_not_empty_is_refused_before_the_first_byte(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    before = written(tmp_path)
    with pytest.raises(ProjectError, match="not empty") as refused:
        plan_project(tmp_path, Answers("p"))
    assert "--adopt" in refused.value.hint
    assert written(tmp_path) == before


def test_adopting_adds_what_is_missing_and_keeps_what_is_there(tmp_path: Path) -> None:
    root = tmp_path / "p"
    write_plan(plan_project(root, Answers("p")))
    (root / "README.md").write_text("my own words")
    (root / "docs/index.md").unlink()
    plan = plan_project(root, Answers("p"), adopt=True)
    actions = {str(file.path): file.action for file in plan.files}
    assert actions.pop("README.md") is Action.CONFLICT
    assert actions.pop("docs/index.md") is Action.CREATE
    assert set(actions.values()) == {Action.IDENTICAL}
    write_plan(plan)
    assert (root / "README.md").read_text() == "my own words"
    assert (root / "docs/index.md").exists()


@pytest.mark.parametrize("failing", [1, 5, 17])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    calls = []
    real = plan_module.replace_file

    def sometimes(path: Path, data: bytes, *, within: Path | None = None) -> None:
        calls.append(path)
        if len(calls) == failing:
            raise OSError(28, "No space left on device")
        real(path, data, within=within)

    monkeypatch.setattr(plan_module, "replace_file", sometimes)
    root = tmp_path / "new" / "p"
    with pytest.raises(OSError, match="No space"):
        write_plan(plan_project(root, Answers("p")))
    assert not (tmp_path / "new").exists()


def test_a_failed_change_is_taken_back(tmp_path: Path) -> None:
    from pathlib import PurePosixPath

    from djproject.scaffold.plan import Plan, PlannedFile

    (tmp_path / "a").write_text("old")
    (tmp_path / "file").write_text("x")
    files = (
        PlannedFile(PurePosixPath("a"), b"new", Action.CHANGE),
        PlannedFile(PurePosixPath("file/below"), b"", Action.CREATE),
    )
    with pytest.raises(OSError, match="Not a directory|File exists"):
        write_plan(Plan(tmp_path, files))
    assert (tmp_path / "a").read_text() == "old"


def test_authors_are_read_as_git_writes_them() -> None:
    assert read_author("Ada <a@b.c>") == Author("Ada", "a@b.c")
    assert read_author("  Ada Lovelace ") == Author("Ada Lovelace", "")
    for text in ("", "<a@b.c>", "Ada <nonsense>"):
        with pytest.raises(ProjectError):
            read_author(text)


def test_a_notebook_has_numbered_cells_without_output() -> None:
    document = json.loads(notebook("# %% [markdown]\n# # Title\n#\n# text\n\n# %%\nx = 1\nx\n"))
    nbformat.validate(document)
    assert [(c["cell_type"], c["id"], "".join(c["source"])) for c in document["cells"]] == [
        ("markdown", "cell-1", "# Title\n\ntext"),
        ("code", "cell-2", "x = 1\nx"),
    ]


@pytest.mark.parametrize(
    "answers",
    [Answers("a b"), Answers("p", package="json"), Answers("p", license="GPL"), Answers("p", database="oracle"),
     Answers("p", docs="word"), Answers("p", description="two\nlines")],
)  # fmt: skip
def test_impossible_answers_are_refused(tmp_path: Path, answers: Answers) -> None:
    with pytest.raises(ProjectError) as refused:
        plan_project(tmp_path / "p", answers)
    assert refused.value.hint
    assert not (tmp_path / "p").exists()
