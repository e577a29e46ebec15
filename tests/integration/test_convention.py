"""A pipeline that departs from the convention in every way and works in plain DataJoint: no command is in its way."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import MySQL

pytestmark = pytest.mark.mysql
FILES = {
    "mixed.py": '''
import datajoint as dj

first = dj.Schema("NAME_first")
second = dj.Schema("NAME_second")


@first
class Animal(dj.Lookup):
    definition = "animal : int32"
    contents = [(1,), (2,)]


@second
class Weight(dj.Computed):
    definition = """
    -> Animal
    ---
    weight : float64
    """

    def make(self, key):
        self.insert1({**key, "weight": 20.0})


from . import same  # noqa: E402


@second
class Note(dj.Manual):
    definition = """
    -> same.Session
    ---
    text : varchar(20)
    """
''',
    "same.py": """
import datajoint as dj

from . import mixed

schema = dj.Schema("NAME_first")


@schema
class Session(dj.Manual):
    definition = "-> mixed.Animal"


Session.insert1({"animal": 1}, skip_duplicates=True)
""",
    "borrowed.py": '''
import datajoint as dj

from .mixed import second, Animal


@second
class Length(dj.Computed):
    definition = """
    -> Animal
    ---
    length : float64
    """

    def make(self, key):
        self.insert1({**key, "length": 5.0})
''',
}
CONTRACTS = '\n[tool.djproject.check]\nlayers = [["same"], ["mixed"]]\nindependent = ["mixed", "borrowed"]\nforbid = ["borrowed -> mixed"]\n'
CODES = {"DJP101", "DJP102", "DJP105", "DJP112", "DJP116", "DJP120", "DJP121", "DJP122", "DJP123"}


@pytest.fixture
def unconventional(server_project: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The project of `server_project` with these modules, and contracts that they do not keep."""
    source = server_project / "src/workflow"
    name = (source / "work.py").read_text().partition('dj.Schema("')[2].partition('"')[0]
    for file, text in FILES.items():
        (source / file).write_text(text.replace("NAME", name))
    path = server_project / "pyproject.toml"
    path.write_text(path.read_text() + CONTRACTS)
    yield server_project
    if "lab" in path.read_text().partition("[tool.djproject.targets.")[2]:
        mysql: MySQL = request.getfixturevalue("mysql")
        mysql.drop(f"{name}_first", f"{name}_second")


def errors(project: Path, run: Run, code: int) -> dict[str, tuple[str, str]]:
    """Severity and kind of what check finds, by code, warnings of advice aside."""
    found = json.loads(run("check", "--format", "json", cwd=project, code=code).stdout)["findings"]
    return {f["code"]: (f["severity"], f["kind"]) for f in found if f["kind"] != "advice"}


def test_what_works_in_datajoint_works_here(unconventional: Path, run: Run, python: Run) -> None:
    assert errors(unconventional, run, 1) == dict.fromkeys(sorted(CODES), ("error", "convention"))
    run("deploy", cwd=unconventional)
    assert "Nothing to do" in run("deploy", cwd=unconventional).stderr
    run("populate", cwd=unconventional)
    rows = {
        table["name"]: (table["schema"].rpartition("_")[2], table["rows"])
        for table in json.loads(run("status", "--format", "json", cwd=unconventional).stdout)["tables"]
    }
    assert {name: rows[name] for name in rows if not name.startswith("work.")} == {
        "mixed.Animal": ("first", 2),
        "mixed.Weight": ("second", 2),
        "mixed.Note": ("second", 0),
        "same.Session": ("first", 1),
        "borrowed.Length": ("second", 2),
    }
    run("drift", cwd=unconventional)
    edges = json.loads(run("graph", "mixed", "same", "borrowed", "--format", "json", cwd=unconventional).stdout)[
        "edges"
    ]
    assert {(edge["child"], edge["parent"]) for edge in edges} == {
        ("mixed.Weight", "mixed.Animal"),
        ("mixed.Note", "same.Session"),
        ("same.Session", "mixed.Animal"),
        ("borrowed.Length", "mixed.Animal"),
    }
    run("graph", "--level", "module", "-o", "modules.svg", cwd=unconventional)


def test_the_convention_is_advice_where_the_project_says_so(unconventional: Path, run: Run) -> None:
    path = unconventional / "pyproject.toml"
    path.write_text(
        path.read_text().replace("[tool.djproject.check]\n", '[tool.djproject.check]\nconvention = "advise"\n')
    )
    assert errors(unconventional, run, 0) == dict.fromkeys(sorted(CODES), ("warning", "convention"))


def test_what_is_broken_is_left_out_unless_it_is_ignored_or_known(unconventional: Path, run: Run) -> None:
    source = unconventional / "src/workflow/same.py"
    source.write_text(source.read_text() + '\n\n@schema\nclass More(dj.Manual):\n    definition = "m : int32  # :x"\n')
    done = run("deploy", cwd=unconventional, code=1)
    assert "not deployed: src/workflow/same.py:19 DJP233" in done.stderr
    assert "not deployed: mixed needs same" in done.stderr
    assert "DJP101" not in done.stderr
    assert "same." not in done.stdout
    assert "work.Result" in done.stdout
    assert done.stderr.count("Next: ") == 1
    run("check", "--write-baseline", "known.json", cwd=unconventional)
    path = unconventional / "pyproject.toml"
    path.write_text(
        path.read_text().replace("[tool.djproject.check]\n", '[tool.djproject.check]\nbaseline = "known.json"\n')
    )
    assert "DJP" not in run("deploy", "--dry-run", cwd=unconventional).stderr
