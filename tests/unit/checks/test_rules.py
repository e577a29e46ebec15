"""Every rule finds what it is for, points at it, and is silent where it is mended."""

import shutil
from pathlib import Path

import pytest

from djproject.checks.registry import FAMILIES, all_rules, find_rule
from djproject.errors import ConfigError
from tests.checking import codes_in, findings_in, write_project
from tests.unit.checks.cases import CASES, Case


def project(root: Path, case: Case, *, mended: bool) -> Path:
    files = case.good if mended else case.bad
    write_project(
        root,
        files,
        pyproject=case.good_pyproject if mended else case.bad_pyproject,
        git=case.git or mended,
    )
    for name in () if mended else case.absent:
        (root / name).unlink()
    return root


@pytest.mark.parametrize("case", CASES, ids=[case.code for case in CASES])
def test_the_rule_finds_what_it_is_for(tmp_path: Path, case: Case) -> None:
    also = ["DJP201"] if case.code == "DJP090" else []  # what is not looked for cannot be suppressed for nothing
    found = findings_in(project(tmp_path, case, mended=False), [case.code, *also])
    assert {finding.code for finding in found} == {case.code}
    for finding in found:
        assert finding.message.endswith((".", "?"))
        assert finding.location.line >= 1
        assert finding.location.end_column >= finding.location.column >= 1


@pytest.mark.parametrize("case", CASES, ids=[case.code for case in CASES])
def test_the_rule_is_silent_where_it_is_fixed(tmp_path: Path, case: Case) -> None:
    assert codes_in(project(tmp_path, case, mended=True), case.code) == []


def test_every_rule_has_a_case_and_every_case_a_rule() -> None:
    assert sorted(case.code for case in CASES) == [rule.code for rule in all_rules()]


@pytest.mark.parametrize("rule", all_rules(), ids=[rule.code for rule in all_rules()])
def test_every_rule_has_a_page(rule) -> None:  # type: ignore[no-untyped-def]
    page = rule.page
    places = [
        page.find(f"{heading}:") for heading in ("What it does", "Why it matters", "Example", "Use instead", "Source")
    ]
    assert -1 not in places
    assert places == sorted(places)
    assert rule.code[:4] in FAMILIES
    assert rule.claim.endswith(".")


def test_rules_are_found_by_code_and_by_name() -> None:
    assert find_rule("djp209") is find_rule("stores_are_configured")
    with pytest.raises(ConfigError) as refused:
        find_rule("DJP20")
    assert "Did you mean DJP2" in refused.value.hint


def test_findings_point_at_the_token_in_the_definition(tmp_path: Path) -> None:
    text = (
        'import datajoint as dj\nschema = dj.Schema("a")\n\n@schema\nclass T(dj.Manual):\n    definition = """\n'
        "    k : int32\n    ---\n    ü = 1 : int32\n    größe : int32  # Größe\n    x   :   <blob@raw>   # räw\n"
        '    """\n\n@schema\nclass U(dj.Manual):\n    definition = "k : int32\\n---\\ny : <blob@raw>"\n\n'
        '@schema\nclass V(dj.Manual):\n    definition = (\n        "k : int32\\n"\n        "---\\n"\n        "z : <blob@raw>\\n"\n    )\n'
    )
    write_project(tmp_path, {"a.py": text})
    places = [(f.location.line, f.location.column, f.location.end_column) for f in findings_in(tmp_path, ["DJP209"])]
    lines = text.split("\n")
    assert [lines[line - 1][start - 1 : end - 1] for line, start, end in places] == ["<blob@raw>"] * 3
    assert [line for line, _, _ in places] == [11, 16, 23]


def test_findings_do_not_depend_on_the_order_of_files(tmp_path: Path) -> None:

    from djproject.checks.loading import load_inputs
    from djproject.checks.run import examine

    files: dict[str, str | bytes] = {}
    for case in CASES:
        files |= {f"{case.code.lower()}_{name}": content for name, content in case.bad.items() if "/" not in name}
    write_project(tmp_path, {name: text for name, text in files.items() if name.endswith(".py")})
    inputs = load_inputs(tmp_path)
    backwards = inputs._replace(files=dict(reversed(list(inputs.files.items()))))
    assert examine(inputs).findings == examine(backwards).findings
    assert len(examine(inputs).findings) > 50


def test_what_init_writes_has_nothing_to_find(tmp_path: Path) -> None:
    from djproject.scaffold.new_project import Answers, plan_project
    from djproject.scaffold.plan import write_plan

    for number, answers in enumerate([Answers("p"), Answers("p", example=True), Answers("p", docs="sphinx")]):
        root = tmp_path / str(number)
        write_plan(plan_project(root, answers))
        shutil.copytree(write_project(tmp_path / "git", {}) / ".git", root / ".git")
        assert findings_in(root) == ()


