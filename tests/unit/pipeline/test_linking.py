"""What the files of a package make up together; the whole of it is in `__snapshots__`."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from djproject.pipeline.definition import read_definition
from djproject.pipeline.linking import link, merged
from djproject.pipeline.model import Pipeline, Table, module_files, stores_in_use
from djproject.pipeline.module import ClassFacts, Place, PythonModule
from djproject.pipeline.reading import read_python

DJ = "import datajoint as dj\n"
ONE = f"{DJ}schema = dj.Schema('one')\n"
TABLE = "@schema\nclass {}(dj.{}):\n    definition = '{}'\n"
A = ONE + TABLE.format("A", "Manual", "a : int32")
PACKAGES: dict[str, dict[str, str]] = {
    "tiers": {
        "one": ONE
        + "".join(
            TABLE.format(tier, tier, "k : int32")
            for tier in ("Manual", "Lookup", "Imported", "Computed", "Entry", "Ingest", "Compute", "Part", "Table", "manual")
        )
        + "@schema\nclass Two(dj.Lookup, dj.Computed, dj.Lookup): pass\n@schema\nclass Both(dj.Manual, dj.Part): pass\nclass None_: pass\n"
    },
    "parts": {
        "one": A
        + "    class P(dj.Part):\n        definition = '-> master\\n-> master.Q\\n-> self\\n-> A.Q\\n-> self.x'\n"
        + "    class Q(dj.Part):\n        definition = '-> A\\n-> masters'\n    class R: pass\n    class S(dj.Manual): pass\n"
        + TABLE.format("B", "Manual", "-> A.P\\n-> A.R\\n-> A.T\\n-> master\\n-> self\\n-> C\\n-> dj.Manual\\n-> schema\\n-> f()")
    },
    "parents elsewhere": {
        "one": f"import lib.deep as deep\nfrom lib import Lab\nlab = dj.VirtualModule('lab', 'l')\n{ONE}"
        + TABLE.format("A", "Manual", "-> deep.X\\n-> Lab\\n-> Lab.P\\n-> lab.L\\n-> lab\\n-> two.B\\n-> two.C"),
        "two": A,
        "three": f"{DJ}from . import one, two\nfrom .one import A as B\n" + TABLE.format("C", "Computed", "-> one.A\\n-> B\\n-> two.A"),
    },
    "no schema": {
        "one": f"{DJ}class A(dj.Manual): pass\nclass B: pass\n",
        "two": "x = 1\n",
        "three": f"'''Not here.'''\n{ONE}",
        "four": f"{DJ}schema = dj.Schema()\nother = dj.Schema('other')\n",
    },
    "bases": {
        "base": f"{DJ}class Base(dj.Manual):\n    definition = 'b : int32'\nclass Mixin:\n    definition = 'm : int32'\nclass Empty: pass\n"
        "class Unused(dj.Lookup): pass\nclass Outer:\n    class Inner(dj.Imported):\n        definition = 'i : int32'\n",
        "one": f"from .base import Base, Mixin, Empty\nfrom . import base\nimport lib\n{ONE}"
        "@schema\nclass A(Base): pass\n@schema\nclass B(base.Base, Mixin): pass\n@schema\nclass C(Mixin, base.Base): pass\n"
        "@schema\nclass D(Empty, dj.Manual): pass\n@schema\nclass E(dj.Manual, Mixin): pass\n@schema\nclass F(lib.Mixin, dj.Manual): pass\n"
        "@schema\nclass G(dj.Manual, lib.Mixin): pass\n@schema\nclass H(Empty, Mixin, dj.Lookup): pass\n@schema\nclass I(A): pass\n"
        "@schema\nclass J(base.Outer.Inner): pass\nclass K(A): pass\n@schema\nclass L(lib.Base): pass\n@schema\nclass M(Missing, A): pass\n"
        "@schema\nclass N(lib.Mixin, Base): definition = 'n : int32'\n@schema\nclass O(N, lib.X): pass\n",
    },
    "bases beside": {
        "one": ONE + "class Base(dj.Manual): pass\n@schema\nclass Decorated(dj.Manual): pass\nclass A(Base): pass\n@schema\nclass B(Decorated): pass\n"
        "class P(dj.Part): definition = '-> master'\n@schema\nclass C(dj.Manual):\n    class Q(P): pass\n    class R(P):\n        definition = 'r : int32'\n"
        "class Self(Self): pass\nclass X(Y): pass\nclass Y(X): pass\nclass Z(Z, dj.Manual): pass\n"
    },
    "bases by other names": {
        "": f"{DJ}class Manual(dj.Manual): pass\n", "base": f"{DJ}class Star(dj.Manual): pass\nclass Dotted(dj.Lookup): pass\nclass Alias(dj.Imported): pass\n",
        "one": f"from .base import *\nimport workflow.base\nfrom .base import Alias\nOther = Alias\n{ONE}"
        "@schema\nclass A(Star): pass\n@schema\nclass B(workflow.base.Dotted): pass\n@schema\nclass C(Other): pass\n",
    },
    "order of bases": {
        "one": ONE + "class Top(dj.Manual): definition = 'top : int32'\nclass Left(Top): pass\nclass Right(Top): definition = 'right : int32'\n"
        "@schema\nclass A(Left, Right): pass\n@schema\nclass B(Right, Left): pass\n@schema\nclass C(Left, dj.Computed): pass\n"
    },
    "texts elsewhere": {
        "texts": "A = 'a : int32\\n'\nB = A\nclass T:\n    text = 't : int32'\n",
        "more": "from .texts import A as FAR, B\nfrom . import texts\nC = FAR\nOWN = 'own : int32\\n'\n",
        "one": f"from . import more, texts\nfrom .texts import A\nimport lib\n{ONE}"
        "@schema\nclass A1(dj.Manual): definition = A\n@schema\nclass B(dj.Manual): definition = more.C\n"
        "@schema\nclass C(dj.Manual): definition = texts.T.text\n@schema\nclass D(dj.Manual): definition = A + 'd : int32'\n"
        "@schema\nclass E(dj.Manual): definition = A + more.C + more.OWN\n@schema\nclass F(dj.Manual): definition = A + lib.TEXT\n"
        "@schema\nclass G(dj.Manual): definition = texts.MISSING\n@schema\nclass H(dj.Manual): definition = lib.TEXT\n"
        "@schema\nclass I(dj.Manual): definition = f()\n@schema\nclass J(dj.Manual): definition = f'{more.OWN}{A}j : int32'\n",
    },
    "schemas of others": {
        "base": f"'''Schemas.'''\n{DJ}first = dj.Schema('first')\nsecond = dj.Schema('second')\ncomputed = dj.Schema(f())\nlate = dj.Schema()\n",
        "one": f"{DJ}from .base import second, computed, late, first as x\nfrom . import base\nimport lib\n"
        + "".join(
            f"@{decorator}\nclass {name}(dj.Manual): pass\n"
            for name, decorator in (
                ("A", "second"), ("B", "base.first"), ("C", "computed"), ("D", "late"), ("E", "lib.schema"), ("F", "x"),
                ("G", "(1)"), ("H", "second\n@x"), ("I", "lib.decorate\n@second"), ("J", "second(context=1)"),
            )
        )
        + "class K(dj.Manual): pass\n",
        "two": f"{DJ}import lib\nschema = dj.Schema('two')\n@lib.decorate\nclass A(dj.Manual): pass\nclass B(dj.Manual): pass\n",
        "three": f"{DJ}import lib\na = dj.Schema('a')\nb = dj.Schema('b')\n@lib.decorate\nclass A(dj.Manual): pass\n",
        "four": f"{DJ}import lib\n@lib.decorate\nclass A(dj.Manual): pass\n",
    },
    "makers": {
        "make": f"{DJ}from lib import other\n"
        "def same(name):\n    return dj.Schema(name)\ndef prefixed(name):\n    return dj.Schema('x_' + name)\ndef twice(name):\n    return same(name)\n"
        "def lost(name):\n    return prefixed(name)\ndef unknown(name):\n    return other(name)\ndef me(name):\n    return me(name)\n"
        "class S(dj.Schema): pass\nclass T(S): pass\nclass U(dj.Schema):\n    def __init__(self, name):\n        super().__init__('u')\n"
        "class V(U): pass\nclass W(W): pass\nclass X(object, S): pass\ndef instance(name):\n    return T(name)\n",
        "one": f"{DJ}from . import make\nfrom .make import twice, S\nfrom lib import far\n"
        + "".join(
            f"{call.replace('.', '_')} = {call}('{call}')\n"
            for call in (
                "make.same", "make.prefixed", "twice", "make.lost", "make.unknown", "make.me", "S", "make.T", "make.U", "make.V", "make.W",
                "make.X", "make.instance", "far", "dj.Schema", "dj.schema", "dj.VirtualModule", "dj.SCHEMA", "make.missing",
            )
        ),
        "deep": DJ + "def m0(name):\n    return dj.Schema(name)\n"
        + "".join(f"def m{step + 1}(name):\n    return m{step}(name)\n" for step in range(10)) + "a = m9('a')\nb = m10('b')\n",
    },
    "imports": {
        "": "from . import lab\n", "lab": A, "tools": "", "ephys": "", "ephys.probe": A,
        "one": "from . import lab, tools, missing, Name\nfrom .ephys import probe\nfrom .gone import Thing, thing\nfrom .lab import A\n"
        "from . import tools\nimport json\nfrom workflow.ephys.probe import A\ndef f():\n    from . import late\n"
        f"if TYPE_CHECKING:\n    from .typed import T\n{ONE}",
    },
    "beside": {
        "lab": A, "tools": "x = 1\n", "logging": A, "datajoint": A, "schemas": ONE, "one": f"import lab, tools, logging, lib\nfrom lab import A\n"
        f"from schemas import schema\nimport one\nimport lab.deep\nfrom lab.deep import x\nfrom . import lab as l\n{ONE}"
        + TABLE.format("B", "Manual", "-> lab.A\\n-> A"),
        "deep": "import probe\nimport lab\n", "deep.probe": "from lab import A\nfrom unit import U\n" + A, "deep.unit": "import probe\n",
    },
}  # fmt: skip


def sources_of(files: Mapping[str, str]) -> dict[str, PythonModule]:
    modules = {}
    for name, text in files.items():
        folder = not name or any(other.startswith(f"{name}.") for other in files)
        path = Path(*name.split("."), "__init__.py") if folder else Path(f"{name.replace('.', '/')}.py")
        modules[name] = read_python(text.encode(), name=name, package="workflow", path=path)
    return modules


def pipeline_of(files: Mapping[str, str]) -> Pipeline:
    """The pipeline of the package `workflow`; a module that others are below is the `__init__.py` of a folder."""
    return link("workflow", sources_of(files), {})


def told(pipeline: Pipeline) -> str:
    """A pipeline, a line for each thing."""
    lines = []
    for module in pipeline.modules:
        lines.append(f"{module.name} ({module.path.as_posix()}): {module.schema} {module.docstring!r}")
        lines += [f"  imports {' '.join(module.imports)}"] if module.imports else []
        assert module.source is not None
        lines += [f"  schema {call.variable} {call.name!r} {call.function}" for call in module.source.schemas]
        for table in module.tables:
            lines += told_table(table)
    for table in pipeline.strays:
        lines += ["stray", *told_table(table)]
    lines += [f"script folder {folder.as_posix()}" for folder in pipeline.script_folders]
    return "\n".join(lines)


def told_table(table: Table) -> list[str]:
    schemas = f"{table.schema!r} of {' '.join(table.schemas)}" if table.schemas else repr(table.schema)
    lines = [
        f"  {table.full_name} ({table.path.as_posix()}:{table.line}) {table.tier} {' '.join(table.tiers)}, {schemas}"
    ]
    if table.text:
        lines.append(f"    {table.text.value!r} in {table.text_path.as_posix()}")
        lines += [
            f"      {segment.offset} {segment.place.line}:{segment.place.column}" for segment in table.text.segments
        ]
    lines += ["    unknown"] if table.unknown else []
    for parent, meaning in zip(table.parents, table.meanings, strict=True):
        lines.append(f"    -> {parent}, {meaning.kind} {meaning.module!r} {meaning.name!r}")
    return lines


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_makes_up(name: str, snapshot: SnapshotAssertion) -> None:
    assert told(pipeline_of(PACKAGES[name])) == snapshot


def test_a_definition_that_was_read_before_is_not_read_again() -> None:
    known = read_definition("other : int32")
    files = {"one": A + TABLE.format("B", "Manual", "b : int32") + TABLE.format("C", "Manual", "b : int32")}
    first, second, third = link("workflow", sources_of(files), {"a : int32": known}).tables
    assert first.definition is known
    assert second.definition == read_definition("b : int32")
    assert third.definition is second.definition


def test_modules_come_by_name_and_tables_as_in_the_file() -> None:
    pipeline = pipeline_of({"b": A + TABLE.format("AA", "Manual", "a : int32"), "c.d": A, "a": A, "c": A})
    assert [table.full_name for table in pipeline.tables] == ["a.A", "b.A", "b.AA", "c.A", "c.d.A"]


@pytest.mark.parametrize(("depth", "known"), [(20, True), (21, False)])
def test_bases_are_looked_into_twenty_deep(depth: int, known: bool) -> None:
    classes = "".join(f"class B{step}(B{step - 1}): pass\n" for step in range(1, depth))
    text = f"{ONE}class B0:\n    definition = 'b : int32'\n{classes}@schema\nclass T(B{depth - 1}, dj.Manual): pass\n"
    (table,) = pipeline_of({"one": text}).tables
    assert (table.text is not None) is known


def member(name: str) -> tuple[str, ClassFacts | None]:
    return ("m", ClassFacts(name, (), (), None, (), (), (), "", Place(1, 1)))


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ([], ""),
        ([""], ""),
        (["abc"], "abc"),
        (["ab", "", "cd"], "abcd"),
        (["ao", "bo", "ab"], "abo"),
        (["daco", "ebco", "de"], "daebco"),
        (["abo", "co", "ac"], "abco"),
        (["ab", "ba"], "ab"),
        (["xab", "yba", "xy"], "xyab"),
    ],
)
def test_the_order_of_bases_is_that_of_python(rows: list[str], order: str) -> None:
    found = merged([[member(name) for name in row] for row in rows])
    assert [facts.name for _, facts in found if facts] == list(order)


def test_the_parts_of_a_pipeline_are_found_by_name() -> None:
    files = {"one": A + "    class P(dj.Part):\n        definition = '-> master\\n-> A\\n-> lib.X'\n", "two": A}
    pipeline = pipeline_of(files)
    one, two = pipeline.modules
    assert (pipeline.module("one"), pipeline.module("two"), pipeline.module("three")) == (one, two, None)
    first, part, other = pipeline.tables
    assert [pipeline.table(name) for name in ("one.A", "one.A.P", "two.A", "A")] == [first, part, other, None]
    assert (first.master, part.master) == ("", "one.A")
    assert [(key.target, parent) for key, parent in part.keys] == [("master", "one.A"), ("A", "one.A"), ("lib.X", None)]
    assert pipeline.parents == {"one.A": (), "one.A.P": ("one.A",), "two.A": ()}
    assert module_files(pipeline, ["two", "three", "one"]) == [Path("two.py"), Path("one.py")]


def test_the_first_of_two_tables_with_one_name_is_found() -> None:
    pipeline = pipeline_of({"one": A + TABLE.format("A", "Lookup", "b : int32")})
    assert [table.tier for table in pipeline.tables] == ["manual", "lookup"]
    assert pipeline.table("one.A") is pipeline.tables[0]


def test_a_pipeline_without_some_modules_keeps_what_names_mean() -> None:
    child = f"from . import one\n{DJ}schema = dj.Schema('two')\n" + TABLE.format("B", "Manual", "-> one.A")
    pipeline = pipeline_of({"one": A, "two": child, "stray": f"{DJ}class S(dj.Manual): pass\n", "run": "import one\n"})
    fewer = pipeline.without(["one"])
    assert [module.name for module in fewer.modules] == ["two"]
    assert (fewer.package, fewer.sources, fewer.strays) == ("workflow", pipeline.sources, pipeline.strays)
    assert fewer.script_folders == pipeline.script_folders == (Path(),)
    assert fewer.scopes is pipeline.scopes
    assert fewer.parents == {"two.B": ()}
    assert fewer.table("two.B") == pipeline.table("two.B")


def test_an_empty_pipeline_has_no_scopes_to_speak_of() -> None:
    pipeline = Pipeline("workflow", ())
    assert (pipeline.sources, pipeline.strays, pipeline.script_folders, pipeline.tables) == ({}, (), (), ())
    assert pipeline.scopes is pipeline.scopes


@pytest.mark.parametrize(
    ("defaults", "used"),
    [
        ({}, {"main": ("one.A", "one.B")}),
        ({"default": "usual"}, {"main": ("one.A", "one.B"), "usual": ("one.B", "one.C")}),
        ({"filepath_default": "usual"}, {"main": ("one.A", "one.B")}),
    ],
)
def test_stores_in_use_are_those_that_definitions_name(
    defaults: dict[str, str], used: dict[str, tuple[str, ...]]
) -> None:
    lines = {"A": "a : <blob@main>", "B": "a : <blob@>\\nb : <attach@main>", "C": "c : <object@>", "D": "d : <blob>"}
    tables = "".join(TABLE.format(name, "Manual", line) for name, line in lines.items())
    assert (
        stores_in_use(pipeline_of({"one": f"{ONE}{tables}@schema\nclass E(dj.Manual): definition = f()\n"}), defaults)
        == used
    )
