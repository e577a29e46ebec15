"""From an empty folder to a populated pipeline: scaffolded by commands alone, on both backends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from djproject.project.secrets import write_secret
from djproject.targets.embedded import EmbeddedServer, stop
from tests.conftest import PYTHON_ENVIRONMENT, Run
from tests.integration.conftest import MySQL, PostgreSQL

SCHEMAS = ("subject", "acquisition", "processing")


def scaffold_the_convention(root: Path, run: Run) -> None:
    """The chapter's example: three schemas, two stores, objects in both."""
    run("init", str(root), "--yes", "--no-git", cwd=root.parent)
    run("add-schema", "subject", "--table", "Subject:manual", cwd=root)
    run("add-schema", "acquisition", "-u", "subject", "--table", "Session:manual", "--table", "Scan:imported", cwd=root)
    run("add-schema", "processing", "-u", "acquisition", "--table", "ProcessedScan:computed", cwd=root)
    for store in ("main", "processed"):
        place = root.parent / f"store-{store}"
        place.mkdir()
        default = ["--default"] if store == "main" else []
        run("stores", "add", store, "--protocol", "file", "--location", str(place), *default, cwd=root)
    fill_in(root / "src/workflow/acquisition.py", "scan_data : <object@main>",
            'self.insert1({**key, "scan_data": bytes(range(key["session_id"] + 1))})')  # fmt: skip
    fill_in(root / "src/workflow/processing.py", "processed_data : <npy@processed>\n    quality_score : float64",
            'import numpy as np\n        data = (acquisition.Scan & key).fetch1("scan_data").read()\n'
            '        values = np.frombuffer(data, np.uint8).astype(float)\n'
            '        self.insert1({**key, "processed_data": values, "quality_score": values.sum()})')  # fmt: skip


def fill_in(path: Path, attributes: str, make: str) -> None:
    text = path.read_text()
    line = next(line for line in text.splitlines() if "replace by what make inserts" in line)
    body = next(line for line in text.splitlines() if "NotImplementedError" in line)
    path.write_text(text.replace(line, f"    {attributes}").replace(body, f"        {make}"))


def enter_rows(root: Path, python: Run) -> None:
    python(
        "from workflow import acquisition, subject\n"
        "subject.Subject.insert([dict(subject_id=i) for i in (1, 2)])\n"
        "acquisition.Session.insert([dict(subject_id=i, session_id=j) for i in (1, 2) for j in range(4)])",
        cwd=root,
    )


def numbers(result: subprocess.CompletedProcess[str]) -> dict[str, tuple[int, ...]]:
    tables = json.loads(result.stdout)["tables"]
    keys = ("rows", "keys", "done", "pending", "reserved", "errors")
    return {table["name"]: tuple(table[key] for key in keys) for table in tables}


def job_tables(created: dict[str, list[dict[str, str]]]) -> int:
    return [item["kind"] for item in created["created"]].count("job table")


def deploy_and_populate(root: Path, run: Run, python: Run) -> None:
    planned = json.loads(run("deploy", "--dry-run", "--format", "json", cwd=root).stdout)
    assert planned["dry_run"] is True
    created = json.loads(run("deploy", "--format", "json", cwd=root).stdout)
    assert created["created"] == planned["created"]
    assert [item["name"] for item in created["created"] if item["kind"] == "schema"] == list(SCHEMAS)
    assert json.loads(run("deploy", "--format", "json", cwd=root).stdout)["created"] == []
    drift = json.loads(run("drift", "--format", "json", cwd=root).stdout)
    assert (drift["tables"], drift["differences"]) == (len(created["created"]) - len(SCHEMAS) - job_tables(created), [])
    enter_rows(root, python)
    waiting = numbers(run("status", "--format", "json", cwd=root))
    assert waiting["acquisition.Scan"] == (0, 8, 0, 8, 0, 0)
    run("populate", "--workers", "2", cwd=root)
    done = numbers(run("status", "--format", "json", cwd=root))
    assert done == {
        "subject.Subject": (2, None, None, None, None, None),
        "acquisition.Session": (8, None, None, None, None, None),
        "acquisition.Scan": (8, 8, 8, 0, 0, 0),
        "processing.ProcessedScan": (8, 8, 8, 0, 0, 0),
    }
    result = python(
        "from workflow import processing\nprint(sorted(processing.ProcessedScan.to_arrays('quality_score').tolist()))",
        cwd=root,
    )
    assert result.stdout.splitlines()[-1] == str([0.0, 0.0, 1.0, 1.0, 3.0, 3.0, 6.0, 6.0])


