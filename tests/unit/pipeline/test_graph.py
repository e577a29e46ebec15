"""The graphs of tables and modules: parents, reasons, orders, paths, names of tables."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.pipeline.graph import (
    find_module,
    find_table,
    import_parents,
    imported_with,
    key_reasons,
    module_parents,
    module_reasons,
    modules_needing,
    path_between,
    sorted_modules,
    sorted_tables,
    table_parents,
)
from djproject.pipeline.model import Pipeline
from tests.unit.pipeline.test_linking import DJ, ONE, TABLE, A, pipeline_of

LAB = ONE + TABLE.format("Lab", "Lookup", "lab : int32")
FILES = {
    "": "from . import lab\n",
    "lab": LAB,
    "tools": "from . import subject\nimport json\ndef late():\n    from . import scan\n",
    "subject": f"from . import lab\nfrom .lab import Lab\nfrom . import subject\n{ONE}"
    "@schema\nclass Subject(dj.Manual):\n    definition = '''\n    s : int32\n    ---\n    -> lab.Lab\n    -> lib.X\n    '''\n"
    "@schema\nclass Other(dj.Manual):\n    definition = '''-> Subject\n    -> Lab.proj(x=\"lab\")\n    -> Lab'''\n",
    "scan": f"{DJ}import json\nfrom . import tools\nif TYPE_CHECKING:\n    from . import subject\nimport workflow.subject as s\n"
    f"{ONE}{TABLE.format('Scan', 'Imported', '-> s.Subject')}    class Frame(dj.Part):\n        definition = '''\n-> master\n-> s.Other'''\n",
    "deep": "from . import unit\n",
    "deep.unit": f"from .. import scan\nfrom .missing import M\n{ONE}" + TABLE.format("Unit", "Computed", "-> scan.Scan.Frame"),
    "alone": A,
    "inherits": f"{DJ}from .subject import schema, Other, Subject\n@schema\nclass Child(Other): pass\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return pipeline_of(FILES)


def test_parents_of_tables(pipeline: Pipeline) -> None:
    assert table_parents(pipeline) == {
        "alone.A": (),
        "deep.unit.Unit": ("scan.Scan.Frame",),
        "inherits.Child": ("subject.Subject",),
        "lab.Lab": (),
        "scan.Scan": ("subject.Subject",),
        "scan.Scan.Frame": ("scan.Scan", "subject.Other"),
        "subject.Subject": ("lab.Lab",),
        "subject.Other": ("subject.Subject", "lab.Lab"),
    }


def test_parents_of_modules(pipeline: Pipeline) -> None:
    assert module_parents(pipeline) == {
        "alone": (),
        "deep.unit": ("scan",),
        "inherits": ("subject",),
        "lab": (),
        "scan": ("subject",),
        "subject": ("lab",),
    }
    assert import_parents(pipeline) == {
        "": ("lab",),
        "alone": (),
        "deep": ("deep.unit",),
        "deep.unit": ("scan",),
        "inherits": ("subject",),
        "lab": (),
        "scan": ("tools", "subject"),
        "subject": ("lab",),
        "tools": ("subject",),
    }


@pytest.mark.parametrize(
    ("modules", "found"),
    [
        (["alone"], ["", "alone", "lab"]),
        (["lab"], ["", "lab"]),
        (["deep.unit"], ["", "deep", "deep.unit", "lab", "scan", "subject", "tools"]),
        (["tools", "alone"], ["", "alone", "lab", "subject", "tools"]),
        (["not.there"], ["", "lab", "not.there"]),
        ([], []),
    ],
)
def test_modules_run_with_those_that_import_them(pipeline: Pipeline, modules: list[str], found: list[str]) -> None:
    assert sorted(imported_with(pipeline.sources, modules)) == found


def test_a_package_without_its_own_file_has_none_that_runs() -> None:
    sources = pipeline_of({"a": "from . import b\nfrom .b import C\n", "b": "", "c.d": ""}).sources
    assert imported_with(sources, ["a"]) == {"a", "b"}
    assert imported_with(sources, ["c.d"]) == {"c.d"}


def test_modules_that_need_others_name_the_first_of_these(pipeline: Pipeline) -> None:
    assert modules_needing(pipeline, ["subject", "scan"]) == {"deep.unit": "scan", "inherits": "subject"}
    assert modules_needing(pipeline, ["tools"]) == {"deep.unit": "tools", "scan": "tools"}
    assert modules_needing(pipeline, ["alone"]) == {}


def reasons_of(pipeline: Pipeline, child: str, parent: str) -> list[tuple[str, Path, int, str]]:
    """Each with its place; a foreign key's is the line of the definition."""
    found = list(module_reasons(pipeline, child, parent))
    assert all((reason.table is None) == (reason.kind == "import") for reason in found)
    return [reason[:4] for reason in found]


