"""DJP221, DJP241, DJP242: which tables are upstream of a make, and where the others are pointed at."""

from pathlib import Path

import pytest

from djproject.findings import Finding
from tests.checking import findings_in, module, table, write_project

PARTS = (
    "    class P(dj.Part):\n        definition = '''\n        -> master\n        p : int32\n        '''\n\n"
    "    class Q(dj.Part):\n        definition = '-> master'\n"
)
OWN = "    class R(dj.Part):\n        definition = '-> master'\n\n"
MAKE = OWN + "    def make(self, key):\n        {}\n        self.insert1(key)\n"


def found(
    root: Path, make: str, *, parent: str = "-> Mid", mid: str = "-> Root.P", imports: str = "", **others: str
) -> list[Finding]:
    """What is found in the make of Fit, which is computed from Mid, which is below a part of Root."""
    text = module(
        "a",
        table("Root", "k : int32", body=PARTS),
        table("Mid", mid),
        table("Other", "k : int32", body=PARTS),
        table("Beside", "-> Root"),
        table("Fit", parent, tier="Computed", body=MAKE.format(make)),
        table("Below", "-> Fit"),
        imports=imports,
    )
    files: dict[str, str | bytes] = {"a.py": text, **{f"{name}.py": text for name, text in others.items()}}
    write_project(root, files, git=False)
    return list(findings_in(root, ["DJP221", "DJP241", "DJP242"]))


@pytest.mark.parametrize(
    "name", ["Mid", "Root", "Root.P", "Root.Q", "Fit", "Fit.R", "self.R", "self", "Root.Zzz", "Zzz", "(Mid * Root.Q)"]
)
def test_ancestors_with_their_masters_and_parts_are_upstream(tmp_path: Path, name: str) -> None:
    assert found(tmp_path, f"x = {name}.fetch()") == []


@pytest.mark.parametrize("name", ["Other", "Other.P", "Other.Q", "Beside", "Below"])
def test_other_tables_are_not_upstream(tmp_path: Path, name: str) -> None:
    (one,) = found(tmp_path, f"x = {name}.fetch()")
    assert one.message == f"The make of Fit fetches from a.{name}, which is not upstream of it."
    assert one.hint == f"Add the foreign key '-> {name}' to Fit, or fetch from its ancestors."
    line = (tmp_path / one.location.path).read_text().split("\n")[one.location.line - 1]
    assert line[one.location.column - 1 : one.location.end_column - 1] == name
    assert line.startswith("        x =")


@pytest.mark.parametrize(
    "more",
    [
        {"mid": "-> outside.Table", "imports": "import outside"},
        {"parent": "-> outside.Table", "imports": "import outside"},
        {"parent": "-> Nothing"},
        {"mid": "-> Nothing"},
        {"mid": '""" + make() + """'},
        {"parent": '""" + make() + """'},
    ],
)
def test_where_an_ancestor_is_not_known_nothing_is_said(tmp_path: Path, more: dict[str, str]) -> None:
    assert found(tmp_path, "x = Other.fetch()", **more) == []


def test_every_fetch_is_pointed_at(tmp_path: Path) -> None:
    make = "x = Other.fetch() + Beside.P.fetch(); y = Mid.fetch()\n        z = (Other.Q & key).fetch1()"
    findings = found(tmp_path, make)
    assert [each.message.split()[6] for each in findings] == ["a.Other,", "a.Beside,", "a.Other.Q,"]
    assert [each.location.column for each in findings] == [13, 29, 14]


def test_what_functions_of_other_modules_fetch_and_change_is_pointed_at_there(tmp_path: Path) -> None:
    tools = (
        "import time\nfrom . import a\nfrom .deep import more\n\n\ndef help(key):\n    a.Mid.fetch()\n    a.Other.fetch()\n"
        "    more(key)\n    return time.time()\n"
    )
    deep = "from .a import Other, Below\n\n\ndef more(key):\n    Other.insert1(key)\n    Below.P.delete()\n    return Below.fetch()\n"
    findings = found(tmp_path, "help(key)", imports="from .tools import help", tools=tools, deep=deep)
    assert [(each.location.path[13:], each.location.line, each.location.column, each.message) for each in findings] == [
        ("deep.py", 5, 5, "The make of Fit changes the rows of a.Other."),
        ("deep.py", 6, 5, "The make of Fit changes the rows of a.Below."),
        ("deep.py", 7, 12, "The make of Fit fetches from a.Below, which is not upstream of it."),
        ("tools.py", 8, 5, "The make of Fit fetches from a.Other, which is not upstream of it."),
        ("tools.py", 10, 12, "The make of Fit depends on the time: time.time()."),
    ]
    assert [each.hint for each in findings] == [
        "Make Other a part of Fit, or compute it from Fit.",
        "Make Below a part of Fit, or compute it from Fit.",
        "Add the foreign key '-> Below' to Fit, or fetch from its ancestors.",
        "Add the foreign key '-> a.Other' to Fit, or fetch from its ancestors.",
        "Leave it out: djproject jobs show says when each key was made, and how long it took.",
    ]


@pytest.mark.parametrize("change", ["Mid.insert1(key)", "Root.P.delete()", "Below.drop()", "FitX.insert([])"])
def test_a_make_changes_nothing_but_its_own_rows(tmp_path: Path, change: str) -> None:
    name = change.rpartition(".")[0]
    more = module("b", table("FitX", "k : int32"))
    (one,) = found(tmp_path, change, imports="from .b import FitX", b=more)
    assert one.message == f"The make of Fit changes the rows of {'b' if name == 'FitX' else 'a'}.{name}."
    assert found(tmp_path, "self.R.insert1(key); Fit.R.delete(); (Fit & key).delete()") == []


def test_tables_without_a_make_or_a_tier_of_their_own_are_left_out(tmp_path: Path) -> None:
    text = module(
        "a",
        table("Root", "k : int32"),
        table("Other", "k : int32"),
        table("Plain", "-> Root", body=MAKE.format("Other.fetch(); Other.insert1(key)")),
        table("Fit", "-> Root", tier="Imported", body=MAKE.format("pass").replace("def make", "def fake_make")),
    )
    write_project(tmp_path, {"a.py": text + "\nOther.fetch()\n"}, git=False)
    assert findings_in(tmp_path, ["DJP221", "DJP241", "DJP242"]) == ()
