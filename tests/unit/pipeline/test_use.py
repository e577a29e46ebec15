"""Which names a module uses, what can be reached through it, and what a change of its source keeps."""

import ast

import pytest

from djproject.pipeline.use import Use, keeps_meaning, names_used, reaches


def used(source: str) -> Use:
    return names_used(ast.parse(source))


@pytest.mark.parametrize(
    ("source", "names", "mentioned"),
    [
        ("a = b.c(d)", {"a", "b", "d"}, set()),
        ("def f(x):\n    global g, h\n    return x", {"g", "h", "x"}, set()),
        ("def f():\n    x = 1\n    def h():\n        nonlocal x", {"x"}, set()),
        ("import a\nfrom b import c", set(), set()),
        ("x = 'subject'", {"x", "subject"}, {"subject"}),
        ("x = ' subject.Subject & key '", {"x", "subject"}, {"subject", "Subject", "key"}),
        ("x = 'subject [0] and\\nmore'", {"x", "subject"}, {"subject", "and", "more"}),
        ("x = 'a|b'", {"x", "a"}, {"a", "b"}),
        ("x = 'a(b)'", {"x", "a"}, {"a", "b"}),
        ("x = 'two words'", {"x"}, {"two", "words"}),
        ("x = '3 words'", {"x"}, {"words"}),
        ("x = b'word'", {"x"}, set()),
        ("__all__ = ['a', 'b']", {"__all__", "a", "b"}, {"a", "b"}),
        ('"""Docstring."""', set(), set()),
        ('"""Some words.\n\n>>> word\n"""', set(), {"Some", "words", "word"}),
        ('"""Docstring.\n\n>>> word\n"""', {"Docstring"}, {"Docstring", "word"}),
        ('class A:\n    """Docstring."""\n    def f(self):\n        """Docstring."""', set(), set()),
        ('async def f():\n    """Docstring."""', set(), set()),
        ('x = 1\n"""word"""', {"x", "word"}, {"word"}),
        ('class A:\n    definition = """\n    # words\n    -> subject.Subject  # x\n    k = y : int8  # z\n    a.b\n    """',
         {"definition"}, {"subject", "Subject", "a", "b"}),
        ("class A:\n    definition = x = 'k : int8\\n' + '-> B'", {"definition", "x"}, {"B"}),
        ("class A:\n    other = 'k : int8'", {"other"}, {"k", "int8"}),
        ("definition = 'k : int8'", {"definition"}, {"k", "int8"}),
        ("class A:\n    class B:\n        definition = 'k : int8'", {"definition"}, set()),
        ("class A:\n    x.definition = 'k : int8'", {"x"}, {"k", "int8"}),
        ("class A:\n    definition = f('k : int8', 3)", {"definition", "f"}, set()),
        ("class A:\n    definition = 'a -> b : c'", {"definition"}, {"a", "b", "c"}),
    ],
)  # fmt: skip
def test_names_and_words_are_found(source: str, names: set[str], mentioned: set[str]) -> None:
    assert used(source) == Use(frozenset(names), frozenset(mentioned), False)


@pytest.mark.parametrize(
    ("source", "handed_over"),
    [
        ("globals()", True),
        ("locals", True),
        ("vars(x)", True),
        ("dir()", True),
        ("__import__('x')", True),
        ("x.globals()", False),
        ("f(linking_module=x)", True),
        ("f(add_objects=x)", True),
        ("f(other=x)", False),
        ("f(3, other=x, add_objects=y)", True),
        ("f(__name__)", True),
        ("f(x=__name__)", True),
        ("x.f(3, __name__)", True),
        ("logging.getLogger(__name__)", False),
        ("get_logger(__name__)", False),
        ("Logger(__name__)", False),
        ("dj.Schema(__name__)", False),
        ("schema(__name__)", False),
        ("dj.schema(x, linking_module=__name__)", True),
        ("f()(__name__)", True),
        ("f('__name__')", False),
        ("if __name__ == '__main__': f()", False),
        ("x.__dict__", True),
        ("sys.modules[x]", True),
        ("x.modules", False),
        ("sys.path", False),
        ("x.sys.modules", False),
        ("globals()\nx.y\nf()\nz", True),
        ("x.__dict__\nf()\ny", True),
        ("f(__name__)\ng(x)", True),
    ],
)
def test_names_are_handed_over_where_code_elsewhere_gets_at_them(source: str, handed_over: bool) -> None:
    assert used(source).handed_over is handed_over


