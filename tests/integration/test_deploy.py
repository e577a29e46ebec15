"""What a second `deploy` does: nothing, in a number of queries that hardly grows, and all that is left to do."""

import json
from pathlib import Path

import pytest

from tests.conftest import Run

COUNTED = """
import sys
import datajoint.connection
queries, real = [], datajoint.connection.Connection.query
datajoint.connection.Connection.query = lambda *a, **k: (queries.append(a[1]), real(*a, **k))[1]
from djproject.database.deploy import deploy
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.targets.choice import load_target
project = load_project()
assert not deploy(project, load_target(project), load_pipeline(project)).created
print(len(queries))
"""
TABLES = '''

@schema
class More{number}(dj.Computed):
    definition = """
    -> Item
    ---
    value : float64
    """

    def make(self, key):
        self.insert1({{**key, "value": 0.0}})
'''
MADE = """

def made(name, parent):
    text = f"-> {parent}\\n---\\nvalue : int32"
    return schema(type(name, (dj.Manual,), {"definition": text, "__module__": __name__}), context=globals())


for name, parent in (("Lower", "Upper"), ("Upper", "Item"))[::ORDER]:
    try:
        globals()[name] = made(name, parent)
    except KeyError:
        pass
"""
LOOKUP = """

@schema
class Kind(dj.Lookup):
    definition = "kind : varchar(10)"
    contents = [("first",)]
"""

pytestmark = pytest.mark.mysql


def source(project: Path) -> Path:
    return project / "src/workflow/work.py"


def created(project: Path, run: Run) -> list[str]:
    return [item["name"] for item in json.loads(run("deploy", "--format", "json", cwd=project).stdout)["created"]]


def schema_of(project: Path) -> str:
    return source(project).read_text().partition('dj.Schema("')[2].partition('"')[0]


def tables_of(project: Path, python: Run) -> set[str]:
    code = f"import datajoint as dj; print(' '.join(dj.Schema({schema_of(project)!r}).list_tables()))"
    return set(python(f"import workflow; {code}", cwd=project).stdout.split())


def test_nothing_to_do_is_found_with_one_query_for_each_table(server_project: Path, run: Run, python: Run) -> None:
    def queries() -> int:
        run("deploy", cwd=server_project)
        return int(python(COUNTED, cwd=server_project).stdout.split()[-1])

    few = queries()
    with source(server_project).open("a") as file:
        file.writelines(TABLES.format(number=number) for number in range(10))
    assert queries() - few == 10  # DataJoint's own question whether a table is declared


def test_a_table_that_only_the_running_code_knows_is_declared_later(
    server_project: Path, run: Run, python: Run
) -> None:
    run("deploy", cwd=server_project)
    with source(server_project).open("a") as file:
        file.write(MADE.replace("ORDER", "-1"))
    run("deploy", cwd=server_project)
    assert {"upper", "lower"} <= tables_of(server_project, python)


def test_a_module_that_uses_a_missing_table_at_its_import_is_deployed(
    server_project: Path, run: Run, python: Run
) -> None:
    run("deploy", cwd=server_project)
    with source(server_project).open("a") as file:
        file.write(MADE.replace("ORDER", "-1") + "\n\nlen(Upper())\n")
    run("deploy", cwd=server_project)
    assert {"upper", "lower"} <= tables_of(server_project, python)


def test_contents_that_were_added_to_a_lookup_are_inserted(server_project: Path, run: Run, python: Run) -> None:
    with source(server_project).open("a") as file:
        file.write(LOOKUP)
    run("deploy", cwd=server_project)
    source(server_project).write_text(source(server_project).read_text().replace('[("first",)]', '[("a",), ("b",)]'))
    assert created(server_project, run) == []
    code = "from workflow.work import Kind; print(sorted(Kind().to_arrays('kind')))"
    assert "a" in python(code, cwd=server_project).stdout


def test_a_lineage_that_was_lost_is_written_again(server_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=server_project)
    count = "n = connection.query(f'SELECT count(*) FROM {lineage}').fetchone()[0]"
    prepare = (
        "import datajoint as dj, workflow; connection = dj.conn(); q = connection.adapter.quote_identifier; "
        f"lineage = q({schema_of(server_project)!r}) + '.' + q('~lineage')"
    )
    lost = f"{prepare}; connection.query(f'DELETE FROM {{lineage}}'); {count}; print(n)"
    assert python(lost, cwd=server_project).stdout.split()[-1] == "0"
    run("deploy", cwd=server_project)
    assert int(python(f"{prepare}; {count}; print(n)", cwd=server_project).stdout.split()[-1]) > 0


def test_a_job_table_that_was_dropped_is_made_again(server_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=server_project)
    code = "from workflow.work import Child; Child().jobs.drop()"
    python(code, cwd=server_project)
    assert created(server_project, run) == ["work.Child"]
    run("populate", cwd=server_project)


def test_a_job_table_with_another_key_is_made_again(server_project: Path, run: Run, python: Run) -> None:
    run("deploy", cwd=server_project)
    code = """
import datajoint as dj
from workflow.work import Child
jobs = Child().jobs
q = jobs.connection.adapter.quote_identifier
jobs.connection.query(f"ALTER TABLE {jobs.full_table_name} ADD COLUMN {q('old')} integer NOT NULL")
if jobs.connection.adapter.backend == "mysql":
    jobs.connection.query(f"ALTER TABLE {jobs.full_table_name} DROP PRIMARY KEY, ADD PRIMARY KEY (item_id, old)")
else:
    name = jobs.connection.query(
        f"SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid = '{jobs.full_table_name}'::regclass"
    ).fetchone()[0]
    jobs.connection.query(f"ALTER TABLE {jobs.full_table_name} DROP CONSTRAINT {q(name)}")
    jobs.connection.query(f"ALTER TABLE {jobs.full_table_name} ADD PRIMARY KEY (item_id, old)")
"""
    python(code, cwd=server_project)
    run("deploy", cwd=server_project)
    key = python("from workflow.work import Child; print(Child().jobs.primary_key)", cwd=server_project).stdout
    assert key.splitlines()[-1] == "['item_id']"