def test_reasons_are_imports_and_foreign_keys_with_their_places(pipeline: Pipeline) -> None:
    subject, scan = Path("subject.py"), Path("scan.py")
    assert reasons_of(pipeline, "subject", "lab") == [
        ("import", subject, 1, "imports lab"),
        ("import", subject, 2, "imports lab"),
        ("foreign key", subject, 4, "Subject -> lab.Lab"),
        ("foreign key", subject, 2, "Other -> Lab"),
        ("foreign key", subject, 3, "Other -> Lab"),
    ]
    assert reasons_of(pipeline, "scan", "subject") == [
        ("import", scan, 6, "imports subject"),
        ("foreign key", scan, 1, "Scan -> s.Subject"),
        ("foreign key", scan, 3, "Scan.Frame -> s.Other"),
    ]
    assert reasons_of(pipeline, "tools", "subject") == [("import", Path("tools.py"), 1, "imports subject")]
    assert reasons_of(pipeline, "scan", "lab") == []


def test_foreign_keys_that_lead_elsewhere_are_no_reason(pipeline: Pipeline) -> None:
    table = pipeline.table("subject.Subject")
    assert table is not None
    assert [(meaning.name, reason.text) for meaning, reason in key_reasons(table)] == [("Lab", "Subject -> lab.Lab")]
    child = pipeline.table("inherits.Child")
    assert child is not None
    assert [(*reason[:4], reason.table.name) for _, reason in key_reasons(child) if reason.table] == [
        ("foreign key", Path("subject.py"), 1, "Child -> Subject", "Child")
    ]


@pytest.mark.parametrize(
    ("child", "ancestor", "path"),
    [
        ("a", "d", ("a", "c", "d")),
        ("a", "e", ("a", "c", "d", "e")),
        ("a", "a", ("a",)),
        ("e", "a", None),
        ("unknown", "a", None),
        ("f", "f", ("f",)),
        ("f", "e", None),
    ],
)
def test_the_path_to_an_ancestor_is_the_shortest(child: str, ancestor: str, path: tuple[str, ...] | None) -> None:
    graph = {"a": ("b", "c"), "b": ("g",), "g": ("d",), "c": ("d", "a"), "d": ("e",), "f": ("h",), "h": ("f",)}
    assert path_between(graph, child, ancestor) == path


def test_modules_and_tables_are_sorted_upstream_first_and_by_name(pipeline: Pipeline) -> None:
    assert sorted_modules(pipeline) == ("alone", "lab", "subject", "inherits", "scan", "deep.unit")
    assert [table.full_name for table in sorted_tables(pipeline)] == [
        "alone.A", "lab.Lab", "subject.Subject", "subject.Other", "inherits.Child", "scan.Scan", "scan.Scan.Frame",
        "deep.unit.Unit",
    ]  # fmt: skip
    some = sorted_tables(pipeline, ["Scan", "lab.Lab", "subject.Other", "Lab"])
    assert [table.full_name for table in some] == ["lab.Lab", "subject.Other", "scan.Scan"]
    assert sorted_tables(pipeline, []) == ()


def _module(schema: str, *tables: str, imports: str = "") -> str:
    return f"{DJ}{imports}schema = dj.Schema('{schema}')\n" + "".join(
        TABLE.format(name, "Manual", line) for name, _, line in (table.partition(" ") for table in tables)
    )


TYPED = "if TYPE_CHECKING:\n    from . import {}\n"


