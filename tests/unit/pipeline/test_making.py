"""What a make does as far as its source tells: inserts, what is fetched, what is changed, what is called."""

import ast

import pytest

from djproject.pipeline.inputs import RANDOMNESS, Input
from djproject.pipeline.making import (
    Fetch,
    Making,
    function_texts,
    may_change_others,
    read_function,
    read_making,
    with_helpers,
)
from djproject.pipeline.module import Place


def making(make: str, more: str = "", outside: str = "", name: str = "T") -> Making:
    body = "".join(f"        {line}\n" for line in make.split("\n"))
    return read_making(ast.parse(f"class T(dj.Computed):\n    def make(self, key):\n{body}{more}{outside}"), name)


@pytest.mark.parametrize(
    ("make", "inserts"),
    [
        ("pass", False),
        ("self.insert1(key)", True),
        ("self.insert(rows)", True),
        ("with self.staged_insert1 as s: pass", True),
        ("Other.insert1(key)", True),
        ("f(self)", True),
        ("f(key, self)", True),
        ("f(table=self)", True),
        ("f(key)", False),
        ("f(self.x)", False),
        ("super().make(key)", True),
        ("super(T, self).make(key)", True),
        ("other().make(key)", False),
        ("self.store(key)", True),
        ("self.known(key)", False),
        ("key.store(self.x)", False),
        ("self.fetch()", False),
        ("self.fetch1()", False),
        ("self.to_dicts()", False),
        ("self.to_pandas()", False),
        ("self.to_polars()", False),
        ("self.to_arrow()", False),
        ("self.to_arrays()", False),
        ("self.keys()", False),
        ("self.head()", False),
        ("self.tail()", False),
        ("self.fetched()", True),
        ("self.x.store(key)", False),
        ("x = self", False),
    ],
)
def test_a_make_inserts_or_may_where_it_hands_the_table_on(make: str, inserts: bool) -> None:
    known = "    def known(self, key):\n        pass\n"
    assert making(make, known).inserts is inserts
    renamed = ast.parse(
        f"class T:\n    def known(me): pass\n    def make(me, key):\n        {make.replace('self', 'me')}\n"
    )
    assert read_making(renamed, "T").inserts is inserts


def test_a_function_without_arguments_hands_nothing_on() -> None:
    assert not read_making(
        ast.parse("class T:\n    def make():\n        f(self, XXXX)\n        ''.join(x)"), "T"
    ).inserts


@pytest.mark.parametrize(
    ("more", "make", "inserts"),
    [
        ("    def save(self):\n        self.insert1(k)\n", "self.save()", True),
        ("    def save(self):\n        self.insert1(k)\n", "T.save()", False),
        ("    def save(self):\n        self.insert1(k)\n", "cls.save()", True),
        ("    def save(self):\n        self.insert1(k)\n", "map(self.save, key)", True),
        ("    def save(self):\n        self.insert1(k)\n", "pass", False),
        ("    async def save(self):\n        self.insert1(k)\n", "self.save()", True),
        ("    def a(self):\n        self.b()\n    def b(self):\n        self.a()\n        self.insert1(k)\n", "self.a()", True),
        ("    def a(self):\n        self.b()\n    def b(self):\n        self.a()\n", "self.a()", False),
        ("    def make_fetch(self):\n        self.insert1(k)\n", "pass", True),
        ("    def make_compute(self):\n        self.insert1(k)\n", "pass", True),
        ("    def make_insert(self):\n        self.insert1(k)\n", "pass", True),
        ("    def make_other(self):\n        self.insert1(k)\n", "pass", False),
    ],
)  # fmt: skip
def test_methods_that_are_reached_count(more: str, make: str, inserts: bool) -> None:
    assert making(make, more).inserts is inserts


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("class T:\n    def make(self): A.fetch()", "T", ["A"]),
        ("class T:\n    class P:\n        def make(self): A.fetch()\n    def make(self): B.fetch()", "T.P", ["A"]),
        ("class T:\n    class P:\n        def make(self): A.fetch()\n    def make(self): B.fetch()", "T", ["B"]),
        ("class T: pass\nclass P:\n    def make(self): A.fetch()", "T.P", None),
        ("class P:\n    def make(self): A.fetch()", "T.P", None),
        ("class T:\n    class U:\n        class V:\n            def make(self): A.fetch()", "T.U.V", ["A"]),
        ("if x:\n    class T:\n        def make(self): A.fetch()", "T", ["A"]),
        ("with x:\n    class T:\n        def make(self): A.fetch()", "T", ["A"]),
        ("try:\n    class T:\n        def make(self): A.fetch()\nfinally:\n    pass", "T", ["A"]),
        ("def f():\n    class T:\n        def make(self): A.fetch()", "T", None),
        ("class S:\n    def make(self): B.fetch()\nclass T:\n    def make(self): A.fetch()", "T", ["A"]),
        ("class T:\n    async def make(self): A.fetch()", "T", ["A"]),
        ("class T:\n    def other(self): A.fetch()", "T", []),
        ("x = 1", "T", None),
    ],
)
def test_a_class_is_found_by_its_name_with_its_masters(text: str, name: str, found: list[str] | None) -> None:
    making = read_making(ast.parse(text), name)
    assert [fetch.table for fetch in making.fetches] == (found or [])
    assert making.inserts is (found is None)
    if found is None:
        assert making == Making(True, (), (), (), ())


