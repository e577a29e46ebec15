"""Which code fills a table, and what of it makes a difference."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from djproject.pipeline.code import Code
from djproject.pipeline.model import Table
from tests.unit.pipeline.test_linking import DJ, ONE, pipeline_of

TOOLS = """\
LIMIT = 1
A = B = [LIMIT]
KIND: int = 2
x.attribute = 3
def smooth(x): return inner(x).field + LIMIT
def inner(x): return smooth(x)
async def later(x): return KIND
def unused(): return A
class Tool(Base):
    def run(self): return self.step() + A
    @classmethod
    def new(cls): return cls.make_one()
    def step(self): return 1
    def make_one(): pass
class Base:
    def basic(self): return B
if FAST:
    def fast(): return 1
else:
    def slow(): return 2
try:
    import numpy
    TRIED = 1
except ImportError:
    CAUGHT = 1
else:
    ELSE = 1
with quiet():
    WITHIN = 1
for i in x:
    LOOP = 1
"""
PROJECT = {
    "": "from .tools import smooth\nOWN = 1\n",
    "tools": TOOLS,
    "base": f"{DJ}from . import tools\nclass Making(dj.Computed):\n    def make(self, key):\n        self.store(tools.KIND)\n"
    "    def store(self, x):\n        pass\nclass Far(Making):\n    key_source = tools.A\n",
    "one": f"from . import tools, base, OWN\nfrom . import tools as t\nfrom .tools import *\nimport workflow, json\n{ONE}LOADS = json.loads\nOTHER = t.LIMIT\nFOR = OTHER\n",
}


def code_of(
    body: str, *, head: str = "", files: Mapping[str, str] | None = None, bases: str = "dj.Computed"
) -> dict[str, str]:
    """What fills the table `one.T` with a body, by dotted name."""
    text = f"{PROJECT['one']}{head}@schema\nclass U(dj.Manual):\n    helper = 1\n    def static(self): pass\n@schema\nclass T({bases}):\n{body}"
    sources = {**PROJECT, **(files or {}), "one": text}
    pipeline = pipeline_of(sources)
    contents = {pipeline.sources[name].path: text.encode() for name, text in sources.items()}
    found = Code(pipeline, contents).of(_table(pipeline.tables, "one.T"))
    return {f"{module}.{name}": text for (module, name), text in found.items()}


def _table(tables: tuple[Table, ...], name: str) -> Table:
    return next(table for table in tables if table.full_name == name)


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ("pass", ""),
        ("tools.smooth(key)", "tools.smooth tools.inner tools.LIMIT"),
        ("t.smooth", "tools.smooth tools.inner tools.LIMIT"),
        ("t.inner(key)(t.KIND)", "tools.smooth tools.inner tools.LIMIT tools.KIND"),
        ("await tools.later(1)", "tools.later tools.KIND"),
        ("tools.B", "tools.A tools.B tools.LIMIT"),
        ("tools.A", "tools.A tools.B tools.LIMIT"),
        ("x.attribute", ""),
        ("tools.attribute", ""),
        ("tools.Tool().run()", "tools.Tool tools.A tools.LIMIT tools.Base tools.B"),
        ("tools.fast() + tools.slow()", "tools.fast tools.slow"),
        ("tools.TRIED, tools.ELSE, tools.WITHIN", "tools.TRIED tools.ELSE tools.WITHIN"),
        ("tools.CAUGHT, tools.LOOP", "tools.CAUGHT tools.LOOP"),
        ("OTHER", "tools.LIMIT"),
        ("FOR", "tools.LIMIT"),
        ("LOADS(key)", "one.LOADS"),
        ("LOADS.more", "one.LOADS"),
        ("OWN", ".OWN"),
        ("workflow.OWN", ".OWN"),
        ("U.helper", "one.U.helper"),
        ("U.helper.deeper", "one.U.helper"),
        ("U().static()", ""),
        ("U & key", ""),
        ("U.missing", ""),
        ("self.inserted(key)", "one.T.inserted"),
        ("self.inserted.deeper", "one.T.inserted"),
        ("cls.inserted(key)", "one.T.inserted"),
        ("this.inserted(key)", ""),
        ("self", ""),
        ("self.Part.insert1(key)", ""),
        ("self.Inner.insert1(key)", "one.T.Inner"),
        ("self.make(key)", ""),
        ("base.Making.make(self)", "base.Making tools.KIND"),
        ("json.loads(key)", ""),
        ("missing(key)", ""),
        ("f'{tools.KIND}'", "tools.KIND"),
        ("lambda: tools.KIND", "tools.KIND"),
    ],
)
def test_code_that_a_make_uses_is_found(line: str, used: str) -> None:
    body = (
        f"    async def make(self, key):\n        {line}\n    def inserted(self): pass\n    def other(self): tools.fast()\n"
        "    class Part(dj.Part): definition = '-> master'\n    class Inner: pass\n"
    )
    assert sorted(code_of(body)) == sorted(["one.T.make", *used.split()])


@pytest.mark.parametrize("name", ["make", "make_fetch", "make_compute", "make_insert", "key_source"])
def test_what_fills_a_table_has_one_of_five_names(name: str) -> None:
    assert sorted(code_of(f"    def {name}(self): return tools.KIND\n")) == [f"one.T.{name}", "tools.KIND"]
    assert sorted(code_of(f"    {name} = tools.KIND\n")) == [f"one.T.{name}", "tools.KIND"]
    assert code_of(f"    def {name}x(self): return tools.KIND\n") == {}


@pytest.mark.parametrize(
    ("bases", "body", "used"),
    [
        ("base.Making", "    pass\n", "base.Making.make base.Making.store tools.KIND"),
        (
            "base.Far",
            "    pass\n",
            "base.Making.make base.Making.store tools.KIND base.Far.key_source tools.A tools.B tools.LIMIT",
        ),
        ("base.Making", "    def store(self, x): pass\n", "base.Making.make base.Making.store tools.KIND"),
        ("base.Making", "    def make(self, key): self.store(1)\n", "one.T.make base.Making.store"),
        ("Missing, lib.X, base.Making", "    pass\n", "base.Making.make base.Making.store tools.KIND"),
        ("T, base.Making", "    pass\n", "base.Making.make base.Making.store tools.KIND"),
    ],
)
def test_what_a_base_has_is_used_where_the_class_has_none(bases: str, body: str, used: str) -> None:
    assert sorted(code_of(body, bases=bases)) == sorted(used.split())


MAKE = "    def make(self, key):\n        {}return tools.smooth(key)\n"


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("", "# a comment\n        ", True),
        ("", "'''A docstring.'''\n        ", True),
        ("", "x\n        ", False),
        ("", "'a'; 'b'\n        ", False),
        ("x = [1,2]\n        ", "x = [\n 1, 2\n]; ", True),
        ("x = 'a'\n        ", 'x = "a"\n        ', True),
        ("x = 1\n        ", "x = 2\n        ", False),
    ],
)
def test_comments_docstrings_and_formatting_make_no_difference(old: str, new: str, same: bool) -> None:
    assert (code_of(MAKE.format(old)) == code_of(MAKE.format(new))) is same


@pytest.mark.parametrize("head", ["def f():", "async def f():", "class f:"])
def test_a_body_of_a_docstring_alone_is_an_empty_one(head: str) -> None:
    use = "    def make(self, key): f\n"
    assert code_of(use, head=f"{head}\n    'Text.'\n") == code_of(use, head=f"{head} pass\n")
    assert code_of(use, head=f"{head} x\n") != code_of(use, head=f"{head} pass\n")


def test_a_member_of_a_table_is_told_as_syntax_or_as_nothing() -> None:
    text = f"{ONE}class Base(dj.Lookup):\n    far = 1\n@schema\nclass T(Base):\n    contents = [1]\n    x: int = 2\n"
    pipeline = pipeline_of({"one": text})
    code = Code(pipeline, {Path("one.py"): text.encode()})
    (table,) = pipeline.tables
    assert code.member(table, "contents") == (
        "Module(body=[Assign(targets=[Name(id='contents', ctx=Store())], value=List(elts=[Constant(value=1)], ctx=Load()))],"
        " type_ignores=[])"
    )
    assert "'x'" in code.member(table, "x")
    assert "'far'" in code.member(table, "far")
    assert code.member(table, "missing") == ""


def test_a_file_that_is_gone_or_not_python_has_no_code() -> None:
    text = f"{ONE}@schema\nclass T(dj.Computed):\n    def make(self, key): pass\n"
    pipeline = pipeline_of({"one": text})
    (table,) = pipeline.tables
    for files in ({}, {Path("one.py"): b"class (\n"}, {Path("other.py"): text.encode()}):
        assert Code(pipeline, files).of(table) == {}
    assert list(Code(pipeline, {Path("one.py"): text.encode()}).of(table)) == [("one", "T.make")]


def test_a_part_has_code_of_its_own_or_of_its_bases() -> None:
    text = (
        f"{ONE}class Base:\n    def make_insert(self): pass\n@schema\nclass T(dj.Computed):\n    def make(self, key): pass\n"
        "    class P(Base, dj.Part):\n        def make(self, key): self.own()\n        def own(self): pass\n"
    )
    pipeline = pipeline_of({"one": text})
    code = Code(pipeline, {Path("one.py"): text.encode()})
    assert set(code.of(_table(pipeline.tables, "one.T"))) == {("one", "T.make")}
    assert set(code.of(_table(pipeline.tables, "one.T.P"))) == {
        ("one", "T.P.make"), ("one", "T.P.own"), ("one", "Base.make_insert"),
    }  # fmt: skip
