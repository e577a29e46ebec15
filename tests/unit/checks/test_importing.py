"""DJP116, DJP118, DJP119, DJP124, DJP240: what happens, or fails, when a module is imported."""

from pathlib import Path

import pytest

from djproject.findings import Finding
from tests.checking import findings_in, module, table, write_project
from tests.unit.checks.cases import CODEC, KEY

SUBJECT = module("subject", table("Subject", *KEY), "def subjects(): ...", imports="FIRST, second = 1, 2")


def found(root: Path, code: str, **files: str) -> list[Finding]:
    texts: dict[str, str | bytes] = {name if "/" in name else f"{name}.py": text for name, text in files.items()}
    write_project(root, texts, git=False)
    return list(findings_in(root, [code]))


def lines_of(findings: list[Finding]) -> list[tuple[str, int]]:
    return [(each.location.path.rpartition("/")[2], each.location.line) for each in findings]


def test_which_calls_change_data_when_a_module_is_imported(tmp_path: Path) -> None:
    text = module(
        "mine",
        table("T", *KEY, body="    class P(dj.Part):\n        definition = '-> master'"),
        "T.insert1({'k': 1})\nT.P.insert([])\nschema.drop()\nsubject.Subject.delete()\nOther.populate()\n[].insert(0, 1)\nf().drop()",
        "rows.insert(1)\ntools.Tool.insert(1)\nsubject.delete()\noutside.T.insert(1)\nTool.drop()",
        imports="import outside\nfrom . import subject, tools\nfrom .subject import Subject as Other\nclass Tool: ...\nrows = []",
    )
    called = ["T.insert1", "T.P.insert", "schema.drop", "subject.Subject.delete", "Other.populate"]
    findings = found(tmp_path, "DJP116", mine=text, subject=SUBJECT, tools="class Tool: ...\nTool.insert(1)\n")
    assert [each.message for each in findings] == [f"Importing mine would call {call}." for call in called]
    first = text[: text.index("\nT.insert1")].count("\n") + 2
    assert lines_of(findings) == [("mine.py", first + number) for number in range(len(called))]


def test_a_call_in_the_package_itself_or_in_a_module_without_a_schema(tmp_path: Path) -> None:
    files = {"__init__": SUBJECT + "Subject.insert([])\n", "tools": "from . import Subject\nSubject.drop()\n"}
    assert [each.message for each in found(tmp_path, "DJP116", **files)] == [
        "Importing the package would call Subject.insert.",
        "Importing tools would call Subject.drop.",
    ]
    stray = "import datajoint as dj\n\nclass Loose(dj.Manual):\n    definition = 'k : int32'\n\nLoose.insert([])\n"
    (one,) = found(tmp_path / "stray", "DJP116", loose=stray)
    assert one.message == "Importing loose would call Loose.insert."


def test_a_schema_without_a_name_that_nothing_activates(tmp_path: Path) -> None:
    late = "import datajoint as dj\nschema = dj.Schema()\n"
    (one, two) = found(tmp_path, "DJP118", late=late, later=late, named=SUBJECT)
    assert [each.message for each in (one, two)] == [
        f"The schema of {name} has no name, and nothing activates it." for name in ("late", "later")
    ]
    assert (one.location.line, one.location.column) == (2, 10)
    assert found(tmp_path, "DJP118", tools="def go(schema): schema.activate('x')\n") == []


def test_an_old_schema_call_is_written_anew_if_it_has_a_dot(tmp_path: Path) -> None:
    findings = found(
        tmp_path,
        "DJP119",
        dotted="import datajoint\n\nschema  =  datajoint.schema('dotted')\n",
        plain="from datajoint import schema as make, schema\n\nplain = schema('plain')\n",
        fine="import datajoint as dj\nschema = dj.Schema('schema')\n",
    )
    said = [(each.message, each.hint, each.location.column, each.location.end_column) for each in findings]
    assert said == [
        ("DataJoint 2.3 has no datajoint.schema.", "schema = dj.Schema(…)", 12, 28),
        ("DataJoint 2.3 has no schema.", "schema = dj.Schema(…)", 9, 15),
    ]
    assert [[(edit.start, edit.end, edit.text) for edit in each.edits] for each in findings] == [
        [(39, 45, "Schema")],
        [],
    ]


NAMES = [
    ("Subjcet", "Did you mean Subject?"), ("shcema", "Did you mean schema?"), ("seconds", "Did you mean second?"),
    ("subjcts", "Did you mean subjects?"), ("FIRST_1", "Did you mean FIRST?"), ("Zzzz", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "hint"), NAMES)
def test_a_name_that_the_other_module_does_not_have(tmp_path: Path, name: str, hint: str) -> None:
    text = module("mine", table("T", *KEY), imports=f"from .subject import {name}")
    (one,) = found(tmp_path, "DJP124", mine=text, subject=SUBJECT)
    assert (one.message, one.hint) == (f"mine imports {name} from subject, which has no such name.", hint)
    assert (one.location.line, one.location.column) == (2, 1)


@pytest.mark.parametrize(
    "imports",
    [
        "from .subject import Subject, FIRST, second, schema, subjects", "from . import nothing", "from .deep import nothing",
        "from .deep import inner", "from outside import nothing", "def f():\n    from .subject import nothing",
        "if x:\n    from .subject import nothing", "from .subject import *", "from .broken import nothing",
        "from .wild import nothing", "from .mentions import nothing", "from .vars import nothing", "import workflow.subject",
        "from .missing import nothing", "from .spawns import nothing",
    ],
)  # fmt: skip
def test_a_name_that_exists_or_may(tmp_path: Path, imports: str) -> None:
    others = {
        "subject": SUBJECT, "src/workflow/deep/__init__.py": "", "src/workflow/deep/inner.py": "x = 1\n", "broken": "class (\n",
        "wild": "from os.path import *\n", "mentions": "# nothing\n", "vars": "vars()['x'] = 1\n",
        "spawns": "schema.spawn_missing_classes()\n",
    }  # fmt: skip
    assert found(tmp_path, "DJP124", mine=module("mine", table("T", *KEY), imports=imports), **others) == []


@pytest.mark.parametrize("text", ["nothings = 1\n", "variables = 1\n", "import os\n", "x = {'an': 'other'}\n"])
def test_a_word_that_only_looks_like_the_name(tmp_path: Path, text: str) -> None:
    mine = module("mine", table("T", *KEY), imports="from .other import nothing")
    (one,) = found(tmp_path, "DJP124", mine=mine, other=text)
    assert one.message == "mine imports nothing from other, which has no such name."


def test_codecs_that_no_schema_module_imports(tmp_path: Path) -> None:
    mine = module("mine", table("T", *KEY, "x : <graph>", "y : <tree@main>", "z : <blob>", "u : int32"))
    tree = CODEC.replace("graph", "tree")
    findings = found(
        tmp_path, "DJP240", mine=mine, b=CODEC, a=CODEC, tree=tree, user=module("user", imports="from . import tree")
    )
    said = [(each.message, each.hint, each.location.line) for each in findings]
    assert said == [
        ("T.x has the codec <graph>, but no schema module imports a, which defines it.", "Import a.", 10),
    ]
    user = module("user", imports="from .b import Graph")
    assert found(tmp_path, "DJP240", user=user, tree="class Tree:\n    name = 'graph'\n") == []
