"""The archive and the wheel: built as for an index, installed without extras on the oldest and the newest Python."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("djproject", "pyproject.toml", "README.md", "LICENSE")
pytestmark = [pytest.mark.fresh, pytest.mark.timeout(600)]


def call(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DJ"))}
    environ["PIP_NO_COMPILE"] = "1"
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the archive of this checkout's sources, and the wheel that is built from that archive."""
    folder = tmp_path_factory.mktemp("distributions")
    source = folder / "source"
    source.mkdir()
    for name in SHIPPED:
        assert call("cp", "-r", str(ROOT / name), str(source), cwd=folder).returncode == 0
    built = call(sys.executable, "-m", "build", "--outdir", "dist", str(source), cwd=folder)
    assert built.returncode == 0, built.stderr + built.stdout
    return folder / "dist"


def wheel_in(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def modules_and_templates() -> set[str]:
    """Everything of the package that a user needs, by its path in the wheel."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "djproject").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def pythons() -> list[str]:
    """The interpreter of the tests, and the newest other one that is found on this machine, at least 3.11."""
    names = [f"python3.{minor}" for minor in range(20, 10, -1)]
    installed = [shutil.which(name) for name in names]
    installed += [
        str(path / "bin" / "python") for path in sorted(Path.home().glob(".pyenv/versions/3.1[1-9]*"), reverse=True)
    ]
    for candidate in filter(None, installed):
        version = call(candidate, "-c", "import ensurepip, sys; print(sys.version_info[:2])", cwd=ROOT)
        if version.returncode == 0 and version.stdout.strip() != str(tuple(sys.version_info[:2])):
            return [sys.executable, candidate]
    return [sys.executable]


@pytest.fixture(scope="module", params=pythons(), ids=["this", "newest"][: len(pythons())])
def binaries(request: pytest.FixtureRequest, distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and its plain dependencies."""
    folder = tmp_path_factory.mktemp("small")
    assert call(request.param, "-m", "venv", "venv", cwd=folder).returncode == 0
    python = folder / "venv" / "bin" / "python"
    wheel = str(wheel_in(distributions))
    installed = call(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return python.parent


def test_the_wheel_and_the_archive_have_every_file_of_the_package_and_no_other(distributions: Path) -> None:
    expected = modules_and_templates()
    with zipfile.ZipFile(wheel_in(distributions)) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == expected
    (archive,) = distributions.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {member.name.partition("/")[2] for member in opened.getmembers() if member.isfile()}
    assert expected <= names
    assert set(SHIPPED[1:]) <= names


def test_an_index_would_take_the_metadata_and_the_contents(distributions: Path) -> None:
    files = [str(path) for path in sorted(distributions.iterdir())]
    metadata = call(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=distributions)
    assert metadata.returncode == 0, metadata.stdout
    # W002: files with equal contents. Templates have such on purpose.
    contents = call(
        sys.executable,
        "-m",
        "check_wheel_contents",
        "--ignore",
        "W002",
        str(wheel_in(distributions)),
        cwd=distributions,
    )
    assert contents.returncode == 0, contents.stdout


def test_neither_datajoint_nor_a_database_server_is_installed(binaries: Path) -> None:
    listed = call(str(binaries / "python"), "-m", "pip", "list", "--format=freeze", cwd=binaries).stdout.lower()
    assert "djproject" in listed
    assert not [name for name in ("datajoint", "numpy", "pandas", "pgserver", "botocore") if f"\n{name}" in listed]


def test_a_project_is_made_and_checked_and_deploy_says_what_to_install(binaries: Path, tmp_path: Path) -> None:
    djproject = str(binaries / "djproject")
    root = tmp_path / "pipeline"
    assert call(djproject, "init", str(root), "--example", "--yes", cwd=tmp_path).returncode == 0
    for command in (
        ("add-schema", "extra", "--upstream", "subject"),
        ("add-table", "extra", "Note:manual", "--parent", "subject.Subject"),
        ("stores", "list"),
        ("check",),
        ("graph", "-o", "pipeline.svg"),
        ("config", "show"),
    ):
        result = call(djproject, *command, cwd=root)
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    for command in (("deploy",), ("status",), ("populate",)):
        result = call(djproject, *command, cwd=root)
        assert result.returncode == 2, result.stderr
        assert "is not installed in this environment" in result.stderr
        assert "pip install" in result.stderr
        assert "Traceback" not in result.stderr
