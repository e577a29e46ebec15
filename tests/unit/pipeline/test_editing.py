"""Imports and entries of a docstring, added to a module's source and removed from it, to the letter."""

import ast

import pytest

from djproject.pipeline.editing import (
    docstring_entries,
    import_statement,
    source_lines,
    with_docstring_entries,
    with_import,
    without_docstring_entries,
    without_import,
)

FITS = "a" * 35  # two of them and their import take 88 columns
LONG = "a" * 36


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ("", "b", "\nfrom . import b\n"),
        ('"""A."""\n', "b", '"""A."""\n\nfrom . import b\n'),
        ('"""A.\n\nMore.\n"""\n\nx = 1\n', "b", '"""A.\n\nMore.\n"""\n\nfrom . import b\n\nx = 1\n'),
        ("x = 1\n", "b", "\nfrom . import b\nx = 1\n"),
        ("f()\n", "b", "\nfrom . import b\nf()\n"),
        ("import x\n\ny = 1\n", "b", "import x\n\nfrom . import b\n\ny = 1\n"),
        ("import x\nfrom y import z\n", "b", "import x\nfrom y import z\n\nfrom . import b\n"),
        ("from . import a\n", "b", "from . import a, b\n"),
        ("from . import b, a\n", "b", "from . import a, b\n"),
        ("from . import (\n    c,\n    a,\n)\nx = 1\n", "b", "from . import a, b, c\nx = 1\n"),
        ("from .p import a\n", "p.b", "from .p import a, b\n"),
        ("from .p import a\n", "b", "from .p import a\nfrom . import b\n"),
        ("from . import a\n", "p.b", "from . import a\nfrom .p import b\n"),
        ("from .p.q import a\nfrom . import c\n", "p.q.b", "from .p.q import a, b\nfrom . import c\n"),
        ("from .. import a\n", "b", "from .. import a\nfrom . import b\n"),
        ("x = 1\nfrom .. import a", "b", "x = 1\nfrom .. import a\nfrom . import b\n"),
        ("x = 1\nimport a", "b", "x = 1\nimport a\n\nfrom . import b\n"),
        ('"""A.\n"""', "b", '"""A.\n"""\n\nfrom . import b\n'),
        ('"""A.\n\nMore."""', "b", '"""A.\n\nMore."""\n\nfrom . import b\n'),
        ("import a\nx = 1", "b", "import a\n\nfrom . import b\nx = 1"),
        ("from p import a\n", "p.b", "from p import a\n\nfrom .p import b\n"),
        ("from . import a as x\n", "b", "from . import a as x\nfrom . import b\n"),
        ("from . import a as x\nfrom . import c\n", "b", "from . import a as x\nfrom . import b, c\n"),
        ("from . import *\n", "b", "from . import *\nfrom . import b\n"),
        ("from . import a  # x\n", "b", "from . import a  # x\nfrom . import b\n"),
        ("from . import (  # x\n    a,\n)\n", "b", "from . import (  # x\n    a,\n)\nfrom . import b\n"),
        ("from . import a; x = 1\n", "b", "from . import a; x = 1\nfrom . import b\n"),
        ("x = 1\nfrom . import a\n", "b", "x = 1\nfrom . import a, b\n"),
        ("import x\n\ndef f(): pass\n\nfrom . import a\n", "b",
         "import x\n\nfrom . import b\n\ndef f(): pass\n\nfrom . import a\n"),
        ("import x\nclass A: pass\nfrom . import a\n", "b", "import x\n\nfrom . import b\nclass A: pass\nfrom . import a\n"),
        ("async def f(): pass\nfrom . import a\n", "b", "\nfrom . import b\nasync def f(): pass\nfrom . import a\n"),
        (f"from . import {FITS}\n", f"b{FITS[2:]}", f"from . import {FITS}, b{FITS[2:]}\n"),
        (f"from . import {LONG}\n", f"b{LONG}", f"from . import (\n    {LONG},\n    b{LONG},\n)\n"),
    ],
)  # fmt: skip
def test_an_import_is_added_beside_its_neighbours(before: str, name: str, after: str, newline: str) -> None:
    before, after = before.replace("\n", newline), after.replace("\n", newline)
    assert with_import(before, name) == (after if before else after.replace("\r\n", "\n"))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("before", "local", "line", "after"),
    [
        ("import x\ny = 1\n", "x", 1, "y = 1\n"),
        ("import x, z\ny = 1\n", "x", 1, "import z\ny = 1\n"),
        ("import x, a as b, c.d, e\n", "e", 1, "import x, a as b, c.d\n"),
        ("import a as b, c\n", "b", 1, "import c\n"),
        ("import a as b, c\n", "a", 1, "import a as b, c\n"),
        ("from . import a, b\n", "a", 1, "from . import b\n"),
        ("from ..p.q import a, b as c, d\n", "d", 1, "from ..p.q import a, b as c\n"),
        ("from p import a as x, b\n", "x", 1, "from p import b\n"),
        ("from p import (\n    a,\n    b,\n)\nx = 1\n", "b", 1, "from p import a\nx = 1\n"),
        ("from p import (\n    a,\n)\nx = 1\n", "a", 1, "x = 1\n"),
        ("import a\nx = 1\nfrom p import a, b\nimport a\n", "a", 3, "import a\nx = 1\nfrom p import b\nimport a\n"),
        (f"from . import (\n    {LONG},\n    b{LONG},\n    c,\n)\n", "c", 1,
         f"from . import (\n    {LONG},\n    b{LONG},\n)\n"),
    ],
)  # fmt: skip
def test_a_name_is_removed_from_the_import_of_its_line(
    before: str, local: str, line: int, after: str, newline: str
) -> None:
    assert without_import(before.replace("\n", newline), local, line) == after.replace("\n", newline)


