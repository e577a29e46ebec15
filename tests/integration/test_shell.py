"""`djproject shell` off the stack: a script, one line of code, a console at a terminal; on both servers."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PYTHON_ENVIRONMENT, Run
from tests.integration.conftest import MySQL
from tests.integration.stacks import require_engine
from tests.integration.test_namesakes import Twins, twins  # noqa: F401 (a fixture)
from tests.integration.test_pipeline import use_mysql

pytestmark = pytest.mark.timeout(120)
NAMES = "print('names', dj.__name__, workflow.__file__, work.Item.full_table_name)"
STAND_IN = "def start_ipython(argv, user_ns):\n    print('IPython', argv, sorted(n for n in user_ns if n[0] != '_'))\n"


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **PYTHON_ENVIRONMENT, **more}


def script(root: Path, text: str) -> subprocess.CompletedProcess[str]:
    """What `shell` does with a script on standard input."""
    return subprocess.run(
        [sys.executable, "-m", "djproject", "shell"], input=text, cwd=root, env=environment(), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip


def typed(root: Path, text: str, **environ: str) -> tuple[str, int]:
    """What a terminal shows of a console into which `text` is typed, and the exit code."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "djproject", "shell"], cwd=root, env=environment(TERM="dumb", **environ),
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    os.write(master, text.encode())
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:  # the last process has closed the terminal
        pass
    os.close(master)
    return shown.decode().replace("\r\n", "\n"), process.wait(timeout=60)


def answers(root: Path, run: Run, address: str) -> None:
    result = run("shell", "-c", NAMES, cwd=root)
    assert result.stdout == f"names datajoint {root}/src/workflow/__init__.py {address}\n"
    result = script(root, "work.Item.insert1(dict(item_id=7))\nprint(work.Item.to_arrays('item_id').tolist())\n")
    assert (result.stdout, result.returncode) == ("[7]\n", 0), result.stderr
    assert run("shell", "-c", "print(len(work.Item()))", cwd=root).stdout == "1\n"


def test_code_and_scripts_run_with_the_pipeline_at_the_embedded_target(jobs_project: Path, run: Run) -> None:
    run("deploy", cwd=jobs_project)
    answers(jobs_project, run, '"work"."item"')


@pytest.mark.mysql
def test_code_and_scripts_run_with_the_pipeline_at_a_remote_target(
    jobs_project: Path, run: Run, mysql_alone: MySQL
) -> None:
    mysql_alone.drop("work")
    use_mysql(jobs_project, run, mysql_alone)
    try:
        run("deploy", cwd=jobs_project)
        answers(jobs_project, run, "`work`.`item`")
        assert not (jobs_project / ".djproject/postgres").exists()
    finally:
        mysql_alone.drop("work")


def test_an_exception_shows_the_scripts_own_lines_and_ends_with_1(jobs_project: Path, run: Run) -> None:
    run("deploy", cwd=jobs_project)
    result = script(jobs_project, "def f():\n    return 1 / 0\n\nf()\n")
    assert result.returncode == 1
    frames = [line.strip() for line in result.stderr.partition("Traceback")[2].splitlines()]
    assert frames[1:5] == ['File "<stdin>", line 4, in <module>', "f()", 'File "<stdin>", line 2, in f', "return 1 / 0"]
    assert "ZeroDivisionError: division by zero" in frames
    assert "_console.py" not in result.stderr
    assert "bug" not in result.stderr
    assert run("shell", "-c", "raise SystemExit(5)", cwd=jobs_project, code=5).stdout == ""
    assert "SyntaxError" in run("shell", "-c", "def (", cwd=jobs_project, code=1).stderr


def test_a_pipeline_that_is_not_declared_is_refused_and_a_table_is_named(jobs_project: Path, run: Run) -> None:
    refused = run("shell", "-c", "print('ran')", cwd=jobs_project, code=2)
    assert "The schema work is not declared at the target embedded." in refused.stderr
    assert "Next: djproject deploy --target embedded" in refused.stderr
    assert refused.stdout == ""
    run("deploy", cwd=jobs_project)
    run("add-table", "work", "Later:manual", cwd=jobs_project)
    told = run("shell", "-c", "print('ran', work.Later().is_declared)", cwd=jobs_project)
    assert "Not declared at this target: work.Later." in told.stderr
    assert told.stdout == "ran False\n"
    assert "work.Later" in run("deploy", cwd=jobs_project).stdout, "the shell declared nothing"


def test_datajoint_declares_and_logs_afterwards_as_the_settings_say(jobs_project: Path, run: Run) -> None:
    run("deploy", cwd=jobs_project)
    code = (
        "import os, logging; print(dj.config['database.create_tables'], os.environ.get('DJ_CREATE_TABLES'), "
        "logging.getLogger('datajoint').level)"
    )
    assert run("shell", "-c", code, cwd=jobs_project).stdout == "True None 20\n"
    assert run("shell", "-c", "import gc; print(gc.get_threshold()[0] < 10_000)", cwd=jobs_project).stdout == "True\n"
    said = run("shell", "-c", code, cwd=jobs_project, env={"DJ_CREATE_TABLES": "false", "DJ_LOG_LEVEL": "ERROR"})
    assert said.stdout == "False false 40\n"


def test_a_terminal_gets_a_console(jobs_project: Path, run: Run) -> None:
    run("deploy", cwd=jobs_project)
    shown, code = typed(jobs_project, "1 / 0\nprint('rows', len(work.Item()))\nimport sys; sys.exit(4)\n")
    assert "with dj, workflow, work. Leave it with exit() or Ctrl-D." in shown
    assert "ZeroDivisionError" in shown
    assert "rows 0\n" in shown
    assert code == 4


def test_the_console_is_ipython_where_it_is_installed(jobs_project: Path, run: Run, tmp_path: Path) -> None:
    run("deploy", cwd=jobs_project)
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "IPython.py").write_text(STAND_IN)
    path = os.pathsep.join((str(folder), PYTHON_ENVIRONMENT["PYTHONPATH"]))
    shown, code = typed(jobs_project, "", PYTHONPATH=path)
    assert "IPython ['--no-banner'] ['dj', 'work', 'workflow']" in shown
    assert code == 0


def test_a_service_belongs_to_the_stack(jobs_project: Path, run: Run) -> None:
    refused = run("shell", "database", "--target", "embedded", cwd=jobs_project, code=2)
    assert "database is a service of the stack, but --target is embedded." in refused.stderr


@pytest.mark.docker
def test_a_stack_that_was_never_started(jobs_project: Path, run: Run) -> None:
    require_engine()
    assert "was never started" in run("shell", "database", cwd=jobs_project, code=2).stderr


def test_the_shell_imports_the_projects_own_source(twins: Twins) -> None:  # noqa: F811 (a fixture)
    twins.call("-m", "djproject", "deploy")
    said = twins.call("-m", "djproject", "shell", "-c", "print('file', work.__file__)")
    assert f"file {twins.own}/src/workflow/work.py" in said