@pytest.fixture
def convention(tmp_path: Path, run: Run) -> Path:
    root = tmp_path / "chapter"
    scaffold_the_convention(root, run)
    return root


def test_the_convention_on_the_embedded_postgresql(convention: Path, run: Run, python: Run) -> None:
    try:
        deploy_and_populate(convention, run, python)
        folders = convention / ".djproject/stores"
        assert list((folders / "main").rglob("scan_data_*"))
        assert list((folders / "processed").rglob("processed_data_*"))
    finally:
        stop(EmbeddedServer(convention / ".djproject"))


@pytest.mark.mysql
def test_the_convention_on_mysql(convention: Path, run: Run, python: Run, mysql_alone: MySQL) -> None:
    mysql_alone.drop(*SCHEMAS)
    use_mysql(convention, run, mysql_alone)
    try:
        deploy_and_populate(convention, run, python)
        assert list((convention.parent / "store-main").rglob("scan_data_*"))
        assert not (convention / ".djproject/postgres").exists()
    finally:
        mysql_alone.drop(*SCHEMAS)


def use_mysql(root: Path, run: Run, mysql: MySQL) -> None:
    use_server(root, run, mysql, "mysql")


def use_server(root: Path, run: Run, server: MySQL | PostgreSQL, backend: str) -> None:
    with (root / "pyproject.toml").open("a") as file:
        file.write(
            f'\n[tool.djproject.targets.lab]\nbackend = "{backend}"\nhost = "{server.host}"\nport = {server.port}\n'
            f'user = "{server.user}"\n'
        )
    write_secret(root, "targets.lab.password", server.password)
    run("use", "lab", cwd=root)


def test_the_convention_on_a_postgresql_server(convention: Path, run: Run, python: Run, postgresql: PostgreSQL) -> None:
    use_server(convention, run, postgresql, "postgresql")
    deploy_and_populate(convention, run, python)
    assert not (convention / ".djproject/postgres").exists()
    doctor = run("doctor", cwd=convention)
    assert "ok      privileges" in doctor.stdout
    postgresql.execute("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'pw'")
    text = (convention / "pyproject.toml").read_text()

    def refused(sentence: str, *arguments: str, **changes: str) -> None:
        changed = text
        for old, new in changes.items():
            changed = changed.replace(f'{old} = "{getattr(postgresql, old)}"', f'{old} = "{new}"')
        (convention / "pyproject.toml").write_text(changed)
        result = run(*arguments, cwd=convention, code=2)
        assert sentence in result.stderr
        assert "Traceback" not in result.stderr

    write_secret(convention, "targets.lab.password", "wrong")
    refused("does not accept the user 'lab' with this password", "status")
    refused("does not accept the user 'nobody'", "deploy", user="nobody")
    write_secret(convention, "targets.lab.password", "pw")
    (convention / "pyproject.toml").write_text(text.replace('user = "lab"', 'user = "reader"'))
    assert "reader may not create schemas" in run("doctor", cwd=convention).stdout
    run("add-schema", "later", "--table", "T:manual", cwd=convention)
    (convention / "pyproject.toml").write_text(text.replace('user = "lab"', 'user = "reader"\nname = "nothing"'))
    assert "has no database called 'nothing'" in run("status", cwd=convention, code=2).stderr
    (convention / "pyproject.toml").write_text(text.replace('user = "lab"', 'user = "reader"'))
    result = run("deploy", cwd=convention, code=2)
    assert "permission" in result.stderr.lower()
    assert "Traceback" not in result.stderr


@pytest.mark.mysql
def test_mysql_is_diagnosed_in_one_sentence(convention: Path, run: Run, mysql_alone: MySQL) -> None:
    use_mysql(convention, run, mysql_alone)
    doctor = run("doctor", cwd=convention)
    assert "MySQL" in doctor.stdout
    assert "ok      privileges" in doctor.stdout
    secret = convention / ".secrets/targets.lab.password"
    secret.write_text("wrong-9f")
    refused = run("status", cwd=convention, code=2)
    assert "does not accept the user 'root' with this password" in refused.stderr
    assert "wrong-9f" not in refused.stderr
    assert "Traceback" not in refused.stderr
    text = (convention / "pyproject.toml").read_text()
    (convention / "pyproject.toml").write_text(text.replace(f"port = {mysql_alone.port}", "port = 1"))
    assert "does not answer at 127.0.0.1:1" in run("deploy", cwd=convention, code=2).stderr