@pytest.mark.parametrize(
    ("files", "order"),
    [
        # b imports a; a's key leads to b: as they import each other
        ({"a": _module("a", "A -> b.B", imports=TYPED.format("b")), "b": _module("b", "B b : int32", "C -> a.A", imports="from . import a\n")}, "ab"),
        ({"a": _module("a", "A -> b.B", "D d : int32", imports="from . import b\n"), "b": _module("b", "B b : int32", "C -> a.D", imports=TYPED.format("a"))}, "ba"),
        # nothing is imported: by name
        ({"a": _module("a", "A -> b.B", imports=TYPED.format("b")), "b": _module("b", "B b : int32", "C -> a.A", imports=TYPED.format("a"))}, "ab"),
        # both are imported: no order is right
        ({"a": _module("a", "A -> b.B", imports="from . import b\n"), "b": _module("b", "B b : int32", "C -> a.A", imports="from . import a\n")}, "ab"),
        # one more that is in no cycle stays behind what it needs and before what needs it
        (
            {
                "a": _module("a", "A a : int32", imports="from . import z\n"),
                "b": _module("b", "B b : int32", "C -> c.C", imports="from . import c\nfrom . import a\n"),
                "c": _module("c", "C c : int32", "D -> b.B", imports=TYPED.format("b")),
                "z": _module("z", "Z z : int32"),
            },
            "czab",
        ),
        # in one of two cycles both import each other: the other one is sorted by name too
        (
            {
                "a": _module("a", "A -> b.B", imports="from . import b\n"),
                "b": _module("b", "B b : int32", "C -> a.A", imports=TYPED.format("a")),
                "c": _module("c", "C -> d.D", imports="from . import d\n"),
                "d": _module("d", "D d : int32", "E -> c.C", imports="from . import c\n"),
            },
            "abcd",
        ),
    ],
)  # fmt: skip
def test_modules_of_a_cycle_are_sorted_as_they_import_each_other(files: Mapping[str, str], order: str) -> None:
    assert "".join(sorted_modules(pipeline_of(files))) == order


def test_tables_of_modules_in_a_cycle_are_sorted_by_their_keys_alone() -> None:
    files = {
        "a": _module("a", "A -> b.B", imports="from . import b\n"),
        "b": _module("b", "B b : int32", "C -> a.A", imports=TYPED.format("a")),
        "c": _module("c", "C c : int32"),
    }
    assert [table.full_name for table in sorted_tables(pipeline_of(files))] == ["b.B", "c.C", "a.A", "b.C"]


def test_tables_in_a_cycle_are_told_with_the_way_to_see_more() -> None:
    with pytest.raises(ProjectError) as refused:
        sorted_tables(pipeline_of({"a": _module("a", "A -> B", "B -> A", "C -> C")}))
    assert (refused.value.message, refused.value.hint) == (
        "The tables form a cycle: a.A → a.B → a.A.",
        "djproject check  (shows where, and what to remove)",
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("lab.Lab", "lab.Lab"),
        ("Lab", "lab.Lab"),
        ("scan.Scan.Frame", "scan.Scan.Frame"),
        ("Scan.Frame", "scan.Scan.Frame"),
        ("deep.unit.Unit", "deep.unit.Unit"),
    ],
)
def test_a_table_is_found_by_its_name(pipeline: Pipeline, name: str, found: str) -> None:
    assert find_table(pipeline, name).full_name == found


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Lub", "Did you mean lab.Lab?"),
        ("lab.lab", "Did you mean lab.Lab?"),
        ("Frame", "Did you mean scan.Scan.Frame?"),
        ("unit.Unit", "Did you mean deep.unit.Unit?"),
        ("Othr", "Did you mean subject.Other?"),
        ("zzzz", "djproject status  (lists the tables)"),
        ("Oxxxr", "djproject status  (lists the tables)"),
        ("Othxx", "Did you mean subject.Other?"),
        ("Othxxx", "Did you mean subject.Other?"),
    ],
)
def test_a_table_that_does_not_exist_is_told_with_the_nearest(pipeline: Pipeline, name: str, hint: str) -> None:
    with pytest.raises(ProjectError) as refused:
        find_table(pipeline, name)
    assert (refused.value.message, refused.value.hint) == (f"The pipeline has no table called {name!r}.", hint)


def test_a_name_that_several_tables_have_is_refused_unless_it_is_a_whole_one() -> None:
    pipeline = pipeline_of({"a": A, "b": A, "A": _module("A", "A a : int32")})
    with pytest.raises(ProjectError) as refused:
        find_table(pipeline, "A")
    assert (refused.value.message, refused.value.hint) == ("Several tables are called 'A'.", "Say A.A or a.A or b.A.")
    assert find_table(pipeline, "A.A").module == "A"
    part = "    class B(dj.Part):\n        definition = '-> master'\n"
    both = pipeline_of({"a": A + part, "A": _module("A", "B b : int32"), "c": A + part})
    assert find_table(both, "A.B").full_name == "A.B"


def test_a_module_is_found_or_told_with_those_there_are(pipeline: Pipeline) -> None:
    assert find_module(pipeline, "deep.unit").name == "deep.unit"
    with pytest.raises(ProjectError) as refused:
        find_module(pipeline, "tools")
    assert (refused.value.message, refused.value.hint) == (
        "There is no schema module called 'tools'.",
        "Schema modules: alone, deep.unit, inherits, lab, scan, subject.",
    )
    with pytest.raises(ProjectError) as refused:
        find_module(pipeline_of({}), "tools")
    assert refused.value.hint == "Schema modules: none yet."