def test_only_an_import_at_the_top_is_looked_for() -> None:
    with pytest.raises(StopIteration):
        without_import("if x:\n    import a\n", "a", 2)
    with pytest.raises(StopIteration):
        without_import("a = 1\nimport a\n", "a", 1)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\nb\r\nc\rd", ["a\n", "b\r\n", "c\r", "d"]),
        ("\n\n", ["\n", "\n"]),
        ("a\x0cb\u2028c\n", ["a\x0cb\u2028c\n"]),
    ],
)
def test_lines_end_where_python_ends_them(text: str, lines: list[str]) -> None:
    assert source_lines(text) == lines


def test_an_import_statement_is_wrapped_beyond_88_columns() -> None:
    assert import_statement("", ["a", "b"]) == "from . import a, b\n"
    assert import_statement("p.q", ["a"]) == "from .p.q import a\n"
    for length, wrapped in ((88, False), (89, True)):
        name = "n" * (length - len("from . import "))
        written = f"from . import (\n    {name},\n)\n" if wrapped else f"from . import {name}\n"
        assert import_statement("", [name]) == written


HEAD = '"""A.\n\nDependencies:\n'


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("listed", "entries"),
    [
        ("    - none\n", {}),
        ("    - none.\n", {}),
        ("    - nothing yet\n", {}),
        ("    - nothing yet.\n", {}),
        ("    - a: who\n    - `b` : what: it is\n", {"a": "who", "b": "what: it is"}),
        ("    - `Xa`: who\n    - `bX`: x\n", {"Xa": "who", "bX": "x"}),
        ("    - a: who\n          -and x\n", {"a": "who -and x"}),
        ("  - a\n\t-  b:  x   y \n", {"a": "", "b": "x y"}),
        (
            "    - a: who\n          and where\n          and when\n    - b: x\n",
            {"a": "who and where and when", "b": "x"},
        ),
        ("    - a: who\n    and where\n    - b: x\n", {"a": "who"}),
        ("    - none\n    - a: who\n", {"a": "who"}),
        ("    - a: who\n    - none\n    - b: x\n", {"a": "who", "b": "x"}),
        ("    - none of them: x\n", {"none of them": "x"}),
    ],
)
def test_the_entries_of_a_list_are_read(listed: str, entries: dict[str, str], newline: str) -> None:
    text = f"A.\n\nProvides:\n    - no: x\n\nDependencies:\n{listed}\nMore.\n"
    assert docstring_entries(text, "Dependencies") == entries
    if newline == "\r\n":
        assert docstring_entries(text.replace("\n", newline), "Dependencies") == entries


