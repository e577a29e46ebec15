"""Schema modules, tables and parents, read from real styles of source."""

from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.pipeline.cycles import edges_to_cut, find_cycles
from djproject.pipeline.graph import (
    find_table,
    module_parents,
    path_between,
    sorted_modules,
    sorted_tables,
    table_parents,
)
from djproject.pipeline.heading import Headings
from djproject.pipeline.linking import link
from djproject.pipeline.model import Pipeline, stores_in_use
from djproject.pipeline.reading import read_python
from djproject.pipeline.selection import select
from djproject.pipeline.source import load_package


def read(text: str, name: str = "mine", **others: str) -> "Pipeline":
    sources = {
        module: read_python(content.encode(), name=module, package="workflow", path=Path(f"{module}.py"))
        for module, content in {name: text, **others}.items()
    }
    return link("workflow", sources, {})


SUBJECT = """import datajoint as dj
schema = dj.Schema("subject")

@schema
class Subject(dj.Manual):
    definition = "subject : int32"
"""

HEADS = [
    "import datajoint as dj\nfrom . import subject\nschema = dj.Schema('mine')\n{}\n@schema\nclass T(dj.Computed):",
    "import datajoint\nfrom workflow import subject\nschema = datajoint.schema('mine')\n{}\n@schema\nclass T(datajoint.Compute):",
    "from datajoint import Schema, Computed as C\nimport workflow.subject as subject\nschema = Schema('mine')\n{}\n@schema\nclass T(C):",
    "import datajoint as d\nfrom .subject import Subject\nfrom . import subject\nschema = d.Schema('mine')\n{}\n@schema\nclass T(d.Computed):",
]


@pytest.mark.parametrize("head", HEADS)
def test_the_same_table_is_read_from_every_style_of_import(head: str) -> None:
    text = head.format("") + '\n    definition = """\n    -> subject.Subject\n    ---\n    x : <blob@main>\n    """\n'
    pipeline = read(text, subject=SUBJECT)
    module = pipeline.module("mine")
    assert module is not None
    assert module.schema == "mine"
    assert "subject" in module.imports
    (table,) = module.tables
    assert (table.full_name, table.tier, table.parents) == ("mine.T", "computed", ("subject.Subject",))
    assert stores_in_use(pipeline, {}) == {"main": ("mine.T",)}


def test_parts_masters_projections_and_names_nobody_knows() -> None:
    pipeline = read(
        '''
import datajoint as dj
from .upstream import Session as S
schema = dj.Schema("mine")

@schema
class A(dj.Manual):
    definition = """
    -> S
    -> [nullable, unique] S.proj(other='session')
    -> unknown.Thing
    """
    class P(dj.Part):
        definition = """
        -> master
        -> A.proj(b='a')
        """

@schema
class B(dj.Lookup):
    definition = "-> A.P"
    contents = []

class NotATable:
    definition = "x : int"
''',
        upstream=SUBJECT.replace("Subject", "Session"),
    )
    mine = pipeline.module("mine")
    assert mine is not None
    assert {table.full_name: table.parents for table in mine.tables} == {
        "mine.A": ("upstream.Session", "upstream.Session", None),
        "mine.A.P": ("mine.A", "mine.A"),
        "mine.B": ("mine.A.P",),
    }
    keys = mine.tables[0].definition.foreign_keys  # type: ignore[union-attr]
    assert [key.options for key in keys] == [(), ("nullable", "unique"), ()]
    assert [key.projected for key in keys] == [False, True, False]


