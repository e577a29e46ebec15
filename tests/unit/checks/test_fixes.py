"""What `--fix` does to a package leaves every name in use where it was: proven by running the package."""

import importlib
import re
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from djproject.checks.fixing import fixed_files
from djproject.checks.loading import load_inputs
from djproject.checks.run import Choice
from djproject.pipeline.use import keeps_meaning
from tests.checking import write_project

NUMBERS = count()
FAILED = "failed:"
HEAD = "import datajoint as dj\nschema = dj.Schema()\n"
SUBJECT = (
    HEAD + 'def helper():\n    return "help"\n\n@schema\nclass Subject(dj.Manual):\n    definition = "k : int32"\n'
)
IMPORTS = {
    "module": "from . import subject\n",
    "several": "from . import (\n    subject,\n    scan,\n)\n",
    "renamed": "from . import subject as who, scan\n",
    "members": "from .subject import Subject, helper\n",
    "dotted": "import PACKAGE.subject\nimport PACKAGE.scan as scanned\n",
    "absolute": "from PACKAGE import subject\nfrom PACKAGE.scan import Subject as Scan\n",
    "after a form feed": "\x0c\nx = 1\x0c\nfrom . import subject\ny = 2\n",
    "with a comment": "from . import subject  # for the notebook\n",
    "with a semicolon": "from . import subject; z = 3\n",
    "twice": "from . import subject\nfrom . import subject\n",
}
# what a probe returns is compared before and after; names are those that the imports above bind
USES = {
    "nothing": "",
    "call": "def probe_call(): return helper()\n",
    "attribute": "def probe_attribute(): return subject.Subject.definition\n",
    "renamed": "def probe_renamed(): return who.helper()\n",
    "dotted": "def probe_dotted(): return PACKAGE.subject.helper()\n",
    "eval": "def probe_eval(): return eval('subject.helper()')\n",
    "mentioned": "def probe_mentioned(): return eval('1 and subject.helper()')\n",
    "globals": "def probe_globals(): return sorted(n for n in globals() if n[0] in 'swSh')\n",
    "format": "def probe_format(): return eval('{}.helper()'.format('subject'))\n",
    "annotation": "def f(x: 'Subject') -> 'subject.Subject': ...\ndef probe_annotation():\n"
    "    import typing\n    return sorted(map(repr, typing.get_type_hints(f).values()))\n",
    "exports": "__all__ = ['subject']\n",
    "linking": "import sys\ndef activate(linking_module): return sorted(n for n in dir(sys.modules[linking_module]) if n[0] != '_')\n"
    "def probe_linking(): return activate(linking_module=__name__)\n",
    "foreign key": '@schema\nclass T(dj.Manual):\n    definition = """\n    -> subject.Subject\n    """\n',
    "broken line": '@schema\nclass B(dj.Manual):\n    definition = """\n    t : int32\n    -> subject.Subject.proj(\n    """\n',
    "computed": "@schema\nclass C(dj.Manual):\n    definition = '-> {}.Subject'.format('subject')\n",
    "base": "class D(subject.Subject): ...\n",
    "doctest": 'def g():\n    """Help.\n\n    >>> subject.helper()\n    \'help\'\n    """\ndef probe_doctest():\n'
    "    import doctest\n    return [eval(e.source) for t in doctest.DocTestFinder().find(g, globs=globals()) for e in t.examples]\n",
}
OTHERS = {
    "nothing": "",
    "attribute": "from . import mine\ndef probe_other(): return mine.subject.helper()\n",
    "member": "from .mine import subject as mine_subject\n",
    "wildcard": "from .mine import *\ndef probe_wildcard(): return sorted(n for n in globals() if n in {'subject', 'helper', 'who'})\n",
    "by package": "import PACKAGE\nfrom . import mine\ndef probe_package(): return PACKAGE.subject.helper()\n",
    "passed on": "from . import mine\ndef got(m): return m.subject.helper()\ndef probe_passed(): return got(mine)\n",
    "definition": "from . import mine\n@schema\nclass O(dj.Manual):\n    definition = '-> mine.subject.Subject'\n",
}


@pytest.fixture
def package_path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def behaviour(root: Path, package: str) -> dict[str, object]:
    """What every probe of a package answers, what its foreign keys lead to, and which of its modules import."""
    sys.path.insert(0, str(root / "src"))
    importlib.invalidate_caches()
    found: dict[str, object] = {}
    try:
        for name in ("mine", "other"):
            module = _answer(lambda name=name: importlib.import_module(f"{package}.{name}"))
            found[name] = module if isinstance(module, str) else "imported"
            for key, value in list(vars(module).items()) if not isinstance(module, str) else ():
                if key.startswith("probe_"):
                    found[f"{name}.{key}"] = _answer(value)
                for target in re.findall(r"-> ([\w.]+)", str(getattr(value, "definition", ""))):
                    found[f"{name}.{key} {target}"] = _answer(lambda t=target, m=module: repr(eval(t, vars(m))))
                if key == "__all__":
                    found |= {f"{name}.{member}": hasattr(module, member) for member in value}
    finally:
        sys.path.pop(0)
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
    return found


