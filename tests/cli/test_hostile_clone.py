"""A cloned repository that was made to attack: static commands read it, follow no link, run nothing, and do not block."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.checking import module, table, write_project
from tests.conftest import PYTHON_ENVIRONMENT, Run, missing_service

pytestmark = pytest.mark.slow
STATIC = (
    ("check", "--no-cache"), ("check",), ("check", "--diff"), ("graph",), ("config", "show"), ("stores", "list"), ("rules",),
    ("add-table", "one", "New:manual", "--dry-run"), ("init", ".", "--adopt", "--dry-run", "--no-git"),
)  # fmt: skip
WRITING = (("check",), ("use", "embedded"), ("stores", "add", "more", "--protocol", "file", "--location", "x", "--yes"))
OUTSIDE = "what is not the project's"
TRACE = "execve,open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,symlink,symlinkat"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    files = {"one.py": module("one", table("A", "a : int32"))}
    return write_project(tmp_path / "clone", files, pyproject='[tool.djproject.targets.lab]\nhost = "db"\nuser = "u"\n')


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A file of the user's, and its folder, which stay as they are."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text(OUTSIDE)
    yield folder
    assert (folder / "file").read_text() == OUTSIDE
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
@pytest.mark.parametrize("link", ["folder", "check.json", "target", ".gitignore", "pyproject.lock"])
def test_no_link_in_the_state_folder_is_written_through(
    run: Run, clone: Path, outside: Path, link: str, command: tuple[str, ...]
) -> None:
    state = clone / ".djproject"
    if link == "folder":
        state.symlink_to(outside)
    else:
        state.mkdir()
        (state / link).symlink_to(outside / "file")
    done = run(*command, cwd=clone, code=None, timeout=30)
    assert done.returncode in {0, 1, 2}
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr
    if done.returncode == 2:
        assert "is a link, and djproject follows no link" in " ".join(done.stderr.split())
        assert "Next: rm " in done.stderr


@pytest.mark.parametrize("name", [".secrets", ".secrets/targets.lab.password", ".secrets/database.user"])
def test_no_link_to_a_secret_is_read(run: Run, clone: Path, outside: Path, name: str) -> None:
    path = clone / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside / "file" if "/" in name else outside)
    refused = run("config", "show", "--target", "lab", cwd=clone, code=2, timeout=30)
    assert f"{path} is a link" in " ".join(refused.stderr.split())
    assert OUTSIDE not in refused.stdout + refused.stderr


@pytest.mark.parametrize("name", ["src/workflow/one.py", "README.md", "pyproject.toml"])
def test_what_leads_out_of_the_project_is_not_changed(run: Run, clone: Path, outside: Path, name: str) -> None:
    path = clone / name
    shutil.move(path, outside / "moved")
    path.symlink_to(outside / "moved")
    before = (outside / "moved").read_bytes()
    command = ("stores", "add", "more", "--protocol", "file", "--location", "x", "--yes") if "toml" in name else (
        "add-schema", "two", "--table", "B:manual") if "md" in name else ("add-table", "one", "B:manual")  # fmt: skip
    done = run(*command, cwd=clone, code=None, timeout=30)
    assert (outside / "moved").read_bytes() == before
    assert done.returncode == 0 if name == "README.md" else "leads out of the project" in " ".join(done.stderr.split())
    (outside / "moved").unlink()


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


@pytest.mark.parametrize("command", STATIC, ids=" ".join)
@pytest.mark.parametrize(
    "name", ["pyproject.toml", "src/workflow/one.py", "notebooks/a.ipynb", "docker/Dockerfile", ".env"]
)
@pytest.mark.parametrize("kind", [fifo, device])
def test_what_is_no_file_neither_blocks_nor_fills_the_memory(
    run: Run, clone: Path, command: tuple[str, ...], name: str, kind: Callable[[Path], None]
) -> None:
    kind(clone / name)
    done = run(*command, cwd=clone, code=None, timeout=20)
    assert done.returncode in {0, 1, 2}
    assert "Traceback" not in done.stderr
    if name == "pyproject.toml" and command[0] not in {"rules", "init"}:
        assert done.returncode == 2
        assert "pyproject.toml is not a regular file" in done.stderr


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe[tool.djproject]\n",
        b"[tool.djproject]\na = " + b"[" * 10_000,
        b"[tool.djproject]\na = " + b"{a=" * 10_000,
    ],
)
@pytest.mark.parametrize("command", [c for c in STATIC if c[0] not in {"rules"}], ids=" ".join)
def test_a_pyproject_that_no_parser_likes_is_one_sentence(
    run: Run, clone: Path, data: bytes, command: tuple[str, ...]
) -> None:
    (clone / "pyproject.toml").write_bytes(data)
    refused = run(*command, cwd=clone, code=2, timeout=30)
    assert refused.stderr.startswith("Error: ")
    assert "Next: " in refused.stderr
    assert "bug" not in refused.stderr


@pytest.mark.parametrize("data", [b"[" * 100_000, b"\xff", b"{}"])
def test_json_that_no_parser_likes_is_no_bug(run: Run, clone: Path, data: bytes) -> None:
    (clone / "known.json").write_bytes(data)
    (clone / "notebooks/a.ipynb").write_bytes(data)
    (clone / ".djproject").mkdir()
    (clone / ".djproject/check.json").write_bytes(data)
    refused = run("check", "--baseline", "known.json", cwd=clone, code=2, timeout=30)
    assert "known.json" in refused.stderr
    assert "bug" not in refused.stderr
    assert run("check", cwd=clone, code=None, timeout=30).returncode in {0, 1}


SPY = "[{section}]\n\t{key} = {spy}\n"
PROGRAMS = ("core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "diff.external", "gpg.program", "filter.x.clean",
            "filter.x.smudge", "filter.x.process", "diff.x.textconv", "diff.x.command", "credential.helper")  # fmt: skip


@pytest.mark.parametrize("place", ["config", "included"])
def test_git_runs_no_program_of_the_repository(run: Run, clone: Path, tmp_path: Path, place: str) -> None:
    spy, trace = tmp_path / "spy", tmp_path / "trace"
    spy.write_text(f'#!/bin/sh\necho "$0 $*" >> {trace}\ncat\n')
    spy.chmod(0o755)
    (clone / ".gitattributes").write_text("* filter=x diff=x\n")
    (clone / ".env").write_text("A=1\n")
    git = ["git", "-C", str(clone), "-c", "user.name=x", "-c", "user.email=x@y"]
    subprocess.run([*git, "add", "--all", "--force"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "x"], check=True)
    config = clone / ".git/config"
    text = ""
    for name in PROGRAMS:
        section, _, rest = name.partition(".")
        inner, _, key = rest.rpartition(".")
        text += SPY.format(section=f'{section} "{inner}"' if inner else section, key=key, spy=spy)
    hooks = clone / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("pre-commit", "post-index-change", "fsmonitor-watchman"):
        (hooks / hook).write_text(spy.read_text())
        (hooks / hook).chmod(0o755)
    text += f"[core]\n\thooksPath = {hooks}\n"
    if place == "included":
        (clone / ".git/more").write_text(text)
        text = "[include]\n\tpath = more\n"
    config.write_text(config.read_text() + text)
    (clone / "README.md").write_text("changed")
    os.utime(clone / "LICENSE", (1, 1))
    for command in STATIC:
        run(*command, cwd=clone, code=None, timeout=30)
    code = f"from djproject.database.version import code_version; print(code_version({str(clone)!r}, 'p'))"
    version = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **PYTHON_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    assert version.stdout.strip().endswith("-dirty")
    assert not trace.exists(), trace.read_text()
    status = subprocess.run([*git, "status", "--short"], capture_output=True, text=True, check=False)
    assert trace.exists(), f"the spies are placed where plain git runs them: {status}"


def test_an_excerpt_never_shows_what_a_link_leads_to_elsewhere(run: Run, clone: Path, outside: Path) -> None:
    (clone / "src/workflow/leak.py").symlink_to(outside / "file")
    shown = run("check", "--no-cache", cwd=clone, code=1)
    assert "leak.py is not valid Python" in shown.stdout
    assert OUTSIDE not in shown.stdout


@pytest.mark.parametrize("command", STATIC, ids=" ".join)
def test_a_static_command_writes_its_cache_only_and_runs_git_only(
    clone: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    if shutil.which("strace") is None:
        missing_service("strace is not installed")
    (clone / ".env").write_text("A=1\n")
    log = tmp_path / "strace"
    traced = ["strace", "-f", "-qq", "-y", "-e", f"trace={TRACE}", "-o", str(log)]
    subprocess.run(
        [*traced, sys.executable, "-m", "djproject", *command],
        cwd=clone, env={**os.environ, **PYTHON_ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    written, executed = set(), set()
    for line in log.read_text(errors="replace").splitlines():
        call = re.match(r"\d+\s+(\w+)\((.*)", line)
        if call is None or "= -1 " in line:
            continue
        names = re.findall(r'"([^"]*)"', call[2])
        if call[1] == "execve":
            executed.add(Path(names[0]).name)
        elif call[1] not in {"open", "openat"} or re.search(r"O_WRONLY|O_RDWR|O_CREAT", call[2]):
            base = re.search(r"<([^>]*)>", call[2])
            written |= {str(Path(base[1] if base else clone) / name) for name in names}
    own = str(clone / ".djproject")
    assert {path for path in written if not path.startswith((own, "/dev/"))} == set()
    assert executed <= {Path(sys.executable).name, "git", "python", "python3"}


STEERING = "\x1b]0;title\x07\x1b[2J\x9b1A\x08\u202e"


def test_no_name_or_text_of_a_project_steers_the_terminal(run: Run, clone: Path) -> None:
    source = clone / "src/workflow/one.py"
    source.write_text(source.read_text().replace("a : int32", f"a : int99  # {STEERING}") + f"# {STEERING}\n")
    (clone / "pyproject.toml").write_text(
        (clone / "pyproject.toml").read_text()
        + '\n[tool.datajoint.stores."x\\u001b[2J\\u009b"]\nprotocol = "file"\nlocation = "y"\n'
    )
    for command in (*STATIC, ("check", "--format", "concise"), ("check", "--format", "github"), ("deploy", "--dry-run"),
                    ("graph", "--format", "json"), ("stores", "list", "--format", "json"), ("explain", STEERING.replace("\x00", "")),
                    ("graph", STEERING), ("--project", f"/{STEERING}", "check")):  # fmt: skip
        done = run(*command, cwd=clone, code=None, timeout=60)
        for text in (done.stdout, done.stderr):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text), (command, text)


def test_no_text_leaves_the_script_of_a_page(run: Run, clone: Path) -> None:
    source = clone / "src/workflow/one.py"
    source.write_text(source.read_text().replace("a : int32", "a : int32  # <!--<script></script>"))
    run("graph", "-o", "page.html", cwd=clone)
    page = (clone / "page.html").read_text()
    assert page.count("<script") == page.count("</script") == 1
    assert "<!--" not in page
