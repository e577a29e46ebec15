"""`djproject cluster render` as a user sees it."""

import json
import subprocess
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

[tool.djproject.workers.large]
cluster = "hpc"
cpus = 8
memory = "64G"
time = "1h"
gpus = ["0", "1"]

[tool.djproject.workers.elsewhere]
cluster = "cloud"
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


def test_a_group_has_resources_of_its_own(cli: Cli, project: Path) -> None:
    text = cli("cluster", "render", "hpc", "--group", "large", cwd=project).stdout
    for option in ("--cpus-per-task=8", "--mem=65536M", "--time=01:00:00", "--gpus=2"):
        assert f"#SBATCH {option}\n" in text


def test_pilots_that_renew_themselves(cli: Cli, project: Path) -> None:
    text = cli("cluster", "render", "hpc", "a", "--renew", "--for", "1h", "--where", "k > 3", cwd=project).stdout
    assert "--signal" not in text
    assert "cluster submit hpc a --where 'k > 3' --renew --for 1h" in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hpc", "--group", "elsewhere"), "is for the cluster cloud"),
        (("hpc", "--keda"), "--keda is for Kubernetes"),
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
        ('cluster = "hpc"', 'cluster = "moon"', "there is no cluster 'moon'"),
        ('memory = "64G"', "memory = 64", 'memory must be a size such as "16G"'),
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


def test_status_of_all_clusters_and_of_none(
    cli: Cli, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, answer in (("squeue", '{"jobs": []}'), ("kubectl", '{"items": []}')):
        (folder / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    result = cli("cluster", "status", cwd=project)
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line] == ["hpc", "cloud"]
    assert "Next: djproject cluster submit cloud" in result.stderr
    both = json.loads(cli("cluster", "status", "--format", "json", cwd=project).stdout)
    assert [each["cluster"] for each in both["clusters"]] == ["hpc", "cloud"]
    one = json.loads(cli("cluster", "status", "hpc", "--format", "json", cwd=project).stdout)
    assert one == {"cluster": "hpc", "pilots": [], "problem": ""}
    path = project / "pyproject.toml"
    path.write_text(path.read_text().partition("[tool.djproject.targets.lab]")[0])
    nothing = cli("cluster", "status", cwd=project)
    assert nothing.exit_code == 2
    assert "There is no cluster in pyproject.toml." in nothing.stderr


def test_a_time_that_is_none_is_refused_at_once(cli: Cli, project: Path) -> None:
    result = cli("cluster", "render", "hpc", "--for", "soon", cwd=project)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--for" in result.stderr