def _answer(ask):  # type: ignore[no-untyped-def]
    try:
        return ask()
    except Exception as error:
        return f"{FAILED} {type(error).__name__}"


@given(
    imports=st.sampled_from(sorted(IMPORTS)),
    uses=st.lists(st.sampled_from(sorted(USES)), max_size=2, unique=True),
    other=st.sampled_from(sorted(OTHERS)),
)
@example(imports="members", uses=["call", "foreign key"], other="nothing")
@example(imports="module", uses=["eval"], other="nothing")
@example(imports="module", uses=["format"], other="nothing")
@example(imports="module", uses=["mentioned"], other="nothing")
@example(imports="module", uses=["broken line"], other="nothing")
@example(imports="module", uses=["linking"], other="nothing")
@example(imports="module", uses=["doctest"], other="nothing")
@example(imports="module", uses=["annotation"], other="nothing")
@example(imports="module", uses=[], other="attribute")
@example(imports="module", uses=[], other="wildcard")
@example(imports="module", uses=[], other="member")
@example(imports="module", uses=[], other="definition")
@example(imports="module", uses=[], other="passed on")
@example(imports="dotted", uses=[], other="by package")
@example(imports="after a form feed", uses=[], other="nothing")
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_fixed_package_runs_as_before(
    tmp_path: Path, package_path: None, imports: str, uses: list[str], other: str
) -> None:
    package = f"fixed{next(NUMBERS)}"
    root = tmp_path / package
    files = {
        "subject.py": SUBJECT,
        "scan.py": SUBJECT,
        "mine.py": HEAD.replace("\n", f"\n{IMPORTS[imports]}", 1) + "".join(USES[use] for use in uses),
        "other.py": HEAD + OTHERS[other],
    }
    texts = {f"src/{package}/{name}": text.replace("PACKAGE", package) for name, text in files.items()}
    pyproject = f'[project]\nname = "p"\n\n[tool.djproject]\npackage = "{package}"\n'
    write_project(root, {**texts, f"src/{package}/__init__.py": ""}, pyproject=pyproject, git=False)
    before = behaviour(root, package)
    changed, _ = fixed_files(load_inputs(root), Choice(select=("DJP1",)))
    for path, data in changed.items():
        path.write_bytes(data)
    worked = {name: answer for name, answer in before.items() if not str(answer).startswith(FAILED)}
    after = behaviour(root, package)
    assert {name: after.get(name) for name in worked} == worked, changed


def test_an_import_that_nothing_uses_is_removed_and_nothing_else(tmp_path: Path) -> None:
    unused = HEAD.replace("\n", "\nfrom . import scan, subject\n", 1) + "x = scan\n"
    write_project(tmp_path, {"subject.py": SUBJECT, "scan.py": SUBJECT, "mine.py": "\x0c# head\n" + unused})
    changed, mended = fixed_files(load_inputs(tmp_path), Choice(select=("DJP115",)))
    assert mended == 1
    kept = ("\x0c# head\n" + unused).replace(", subject", "").encode()
    assert changed == {tmp_path / "src/workflow/mine.py": kept}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from . import a\nx = a\n", "x = a\n"),
        ("x = 1\n", "x = 2\n"),
        ("x = 1\ny = 2\n", "y = 2\n"),
        ("a = 1\n", "from . import a\na = 1\n"),
        ("def a(): ...\n", "from . import a\ndef a(): ...\n"),
        ("from . import a\nfrom . import b\n__all__ = ['b']\n", "from . import a\n__all__ = ['b']\n"),
        (
            "try:\n    import a\nexcept ImportError:\n    a = None\n",
            "try:\n    pass\nexcept ImportError:\n    a = None\n",
        ),
    ],
)
def test_what_changes_a_program_is_no_fix(old: str, new: str) -> None:
    assert not keeps_meaning(old, new)
    assert keeps_meaning(old, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from . import a\nx = 1\n", "x = 1\n"),
        ('"""old"""\nx = "int"\n', '"""new"""\nx = "int32"\n'),
        ("import datajoint as dj\ns = dj.schema('a')\n", "import datajoint as dj\ns = dj.Schema('a')\n"),
        ("x = 1\n", "from . import a\nx = 1\n"),
    ],
)
def test_what_a_rule_may_change_is_a_fix(old: str, new: str) -> None:
    assert keeps_meaning(old, new)


def test_an_import_that_would_close_a_cycle_is_not_added(tmp_path: Path) -> None:
    other = "import datajoint as dj\nfrom . import mine\nschema = dj.Schema('other')\nx = mine\n"
    mine = "import datajoint as dj\nschema = dj.Schema('mine')\n@schema\nclass T(dj.Manual):\n    definition = '-> other.U'\n"
    write_project(tmp_path, {"other.py": other, "mine.py": mine})
    assert fixed_files(load_inputs(tmp_path), Choice(select=("DJP114",))) == ({}, 0)
    write_project(tmp_path, {"other.py": other.replace("from . import mine\n", "").replace("x = mine\n", "")})
    changed, _ = fixed_files(load_inputs(tmp_path), Choice(select=("DJP114",)))
    assert b"from . import other\nschema" in changed[tmp_path / "src/workflow/mine.py"]
