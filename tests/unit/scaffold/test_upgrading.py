"""A newer template: what the user changed stays, what the template changed comes, and git's marks show where both did."""

import random
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import djproject.scaffold
from djproject.errors import ConfigError, ProjectError
from djproject.project.location import read_project
from djproject.scaffold.new_project import TEMPLATE_VERSION, Answers, Author, plan_project
from djproject.scaffold.plan import write_plan
from djproject.scaffold.upgrading import Outcome, Templates, Upgrade, plan_upgrade, refuse_uncommitted

PACKAGED = Path(djproject.scaffold.__file__).parent / "templates"
NEW = TEMPLATE_VERSION + 1
ANSWERS = Answers("lab", author=Author("Ada", "ada@example.org"), description="Ours.", year=2025, example=True)
MARK = "# of the new template"


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The template of this version, kept as the older one, and a newer one with some changes."""
    folder = tmp_path_factory.mktemp("templates") / "templates"
    shutil.copytree(PACKAGED, folder / "older" / str(TEMPLATE_VERSION))
    shutil.copytree(PACKAGED, folder, dirs_exist_ok=True)
    project = folder / "project"
    dockerfile = project / "docker/Dockerfile.j2"
    dockerfile.write_text(f"{dockerfile.read_text()}{MARK}\n")
    pyproject = project / "pyproject.toml.j2"
    pyproject.write_text(pyproject.read_text().replace('    "numpy",\n', '    "numpy>=2",\n'))
    (project / "new.txt.j2").write_text("{{ name }} is new\n")
    (project / "docker/docker-compose.yaml.j2").unlink()
    return Templates(folder, NEW)


def made(root: Path, answers: Answers = ANSWERS) -> Path:
    write_plan(plan_project(root, answers))
    return root


def planned(root: Path, templates: Templates) -> Upgrade:
    document = tomllib.loads((root / "pyproject.toml").read_text())
    return plan_upgrade(read_project(root, document), document, templates)


def outcomes(upgrade: Upgrade) -> dict[str, Outcome]:
    return {str(file.path): file.outcome for file in upgrade.files}


def test_a_project_that_nobody_changed_is_as_the_new_template(tmp_path: Path, templates: Templates) -> None:
    root = made(tmp_path / "lab")
    upgrade = planned(root, templates)
    assert outcomes(upgrade) == {
        "docker/Dockerfile": Outcome.CHANGE, "docker/docker-compose.yaml": Outcome.KEPT, "new.txt": Outcome.CREATE,
        "pyproject.toml": Outcome.CHANGE,
    }  # fmt: skip
    write_plan(upgrade.plan(root))
    assert (root / "new.txt").read_text() == "lab is new\n"
    assert "numpy>=2" in (root / "pyproject.toml").read_text()
    assert (root / "docker/docker-compose.yaml").is_file()
    assert planned(root, templates) == Upgrade(NEW, NEW)


@pytest.mark.parametrize("docs", ["mkdocs", "sphinx"])
@pytest.mark.parametrize("database", ["postgresql", "mysql"])
def test_the_answers_are_read_from_the_project(tmp_path: Path, templates: Templates, docs: str, database: str) -> None:
    """Else files that nobody changed would be merged."""
    answers = Answers(
        "lab", "tracks", 'Says "µ".', "Apache-2.0", Author("O'Hara"), database, docs, False, "minio", 2020
    )
    upgrade = planned(made(tmp_path / "lab", answers), templates)
    assert set(outcomes(upgrade).values()) == {Outcome.CHANGE, Outcome.CREATE, Outcome.KEPT}


def test_what_both_changed_is_marked_and_what_the_user_deleted_stays_away(tmp_path: Path, templates: Templates) -> None:
    root = made(tmp_path / "lab")
    pyproject = root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('    "numpy",\n', '    "numpy<3",\n'))
    (root / "docker/Dockerfile").unlink()
    (root / "new.txt").write_text("mine\n")
    upgrade = planned(root, templates)
    assert outcomes(upgrade) == {
        "docker/docker-compose.yaml": Outcome.KEPT, "new.txt": Outcome.CONFLICT, "pyproject.toml": Outcome.CONFLICT
    }  # fmt: skip
    write_plan(upgrade.plan(root))
    text = pyproject.read_text()
    for part in ("<<<<<<< yours\n", '"numpy<3"', f"||||||| template {TEMPLATE_VERSION}\n", f">>>>>>> template {NEW}\n"):
        assert part in text
    assert not (root / "docker/Dockerfile").exists()


@pytest.mark.slow
@settings(max_examples=40, database=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_every_edit_of_the_user_is_kept(
    tmp_path_factory: pytest.TempPathFactory, templates: Templates, seed: int
) -> None:
    root, chance = made(tmp_path_factory.mktemp("edits") / "lab"), random.Random(seed)
    before, edited = outcomes(planned(root, templates)), {}
    for path in chance.sample([p for p in sorted(root.rglob("*")) if p.is_file() and p.name != "pyproject.toml"], 5):
        lines = path.read_text().splitlines(keepends=True)
        place = chance.randrange(max(len(lines) - 4, 1))
        lines[place : place + chance.randrange(3)] = [f"# mine {seed}\n"]
        path.write_text("".join(lines))
        edited[path] = path.read_text()
    upgrade = planned(root, templates)
    write_plan(upgrade.plan(root))
    assert set(outcomes(upgrade)) <= set(before) | {str(path.relative_to(root)) for path in edited}
    for path, text in edited.items():
        assert f"# mine {seed}\n" in path.read_text()
        if str(path.relative_to(root)) not in before:
            assert path.read_text() == text
    assert MARK in (root / "docker/Dockerfile").read_text()


def test_uncommitted_changes_and_other_projects_are_refused(tmp_path: Path, templates: Templates) -> None:
    root = made(tmp_path / "lab")
    upgrade = planned(root, templates)
    with pytest.raises(ProjectError, match="in no Git repository"):
        refuse_uncommitted(root, upgrade)
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b.c"]
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
        subprocess.run([*git, *arguments], check=True)
    refuse_uncommitted(root, upgrade)
    (root / "docker/Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(ProjectError, match="docker/Dockerfile has changes that are not committed"):
        refuse_uncommitted(root, upgrade)
    pyproject = root / "pyproject.toml"
    text = pyproject.read_text()
    pyproject.write_text(text.replace(f"\nversion = {TEMPLATE_VERSION}\n", "\nversion = 99\n"))
    with pytest.raises(ConfigError, match="was made of template 99, and this djproject has"):
        planned(root, templates)
    pyproject.write_text(text.partition("[tool.djproject.template]")[0])
    with pytest.raises(ConfigError, match="does not say which template"):
        planned(root, templates)


def test_every_older_template_is_kept() -> None:
    for version in range(1, TEMPLATE_VERSION):
        assert (PACKAGED / "older" / str(version) / "project/pyproject.toml.j2").is_file()
