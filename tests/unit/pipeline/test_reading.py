"""What a file says, from many styles of source; the whole of it is in `__snapshots__`."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from djproject.pipeline import reading
from djproject.pipeline.module import Place, Problem, PythonModule
from djproject.pipeline.reading import LARGEST_FILE_BYTES, parse, quietly, read_python

MANY = {
    "docstring": '"""What\nit is."""\nx = 1\n',
    "docstring of a name": "x\n'no docstring'\n",
    "number first": "True\n",
    "schemas": (
        "import datajoint as dj\na = dj.Schema('a')\nb = dj.schema(schema_name='b')\nc = dj.Schema()\nd = dj.Schema(None)\n"
    ),
    "schemas with odd arguments": (
        "a = dj.Schema(name())\nb = dj.Schema(connection=c)\nc = dj.Schema(**more)\nd = dj.Schema(connection=c, **more)\n"
        "e = dj.Schema(*more)\nf = dj.Schema('f', locals())\ng = dj.Schema(schema_name=None)\nh = make()('x')\n"
        "i = dj.Schema(schema_name=prefix + 'i')\nj = dj.Schema(1)\nk = dj.Schema(connection='k')\nl = dj.Schema(None, 'l')\n"
    ),
    "schemas of annotations, tuples, chains, attributes": (
        "a: dj.Schema = dj.Schema('a')\nb = c = dj.Schema('b')\nd, e = dj.Schema('d'), dj.Schema('e')\n"
        "f, g = dj.Schema('f'), dj.Schema('g'), 1\n[h, i] = make()\nself.schema = dj.Schema('j')\nk: int\n(l := dj.Schema('l'))\n"
        "m[0] = dj.Schema('m')\n"
    ),
    "schemas in branches": (
        "if flag:\n    a = dj.Schema('a')\n    b = dj.Schema('same')\nelse:\n    a = dj.Schema('b')\n    b = dj.Schema('same')\n"
        "try:\n    c = dj.Schema('c')\nexcept KeyError:\n    c = dj.Schema('d')\n    e = dj.Schema('e')\n"
        "else:\n    f = dj.Schema('f')\nfinally:\n    g = dj.Schema('g')\n"
        "match flag:\n    case 1:\n        h = dj.Schema('h')\n    case _:\n        h = dj.Schema('i')\n"
        "k = dj.Schema('k') if flag else dj.Schema('l')\nm = dj.Schema('m') if flag else None\nn = x if y else dj.Schema('n')\n"
        "a = dj.Schema('again')\n"
    ),
    "schemas in nested branches": (
        "if flag:\n    try:\n        a = dj.Schema('a')\n    except KeyError:\n        a = dj.Schema('b')\n    a = dj.Schema('c')\n"
    ),
    "statements within others": (
        "with one() as a, two() as (b, [c, d]), three():\n    e = dj.Schema('e')\nwith four():\n    import json\n"
        "for f, g in rows:\n    h = dj.Schema('h')\nelse:\n    i = dj.Schema('i')\nwhile True:\n    j = dj.Schema('j')\n"
        "k += 1\nl.m += 1\ndel n\nwith five() as o.p:\n    pass\nasync def q(): pass\n"
    ),
    "main guard": (
        "if __name__ == '__main__':\n    import sys\n    T.populate()\nelse:\n    import json\n"
        "if name == '__main__':\n    import os\nif __name__:\n    import re\n"
    ),
    "imports": (
        "import a\nimport b.c, workflow.lab as lab, workflow\nfrom .up import X as Y, Z\nfrom .. import far\nfrom ..w import v\nfrom . import *\n"
        "from workflow import lab\nfrom workflow.deep.er import W\nfrom workflows import V\nimport workflows\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import typed\nelse:\n    from . import untyped\n"
        "if typing.TYPE_CHECKING:\n    import typed2\nif not TYPE_CHECKING:\n    import kept\n"
        "try:\n    import first\nexcept ImportError:\n    import second\nwith quiet():\n    import third\n"
        "for _ in x:\n    import fourth\nwhile x:\n    import fifth\nmatch x:\n    case 1:\n        import sixth\n"
        "from . import (\n    one,\n    two,\n)\n"
    ),
    "late imports": (
        "import a; import b\n\ndef f():\n    from . import late\n    def g():\n        import later.still\n"
        "class T:\n    import inner\n    def make(self):\n        import workflow.made as m\n"
        "if x:\n    def h():\n        import conditional\n\nwith y:\n    async def i():\n        from .z import *\n"
        "try:\n    def j():\n        import tried\nexcept E:\n    def k():\n        import caught\n"
        "else:\n    def m():\n        import untroubled\nfinally:\n    def n():\n        import at_last\n"
        "for _ in x:\n    def o():\n        import looped\nmatch x:\n    case 1:\n        def p():\n            import matched\n"
    ),
    "one line function": "def f(): import late\n",
    "late imports on a line of another": "if x: import a\n\ndef f():\n\timport b\n",
    "classes": (
        "@schema\n@other(1)\n@a.b\n@(lambda x: x)\nclass T(dj.Manual, Base(1), x[0], metaclass=M):\n    '''Doc.'''\n"
        "    definition = 'a : int32'\n    b = c = 1\n    class P(dj.Part):\n        definition = '-> master'\n"
        "        text = 'x'\n    contents = [(1, 2), {'a': 1}]\n    def make(self, key): pass\n    name = 'label'\n    TEXT = 'y'\n"
        "if x:\n    class U: pass\n"
    ),
    "classes that use texts of the module": (
        "A = 'a : int32'\nclass T:\n    B = A + '\\n'\n    definition = B + '---'\nclass U:\n    definition = T.definition + A\n"
        "class V:\n    definition = later\nlater = 'x'\n"
    ),
    "texts": (
        "A = 'a'\nB = A + 'b'\nC = f'{B}c'\nD = '{}d'.format(C)\nE = 'e' if x else 'e'\nF = 'f' if x else 'g'\n"
        "G = B\nH = other\nI: str = 'i'\nJ, K = 'j', B + 'k'\nL = M = 'l'\nN = 5\nO = True\nP = None\nQ = 'q' if True else 1\n"
    ),
    "aliases": "a = b\nc = d.e.f\ng = h()\ni = j().k\nl: T = m\nn = o[0]\np, q = r, s.t\n",
    "exports": "__all__ = ['a', 'b', 1, c]\n",
    "exports as a tuple": "__all__ = ('a',)\n__all__ += ['b']\n",
    "exports computed": "__all__ = names()\n",
    "makers": (
        "def make(name):\n    return dj.Schema(name)\n\ndef make_other(name, more):\n  return dj.Schema('x', name)\n\n"
        "def through(name):\n    schema = dj.Schema(name)\n    log(schema)\n    return schema\n\n"
        "def none():\n    return dj.Schema('n')\n\ndef second(a, b):\n    return dj.Schema(b)\n\n"
        "def computed(a):\n    return dj.Schema(a + 'x')\n\nasync def later(a):\n    return dj.Schema()\n\n"
        "def unknown(a):\n    return unbound\n\ndef dynamic(a):\n    return a()(a)\n\ndef inner(a):\n    x = y = dj.Schema(a)\n    return x\n"
        "def keyword(*, a):\n    return dj.Schema(a)\n"
        "one = partial(dj.Schema)\ntwo = functools.partial(dj.Schema, 'two')\nthree = partial()\nfour = other.partial(dj.Schema)\n"
        "five = lambda name: dj.Schema(name)\nsix = lambda: dj.Schema('six')\nseven = lambda a, b: dj.Schema(b)\neight = lambda a: a\n"
    ),
    "makers without a schema in them": "def make(name):\n    return connect(name)\nlower = schema('x')\n",
    "makers with tabs": "def make(name):\n\treturn Schema(name)\n",
    "schemas of global names": (
        "def start(name):\n    global a, b\n    a = dj.Schema('a')\n    c = dj.Schema('c')\n    if name:\n        b = dj.Schema('b')\n"
        "    else:\n        b = dj.Schema('d')\n    a = dj.Schema('a')\n"
    ),
    "functions with tables": (
        "def f(schema):\n    @schema\n    class A(dj.Manual): pass\n    class B: pass\n    class C(Base, Computed):\n"
        "        class D(dj.Part): pass\n        class E(dj.ENTRY): pass\n\nasync def g():\n  class F(Lookup): pass\n"
        "def h():\n    pass\nclass G(dj.Manual): pass\n"
    ),
    "members added to classes": (
        "class A: x = 1\nclass P: pass\nclass Q: pass\nA.definition = 'a : int32'\nA.P = P\nA.R = Q\nA.y = 5\nA.A = A\nB.z = P\na.b.c = P\n"
        "A.n = P\n"
    ),
    "members added to a later class": "TEXT = 'b : int32'\nclass A: pass\nclass B: pass\nB.definition = TEXT + '\\n'\nB.C = A\nA.x = 1\n",
    "activated": (
        "a = dj.Schema()\nb = dj.Schema()\nc = dj.Schema('c')\nd = dj.Schema()\ne = dj.Schema(name())\na.activate('a')\nb.activate(name)\n"
        "c.activate('other')\nd.activate('d', create_tables=False)\ne.activate('e')\nx = a.activate('late')\n"
    ),
    "activated in a word": "deactivated = 1\n",
    "activated by mail": "b = schema().activate('x')\nc = dj.Schema()\nc.deactivate('x')\nc.activate('first', 'second')\n",
    "actions": (
        "T.populate()\nT().insert([1])\nT.P.insert1({})\n(T & 'x=1').delete()\n(T() & 'x').delete_quick()\n(T & a & b).drop()\nf().insert(x)\n"
        "T.insert(x).more()\nT.drop_quick()\nx = T.update1({})\nT.insert_dataframe(d)\nT.fetch()\nT.insert\ny, z = T.insert(1), 2\n"
        "w = [T.insert(1)]\nt: int = T.populate()\nif x:\n    T.populate(1)\nT[0].insert(1)\n(T or U).insert(1)\n[T.insert(r) for r in rows]\n"
        "list(T.insert(1))\nlist(T.insert(r) for r in rows)\nprint(T.populate(), 1)\n"
    ),
    "decorated afterwards": (
        "class A: pass\nclass B: pass\nclass C: pass\nclass D: pass\nclass E: pass\nclass F: pass\nclass G: pass\nclass H: pass\nclass I: pass\n"
        "class J: pass\nclass K: pass\nclass L: pass\nschema(A)\nmodule.schema(B)\nlist(map(schema, [C, D]))\nmap(schema, (E,))\n"
        "for table in (F, G):\n    schema(table)\n[schema(t) for t in [H]]\nall(schema(t) for t in (I, A))\n"
        "J = schema(J)\nschema(K, 1)\nmake()(L)\nschema(x.L)\nschema(Missing)\n"
    ),
    "not decorated afterwards": (
        "class A: pass\nclass B: pass\nfor table in (A, B):\n    schema(other)\nfor t in tables:\n    schema(t)\nfor a, b in [A]:\n    schema(a)\n"
        "for t in [A]:\n    print\n    if x:\n        schema(t)\nmap(schema, tables)\nmap(schema)\nx.map(schema, [A])\nschema(B, context=1)\nschema()\n"
        "[schema(t, 1) for t in [A]]\n"
    ),
    "spawning": "schema.spawn_missing_classes()\n",
    "making classes": "schema.make_classes\n",
    "far imports": "from .. import a\nfrom ... import b\nfrom ...c import d\nfrom .... import e\nimport workflow.x.y\n",
    "late imports in lines between": "def f():\n    import a\nif x:\n    import b\ndef g():\n    from c import d as e, f\n",
}  # fmt: skip


def read(text: str | bytes, name: str = "deep.mine", path: str = "deep/mine.py") -> PythonModule:
    data = text if isinstance(text, bytes) else text.encode()
    return read_python(data, name=name, package="workflow", path=Path(path))


def told(module: PythonModule) -> list[str]:
    """What a module says, a line for each thing; what is empty is left out."""
    lines = []
    for field, value in module._asdict().items():
        match value:
            case None | () | False:
                pass
            case frozenset():
                lines += [f"{field}: {' '.join(sorted(value))}"] if value else []
            case dict():
                lines += [f"{field}: {name} = {short(text)}" for name, text in value.items()]
            case Place() | Problem() | str() | bool() | Path():
                lines.append(f"{field}: {short(value)}")
            case tuple() if type(value) is tuple:
                lines += [f"{field}: {short(item)}" for item in value]
            case _:
                lines.append(f"{field}: {short(value)}")
    return lines


def short(value: object) -> str:
    """A value as text; places as `line:column`, the texts of definitions with where they are."""
    match value:
        case Place(line, column):
            return f"{line}:{column}"
        case Path():
            return value.as_posix()
        case tuple():
            inner = ", ".join(short(item) for item in value)
            return f"{type(value).__name__}({inner})" if type(value) is not tuple else f"({inner})"
    return repr(value)


@pytest.mark.parametrize("style", MANY)
def test_a_file_is_read(style: str, snapshot: SnapshotAssertion) -> None:
    assert "\n".join(told(read(MANY[style]))) == snapshot


@pytest.mark.parametrize(
    ("path", "bases"),
    [("deep/mine.py", ["deep.a", "a", "."]), ("deep/mine/__init__.py", ["deep.mine.a", "deep.a", ""])],
)
def test_relative_imports_begin_at_the_folder_of_the_file(path: str, bases: list[str]) -> None:
    imports = read("from .a import x\nfrom ..a import x\nfrom ... import x\n", path=path).imports
    assert [item.base for item in imports] == [base if base != "." else "..." for base in bases]


def test_the_package_itself_has_no_folder_above_it() -> None:
    imports = read("from .a import x\nfrom . import y\nfrom .. import z\n", "", "__init__.py").imports
    assert [(item.base, item.inside) for item in imports] == [("a", True), ("", True), ("..", False)]


def test_relative_imports_begin_below_all_folders() -> None:
    imports = read("from .x import y\nfrom ..x import y\n", "a.b.c", "a/b/c.py").imports
    assert [item.base for item in imports] == ["a.b.x", "a.x"]


def test_an_empty_file_says_nothing() -> None:
    nothing = PythonModule("deep.mine", Path("deep/mine.py"), None, (), (), (), (), (), frozenset(), False, (), None)
    assert read("") == nothing


@pytest.mark.parametrize("inside", ["workflow", "workflow.lab"])
def test_a_name_that_begins_like_the_package_is_of_another(inside: str) -> None:
    for module, expected in ((inside, True), (inside.replace("flow", "flows"), False), (f"other.{inside}", False)):
        for statement in (f"import {module}", f"from {module} import x"):
            assert [item.inside for item in read(statement).imports] == [expected], statement


def test_a_file_is_read_up_to_two_megabytes() -> None:
    assert LARGEST_FILE_BYTES == 2_000_000
    assert not isinstance(parse(b"#" * 2_000_000), Problem)
    assert parse(b"#" * 2_000_001) == Problem("is larger than 2 MB and was not read", Place(1, 1))


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"x = 1\ny = (\n", Place(2, 5), "is not valid Python: '(' was never closed"),
        (b"if 1:\nx\n", Place(2, 1), "is not valid Python: expected an indented block after 'if' statement on line 1"),
        (b"# coding: nope\nx = 1\n", Place(1, 1), "is not valid Python: unknown encoding: nope"),
        (b"# coding: utf-16\nx = 1", Place(1, 1), "is not valid Python: "),
        (b"x = a\x00b", Place(1, 1), "is not valid Python: source code"),
        (b"-" * 100_000 + b"1", Place(1, 1), "is nested too deeply to be read"),
    ],
)
def test_why_a_file_is_not_python(data: bytes, place: Place, reason: str) -> None:
    problem = read(data).problem
    assert problem is not None
    assert problem.message.startswith(reason)
    assert problem.place == place
    assert parse(data) == problem


def test_nothing_is_known_of_a_file_that_cannot_be_read() -> None:
    problem = Problem("is nested too deeply to be read", Place(1, 1))
    unread = PythonModule(
        "a", Path("b.py"), None, (), (), (), (), (), frozenset(), False, (), problem, (), {}, (), False
    )
    assert read("x = " + "-" * 100_000 + "1", "a", "b.py") == unread
    assert read("x = " + " + ".join(["'a'"] * 1_500), "a", "b.py") == unread, "valid Python, too deep for the reader"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("schema = dj.Schema('a')", True),
        ("schema = dj.schema  (x)", True),
        (f"Schema{' ' * 9}(", True),
        (f"Schema{' ' * 10}(", False),
        ("schema\t(x)", False),
        ("myschema('x')", False),
        ("@schema", True),
        ("@my_schema", True),
        (f"@{'s' * 64}schema", True),
        (f"@{'s' * 65}schema", False),
        ("@module.schema", False),
        ("schema = 1", False),
        ("import datajoint", False),
        ("class A: pass", False),
        ("import datajoint\nclass A: pass", True),
        ("import datajoint\n class A: pass", False),
        ("import datajoint\nclassical = 1", False),
    ],
)
def test_whether_a_file_that_is_not_python_may_have_tables(line: str, expected: bool) -> None:
    problem = read(f"print 'old'\n{line}\n").problem
    assert problem is not None
    assert problem.has_schema is expected


@pytest.mark.parametrize(
    ("call", "made"),
    [
        ("    return Schema(name)", True),
        ("\treturn Schema(name)", True),
        ("    return chema(name)", True),
        ("    return dj.schema_of_labs(name)", True),
        (f"    return schema{'a' * 64}(name)", True),
        (f"    return schema{'a' * 65}(name)", False),
        ("    return connect(name)", False),
        (f"    {'x' * 400}; return Schema(name)", True),
        (f"    {'x' * 600}; return Schema(name)", False),
    ],
)
def test_functions_are_looked_into_where_a_schema_may_be_made_in_one(call: str, made: bool) -> None:
    assert bool(read(f"x = 1\ndef make(name):\n{call}\n").makers) is made


def test_a_schema_at_the_top_is_no_reason_to_look_into_functions() -> None:
    assert read("def make(name): return Schema(name)").makers != ()
    assert read("async def make(name): return Schema(name)").makers != ()
    assert (
        read("definitely = Schema('a')\nasyncs = Schema('a')\ndef make(name):\n    return connect(name)\n").makers == ()
    )
    assert read("schema = Schema('a')\ndef make(name):\n    return connect(name)\n").makers == ()
    assert [maker.calls for maker in read(" # Schema(\ndef make(name):\n    return connect(name)\n").makers] == [
        "connect"
    ]


def test_python_does_not_warn_of_what_is_parsed(recwarn: pytest.WarningsRecorder) -> None:
    with quietly():
        parse(b"x = '\\d'\n")
    assert [str(warning.message) for warning in recwarn] == []
    with pytest.warns(Warning, match="invalid escape"):
        parse(b"y = '\\d'\n")


def test_early_pythons_raise_another_error_for_null_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_data: bytes) -> None:
        raise ValueError("source code string cannot contain null bytes")

    monkeypatch.setattr(reading.ast, "parse", refuse)
    message = "is not valid Python: source code string cannot contain null bytes"
    assert parse(b"x") == Problem(message, Place(1, 1))
