"""A generated project in a fresh virtual environment, as a stranger installs it: tests, notebooks, documentation."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from djproject.targets.embedded import EmbeddedServer, stop

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.fresh, pytest.mark.timeout(900)]


def shown(page: Path) -> str:
    """The text of a page as a reader sees it, without what is folded away, with one space between words."""
    html = re.sub(r"<details(?! open).*?</details>", "", page.read_text("utf-8"), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", "", html).replace("&gt;", ">").replace("&lt;", "<").split())


def items(page: Path) -> list[str]:
    """The texts of the page's list items."""
    found = re.findall(r"<li>(.*?)</li>", page.read_text("utf-8"), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", "", item).split()) for item in found]


def call(*command: str, cwd: Path) -> str:
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PIP_NO_COMPILE": "1"}
    result = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, f"{command}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with djproject, built from this checkout as a wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("fresh")
    call(sys.executable, "-m", "venv", "venv", cwd=folder)
    binaries = folder / "venv" / "bin"
    pip = (str(binaries / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    source = folder / "source"
    call("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(source), cwd=folder) if (
        ROOT / ".git"
    ).exists() else call("cp", "-r", str(ROOT), str(source), cwd=folder)
    for name in ("djproject", "pyproject.toml"):  # what is not committed yet counts too
        call("cp", "-r", str(ROOT / name), str(source), cwd=folder)
    call(*pip, str(source), cwd=folder)
    return binaries


def test_every_file_of_the_package_is_installed(environment: Path) -> None:
    code = "import djproject; print(djproject.__path__[0])"
    installed = Path(call(str(environment / "python"), "-c", code, cwd=environment).strip())
    assert installed.is_relative_to(environment.parent)

    def files(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    assert files(installed) == files(ROOT / "djproject")


@pytest.mark.parametrize(
    ("options", "docs", "passed"),
    [
        (("--example", "--docs", "mkdocs"), ("mkdocs", "build", "--strict", "--quiet"), 7),
        (("--docs", "sphinx", "--package", "other"), ("sphinx-build", "-W", "-q", "docs", "site"), 2),
        (("--example", "--docs", "sphinx"), ("sphinx-build", "-W", "-q", "docs", "site"), 7),
    ],
    ids=["mkdocs", "empty", "sphinx"],
)
def test_tests_notebooks_and_documentation_work(
    environment: Path, tmp_path: Path, options: tuple[str, ...], docs: tuple[str, ...], passed: int
) -> None:
    root = tmp_path / "pipeline"
    call(str(environment / "djproject"), "init", str(root), "--yes", *options, cwd=tmp_path)
    try:
        call(str(environment / "python"), "-m", "pip", "install", "--quiet", "-e", ".[dev,docs]", cwd=root)
        assert f"{passed} passed" in call(str(environment / "python"), "-m", "pytest", "-q", cwd=root)
        call(str(environment / "ruff"), "check", ".", cwd=root)
        call(str(environment / "ruff"), "format", "--check", ".", cwd=root)
        if "--example" in options:
            call(str(environment / "djproject"), "deploy", cwd=root)
        for notebook in sorted((root / "notebooks").glob("*.ipynb")):
            call(
                str(environment / "python"), "-m", "nbconvert", "--to", "notebook", "--execute", "--stdout",
                "--log-level=ERROR", str(notebook), cwd=root / "notebooks",
            )  # fmt: skip
        call(str(environment / docs[0]), *docs[1:], cwd=root)
        assert (root / "site" / "index.html").exists()
        if "--example" in options:
            page = (
                root / ("site/api/reference/workflow" if "sphinx" in options else "site/api") / "processing/index.html"
            )
            assert_shows_processing(page)
        assert call("git", "status", "--porcelain", cwd=root) == ""
    finally:
        stop(EmbeddedServer(root / ".djproject"))


def assert_shows_processing(page: Path) -> None:
    assert "ProcessedRecording: each channel of each recording, filtered" in items(page)
    assert "acquisition: source of the raw recordings" in items(page)
    text = shown(page)
    assert "Each channel of each recording, filtered. -> acquisition.Recording.Channel -> Filter ---" in text
    assert "processed_data : <npy@processed> # one value for each sample" in text
    assert "Filter one channel and say how much of its variance is left." in text