@pytest.mark.mysql
def test_a_missing_privilege_is_one_sentence(convention: Path, run: Run, mysql_alone: MySQL) -> None:
    import pymysql

    with pymysql.connect(
        host=mysql_alone.host, port=mysql_alone.port, user=mysql_alone.user, password=mysql_alone.password
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("DROP USER IF EXISTS reader")
        cursor.execute("CREATE USER reader IDENTIFIED BY 'pw'")
        cursor.execute("GRANT SELECT ON `nothing`.* TO reader")
    try:
        use_mysql(convention, run, MySQL(mysql_alone.host, mysql_alone.port, "reader", "pw"))
        doctor = run("doctor", cwd=convention)
        assert "reader may not create schemas" in doctor.stdout
        assert "GRANT" in doctor.stdout
        refused = run("deploy", cwd=convention, code=2)
        assert "Traceback" not in refused.stderr
        assert "permission" in refused.stderr.lower() or "denied" in refused.stderr.lower()
    finally:
        with pymysql.connect(
            host=mysql_alone.host, port=mysql_alone.port, user=mysql_alone.user, password=mysql_alone.password
        ) as connection:
            connection.cursor().execute("DROP USER IF EXISTS reader")


def test_settings_are_the_same_from_every_way_in(example: Path, run: Run, python: Run) -> None:
    """From the command line, from python -c, from a notebook's order of imports, and through `run`."""
    code = "from workflow import subject; import datajoint as dj; print(dj.config['database.host'], sorted(dj.config.stores))"
    late = "import datajoint as dj; " + code
    server = EmbeddedServer(example / ".djproject")
    expected = f"{server.socket_directory} ['default', 'main', 'processed']"
    for text in (code, late):
        assert python(text, cwd=example).stdout.strip().splitlines()[-1] == expected
    plain = "import datajoint as dj; print(dj.config['database.host'], sorted(dj.config.stores))"
    result = run("run", "--", sys.executable, "-c", plain, cwd=example)
    assert result.stdout.splitlines()[-1] == expected


def test_run_passes_arguments_exit_codes_and_signals_on(example: Path, run: Run) -> None:
    assert run("run", "--", sys.executable, "-c", "raise SystemExit(7)", cwd=example, code=7).stdout == ""
    assert run("run", "--", "sh", "-c", "echo $1 -q --help", "sh", "-v", cwd=example).stdout == "-v -q --help\n"
    assert run("run", "--", "sh", "-c", "kill -9 $$", cwd=example, code=137).stdout == ""
    assert "no program called 'nonsense'" in run("run", "--", "nonsense", cwd=example, code=2).stderr


def test_a_module_that_does_not_import_shows_the_users_own_frames(example: Path, run: Run) -> None:
    path = example / "src/workflow/processing.py"
    path.write_text(
        path.read_text().replace("import numpy as np\n", "import numpy as np\n\nprint('noise')\nx = 1 / 0\n")
    )
    result = run("deploy", "--format", "json", cwd=example, code=2)
    assert result.stdout == ""
    assert "workflow.processing does not import: ZeroDivisionError: division by zero." in result.stderr
    assert "src/workflow/processing.py:16 in <module>\n      x = 1 / 0" in result.stderr
    assert "site-packages" not in result.stderr


def test_a_library_that_is_missing_comes_with_the_command_that_installs_it(example: Path, run: Run) -> None:
    path = example / "src/workflow/processing.py"
    path.write_text(path.read_text().replace("import numpy as np\n", "import no_such_library.part\n"))
    result = run("deploy", cwd=example, code=2)
    assert "workflow.processing needs no_such_library, which is not installed." in result.stderr
    assert "src/workflow/processing.py:13 in <module>\n      import no_such_library.part" in result.stderr
    assert "\nNext: pip install no_such_library\n" in result.stderr


def test_prints_of_the_users_modules_do_not_spoil_json(example: Path, run: Run) -> None:
    path = example / "src/workflow/subject.py"
    path.write_text(path.read_text() + "\nprint('noise')\n")
    assert json.loads(run("deploy", "--format", "json", cwd=example).stdout)["target"] == "embedded"
    assert json.loads(run("status", "--format", "json", cwd=example).stdout)["tables"]


def test_status_before_deploy_creates_nothing(example: Path, run: Run) -> None:
    tables = json.loads(run("status", "--format", "json", cwd=example).stdout)["tables"]
    assert tables[0] == {
        "name": "subject.Species", "tier": "lookup", "schema": None, "deployed": False, "rows": None, "keys": None, "done": None,
        "pending": None, "reserved": None, "errors": None, "ignored": None,
    }  # fmt: skip
    assert json.loads(run("deploy", "--dry-run", "--format", "json", cwd=example).stdout)["created"]
    refused = run("populate", cwd=example, code=2)
    assert "is not declared" in refused.stderr
    assert "Next: djproject deploy" in refused.stderr


def test_a_table_added_later_is_seen_as_not_deployed_and_deployed_alone(example: Path, run: Run) -> None:
    run("deploy", cwd=example)
    run("add-table", "analysis", "More:computed", cwd=example)
    run("add-table", "analysis", "More.Piece:part", cwd=example)
    tables = {
        t["name"]: t["deployed"] for t in json.loads(run("status", "--format", "json", cwd=example).stdout)["tables"]
    }
    assert [name for name, deployed in tables.items() if not deployed] == ["analysis.More", "analysis.More.Piece"]
    created = json.loads(run("deploy", "--format", "json", cwd=example).stdout)["created"]
    assert [(item["kind"], item["name"]) for item in created] == [
        ("table", "analysis.More"),
        ("job table", "analysis.More"),
        ("table", "analysis.More.Piece"),
    ]


def test_status_asks_three_queries_per_schema_whatever_the_number_of_tables(
    example: Path, run: Run, python: Run
) -> None:
    run("deploy", cwd=example)
    code = """
from djproject.project.location import load_project
from djproject.pipeline.source import load_pipeline
from djproject.targets.choice import load_target
from djproject.database.loading import load_tables
from djproject.database.status import table_statuses
project = load_project(); pipeline = load_pipeline(project)
tables = load_tables(project, load_target(project), pipeline)
connection = tables[0].instance.connection
tables[-2].instance.parents()  # DataJoint reads all foreign keys at once, the first time
queries, real = [], connection.query
connection.query = lambda *a, **k: (queries.append(a[0]), real(*a, **k))[1]
table_statuses(tables)
print(len(queries), len({t.schema for t in tables}))
"""
    queries, schemas = map(int, python(code, cwd=example).stdout.splitlines()[-1].split())
    assert schemas == 4
    assert queries <= 3 * schemas


def test_the_counts_are_datajoints_own_also_where_keys_are_renamed_or_restricted(
    project: Path, run: Run, python: Run
) -> None:
    """Renamed foreign keys, two parents with a common ancestor, a key source of the user's own."""
    (project / "src/workflow/work.py").write_text(
        '''
import datajoint as dj
schema = dj.Schema("work")

@schema
class Item(dj.Manual):
    definition = "item : int32"

@schema
class Left(dj.Manual):
    definition = """
    -> Item
    left : int32
    """

@schema
class Right(dj.Manual):
    definition = """
    -> Item
    right : int32
    """

@schema
class Pair(dj.Computed):
    definition = """
    -> Left
    -> Right
    """
    def make(self, key):
        self.insert1(key)

@schema
class Compared(dj.Computed):
    definition = """
    -> Item.proj(first='item')
    -> Item.proj(second='item')
    """
    def make(self, key):
        self.insert1(key)

@schema
class Own(dj.Computed):
    definition = "-> Item"
    key_source = property(lambda self: Item & "item > 0")
    def make(self, key):
        self.insert1(key)
'''
    )
    run("deploy", cwd=project)
    python(
        "from workflow.work import *\n"
        "Item.insert([(i,) for i in range(3)]); Left.insert([(i, j) for i in range(3) for j in range(2)])\n"
        "Right.insert([(i, j) for i in range(2) for j in range(3)])\n"
        "Pair.populate(max_calls=4); Compared.populate(max_calls=2); Own.populate(max_calls=1)",
        cwd=project,
    )
    counted = numbers(run("status", "--format", "json", cwd=project))
    code = "from workflow.work import *; print({t.__name__: t().progress() for t in (Pair, Compared, Own)})"
    theirs = eval(python(code, cwd=project).stdout.splitlines()[-1])
    assert theirs == {"Pair": (8, 12), "Compared": (7, 9), "Own": (1, 2)}
    for name, (remaining, total) in theirs.items():
        assert counted[f"work.{name}"][1:4] == (total, total - remaining, remaining), name
    stop(EmbeddedServer(project / ".djproject"))


def test_down_stops_the_database_and_it_starts_again_with_its_rows(example: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=example)
    python("from workflow import sample_data; sample_data.insert()", cwd=example)
    run("down", cwd=example)
    assert not (example / ".djproject/postgres/postmaster.pid").exists()
    assert "Nothing was running" in run("down", cwd=example).stderr
    assert numbers(run("status", "--format", "json", cwd=example))["subject.Subject"][0] == 2


ELSEWHERE = {"DJ_HOST": "127.0.0.1", "DJ_PORT": "1", "DJ_USER": "bob", "DJ_PASS": "x"}


def test_dj_variables_beat_a_target_that_a_file_names_and_the_command_says_so(example: Path, run: Run) -> None:
    refused = run("status", cwd=example, code=2, env=ELSEWHERE)
    assert "embedded (postgresql://bob@127.0.0.1:1, by DJ_HOST;" in refused.stderr
    assert "does not answer at 127.0.0.1:1" in refused.stderr
    assert "unset DJ_HOST" in refused.stderr


def test_dj_variables_lead_nothing_away_from_a_target_that_was_named(example: Path, run: Run, python: Run) -> None:
    """Deployment, workers, programs under `run` and plain Python."""
    for command in (("deploy",), ("populate",), ("status",)):
        said = run(*command, "--target", "embedded", cwd=example, env=ELSEWHERE)
        assert "DJ_HOST, DJ_PORT, DJ_USER, DJ_PASS are ignored (unset DJ_HOST" in said.stderr
    code = "from workflow import subject; import datajoint as dj; print(dj.config['database.user'], subject.Subject())"
    said = run("run", "--target", "embedded", "--", sys.executable, "-c", code, cwd=example, env=ELSEWHERE)
    assert "postgres" in said.stdout
    said = python(code, cwd=example, env={**ELSEWHERE, "DJPROJECT_TARGET": "embedded"})
    assert "postgres" in said.stdout
    assert "DJ_HOST, DJ_PORT, DJ_USER, DJ_PASS are ignored" in said.stderr


def test_watch_repeats_the_picture_until_ctrl_c(example: Path, run: Run) -> None:
    run("deploy", cwd=example)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "djproject", "status", "--watch", "--interval", "0.2"],
        cwd=example, env={**os.environ, **PYTHON_ENVIRONMENT}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )  # fmt: skip
    assert process.stdout is not None
    pictures = 0
    while pictures < 3:
        pictures += "table  " in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, errors.splitlines()[-1]) == (130, "Interrupted.")