@pytest.mark.parametrize(
    "text", ["", "A.\n", "Dependencies:\n", "Dependencies: a\n    - b: c\n", "Dependencies:\n- a: b\n"]
)
def test_a_docstring_without_the_list_has_no_entries(text: str) -> None:
    assert docstring_entries(text, "Dependencies") is None
    assert docstring_entries(text, "Provides") is None


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("listed", "added", "after"),
    [
        ("    - none\n", {"a": "who"}, "    - a: who\n"),
        ("    - none.\n", {"a": "who"}, "    - a: who\n"),
        ("  - nothing yet\n", {"a": "who", "b": "x"}, "  - a: who\n  - b: x\n"),
        ("    - c: y\n", {"a": "who"}, "    - c: y\n    - a: who\n"),
        ("\t- c: y\n\t      z\n", {"a": "who", "b": "x"}, "\t- c: y\n\t      z\n\t- a: who\n\t- b: x\n"),
        ("    - c: y\n", {}, "    - c: y\n"),
        ("    - none of them: x\n", {"a": "who"}, "    - none of them: x\n    - a: who\n"),
    ],
)
def test_entries_are_added_to_the_end_of_a_list(listed: str, added: dict[str, str], after: str, newline: str) -> None:
    more = '\nProvides:\n    - none\n"""\nx = """\nDependencies:\n    - no\n"""\n'
    before = f"{HEAD}{listed}{more}".replace("\n", newline)
    assert with_docstring_entries(before, "Dependencies", added) == f"{HEAD}{after}{more}".replace("\n", newline)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("listed", "names", "after"),
    [
        ("    - a: who\n    - b: x\n", ["a"], "    - b: x\n"),
        ("    - a: who\n    - b: x\n    - c\n", ["c", "a"], "    - b: x\n"),
        ("    - `a` : who\n  -  b\n", ["a"], "  -  b\n"),
        ("    - a: who\n    - b: x\n", ["a", "b"], "    - none\n"),
        ("  - a: who\n", ["a"], "    - none\n"),
        ("    - ab: who\n    - a.b: x\n", ["a", "a+b"], "    - ab: who\n    - a.b: x\n"),
        ("    - a.b: who\n    - axb: x\n", ["a.b"], "    - axb: x\n"),
        ("    - a: who\n          and where\n          and when\n    - b: x\n", ["a"], "    - b: x\n"),
        ("    - a: who\n", [], "    - a: who\n"),
    ],
)
def test_entries_are_removed_from_a_list(listed: str, names: list[str], after: str, newline: str) -> None:
    more = '\nProvides:\n    - a: b\n"""\nx = """\nDependencies:\n    - a: c\n"""\n'
    before = f"{HEAD}{listed}{more}".replace("\n", newline)
    assert without_docstring_entries(before, "Dependencies", names) == f"{HEAD}{after}{more}".replace("\n", newline)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1\n",
        '"""A."""\n',
        '"""A."""\nx = """\nDependencies:\n    - none\n"""\n',
        'x = """\nDependencies:\n    - none\n"""\n',
        'f("""\nDependencies:\n    - none\n""")\n',
        "# Dependencies:\n#    - none\n",
    ],
)
def test_a_module_without_the_list_stays_as_it_is(text: str) -> None:
    assert with_docstring_entries(text, "Dependencies", {"a": "who"}) == text
    assert without_docstring_entries(text, "Dependencies", ["none"]) == text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("quotes", ['"""', "'''"])
@pytest.mark.parametrize(
    ("before", "added", "removed", "after"),
    [
        ("    - a: größe{}\n", {"b": "x"}, [], "    - a: größe\n    - b: x\n{}\n"),
        ("    - a: who\n    - c: y {}; x = 1\n", {}, ["a"], "    - c: y \n{}; x = 1\n"),
        ("    - a: who{}  # c\n", {"b": "x"}, ["a"], "    - b: x\n{}  # c\n"),
        ("    - none{}", {"b": "x", "c": "y"}, [], "    - b: x\n    - c: y\n{}"),
        ("    - a: who{}", {}, ["a"], "    - none\n{}"),
        ("    - a: who{}", {}, [], "    - a: who{}"),
        ("    - a: who{}", {}, ["b"], "    - a: who{}"),
        ("    - a: who\n    {}\n", {"b": "x"}, [], "    - a: who\n    - b: x\n    {}\n"),
    ],
)
def test_quotes_in_the_last_line_of_a_list_come_after_it(
    before: str, added: dict[str, str], removed: list[str], after: str, quotes: str, newline: str
) -> None:
    head = HEAD.replace('"""', quotes)
    text = f"{head}{before.format(quotes)}".replace("\n", newline)
    changed = without_docstring_entries(text, "Dependencies", removed)
    changed = with_docstring_entries(changed, "Dependencies", added)
    assert changed == f"{head}{after.format(quotes)}".replace("\n", newline)
    ast.parse(changed)


def test_a_docstring_within_single_quotes_has_no_list() -> None:
    text = '"A.\\\nDependencies:\\\n    - none"\n'
    ast.parse(text)
    assert with_docstring_entries(text, "Dependencies", {"a": "who"}) == text
    parenthesised = '("""\nDependencies:\n    - none""")\n'
    assert with_docstring_entries(parenthesised, "Dependencies", {"a": "who"}) == (
        '("""\nDependencies:\n    - a: who\n""")\n'
    )
