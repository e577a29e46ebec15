"""Two people with one project at one server: each works with schemas of their own, in every command and in Python."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import MySQL, insert_items

pytestmark = pytest.mark.mysql
PEOPLE = ("ann", "bob")
LATER = '''"""A second module, whose schema has a name that is computed."""

import datajoint as dj

from workflow.work import Item

schema = dj.Schema("_".join(["later", "SCHEMA"]))


@schema
class Note(dj.Manual):
    definition = """
    -> Item
    ---
    text : varchar(20)
    """
'''
SCHEMAS = """
import datajoint as dj
import workflow
names = [name for name in dj.list_schemas() if "SCHEMA" in name]
print("schemas:", *sorted(names))
"""


@pytest.fixture
def shared(server_project: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A project whose setting gives each person a prefix."""
    path = server_project / "pyproject.toml"
    text = path.read_text()
    path.write_text(text.replace("[tool.djproject]\n", '[tool.djproject]\nschema_prefix = "${USER}_"\n', 1))
    assert path.read_text() != text
    later = server_project / "src/workflow/later.py"
    later.write_text(LATER.replace("SCHEMA", schema_of(server_project)))
    yield server_project
    if "lab" in text.partition("[tool.djproject.targets.")[2]:
        mysql: MySQL = request.getfixturevalue("mysql")
        name = schema_of(server_project)
        mysql.drop(*(f"{person}_{name}" for person in PEOPLE), *(f"{person}_later_{name}" for person in PEOPLE))


def schema_of(project: Path) -> str:
    return (project / "src/workflow/work.py").read_text().partition('dj.Schema("')[2].partition('"')[0]


def schemas(project: Path, python: Run, person: str) -> set[str]:
    code = SCHEMAS.replace("SCHEMA", schema_of(project))
    printed = python(code, cwd=project, env={"USER": person}).stdout
    return set(printed.rpartition("schemas:")[2].split())


def test_each_has_schemas_and_rows_of_their_own(shared: Path, run: Run, python: Run) -> None:
    name = schema_of(shared)
    planned = run("deploy", "--dry-run", "--format", "json", cwd=shared, env={"USER": "ann"})
    assert [o["name"] for o in json.loads(planned.stdout)["created"] if o["kind"] == "schema"] == [f"ann_{name}"]
    assert schemas(shared, python, "ann") == set(), "nothing was declared"
    for person in PEOPLE:
        env = {"USER": person}
        deployed = run("deploy", "--format", "json", cwd=shared, env=env)
        made = [o["name"] for o in json.loads(deployed.stdout)["created"] if o["kind"] == "schema"]
        assert made == [f"{person}_{name}", f"{person}_later_{name}"]
        assert f"schemas {person}_*" in re.sub(r"\s+", " ", deployed.stderr)
        assert "Nothing to do" in run("deploy", cwd=shared, env=env).stderr
    both = {f"{person}_{kind}{name}" for person in PEOPLE for kind in ("", "later_")}
    assert schemas(shared, python, "ann") == both, "and none without a prefix"

    env = {"USER": "ann"}
    insert_items(lambda code, cwd: python(code, cwd=cwd, env=env), shared, 3)
    run("populate", "--workers", "2", cwd=shared, env=env)
    rows = {
        person: {t["name"]: (t["schema"], t["rows"]) for t in status(shared, run, person)["tables"]}
        for person in PEOPLE
    }
    assert rows["ann"]["work.Result"] == (f"ann_{name}", 3)
    assert rows["bob"]["work.Result"] == (f"bob_{name}", 0)
    assert "There are no keys to populate" in run("populate", cwd=shared, env={"USER": "bob"}).stderr
    for person in PEOPLE:
        assert run("drift", cwd=shared, env={"USER": person}).returncode == 0
        assert run("jobs", "list", cwd=shared, env={"USER": person}).returncode == 0
        run("doctor", cwd=shared, env={"USER": person})


def status(project: Path, run: Run, person: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(
        run("status", "--format", "json", cwd=project, env={"USER": person}).stdout
    )
    return found


def test_python_shell_and_tests_use_the_same_names(shared: Path, run: Run, python: Run) -> None:
    name, env = schema_of(shared), {"USER": "ann"}
    run("deploy", cwd=shared, env=env)
    code = "from workflow.later import Note; from workflow.work import Item; print(Note.database, Item.database)"
    wanted = f"ann_later_{name} ann_{name}"
    assert python(code, cwd=shared, env=env).stdout.splitlines()[-1] == wanted
    assert run("shell", "-c", code, cwd=shared, env=env).stdout.splitlines()[-1] == wanted
    virtual = f"import workflow, datajoint as dj; print(dj.VirtualModule('v', {name!r}).Item.database)"
    assert python(virtual, cwd=shared, env=env).stdout.splitlines()[-1] == f"ann_{name}"
    again = f"from workflow.work import schema; schema.activate({name!r}); print(schema.database)"
    assert python(again, cwd=shared, env=env).stdout.splitlines()[-1] == f"ann_{name}", "as linking modules do"
    (shared / "tests/test_names.py").write_text(
        f"def test_names(pipeline):\n    assert pipeline.package.work.Item.database == 'ann_{name}'\n"
    )
    passed = run(
        "run", "--", sys.executable, "-m", "pytest", "-q", "tests/test_names.py", cwd=shared, env=env, code=None
    )
    assert "1 passed" in passed.stdout, passed.stdout + passed.stderr


def test_an_edit_is_drift_in_one_s_own_schema(shared: Path, run: Run) -> None:
    run("deploy", cwd=shared, env={"USER": "ann"})
    path = shared / "src/workflow/work.py"
    path.write_text(path.read_text().replace("---\n", "---\n    extra = null : int32\n", 1))
    run("deploy", cwd=shared, env={"USER": "bob"})
    assert "has no attribute extra" in run("drift", cwd=shared, env={"USER": "ann"}, code=1).stdout
    run("drift", cwd=shared, env={"USER": "bob"})


def test_what_cannot_be_a_prefix_is_refused_before_anything_is_declared(shared: Path, run: Run, python: Run) -> None:
    for user, words in (("", "the variable USER is not set"), ("Ann.Smith", "'Ann.Smith'"), ("x" * 60, "longer than")):
        refused = run("deploy", cwd=shared, env={"USER": user, "LOGNAME": ""}, code=2)
        assert words in re.sub(r"\s+", " ", refused.stderr)
        assert "export DJPROJECT_SCHEMA_PREFIX=" in re.sub(r"\s+", " ", refused.stderr)
    assert schemas(shared, python, "ann") == set()