@pytest.mark.parametrize(
    ("code", "path", "old", "new"),
    [
        ("DJP219", "mine.py", '-> Subject\n    """', 'subject_id : int32\n    """\n    key_source = Subject'),
        ("DJP237", "mine.py", "def make(self, key)", "def make_fetch(self)"),
        ("DJP239", "mine.py", "contents = []", "contents = [dict(zip('ab', 'ab')), {'subject_id': 1, 'other': 2}]"),
        ("DJP239", "mine.py", "contents = []", "contents = ((1, 2),)"),
        ("DJP207", "mine.py", "-> Subject", "-> mine.Subject"),
    ],
)
def test_another_form_of_what_the_rule_finds(tmp_path: Path, code: str, path: str, old: str, new: str) -> None:
    from tests.checking import module, table
    from tests.unit.checks.cases import MAKE

    subject = table("Subject", "subject_id : int32", tier="Lookup", body="    contents = []")
    text = module("mine", subject, table("T", "-> Subject", tier="Computed", body=MAKE))
    assert old in text
    assert codes_in(write_project(tmp_path / "good", {path: text}), code) == []
    assert codes_in(write_project(tmp_path / "bad", {path: text.replace(old, new)}), code) == [code]


def test_a_name_that_another_module_may_make_is_not_missed(tmp_path: Path) -> None:
    from tests.checking import module

    for number, tools in enumerate(
        ["from os import *", "def __getattr__(name): ...", "# odd", "globals()['odd'] = 1", "class (", "x = odd = 1"]
    ):
        files: dict[str, str | bytes] = {"tools.py": tools, "a.py": module("a", imports="from .tools import odd")}
        assert codes_in(write_project(tmp_path / str(number), files), "DJP124") == [], tools
    tried = module("a", imports="try:\n    from .tools import odd\nexcept ImportError:\n    odd = 1")
    assert codes_in(write_project(tmp_path / "tried", {"tools.py": "x = 1", "a.py": tried}), "DJP124") == []


def test_a_codec_is_found_through_other_modules(tmp_path: Path) -> None:
    from tests.checking import module, table
    from tests.unit.checks.cases import CODEC

    uses = module("a", table("A", "k : int32", "---", "x : <graph>"))
    files: dict[str, str | bytes] = {"codecs.py": CODEC, "a.py": uses, "b.py": module("b", imports="from . import c")}
    files["c.py"] = "from .codecs import Graph\n"
    assert codes_in(write_project(tmp_path / "through", files), "DJP240") == []
    files["c.py"] = "def late():\n    from .codecs import Graph\n"
    assert codes_in(write_project(tmp_path / "late", files), "DJP240") == ["DJP240"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("(new) -> Subject(subject_id)", "Write -> Subject.proj(new='subject_id')"),
        ("(new) -> Subject  # old", "Write -> Subject.proj(new='…')"),
        ("(a, b) -> Subject(subject_id)", ""),
        ("nonsense", ""),
    ],
)
def test_a_foreign_key_of_an_older_datajoint_is_written_anew_in_the_hint(tmp_path: Path, line: str, hint: str) -> None:
    from tests.checking import module, table

    text = module("mine", table("Subject", "subject_id : int32"), table("T", "k : int32", "---", line))
    (found,) = findings_in(write_project(tmp_path, {"mine.py": text}), ["DJP206"])
    assert found.hint == hint


PLACEHOLDERS = ["<password>", "your_password", "YOUR-PASSWORD", "********", "xxxx", "changeme", "${PASSWORD}", "{password}",
                "password", "DB_PASSWORD", "enter your password here", "••••••••", "AKIAIOSFODNN7EXAMPLE", "my-password"]  # fmt: skip
SECRETS = ["simple", "hunter2", "tr0ub4dor&3", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "herewego", "mytho", "exam1"]


@pytest.mark.parametrize("value", [*PLACEHOLDERS, *SECRETS])
def test_what_stands_for_a_secret_is_none(tmp_path: Path, value: str) -> None:
    import json

    code = f'import datajoint as dj\ndj.conn(host="h", user="u", password="{value}")\n'
    printed = {"output_type": "stream", "text": [f"{{'database.password': '{value}'}}"]}
    notebook = json.dumps({"cells": [{"source": [code], "outputs": []}, {"source": [], "outputs": [printed]}]})
    compose = f"services:\n  db:\n    environment:\n      MYSQL_ROOT_PASSWORD: {value}\n"
    root = write_project(
        tmp_path, {"tools.py": code, "notebooks/a.ipynb": notebook, "docker/docker-compose.yaml": compose}
    )
    found = codes_in(root, "DJP006", "DJP007", "DJP008")
    assert found == ([] if value in PLACEHOLDERS else ["DJP006", "DJP007", "DJP007", "DJP008"])


@pytest.mark.parametrize(("code", "sentence"), [
    ("DJP112", "Imports form a cycle: a → b → a."),
    ("DJP113", "Schema modules form a cycle: a → b → a."),
])  # fmt: skip
def test_a_cycle_says_what_forms_it(tmp_path: Path, code: str, sentence: str) -> None:
    case = next(case for case in CASES if case.code == code)
    write_project(tmp_path, case.bad)
    assert [finding.message for finding in findings_in(tmp_path, [code])] == [sentence]