@pytest.mark.parametrize(
    ("source", "reached"),
    [
        ("", False),
        ("subject", False),
        ("x = scanner.subject", False),
        ("scan.subject", True),
        ("scan . subject", True),
        ("scan.subjects", False),
        ("scan.my_subject", False),
        ("-> scan.subject.Subject", True),
        ("from scan import subject", True),
        ("from .scan import (other,\n  subject)", True),
        ("from workflow.scan import *", True),
        ("from workflow.scan import subjects", False),
        ("from scan.other import subject", False),
        ("from . import scan, subject", False),
        ("from . import scan as s\ns.subject", True),
        ("from . import scan as s\ns.other", False),
        ("import workflow.scan as s, t\nprint(s.subject)", True),
        ("import workflow.scan as s\nt.subject", False),
        ("m = scan", True),
        ("m = scan\n", True),
        ("f(scan)", True),
        ("f(x, scan)", True),
        ("f(scan, x)", True),
        ("x[scan]", True),
        ("x[scan:3]", False),
        ("{'a':scan\n}", True),
        ("m = scan.x", False),
        ("from . import scan as s\nm = s", True),
        ("from . import (scan, subject)", False),
        ("import scan, x", False),
        ("scan\nsys.modules", True),
        ("scan\nimport_module(x)", True),
        ("scan\nf(linking_module=x)", True),
        ("scan\ngetattr(x, y)", True),
        ("scan\nvars(x)", True),
        ("scan\nx.__dict__", True),
        ("sys.modules", False),
    ],
)
def test_a_name_may_be_reached_through_a_module(source: str, reached: bool) -> None:
    assert reaches(source, "scan", "subject") is reached


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("x = 1", "x = 1", True),
        ("x = 1", "x  =  1  # comment", True),
        ("x = 1", "x = 2", False),
        ("x = 'a'", "x = 'b'", True),
        ("x = 'a'", "x = 3", False),
        ("x = b'a'", "x = b'b'", False),
        ("x = 1", '"""Docstring."""\nx = 1', True),
        ('"""Docstring."""\nx = 1', "x = 1", True),
        ("x = 1\ny = 2", "y = 2", False),
        ("s = dj.schema('x')", "s = dj.Schema('x')", True),
        ("s = dj.schema('x')", "s = dj.scheme('x')", False),
        ("s = dj.schemas('x').a", "s = dj.schemas('x').b", False),
        ("s = f(dj.schema('x')).a", "s = f(dj.Schema('y')).a", True),
        ("import a\nimport b\nb.x", "import b\nb.x", True),
        ("import a\na.x", "a.x", False),
        ("from x import a\na", "from y import a\na", False),
        ("from x import a as b\na", "a", True),
        ("from x import a as b\nb", "b", False),
        ("import a.b\na.x", "a.x", False),
        ("import a.b\nb.x", "b.x", True),
        ("x = 1", "import y\nx = 1", True),
        ("x = 1", "import x\nx = 1", False),
        ("def f(): pass", "from y import f\ndef f(): pass", False),
        ("async def f(): pass", "from y import f\nasync def f(): pass", False),
        ("class f: pass", "from y import f\nclass f: pass", False),
        ("def g():\n    f = 1", "from y import f\ndef g():\n    f = 1", False),
        ("f", "from y import f\nf", True),
        ("del f", "import f\ndel f", False),
        ("from x import f", "from x import f\nfrom y import f", False),
        ("from x import f", "from .x import f\nfrom x import f", False),
        ("from x import f", "from x import f\nfrom x import f as g", True),
        ("from .x import f\nf", "from . import x\nfrom .x import f\nf", True),
        ("from . import f\nf", "from .. import f\nf", False),
        ("from .x import f\nf", "from ..x import f\nf", False),
        ("import x\nx", "from x import x\nx", False),
        ("def f():\n    import a", "def f():\n    pass", False),
        ("def f():\n    'a'\n    x", "def f():\n    'b'\n    x", True),
        ("import a\nx = 'a'", "x = 'a'", False),
        ("import a\nx = 'see a'", "x = 'see a'", True),
    ],
)
def test_a_change_of_texts_and_imports_keeps_the_meaning(old: str, new: str, kept: bool) -> None:
    assert keeps_meaning(old, new) is kept
