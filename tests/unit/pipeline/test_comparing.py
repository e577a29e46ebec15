"""Two states of a pipeline compared: which tables differ, in what, through what, and in which order."""

from pathlib import Path

import pytest

from djproject.pipeline.changes import Aspect, Change, State, compare_states, package_folder
from djproject.pipeline.linking import link
from djproject.pipeline.source import read_files
from tests.checking import module, table

FOLDER = Path("/x/workflow")


def state(**files: str) -> State:
    found = {FOLDER / f"{name.replace('__0__', '/')}.py": text.encode() for name, text in files.items()}
    return link("workflow", *read_files(FOLDER, "workflow", found)), found


def compared(old: str, new: str) -> list[tuple[str, list[str], list[str]]]:
    changes = compare_states(state(a=old), state(a=new))
    return [(change.table, [str(aspect) for aspect in change.aspects], list(change.through)) for change in changes]


A, B, C, D = (table(name, f"{name.lower()} : int8") for name in "ABCD")


def test_changes_are_in_the_order_of_the_newer_state_and_what_was_removed_at_the_end() -> None:
    new_c = C.replace("int8", "int16")
    found = compare_states(
        state(a=module("a", A, C, D), b=module("b", A)), state(a=module("a", B, new_c), c=module("c", B))
    )
    assert found == (
        Change("a.B", (Aspect.ADDED,), ()),
        Change("a.C", (Aspect.DEFINITION,), ()),
        Change("c.B", (Aspect.ADDED,), ()),
        Change("a.A", (Aspect.REMOVED,), ()),
        Change("a.D", (Aspect.REMOVED,), ()),
        Change("b.A", (Aspect.REMOVED,), ()),
    )
    assert [str(aspect) for aspect in Aspect] == ["added", "removed", "definition", "make", "contents"]


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("x : int8", "x : int8  # words", False),
        ("x : int8", "# words\nx :  int8", False),
        ("x : int8", "y : int8", True),
        ("x : int8", "x : int16", True),
        ("x : int8", "x = 3 : int8", True),
        ("x : int8", "---\nx : int8", True),
        ("---\nx : int8\ny : int8", "---\ny : int8\nx : int8", True),
        ("-> P", "-> P  # words", False),
        ("-> P", "-> Q", True),
        ("-> P", "-> [nullable] P", True),
        ("-> P", "-> P.proj(z='p')", True),
        ("-> P.proj(z='p')", '-> P.proj(z = "p")', False),
        ("-> P", "---\n-> P", True),
        ("-> Nothing", "-> Nobody", True),
        ("-> P\n-> Q", "-> Q\n-> P", True),
        ("index(x, y)", "index(x,y)  # words", False),
        ("index(x, y)", "index(y, x)", True),
        ("index(x)", "unique index(x)", True),
        ("index(x)", "index(x desc)", True),
        ("not a line", "not  another", True),
        ("not a line", "not a line", False),
    ],
)
def test_a_definition_changed_where_it_declares_something_else(old: str, new: str, changed: bool) -> None:
    parents = [table("P", "p : int8"), table("Q", "q : int8")]
    before, after = (module("a", *parents, table("T", "t : int8", *lines.split("\n"))) for lines in (old, new))
    expected = [("a.T", ["definition"], [])] if changed else []
    assert compared(before, after) == compared(after, before) == expected


def test_a_parent_is_the_same_table_whatever_it_is_called() -> None:
    other = module("b", table("P", "p : int8"))
    one = module("a", table("T", "-> b.P"), imports="from . import b")
    two = module("a", table("T", "-> Q"), imports="from .b import P as Q")
    assert compare_states(state(a=one, b=other), state(a=two, b=other)) == ()