def test_nested_packages_resolve_relative_imports(tmp_path: Path) -> None:
    deep = tmp_path / "ephys" / "deep"
    deep.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "ephys", deep):
        (folder / "__init__.py").touch()
    head = "import datajoint as dj\nschema = dj.Schema('s{}')\n"
    (tmp_path / "subject.py").write_text(
        head.format(0) + "@schema\nclass S(dj.Manual):\n    definition = 's : int32'\n"
    )
    (deep / "probe.py").write_text(
        "from ... import subject\n" + head.format(1) + "@schema\nclass P(dj.Manual):\n    definition = '-> subject.S'\n"
    )
    (tmp_path / "ephys" / "unit.py").write_text(
        "from .deep import probe\n" + head.format(2) + "@schema\nclass U(dj.Manual):\n    definition = '-> probe.P'\n"
    )
    (tmp_path / "tools.py").write_text("import json\n")
    pipeline = load_package(tmp_path, "workflow")
    assert sorted_modules(pipeline) == ("subject", "ephys.deep.probe", "ephys.unit")
    assert table_parents(pipeline)["ephys.unit.U"] == ("ephys.deep.probe.P",)
    assert module_parents(pipeline) == {
        "subject": (),
        "ephys.deep.probe": ("subject",),
        "ephys.unit": ("ephys.deep.probe",),
    }