@pytest.mark.parametrize(
    "method",
    ["fetch", "fetch1", "to_dicts", "to_pandas", "to_polars", "to_arrow", "to_arrays", "keys", "head", "tail"],
)
def test_rows_are_fetched_by_these_methods(method: str) -> None:
    found = making(f"x = 1\ny = A.{method}()\nA.{method}\nA.x_{method}()")
    assert (found.fetches, found.changes) == ((Fetch("A", Place(4, 13)),), ())


@pytest.mark.parametrize(
    "method",
    ["insert", "insert1", "insert_dataframe", "staged_insert1", "update1", "delete", "delete_quick", "drop", "drop_quick"],
)  # fmt: skip
def test_rows_are_changed_by_these_methods(method: str) -> None:
    found = making(f"(a.A & key).{method}()\nA.x_{method}()")
    assert (found.fetches, found.changes) == ((), (Fetch("a.A", Place(3, 10)),))


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("A", ["A"]),
        ("a.b.A", ["a.b.A"]),
        ("(A & key)", ["A"]),
        ("(A & B)", ["A"]),
        ("(A - B)", ["A"]),
        ("(A * B)", ["A", "B"]),
        ("(A + B & C)", ["A", "B"]),
        ("(A * B.proj() & key - C)", ["A", "B"]),
        ("A()", ["A"]),
        ("a.A()", ["a"]),
        ("A.proj('x')", ["A"]),
        ("A(3)", []),
        ("(dj.U('k') & A)", ["A"]),
        ("(dj.U('k') & A * B)", ["A", "B"]),
        ("(dj.U('k') - A)", ["dj"]),
        ("(dj.U('k') * A)", ["dj", "A"]),
        ("(dj.V('k') & A)", ["dj"]),
        ("A.aggr(B, C)", ["A", "B"]),
        ("A.join(B & C)", ["A", "B"]),
        ("A.extend(B)", ["A", "B"]),
        ("A.aggr()", ["A"]),
        ("A.restrict(B)", ["A"]),
        ("x[0]", []),
        ("(A if x else B)", []),
    ],
)
def test_the_tables_of_a_query_are_those_whose_rows_it_has(query: str, tables: list[str]) -> None:
    assert [fetch.table for fetch in making(f"{query}.fetch()").fetches] == tables
    assert [fetch.table for fetch in making(f"{query}.delete()").changes] == tables