def test_doctor_in_json_names_every_probe_with_its_fix(example: Path, run: Run) -> None:
    probes = json.loads(run("doctor", "--format", "json", cwd=example).stdout)["probes"]
    assert {tuple(probe) for probe in probes} == {("name", "state", "detail", "fix")}
    names = {probe["name"] for probe in probes}
    assert {"python", "git", "datajoint", "embedded database", "docker", "target", "privileges", "store main"} <= names
    assert all(probe["fix"] for probe in probes if probe["state"] != "ok")
    (example / "src/workflow/__init__.py").unlink()
    (example / "datajoint.json").write_text("{}")
    text = run("doctor", cwd=example, code=1).stdout
    assert "failed  package" in text
    assert "warning datajoint.json" in text


def test_a_package_that_does_not_configure_itself_is_deployed_all_the_same(example: Path, run: Run) -> None:
    (example / "src/workflow/__init__.py").write_text("")
    assert "created table analysis.Summary" in run("deploy", cwd=example).stdout
    assert json.loads(run("status", "--format", "json", cwd=example).stdout)["tables"][0]["rows"] == 3


def test_demo_runs_twice(tmp_path: Path, run: Run) -> None:
    try:
        first = run("demo", cwd=tmp_path)
        assert "47 jobs done, 0 failed." in first.stderr
        assert "└─ acquisition" in first.stdout
        assert "analysis.Summary               computed    15    15    15" in first.stdout
        assert run("drift", cwd=tmp_path / "demo").stdout == ""
        second = run("demo", cwd=tmp_path)
        assert "0 jobs done, 0 failed." in second.stderr
        assert second.stdout == first.stdout
    finally:
        stop(EmbeddedServer(tmp_path / "demo/.djproject"))