def test_other_imports_are_not_mistaken_for_datajoint() -> None:
    text = (
        "from elsewhere import Schema, Manual\nschema = Schema('x')\n@schema\nclass T(Manual):\n    definition = ''\n"
    )
    pipeline = read(text)
    assert (pipeline.modules, pipeline.tables, pipeline.strays) == ((), (), ())


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import datajoint as dj\nclass (\n")
    with pytest.raises(ProjectError, match=r"bad\.py:2 is not valid Python"):
        load_package(tmp_path, "workflow")


def test_definitions_that_are_made_at_run_time_are_unknown_not_wrong() -> None:
    pipeline = read(
        "import datajoint as dj\nschema = dj.Schema(name())\n@schema\nclass T(dj.Manual):\n    definition = f()\n"
    )
    assert pipeline.modules[0].schema is None
    assert pipeline.tables[0].definition is None


def test_cycles_are_paths() -> None:
    assert list(find_cycles({"a": ("b",), "b": ("c",), "c": ("a",), "d": ()})) == [("a", "b", "c", "a")]
    assert list(find_cycles({"a": ("a",)})) == [("a", "a")]
    assert edges_to_cut({"a": ("b",), "b": ("a", "c"), "c": ("a",)}, frozenset("abc")) == ((("a", "b"),), True)
    assert path_between({"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ()}, "a", "d") == ("a", "b", "d")
    assert path_between({"a": ()}, "a", "z") is None


def test_tables_are_found_by_any_name_that_only_one_has() -> None:
    text = "import datajoint as dj\nschema = dj.Schema('{0}')\n@schema\nclass Scan(dj.Manual):\n    definition = 'x : int32'\n"
    first = read(text.format("one"), "one")
    pipeline = read(text.format("one"), "one", two=text.format("two"))
    assert find_table(pipeline, "two.Scan").module == "two"
    with pytest.raises(ProjectError, match="Several tables") as refused:
        find_table(pipeline, "Scan")
    assert refused.value.hint == "Say one.Scan or two.Scan."
    with pytest.raises(ProjectError, match="no table called 'Scam'") as refused:
        sorted_tables(first, ["Scam"])
    assert refused.value.hint == "Did you mean one.Scan?"


def test_a_schema_that_is_activated_at_once_has_that_name_and_virtual_modules_are_no_schemas() -> None:
    text = (
        "import datajoint as dj\nlab = dj.VirtualModule('lab', 'lab')\nschema = dj.Schema()\nschema.activate('mine')\n"
        "@schema\nclass T(dj.Manual):\n    definition = '-> lab.Subject'\n"
    )
    (module,) = read(text).modules
    assert module.schema == "mine"
    assert module.source is not None
    assert len(module.source.schemas) == 1
    assert module.tables[0].meanings[0].kind == "elsewhere"


def test_places_in_definitions_are_exact_whatever_joins_them() -> None:
    from djproject.pipeline.places import place_in_text

    source = (
        "import datajoint as dj\nschema = dj.Schema('mine')\nCOMMON = '''\n    ---\n    x : int32\n'''\n\n"
        "@schema\nclass T(dj.Manual):\n    definition = (\n        'k : int32\\n'\n        f'{\"j : int32\"}'\n    ) + COMMON\n"
    )
    (table,) = read(source).tables
    assert table.definition is not None
    assert table.text is not None
    lines = source.split("\n")
    places = [
        place_in_text(table.text, lines, attribute.line, attribute.name) for attribute in table.definition.attributes
    ]
    assert [lines[place.line - 1][place.column - 1] for place in places] == ["k", "j", "x"]


def test_a_chain_of_three_thousand_tables_has_headings_whichever_end_comes_first() -> None:
    last = 2_999
    chain = {f"m{last:04}": _linked("T", f"m{last:04}", "t : int32")}
    for i in range(last):
        chain[f"m{i:04}"] = _linked("T", f"m{i:04}", f"-> m{i + 1:04}.T", f"m{i + 1:04}")
    pipeline = read("", **chain)
    headings = Headings(pipeline)
    first = pipeline.table("m0000.T")
    assert first is not None
    assert headings.of(first).primary == ("t",)
    assert headings.of(first).complete
    assert [table.module for table in select(pipeline, ["+m0000.T"])] == sorted(chain, reverse=True)


def test_headings_in_a_cycle_of_foreign_keys_are_incomplete_and_those_beside_it_are_not() -> None:
    pipeline = read(_linked("A", "mine", "-> B") + _class("B", "-> A") + _class("C", "c : int32"))
    complete = {table.name: Headings(pipeline).of(table).complete for table in pipeline.tables}
    assert complete == {"A": False, "B": False, "C": True}


@pytest.mark.parametrize(
    "lazy",
    [
        "def f():\n    from . import other\n    return other\n",
        "class K:\n    def f(self):\n        import workflow.other\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .other import U\n",
    ],
)
def test_an_import_that_does_not_run_with_the_module_orders_nothing(lazy: str) -> None:
    other = _linked("U", "other", "-> mine.T", "mine")
    pipeline = read(_linked("T", "mine", "t : int32") + lazy, other=other)
    assert module_parents(pipeline) == {"mine": (), "other": ("mine",)}
    assert sorted_modules(pipeline) == ("mine", "other")


def test_modules_with_foreign_keys_both_ways_are_ordered_as_they_import_each_other() -> None:
    other = _linked("U", "other", "-> mine.T", "mine")
    lazy = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import other\n"
    pipeline = read(_linked("T", "mine", "-> other.V") + lazy, other=other + _class("V", "v : int32"))
    assert sorted_modules(pipeline) == ("mine", "other")
    assert [table.full_name for table in sorted_tables(pipeline)] == ["other.V", "mine.T", "other.U"]
    typed = _linked("U", "other", "-> mine.T").replace(
        "import datajoint as dj\n", "import datajoint as dj\n" + lazy.replace("other", "mine")
    )
    upstream = read(
        _linked("T", "mine", "-> other.V") + "from . import other\n", other=typed + _class("V", "v : int32")
    )
    assert sorted_modules(upstream) == ("other", "mine"), "mine imports other"
    both = _linked("T", "mine", "-> other.V") + "from . import other\n"
    assert sorted_modules(read(both, other=other + _class("V", "v : int32"))) == ("mine", "other")


def test_tables_that_refer_to_each_other_have_no_order() -> None:
    pipeline = read(
        _linked("T", "mine", "-> other.U") + "from . import other\n", other=_linked("U", "other", "-> mine.T", "mine")
    )
    assert sorted_modules(pipeline) == ("mine", "other")
    with pytest.raises(ProjectError, match=r"The tables form a cycle: mine\.T → other\.U → mine\.T\."):
        sorted_tables(pipeline)


def test_each_table_has_the_name_of_the_schema_that_decorates_it() -> None:
    pipeline = read(
        'import datajoint as dj\nschema = dj.Schema("one")\nsecond = dj.Schema("two")\nthird = dj.Schema(f())\n'
        + _class("A", "a : int32") + _class("B", "b : int32").replace("@schema", "@second")
        + _class("C", "c : int32").replace("@schema", "@third") + _class("D", "d : int32").replace("@schema\n", ""),
        other="import datajoint as dj\nfrom .mine import second as s\n" + _class("E", "e : int32").replace("@schema", "@s"),
    )  # fmt: skip
    assert {table.full_name: table.schema for table in pipeline.tables} == {
        "mine.A": "one", "mine.B": "two", "mine.C": None, "mine.D": None, "other.E": "two",
    }  # fmt: skip


def test_ancestors_lead_through_parts_so_that_a_merge_table_has_its_sources() -> None:
    merge = (
        _linked("A", "mine", "a : int32")
        + _class("B", "b : int32")
        + _class("Merge", "merge : int32")
        + "    class FromA(dj.Part):\n        definition = '-> master\\n---\\n-> A'\n"
        + "    class FromB(dj.Part):\n        definition = '-> master\\n---\\n-> B'\n"
        + _class("Down", "-> Merge")
    )
    pipeline = read(merge)
    assert {table.name for table in select(pipeline, ["+Merge"])} == {"A", "B", "Merge"}
    assert {table.name for table in select(pipeline, ["+Down"])} == {"A", "B", "Merge", "Down"}
    assert {table.name for table in select(pipeline, ["1+Down"])} == {"Merge", "Down"}
    assert {table.name for table in select(pipeline, ["A..Down"])} == {"A", "Merge", "Down"}
    assert {table.name for table in select(pipeline, ["A+"])} == {"A", "Merge.FromA"}


def _class(name: str, line: str) -> str:
    return f"@schema\nclass {name}(dj.Manual):\n    definition = '{line}'\n"


def _linked(name: str, schema: str, line: str, *upstream: str) -> str:
    imports = "".join(f"from . import {module}\n" for module in upstream)
    return f"import datajoint as dj\n{imports}schema = dj.Schema('{schema}')\n{_class(name, line)}"


@pytest.mark.parametrize(
    ("imports", "bad", "refused"),
    [
        ("", "print 'an old script'\n", False),
        ("from . import bad\n", "print 'an old script'\n", True),
        ("from . import between\n", "print 'an old script'\n", True),
        ("def late():\n    from . import bad\n", "print 'an old script'\n", False),
        ("", "print 'tables'\nschema = dj.schema('x')\n", True),
        ("", "print 'tables'\n@lab_schema\nclass A: pass\n", True),
    ],
)
def test_a_file_that_is_not_python_stops_who_needs_it(tmp_path: Path, imports: str, bad: str, refused: bool) -> None:
    text = 'schema = dj.Schema("a")\n\n@schema\nclass A(dj.Manual):\n    definition = "k : int32"\n'
    for name, content in (
        ("__init__", ""), ("a", f"import datajoint as dj\n{imports}{text}"), ("bad", bad), ("between", "from .bad import x")
    ):  # fmt: skip
        (tmp_path / f"{name}.py").write_text(content)
    if refused:
        with pytest.raises(ProjectError, match=r"bad\.py:1 is not valid Python"):
            load_package(tmp_path, "workflow")
    else:
        assert [table.full_name for table in load_package(tmp_path, "workflow").tables] == ["a.A"]


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "text",
    [
        "datajoint " * 150_000 + "(",
        "\n " + "schema" * 250_000,
        "\n " + "@" + "s" * 1_500_000 + "(",
        "x = 1\n" + 'd = """\n(a) -> B' + " " * 1_000_000 + "!\n" + '"""\n',
    ],
)
def test_a_file_made_to_keep_the_reader_busy_does_not(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text(text)
    assert load_package(tmp_path, "workflow").tables == ()


@pytest.mark.timeout(200)
def test_lines_of_a_definition_made_to_keep_the_reader_busy_do_not() -> None:
    from djproject.pipeline.definition import old_reference, read_definition

    spaces = " " * 300_000
    assert old_reference(f"(a) -> B{spaces}!") == ""
    read_definition(f"k : int32\n---\nindex(a{spaces}b)\n(a) -> B{spaces}!")