def test_functions_of_the_module_that_are_called_count_as_well() -> None:
    outside = (
        "def helper(key):\n    B.insert1(key)\n    deeper()\n    helper(key)\n"
        "def deeper():\n    return C.fetch(), random.random()\n"
        "def unused():\n    D.fetch()\n"
        "def method():\n    E.fetch()\n"
        "async def later():\n    F.fetch()\n"
        "import random\n"
    )
    found = making("A.fetch()\nhelper(key)\nself.x.method()\nlater()\nf()()", "", outside)
    assert not found.inserts
    assert [fetch.table for fetch in found.fetches] == ["A", "F", "C"]
    assert found.changes == (Fetch("B", Place(9, 5)),)
    assert found.inputs == (Input(RANDOMNESS, "random.random", Place(13, 23)),)
    assert set(found.calls) == {
        "A.fetch", "helper", "self.x.method", "later", "f", "F.fetch", "B.insert1", "deeper", "C.fetch", "random.random"
    }  # fmt: skip
    assert len(found.calls) == 10


def test_what_a_make_calls_is_named_once_in_its_order() -> None:
    assert making("b.c()\na()\nb.c()\nx[0]()").calls == ("b.c", "a")


def test_a_function_is_read_with_those_it_calls() -> None:
    tree = ast.parse("def f(k):\n    A.fetch()\n    g()\nasync def g():\n    B.insert1(k)\ndef h():\n    C.fetch()\n")
    found = read_function(tree, "f")
    assert found == Making(
        True, (Fetch("A", Place(2, 5)),), (Fetch("B", Place(5, 5)),), (), ("A.fetch", "g", "B.insert1")
    )
    assert read_function(tree, "g").changes == found.changes
    assert read_function(tree, "nothing") == Making(True, ())


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("A.insert1(key)", True),
        ("self.insert1(key)", False),
        ("self .insert1(key)", False),
        ("self. delete()", False),
        ("myself.insert1(key)", True),
        ("self.P.insert1(key)", True),
        ("self.insert1(key)\nA.delete_quick()", True),
        ("self.insert1(key)\nself.update1(key)", False),
        ("A.inserted(key)", False),
        ("A.fetch()", False),
        ("insert1(A)", False),
        (" " * 80 + "self.insert1(key)", False),
        ("self" + " " * 76 + ".insert1(key)", False),
        ("self" + " " * 77 + ".insert1(key)", True),
    ],
)
def test_source_is_parsed_where_it_changes_something_else(text: str, worth: bool) -> None:
    assert may_change_others(text) is worth


def test_a_text_is_completed_by_the_functions_it_may_call() -> None:
    functions = {"a": "def a(): b()", "b": "def b(): a()", "c": "def c(): pass", "print": "def print(): c()"}
    assert with_helpers("x", functions) == "x"
    assert with_helpers("a()", {}) == "a()"
    assert with_helpers("a()", functions) == "a()\ndef a(): b()\ndef b(): a()"
    assert with_helpers("xc() + c (1)", functions) == "xc() + c (1)"
    assert with_helpers("self.c(1)", functions) == "self.c(1)\ndef c(): pass"
    assert with_helpers("print(1)", functions) == "print(1)\ndef print(): c()\ndef c(): pass"


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("", {}),
        ("x = 1\n", {}),
        ("class A:\n    def f(self): pass\n", {}),
        ("def f(): pass", {"f": "def f(): pass"}),
        ("async  def f():\n    x\n", {"f": "async  def f():\n    x\n"}),
        ("x = 1\ndef f(\n    a,\n):\n\n    x\n# y\n\tz\ny = 2\n", {"f": "def f(\n    a,\n):\n\n    x\n# y\n\tz"}),
        ("def f() -> X[\n    int\n]:\n    x\n\n\n@d\ndef g(): y\nz\n", {"f": "def f() -> X[\n    int\n]:\n    x\n\n", "g": "def g(): y"}),
        ("def f(x={\n}):\n    x\nasync def g(): y", {"f": "def f(x={\n}):\n    x", "g": "async def g(): y"}),
        ("x\nasync def g(): y", {"g": "async def g(): y"}),
        ("default = 1\n", {}),
    ],
)  # fmt: skip
def test_the_texts_of_a_modules_functions_are_found_by_name(text: str, functions: dict[str, str]) -> None:
    assert function_texts(text) == functions