def test_a_definition_that_is_computed_changed_where_its_code_did() -> None:
    text = module(
        "a", "@schema\nclass T(dj.Manual):\n    definition = f(3)\n\n    @property\n    def other(self):\n        pass"
    )
    assert compared(text, text.replace("f(3)", "f( 3 )")) == []
    assert compared(text, text.replace("f(3)", "f(4)")) == [("a.T", ["definition"], [])]
    assert compared(text, text.replace("Manual", "Lookup")) == [("a.T", ["definition"], [])]
    assert compared(text, text.replace("f(3)", "'x : int8'")) == [("a.T", ["definition"], [])]


MAKE = """    contents = [1]
    limit = LIMIT

    def make(self, key):
        self.insert1({**key, 'x': helper(key)})
        self.own()

    def own(self):
        return tools.first(), zlast()"""
CODE = "LIMIT = 3\n\n\ndef helper(x):\n    return x\n\n\ndef zlast():\n    return 1"
TOOLS = "def first():\n    return second()\n\n\ndef second():\n    return 2\n"


def test_what_changed_is_told_with_what_it_changed_through() -> None:
    text = module(
        "a", CODE, table("A", "a : int8"), table("T", "-> A", tier="Computed", body=MAKE), imports="from . import tools"
    )

    def through(**edits: tuple[str, str]) -> list[tuple[str, list[str], list[str]]]:
        files = {"a": text, "tools": TOOLS}
        edited = {name: content.replace(*edits[name]) if name in edits else content for name, content in files.items()}
        assert all(edited[name] != files[name] for name in edits)
        changes = compare_states(state(**files), state(**edited))
        return [(change.table, [str(aspect) for aspect in change.aspects], list(change.through)) for change in changes]

    assert through() == []
    assert through(a=("return x", "return -x")) == [("a.T", ["make"], ["a.helper"])]
    assert through(a=("self.own()", "self.own(1)")) == [("a.T", ["make"], [])]
    assert through(a=("return 1", "return 5"), tools=("return 2", "return 6")) == [
        ("a.T", ["make"], ["a.zlast", "tools.second"])
    ]
    assert through(a=("contents = [1]", "contents = [2]")) == [("a.T", ["contents"], [])]
    assert through(a=("-> A", "-> A\n    t : int8"), tools=("return 2", "return 6")) == [
        ("a.T", ["definition", "make"], ["tools.second"])
    ]
    everything = text.replace("[1]", "[2]").replace("-> A", "-> A\n    t : int8").replace("'x'", "'y'")
    assert through(a=(text, everything)) == [("a.T", ["definition", "make", "contents"], [])]


def test_what_is_in_the_packages_own_module_is_called_by_its_name() -> None:
    make = "    def make(self, key):\n        self.insert1({**key, 'x': helper()})"
    text = module("a", "def helper():\n    return 3", table("T", "t : int8", tier="Computed", body=make))
    (change,) = compare_states(state(__init__=text), state(__init__=text.replace("3", "4")))
    assert (change.aspects, change.through) == ((Aspect.MAKE,), ("helper",))


def test_a_table_of_another_module_with_the_same_name_is_something_else() -> None:
    base = "import datajoint as dj\n\n\nclass T(dj.Computed):\n    def make(self, key):\n        self.insert1({**key, 'x': 1})\n"
    text = module("a", '@schema\nclass T(base.T):\n    definition = "t : int8"', imports="from . import base")
    found = compare_states(state(a=text, base=base), state(a=text, base=base.replace("1})", "2})")))
    assert found == (Change("a.T", (Aspect.MAKE,), ("base.T.make",)),)


@pytest.mark.parametrize(
    "names",
    [
        ["__init__", "a"],
        ["a"],
        ["b__0____init__", "b__0__a"],
        ["b__0__a"],
        ["b__0__c__0____init__"],
        ["z", "b__0__c__0__d"],
    ],
)
def test_the_folder_of_a_package_is_found_from_any_of_its_files(names: list[str]) -> None:
    assert package_folder(state(**dict.fromkeys(names, ""))[0]) == FOLDER
