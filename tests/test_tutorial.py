"""The first pages, typed by a stranger: in a fresh environment with nothing but pip, from the wheel of this checkout."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from djproject.targets.embedded import EmbeddedServer, stop

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/index.md", "docs/quick-start.md", "docs/tutorial.md", "docs/tutorial-change.md")
BLOCK = re.compile(
    r"^```(?P<kind>bash|python title=\"(?P<file>[^\"]+)\")\n(?P<body>.*?)^```\n"
    r"(?:\n```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Step:
    """A block of a page: commands to type, or a file to write; and what it prints, where the page shows it."""

    body: str
    file: str = ""
    output: tuple[str, ...] = ()


def steps(text: str) -> Iterator[Step]:
    for block in BLOCK.finditer(text):
        yield Step(block["body"], block["file"] or "", tuple((block["output"] or "").splitlines()))


def differences(expected: tuple[str, ...], output: str) -> list[str]:
    """Lines that a page shows and the command did not print, or the other way; `...` stands for anything.

    The order is not compared: off a terminal, stdout comes after stderr.
    """
    lines = output.splitlines()
    absent = []
    for wanted in expected:
        pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
        found = next((line for line in lines if re.fullmatch(pattern, line.rstrip())), None)
        if wanted == "...":
            continue
        if found is None:
            absent.append(f"- {wanted}")
        else:
            lines.remove(found)
    more = [] if "..." in expected else [f"+ {line}" for line in lines if line.strip()]
    return absent + more


def test_a_difference_is_found() -> None:
    assert differences(("a", "b ... d"), "b c d\na\n") == []
    assert differences(("a",), "a\nb\n") == ["+ b"]
    assert differences(("a", "..."), "a\nb\n") == []
    assert differences(("a", "c"), "a\n") == ["- c"]


@pytest.mark.parametrize(
    "path", [str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.rglob("docs/**/*.md"))]
)
def test_what_is_copied_has_no_prompt_in_it(path: str) -> None:
    assert not re.search(r"^\s*\$ ", (ROOT / path).read_text("utf-8"), re.MULTILINE)
    assert "```console" not in (ROOT / path).read_text("utf-8")


class Shell:
    """A terminal: what one block does to folder and variables is there for the next."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder, self.environ, self.state = folder, environ, folder / ".state"

    def type(self, commands: str) -> str:
        keep = f'{{ export -p; echo "cd \'$PWD\'"; }} > "{self.state}"'
        script = (
            f"set -e\n[ ! -f '{self.state}' ] || . '{self.state}'\nkeep() {{ {keep}; }}\ntrap keep EXIT\n{commands}\n"
        )
        result = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.environ, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=600, check=False,
        )  # fmt: skip
        self.result = result.returncode
        return result.stdout

    @property
    def here(self) -> Path:
        if not self.state.exists():
            return self.folder
        return Path(re.findall(r"^cd '(.*)'$", self.state.read_text(), re.MULTILINE)[-1])


@pytest.fixture(scope="module")
def fresh() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with a fresh `.venv`, and the variables under which `pip install djproject` finds this checkout's wheel.

    The environment is made once: the first page fills it, the others find most of it installed.
    """
    # Not in pytest's folder, which another pytest of root closes to the PostgreSQL that root's tests start.
    folder = Path(tempfile.mkdtemp(prefix="djproject-stranger-"))
    folder.chmod(0o755)
    source = folder / "source"
    source.mkdir()
    for name in ("djproject", "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(source)], check=True)
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DJ", "VIRTUAL_ENV", "COV"))
    }
    path = os.pathsep.join(part for part in kept["PATH"].split(os.pathsep) if not (Path(part) / "djproject").exists())
    environ = {**kept, "PATH": path, "COLUMNS": "80", "PIP_FIND_LINKS": f"{folder / 'wheels'} {kept.get('PIP_FIND_LINKS', '')}".strip(), "PIP_QUIET": "1",
               "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COMPILE": "1"}  # fmt: skip
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "python3").symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
    environ["PATH"] = f"{binaries}:{environ['PATH']}"
    subprocess.run(["python3", "-m", "venv", folder / ".venv"], env=environ, check=True)
    subprocess.run(
        [folder / ".venv/bin/pip", "wheel", "--no-deps", "--wheel-dir", folder / "wheels", source],
        env=environ,
        check=True,
    )
    yield folder, environ
    shutil.rmtree(folder)


@pytest.mark.fresh
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_types_it(page: str, fresh: tuple[Path, dict[str, str]]) -> None:
    folder, environ = fresh
    shell = Shell(folder, {**environ, "GIT_CONFIG_GLOBAL": os.environ["GIT_CONFIG_GLOBAL"]})
    printed = ""
    try:
        for step in steps((ROOT / page).read_text("utf-8")):
            if step.file:
                (shell.here / step.file).write_text(step.body)
                continue
            if page == "README.md" and "make " in step.body:
                break
            printed = shell.type(step.body)
            refused = any(line.startswith("Error: ") for line in step.output)
            assert (shell.result != 0) == refused, f"{step.body}\n{printed}"
            found = differences(step.output, printed) if step.output else []
            assert not found, f"{step.body}\n{printed}\nbut the page shows\n" + "\n".join(found)
        assert computed(shell) > 0
    finally:
        if shell.here != folder:
            stop(EmbeddedServer(shell.here / ".djproject"))
            shell.type("pip uninstall --yes --quiet my_pipeline spikes weights")
            shutil.rmtree(shell.here)
        shell.state.unlink(missing_ok=True)


def computed(shell: Shell) -> int:
    """How many rows the page's commands computed."""
    lines = shell.type("djproject status").splitlines()
    return sum(int(line.split()[2]) for line in lines if " computed " in line)
