"""What make methods reach in their own module and in others, and the tables that names mean there."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from djproject.checks.examined import Examined
from djproject.checks.loading import load_inputs
from djproject.checks.reached import Reached, reached
from djproject.pipeline.model import Table
from djproject.pipeline.module import Import
from djproject.pipeline.scope import Kind, Meaning
from tests.checking import findings_in, module, pipeline_in, table, write_project

PART = "    class P(dj.Part):\n        definition = '-> master'\n\n"
MAKE = PART + "\n".join(
    [
        "    def make(self, key):",
        "        self.insert1(key)",
        "        helper(key)",
        "        util.first(X)",
        "    def make_compute(self, key):",
        "        third(key); alias(key); util.Tool.run(key); os.getcwd()",
        "    def other(self, key):",
        "        util.never(key)",
    ]
)
IMPORTS = "import os\nfrom . import util\nfrom .more import third, third as alias"
FILES: dict[str, str | bytes] = {
    "a.py": module(
        "a",
        table("A", "k : int32"),
        table("X", "k : int32"),
        "def helper(key):\n    deeper(key)\n\ndef deeper(key):\n    return A.fetch()",
        table("B", "-> A", tier="Computed", body=MAKE),
        "class Plain:\n    pass",
        table("C", "-> A", tier="Computed", body="    def make(self, key):\n        self.insert1(key)"),
        imports=IMPORTS,
    ),
    "util.py": "from . import more\n\ndef first(t):\n    more.second(t)\n    a_word = 1\n\ndef never(k):\n    pass\n\n"
    "class Tool:\n    def run(k): ...\n",
    "more.py": "from . import util\n\ndef second(t):\n    util.first(t)\n    third(t)\n\ndef third(k):\n    return k.value\n",
    "virtual.py": "import datajoint as dj\n\nlab = dj.VirtualModule('lab', 'lab_main')\nown = dj.VirtualModule('o', 'a')\n",
}


def examined(root: Path, files: dict[str, str | bytes] = FILES) -> Examined:
    write_project(root, files, git=False)
    return Examined(load_inputs(root), pipeline_in(root))


def named(found: Examined, name: str) -> Table:
    each = found.pipeline.table(name)
    assert each is not None
    return each


def test_sources_are_the_makes_and_each_function_once(tmp_path: Path) -> None:
    found = examined(tmp_path)
    sources = reached(found).sources(named(found, "a.B"))
    told = [(source.module, {line.strip() for line in source.text.split("\n")} - {""}) for source in sources]
    assert told == [
        (
            "a",
            {
                    "def make(self, key):", "self.insert1(key)", "helper(key)", "util.first(X)",
                    "def make_compute(self, key):", "third(key); alias(key); util.Tool.run(key); os.getcwd()",
                    "def helper(key):", "deeper(key)", "def deeper(key):", "return A.fetch()",
            },
        ),
        ("util", {"a_word = 1", "def first(t):", "more.second(t)"}),
        ("more", {"def second(t):", "util.first(t)", "third(t)", "def third(k):", "return k.value"}),
        ("more", {"def third(k):", "return k.value"}),
    ]  # fmt: skip
    assert [source.names for source in sources[1:]] == [{"more.second"}, {"util.first", "k.value"}, {"k.value"}]
    assert {name for name in sources[0].names if "." in name} == {
        "util.first", "util.Tool.run", "os.getcwd", "A.fetch",
    }  # fmt: skip
    assert reached(found).sources(named(found, "a.B")) is sources


def test_tables_do_not_share_their_sources(tmp_path: Path) -> None:
    found = examined(tmp_path)
    (source,) = reached(found).sources(named(found, "a.C"))
    assert (source.module, "insert1" in source.text, "helper" in source.text) == ("a", True, False)
    assert len(reached(found).sources(named(found, "a.B"))) == 4


def test_what_is_reached_belongs_to_one_reading_of_the_project(tmp_path: Path) -> None:
    first, second = examined(tmp_path), examined(tmp_path)
    assert reached(first) is reached(first) is not reached(second)
    assert reached(first).path("more") == tmp_path / "src/workflow/more.py"


def test_a_claim_is_asked_of_whole_files_first_and_of_each_once(tmp_path: Path) -> None:
    found = examined(tmp_path)
    asked: list[tuple[str, list[str]]] = []

    def claim(text: str, imports: Sequence[Import]) -> bool:
        asked.append((text, [item.local for item in imports]))
        return "return k.value" in text and "def second" not in text

    def never(text: str, imports: Sequence[Import]) -> bool:
        return "nowhere" in text

    def whole_files_only(text: str, imports: Sequence[Import]) -> bool:
        return "def never" in text

    def somewhere(text: str, imports: Sequence[Import]) -> bool:
        return "def third" in text and any(item.local == "util" for item in imports)

    what = reached(found)
    assert not what.may(named(found, "a.B"), never)
    assert not what.may(named(found, "a.B"), whole_files_only)
    assert what.may(named(found, "a.B"), somewhere)
    assert not what.may(named(found, "a.C"), somewhere)
    assert not what.may(named(found, "a.B"), claim)
    assert [imports for _, imports in asked] == [["dj", "os", "util", "third", "alias"], ["more"], ["util"]]
    assert [text for text, _ in asked] == [FILES[f"{name}.py"] for name in ("a", "util", "more")]
    assert not what.may(named(found, "a.B"), claim)
    assert len(asked) == 3


def test_makings_are_those_of_the_table_and_of_functions_elsewhere(tmp_path: Path) -> None:
    found = examined(tmp_path)
    makings = list(reached(found).makings(named(found, "a.B")))
    assert [(name, making.calls) for name, making in makings] == [
        ("a", ("self.insert1", "helper", "util.first", "third", "alias", "util.Tool.run", "os.getcwd", "deeper", "A.fetch")),
        ("util", ("more.second",)),
        ("more", ("util.first", "third")),
        ("more", ()),
    ]  # fmt: skip
    assert [name for name, _ in reached(found).makings(named(found, "a.C"))] == ["a"]
    assert [name for name, _ in reached(found).makings(named(found, "a.A"))] == ["a"]


@pytest.mark.parametrize(
    ("place", "name", "meaning"),
    [
        ("a", "A", Meaning(Kind.CLASS, "a", "A")),
        ("a", "A.fetch", Meaning(Kind.CLASS, "a", "A")),
        ("a", "B.P", Meaning(Kind.CLASS, "a", "B.P")),
        ("a", "B.P.proj.x", Meaning(Kind.CLASS, "a", "B.P")),
        ("a", "B.Q.fetch", Meaning(Kind.CLASS, "a", "B")),
        ("a", "Plain", None),
        ("a", "Plain.fetch", None),
        ("a", "os.path", None),
        ("a", "nothing", None),
        ("a", "util.Tool.run", None),
        ("virtual", "lab.Session", Meaning(Kind.ELSEWHERE, "lab_main", "Session")),
        ("virtual", "lab.Session.Trial.fetch", Meaning(Kind.ELSEWHERE, "lab_main", "Session.Trial")),
        ("virtual", "lab.schema.Session", None),
        ("virtual", "lab", None),
        ("virtual", "dj.Session", None),
        ("virtual", "own.B.P.fetch", Meaning(Kind.CLASS, "a", "B.P")),
        ("virtual", "own.A", Meaning(Kind.CLASS, "a", "A")),
        ("virtual", "own.Old", None),
        ("uses", "virtual.lab.Session", Meaning(Kind.ELSEWHERE, "lab_main", "Session")),
        ("uses", "other.Session.fetch", Meaning(Kind.ELSEWHERE, "lab_main", "Session")),
        ("uses", "virtual.own.X.fetch", Meaning(Kind.CLASS, "a", "X")),
        ("uses", "virtual.none.X", None),
        ("uses", "inner.Session", Meaning(Kind.ELSEWHERE, "lab_inner", "Session")),
    ],
)
def test_a_name_means_the_table_it_begins_with(tmp_path: Path, place: str, name: str, meaning: Meaning | None) -> None:
    uses = "from . import virtual\nfrom .virtual import lab as other\n\ndef go():\n    import datajoint as dj\n"
    found = examined(tmp_path, {**FILES, "uses.py": uses + "    inner = dj.virtual_schema('lab_inner')\n"})
    assert reached(found).table(place, name) == meaning
    assert Reached(found).table(place, name) == meaning


def test_a_virtual_module_in_the_package_itself_is_one(tmp_path: Path) -> None:
    body = "    def make(self, key):\n        lab.Session.fetch()\n        self.insert1(key)"
    tables = table("A", "k : int32"), table("B", "-> A", tier="Computed", body=body)
    text = module("p", *tables, imports="lab = dj.VirtualModule('lab', 'lab_main')")
    write_project(tmp_path, {"src/workflow/__init__.py": text}, git=False)
    (found,) = findings_in(tmp_path, ["DJP221"])
    assert found.message == "The make of B fetches from lab_main.Session, which is not upstream of it."
