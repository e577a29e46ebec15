"""`djproject cluster render` as a user sees it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from tests.checking import PYPROJECT, module, table, write_project

Cli = Callable[..., Result]
CLUSTERS = """
[tool.djproject.targets.lab]
host = "db"

[tool.djproject.clusters.hpc]
kind = "slurm"
target = "lab"
time = "4h"
memory = "16G"

[tool.djproject.clusters.cloud]
kind = "kubernetes"
image = "lab:1"

[tool.djproject.workers.gpu]
tables = ["a"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files: dict[str, str | bytes] = {"a.py": module("a", table("A", "k : int32"))}
    return write_project(tmp_path, files, pyproject=PYPROJECT + CLUSTERS, git=False)


def test_a_script_and_a_manifest(cli: Cli, project: Path) -> None:
    first = cli("cluster", "render", "hpc", "a", "--group", "gpu", cwd=project)
    assert (first.exit_code, first.stderr) == (0, "")
    assert "#SBATCH --time=04:00:00\n" in first.stdout
    assert "#SBATCH --mem=16384M\n" in first.stdout
    assert "populate a --target lab --group gpu --watch" in first.stdout
    assert cli("cluster", "render", "hpc", "a", "--group", "gpu", cwd=project).stdout == first.stdout
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(
        text.replace('package = "workflow"', 'package = "workflow"\ntarget = "lab"')
    )
    second = cli("cluster", "render", "cloud", "--workers", "3", cwd=project)
    assert "kind: Job\n" in second.stdout
    assert "  parallelism: 3\n" in second.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "There is no cluster 'nowhere'"),
        (("hpc", "nothing"), "nothing"),
        (("hpc", "--group", "cpu"), "There is no group of workers 'cpu'"),
        (("cloud",), "cannot reach the database of the target embedded"),
    ],
)
def test_what_cannot_be_rendered(cli: Cli, project: Path, arguments: tuple[str, ...], words: str) -> None:
    result = cli("cluster", "render", *arguments, cwd=project)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert "Next: " in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "slurm"', 'kind = "lsf"', "kind must be slurm or kubernetes, not 'lsf'"),
        ('memory = "16G"', 'memory = "16"', 'memory must be a size such as "16G"'),
        ('memory = "16G"', 'namespace = "x"', "has no setting 'namespace' where kind is slurm"),
        ('image = "lab:1"', 'partition = "x"\nimage = "y"', "has no setting 'partition' where kind is kubernetes"),
        ('image = "lab:1"', "", "has no image, which pods are made of"),
        ('memory = "16G"', 'setup = ["a\\nb"]', "setup must be a list of strings, one line each"),
        ('memory = "16G"', "max = 0", "max must be a whole number above 0"),
        ('kind = "slurm"', 'knid = "slurm"', "did you mean 'kind'?"),
    ],
)
def test_a_wrong_setting_is_named(cli: Cli, project: Path, old: str, new: str, words: str) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace(old, new))
    result = cli("cluster", "render", "hpc", cwd=project)
    assert result.exit_code == 2
    assert words in result.stderr
    checked = cli("check", "--select", "DJP0", cwd=project)
    assert words in " ".join(checked.stdout.split()) or words in checked.stderr
