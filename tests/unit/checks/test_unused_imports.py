"""DJP115: which imports nothing uses, and which of them can be removed without any code noticing."""

from pathlib import Path

import pytest

from djproject.checks.fixing import fixed_files
from djproject.checks.loading import load_inputs
from djproject.checks.run import Choice
from tests.checking import findings_in, module, table, write_project
from tests.unit.checks.cases import CODEC, KEY

SUBJECT = module("subject", table("Subject", "subject_id : int32"))
ACTS = SUBJECT + 'Subject.insert1({"subject_id": 1})\n'
LATE = SUBJECT.replace('dj.Schema("subject")', "dj.Schema()") + '\nschema.activate("subject")\n'
IMPORT = "from . import subject"
MESSAGE = "mine imports subject, and nothing uses it."


def said(root: Path, imports: str = IMPORT, more: str = "", **others: str) -> list[tuple[str, bool]]:
    """What is said of the imports of a module `mine`, and whether they are removed; others by name or path."""
    files: dict[str, str | bytes] = {"mine.py": module("mine", table("T", *KEY), imports=imports) + more}
    files |= {"subject.py": SUBJECT}
    files |= {name if "/" in name or "." in name else f"{name}.py": text for name, text in others.items()}
    write_project(root, files, git=False)
    return [(found.message, bool(found.edits)) for found in findings_in(root, ["DJP115"])]


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        (IMPORT, "subject"),
        ("from .subject import Subject", "Subject"),
        ("from . import subject as who", "who"),
        ("from . import subject as X", "X"),
        ("import workflow.subject", "workflow.subject"),
        ("import workflow.subject as who", "who"),
        ("from . import (\n    subject,\n)", "subject"),
        ("x = 1  # noqa\nfrom . import subject\ny = 2  # noqa", "subject"),
    ],
)
def test_an_unused_import_is_removed(tmp_path: Path, imports: str, name: str) -> None:
    assert said(tmp_path, imports) == [(f"mine imports {name}, and nothing uses it.", True)]
    (found,) = findings_in(tmp_path, ["DJP115"])
    assert (found.location.line, found.location.column) == (2 + imports.startswith("x"), 1)
    assert found.hint == "Remove the import."
    changed, _ = fixed_files(load_inputs(tmp_path), Choice(select=("DJP115",)))
    (text,) = changed.values()
    rest = imports.replace(f"{IMPORT}\n", "") + "\n" if imports.startswith("x") else ""
    before = module("mine", table("T", *KEY), imports=imports)
    assert text.decode() == before.replace(f"{imports}\n", rest)


@pytest.mark.parametrize(
    "imports",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import subject",
        "def late():\n    from . import subject",
        "from .subject import *",
        "from . import tools",
        "from .tools import x",
        "import tools",
        "from . import subject  # noqa",
        "from . import subject  # NOQA: E501, F401",
        "from . import subject  # pylint: disable=unused-import",
        "from . import (\n    subject,\n)  # noqa: F401",
        "from . import (\n    subject,  # noqa\n)",
    ],
)
def test_an_import_that_is_meant_or_not_of_a_schema_module(tmp_path: Path, imports: str) -> None:
    assert said(tmp_path, imports, tools="x = 1\n") == []


@pytest.mark.parametrize(
    "more",
    [
        "x = subject\n", "def f():\n    return subject.Subject\n", '__all__ = ["subject"]\n', "x = eval('subject.Subject')\n",
        "x = globals()\n", "f(linking_module=__name__)\n", "@schema\nclass U(dj.Manual):\n    definition = make()\n",
        "@schema\nclass U(dj.Manual):\n    definition = '-> subject.Subject'\n",
        "@schema\nclass U(dj.Manual):\n    definition = '-> subject.Subject.Part'\n",
    ],
)  # fmt: skip
def test_an_import_that_is_used_or_may_be(tmp_path: Path, more: str) -> None:
    assert said(tmp_path, more=more) == []


@pytest.mark.parametrize(
    ("imports", "more"),
    [
        ("from . import subject  # who", ""),
        ("from . import subject; x = 1", ""),
        ("if True:\n    from . import subject", ""),
        ("from . import (\n    subject,  # who\n)", ""),
        (IMPORT, "x = eval('1 and subject.Subject')\n"),
    ],
)
def test_an_import_with_something_beside_it_stays(tmp_path: Path, imports: str, more: str) -> None:
    assert said(tmp_path, imports, more) == [(MESSAGE, False)]


USES = "from workflow import mine\nx = mine.subject\n"
NOTEBOOK = '{"cells": [{"source": ["from workflow import mine\\n", "mine.subject.Subject"]}]}'
NEEDS = "import workflow\nx = workflow.subject.Subject\n"


