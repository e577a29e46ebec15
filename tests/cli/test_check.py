"""`djproject check`, `explain`, `rules`: what a person and a program see."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checking import module, table, write_project
from tests.conftest import Run
from tests.unit.checks.cases import CASES, STORE

ROOT = Path(__file__).parents[2]
BAD = module(
    "mine",
    table("Subject", "subject_id : int32", "---", "weight : float"),
    table("Scan", "-> Subject", "---", "data : object@main  # pixels", "mask : <blob@nowhere>"),
)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return write_project(tmp_path / "bad", {"mine.py": BAD}, pyproject=STORE)


def test_text_shows_the_line_and_points_at_the_place(run: Run, bad: Path) -> None:
    result = run("check", "--select", "DJP209", cwd=bad, code=1)
    assert result.stdout == (
        "DJP209 error: The store 'nowhere' of Scan.mask is not configured.\n"
        "  --> src/workflow/mine.py:19:12\n"
        "    |\n"
        " 19 |     mask : <blob@nowhere>\n"
        "    |            ^^^^^^^^^^^^^^\n"
        "   = Stores: main; or djproject stores add nowhere --protocol file --location DIRECTORY\n"
    )
    assert (
        result.stderr
        == "\nFound 1 error in 2 tables in 1 schema module for PostgreSQL.\nNext: djproject explain DJP209\n"
    )


def test_the_exit_code_follows_the_fail_level(run: Run, bad: Path) -> None:
    run("check", "--select", "DJP213", cwd=bad, code=0)
    run("check", "--select", "DJP213", "--fail-level", "warning", cwd=bad, code=1)
    (bad / "pyproject.toml").write_text(
        (bad / "pyproject.toml").read_text() + '[tool.djproject.check]\nfail-level = "warning"\n'
    )
    run("check", "--select", "DJP213", cwd=bad, code=1)
    run("check", "--select", "DJP213", "--fail-level", "error", cwd=bad, code=0)


def test_settings_come_from_pyproject(run: Run, bad: Path) -> None:
    text = (bad / "pyproject.toml").read_text()
    settings = '[tool.djproject.check]\nselect = ["DJP2"]\nignore = ["DJP212"]\n[tool.djproject.check.per-file-ignores]\n"src/*" = ["DJP209"]\n'
    (bad / "pyproject.toml").write_text(text + settings)
    result = run("check", "--format", "concise", cwd=bad)
    assert result.stdout == "src/workflow/mine.py:10:14: DJP213 warning: Subject.weight has the native type 'float'.\n"
    (bad / "pyproject.toml").write_text(text + '[tool.djproject.check]\nselct = ["DJP2"]\n')
    assert "has no setting 'selct'" in run("check", cwd=bad, code=2).stderr


def test_json_has_the_documented_shape(run: Run, bad: Path) -> None:
    value = json.loads(run("check", "--format", "json", "--select", "DJP212", cwd=bad, code=1).stdout)
    assert value == {
        "examined": {"modules": 1, "tables": 2, "files": 2, "backends": ["postgresql"]},
        "findings": [
            {
                "code": "DJP212",
                "severity": "error",
                "kind": "broken",
                "message": "The type 'object@main' of Scan.data is written <object@main> in DataJoint 2.",
                "path": "src/workflow/mine.py",
                "line": 18,
                "column": 12,
                "end_column": 23,
                "hint": "Write <object@main>.",
                "fixable": True,
                "notes": [],
            }
        ],
        "in_baseline": 0,
    }


def test_github_gets_workflow_commands(run: Run, bad: Path) -> None:
    result = run("check", "--format", "github", "--select", "DJP212", cwd=bad, code=1)
    assert result.stdout == (
        "::error file=src/workflow/mine.py,line=18,col=12,title=DJP212::"
        "The type 'object@main' of Scan.data is written <object@main> in DataJoint 2.\n"
    )


def test_sarif_is_valid_and_names_every_rule_found(run: Run, tmp_path: Path) -> None:
    import jsonschema

    files: dict[str, str | bytes] = {}
    for case in CASES:
        files |= {f"{case.code.lower()}_{name}": text for name, text in case.bad.items() if name.endswith(".py")}
    write_project(tmp_path / "all", files)
    log = json.loads(run("check", "--format", "sarif", cwd=tmp_path / "all", code=1).stdout)
    schema = json.loads((ROOT / "tests/data/sarif-2.1.0.json").read_text())
    jsonschema.validate(log, schema)
    rules = [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]]
    results = log["runs"][0]["results"]
    assert len(results) > 50
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in results)


def test_a_fix_is_shown_made_and_done(run: Run, bad: Path) -> None:
    path = bad / "src/workflow/mine.py"
    shown = run("check", "--diff", "--select", "DJP212", cwd=bad, code=1)
    assert "-    data : object@main  # pixels\n+    data : <object@main>  # pixels\n" in shown.stdout
    assert path.read_text() == BAD
    made = run("check", "--fix", "--select", "DJP212", cwd=bad)
    assert "Fixed 1 finding in 1 file." in made.stderr
    assert path.read_text() == BAD.replace("object@main", "<object@main>")
    assert "Nothing to fix." in run("check", "--fix", "--select", "DJP212", cwd=bad).stderr


def test_paths_narrow_what_is_told(run: Run, bad: Path) -> None:
    (bad / "src/workflow/other.py").write_text(BAD.replace("mine", "other"))
    result = run("check", "src/workflow/other.py", "--format", "concise", cwd=bad, code=1)
    assert {line.partition(":")[0] for line in result.stdout.splitlines()} == {"src/workflow/other.py"}
    assert "no file or folder" in run("check", "src/nothing.py", cwd=bad, code=2).stderr
    assert "not in the project" in run("check", "/etc/hosts", cwd=bad, code=2).stderr


def test_a_baseline_is_written_and_used(run: Run, bad: Path) -> None:
    run("check", "--write-baseline", "known.json", cwd=bad)
    result = run("check", "--baseline", "known.json", "--format", "json", cwd=bad)
    assert json.loads(result.stdout)["findings"] == []
    assert json.loads(result.stdout)["in_baseline"] > 3
    assert "cannot be read" in run("check", "--baseline", "nothing.json", cwd=bad, code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "--select", "E501"], "'E501' is not the code of a rule"),
        (["check", "--select", "DJP999"], "No rule has the code DJP999"),
        (["check", "--format", "xml"], "'xml' is not one of"),
        (["explain", "DJP998"], "There is no rule 'DJP998'"),
    ],
)
def test_what_is_mistyped_is_told(run: Run, bad: Path, arguments: list[str], told: str) -> None:
    assert told in run(*arguments, cwd=bad, code=2).stderr.replace("\n", " ")


def test_a_project_without_modules_is_not_called_clean(run: Run, tmp_path: Path) -> None:
    write_project(tmp_path / "empty", {})
    assert "nothing found. The project has no schema modules yet." in run("check", cwd=tmp_path / "empty").stderr
    assert "not in a djproject project" in run("check", cwd=tmp_path, code=2).stderr


def test_the_quick_way_and_the_long_way_say_the_same(run: Run, bad: Path) -> None:
    quick = run("check", "--format", "json", cwd=bad, code=1)
    long = run("check", "--format", "json", "--fail-level", "error", "--no-cache", cwd=bad, code=1)
    assert (quick.stdout, quick.stderr) == (long.stdout, long.stderr)


def test_watch_checks_again_when_a_file_changes(bad: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "djproject", "check", "--watch", "--format", "concise", "--select", "DJP212"],
        cwd=bad, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DJPROJECT_WATCH_SECONDS": "0.1", "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert "DJP212" in process.stdout.readline()
        path = bad / "src/workflow/mine.py"
        path.write_text(BAD.replace("weight", "mass").replace("data : object@main", "data : object@main2"))
        assert "object@main2" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) in {1, 130}


def test_explain_and_rules_tell_what_there_is(run: Run, tmp_path: Path) -> None:
    page = run("explain", "DJP209", cwd=tmp_path).stdout
    assert page.startswith("DJP209 (error): The store that an attribute names is configured.\nstores_are_configured\n")
    assert all(word in page for word in ("What it does:", "Why it matters:", "Example:", "Use instead:", "Source:"))
    listed = json.loads(run("rules", "--format", "json", cwd=tmp_path).stdout)
    assert {"code": "DJP213", "name": "types_are_core_types", "severity": "warning", "kind": "advice", "fixable": True,
            "claim": "Attributes have core types, not native types of one database server."} in listed  # fmt: skip
    assert all(len(line) <= 100 for line in run("rules", cwd=tmp_path).stdout.splitlines())


@pytest.mark.parametrize(
    "command",
    [["deploy"], ["populate"], ["add-table", "mine", "New:manual"], ["add-schema", "next", "--upstream", "mine"]],
)
def test_other_commands_refuse_a_pipeline_with_errors(run: Run, bad: Path, command: list[str]) -> None:
    refused = run(*command, cwd=bad, code=2)
    assert "src/workflow/mine.py:18 DJP212" in refused.stderr
    assert "Next: djproject check" in refused.stderr
    assert not (bad / "src/workflow/next.py").exists()
    assert not list((bad / ".djproject").glob("pg*"))


def test_an_error_of_the_convention_is_told_apart(run: Run, tmp_path: Path) -> None:
    root = write_project(tmp_path / "p", {"a.py": module("a").replace("schema =", "db =") + "db2 = dj.Schema('b')\n"})
    shown = run("check", "--select", "DJP101", "--select", "DJP102", cwd=root, code=1)
    assert "DJP102 error (convention): The schema of a is called 'db'." in shown.stdout
    assert "Found 2 errors (2 convention)" in shown.stderr
    lines = run("check", "--select", "DJP102", "--format", "concise", cwd=root, code=1).stdout
    assert ": DJP102 error (convention): " in lines
    assert "title=DJP102 (convention)::" in run("check", "--format", "github", cwd=root, code=1).stdout
    log = json.loads(run("check", "--select", "DJP102", "--format", "sarif", cwd=root, code=1).stdout)
    assert [r["properties"] for r in log["runs"][0]["tool"]["driver"]["rules"]] == [{"kind": "convention"}]
    assert run("explain", "DJP102", cwd=root).stdout.startswith("DJP102 (error, convention): ")
    (root / "pyproject.toml").write_text(
        (root / "pyproject.toml").read_text() + '[tool.djproject.check]\nconvention = "advise"\n'
    )
    advised = run("check", "--select", "DJP102", cwd=root)
    assert "DJP102 warning (convention): " in advised.stdout
    assert "Found 1 warning in" in advised.stderr
    (root / "pyproject.toml").write_text((root / "pyproject.toml").read_text().replace("advise", "advice"))
    assert "convention must be strict or advise, not 'advice'" in run("check", cwd=root, code=2).stderr


def test_a_longblob_becomes_a_blob_only_where_the_user_says_so(run: Run, tmp_path: Path) -> None:
    lines = ("k : int32", "---", "x : longblob  # a longblob", "y = null : mediumblob", "z : <blob>")
    root = write_project(tmp_path, {"a.py": module("a", table("A", *lines), docstring=True)}, git=False)
    path = root / "src/workflow/a.py"
    before = path.read_text()
    told = run("check", "--select", "DJP215", cwd=root, code=1)
    assert "Next: djproject check --diff --unsafe-fixes  (fixes 2 of them; look at each)" in told.stderr
    run("check", "--select", "DJP215", "--fix", cwd=root, code=1)
    assert path.read_text() == before
    shown = run("check", "--select", "DJP215", "--diff", "--unsafe-fixes", cwd=root, code=1)
    assert path.read_text() == before
    assert "--unsafe-fixes needs --fix or --diff." in run("check", "--unsafe-fixes", cwd=root, code=2).stderr
    assert "+    x : <blob>  # a longblob" in shown.stdout
    run("check", "--select", "DJP215", "--fix", "--unsafe-fixes", cwd=root)
    assert path.read_text() == before.replace("x : longblob", "x : <blob>").replace(
        "y = null : mediumblob", "y = null : <blob>"
    )