@pytest.mark.parametrize(
    ("path", "text", "removed"),
    [
        ("other", USES, False), ("other", "from .mine import subject\n", False), ("other", "from .mine import T\n", True),
        ("other", "x = 'subject'\n", True), ("tests/test_a.py", USES, False), ("test/deep/er/a.py", USES, False),
        ("scripts/a.py", USES, False), ("notebooks/a.py", USES, False), ("notebooks/a.ipynb", NOTEBOOK, False),
        ("examples/a.py", USES, False), ("docs/conf.py", USES, False), ("benchmarks/a.py", USES, False),
        ("tests/a.txt", USES, True), ("elsewhere/a.py", USES, True), ("./setup.py", USES, False),
        ("other", NEEDS, False), ("other", f"import workflow.subject\n{NEEDS}", True),
        ("other", f"from workflow.subject import Subject\n{NEEDS}", True), ("other", "x = 'workflow.subjects'\n", True),
        ("other", "x = 'otherworkflow.subject'\n", True), ("other", "# workflow_subject\n", True),
        ("other", "# import subject\nx = 'workflow.subject'\n", False),
        ("docker/docker-compose.yaml", USES, True),
    ],
)  # fmt: skip
def test_a_file_that_reaches_the_name_through_the_module_keeps_the_import(
    tmp_path: Path, path: str, text: str, *, removed: bool
) -> None:
    assert said(tmp_path, **{path: text}) == [(MESSAGE, removed)]


def test_what_the_module_itself_says_of_it_does_not_count(tmp_path: Path) -> None:
    assert said(tmp_path, more='x = "mine"\nx = f(mine)\nmine.subject2 = 1\n') == [(MESSAGE, True)]
    assert said(tmp_path / "dotted", "import workflow.subject as who", more="y = who2\n") == [
        ("mine imports who, and nothing uses it.", True)
    ]


@pytest.mark.parametrize(
    ("subject", "others", "removed"),
    [
        (ACTS, {}, False),
        (LATE, {}, False),
        (CODEC + SUBJECT, {}, False),
        ("from . import up\n" + SUBJECT + "x = up\n", {"up": SUBJECT}, True),
        ("from . import up\n" + SUBJECT + "x = up\n", {"up": ACTS}, False),
        ("from . import up, upper\n" + SUBJECT + "x = up, upper\n", {"up": SUBJECT, "upper": ACTS}, False),
        ("from . import up, upper\n" + SUBJECT + "x = up, upper\n", {"up": ACTS, "upper": SUBJECT}, False),
        ("from . import up\n" + SUBJECT + "x = up\n", {"up": "from . import codecs\n", "codecs": CODEC}, False),
        ("from . import up\n" + SUBJECT + "x = up\n", {"up": "from . import subject\n"}, True),
        (SUBJECT + "class Tool(Other): ...\n", {"up": ACTS}, True),
    ],
)
def test_a_module_that_does_something_when_it_is_imported_stays(
    tmp_path: Path, subject: str, others: dict[str, str], *, removed: bool
) -> None:
    found = said(tmp_path, subject=subject, **others)
    assert (MESSAGE, removed) in found
    assert (MESSAGE, not removed) not in found


def test_the_first_part_of_a_dotted_import_is_what_counts(tmp_path: Path) -> None:
    assert said(tmp_path, "import workflow.subject", "x = workflow\n") == []
    assert said(tmp_path / "other", "import workflow.subject", "x = subject\n") == [
        ("mine imports workflow.subject, and nothing uses it.", True)
    ]


@pytest.mark.parametrize(
    ("other", "removed"),
    [
        ("x = 1\n", True),
        ("from .deep import mine\nx = mine.subject\n", False),
        ("from .deep import mine\nx = mine.T\n", True),
        ("import workflow.deep\nx = workflow.deep.subject\n", False),
        ("import workflow.deep.subject\nx = workflow.deep.subject\n", True),
        ("x = 'workflow.subject'\n", True),
    ],
)
def test_modules_inside_packages(tmp_path: Path, other: str, *, removed: bool) -> None:
    files: dict[str, str | bytes] = {
        "src/workflow/deep/__init__.py": "",
        "src/workflow/deep/mine.py": module("lab", table("T", *KEY), imports=IMPORT),
        "src/workflow/deep/subject.py": SUBJECT,
        "other.py": other,
    }
    write_project(tmp_path, files, git=False)
    (found,) = findings_in(tmp_path, ["DJP115"])
    assert (found.message, bool(found.edits)) == ("deep.mine imports subject, and nothing uses it.", removed)


def test_each_import_of_a_module_is_judged_by_itself(tmp_path: Path) -> None:
    uses = "@schema\nclass U(dj.Manual):\n    definition = '-> scan.Scan'\n\nx = rig\n"
    others = dict.fromkeys(("scan", "rig", "animal"), SUBJECT)
    imports = "from . import subject, scan, rig\nfrom . import animal  # noqa: F401\nfrom .scan import Subject as Other"
    assert said(tmp_path, imports, uses, **others) == [
        (MESSAGE, True),
        ("mine imports Other, and nothing uses it.", True),
    ]
    assert said(tmp_path / "package", "x = 1", __init__=SUBJECT + "from . import mine\n") == []
