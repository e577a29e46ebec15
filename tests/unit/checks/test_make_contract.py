"""What a make may read and change, also through functions of its module."""

from pathlib import Path

import pytest

from tests.checking import findings_in, module, table, write_project

HELPER = "def helper(key):\n    {}\n\n\ndef outer(key):\n    return helper(key)"
MAKE = "    def make(self, key):\n        {}\n        self.insert1(key)"


def messages(root: Path, make: str, helper: str = "pass", part: str = "") -> list[str]:
    tables = [table("A", "k : int32"), table("X", "k : int32"), HELPER.format(helper)]
    tables.append(table("B", "-> A", tier="Computed", body=part + MAKE.format(make)))
    write_project(root, {"a.py": module("a", *tables)}, git=False)
    return [finding.message for finding in findings_in(root, ["DJP221", "DJP241"])]


@pytest.mark.parametrize("call", ["helper(key)", "outer(key)", "x = [helper(k) for k in [key]]"])
def test_functions_of_the_module_are_followed(tmp_path: Path, call: str) -> None:
    assert messages(tmp_path, call, "X.insert1(key)") == ["The make of B changes the rows of a.X."]
    assert messages(tmp_path, call, "return (X & key).fetch1()") == [
        "The make of B fetches from a.X, which is not upstream of it."
    ]


@pytest.mark.parametrize(
    "make",
    [
        "X().insert([key])", "(X & key).delete()", "(X & key).delete_quick()", "X.update1(key)", "X().staged_insert1",
        "X.drop()",
    ],
)  # fmt: skip
def test_what_changes_rows(tmp_path: Path, make: str) -> None:
    expected = [] if make.endswith("staged_insert1") else ["The make of B changes the rows of a.X."]
    assert messages(tmp_path, make) == expected


@pytest.mark.parametrize(
    "make",
    [
        "helper(key)", "rows = [key]; rows.insert(0, key)", "self.insert1(key)", "B.insert1(key)", "B.P.insert1(key)",
        "self.P.insert1(key)", "(B & key).delete()", "x = X.__name__", "A.fetch()", "print('X.insert1(key)')",
        "X = {}; X.update(key)",
    ],
)  # fmt: skip
def test_what_is_its_own_or_no_table(tmp_path: Path, make: str) -> None:
    part = '    class P(dj.Part):\n        definition = "-> master"\n\n'
    assert messages(tmp_path, make, part=part) == []


VIRTUAL = {
    'lab = dj.VirtualModule("lab", "lab_main")': "lab",
    'lab = dj.create_virtual_module("lab", "lab_main")': "lab",
    'lab = dj.virtual_schema("lab_main")': "lab",
    'lab = dj.VirtualModule("lab", schema_name="lab_main")': "lab",
    'Lab = dj.VirtualModule("Lab", "lab_main")': "Lab",
    'lab: dj.VirtualModule = dj.VirtualModule("lab", "lab_main")': "lab",
    'from datajoint import VirtualModule\n\nlab = VirtualModule("lab", "lab_main")': "lab",
    "from .virtual import lab": "lab",
    "from . import virtual": "virtual.lab",
    "from workflow.virtual import lab as elsewhere": "elsewhere",
}


def virtual(root: Path, line: str, make: str, parent: str = "A") -> list[tuple[str, str]]:
    """The findings in a make beside a virtual module, with what to do."""
    tables = [table("A", "k : int32"), table("X", "k : int32")]
    tables.append(table("B", f"-> {parent}", tier="Computed", body=MAKE.format(make)))
    text = module("a", *tables).replace("\nschema =", f"\n{line}\n\nschema =")
    files = {"a.py": text, "virtual.py": 'import datajoint as dj\n\nlab = dj.VirtualModule("lab", "lab_main")\n'}
    write_project(root, files, git=False)
    return [(found.message, found.hint) for found in findings_in(root, ["DJP221", "DJP241"])]


@pytest.mark.parametrize(("line", "name"), VIRTUAL.items())
def test_tables_of_virtual_modules_are_not_upstream(tmp_path: Path, line: str, name: str) -> None:
    for make in (
        f"x = ({name}.Session & key).fetch1()",
        f"x = (A * {name}.Session.proj()).to_dicts()",
        f"y = (dj.U('d') & {name}.Session).fetch()",
    ):
        (found,) = virtual(tmp_path / make[5:8].strip(), line, make)
        assert found[0] == "The make of B fetches from lab_main.Session, which is not upstream of it."
        assert f"'-> {name}.Session'" in found[1]
    (found,) = virtual(tmp_path / "changed", line, f"{name}.Session.Trial.insert1(key)")
    assert found == (
        "The make of B changes the rows of lab_main.Session.Trial.",
        "Leave them to the pipeline that declares the table.",
    )


def test_a_virtual_module_made_in_the_make(tmp_path: Path) -> None:
    make = 'lab = dj.VirtualModule("lab", "lab_main"); x = lab.Session.fetch()'
    ((message, _),) = virtual(tmp_path, "", make)
    assert "lab_main.Session" in message


@pytest.mark.parametrize(
    ("line", "make", "parent"),
    [
        ('lab = dj.VirtualModule("lab", "lab_main")', "x = lab.Settings.fetch()", "lab.Session"),
        ('lab = dj.VirtualModule("lab", NAME)', "x = lab.Session.fetch(); lab.Session.insert1(key)", "A"),
        ('own = dj.VirtualModule("own", "a")', "x = own.A.fetch(); (own.B & key).delete()", "A"),
        ('own = dj.VirtualModule("own", "a")', "x = own.Old.fetch()", "A"),
        ('lab = dj.VirtualModule("lab", "lab_main")', "x = lab.schema.jobs; lab.save()", "A"),
        ('lab = dj.VirtualModule("lab", "lab_main"); lab = {}', "x = lab.Session.fetch()", "A"),
    ],
)
def test_what_may_be_upstream_or_is_nobodys_table(tmp_path: Path, line: str, make: str, parent: str) -> None:
    assert virtual(tmp_path, line, make, parent) == []


def test_a_virtual_module_of_a_schema_of_the_package_has_its_tables(tmp_path: Path) -> None:
    line = 'own = dj.VirtualModule("own", "a")'
    ((message, _),) = virtual(tmp_path, line, "x = own.X.fetch()")
    assert message == "The make of B fetches from a.X, which is not upstream of it."


def test_a_table_of_a_virtual_module_that_has_another_name(tmp_path: Path) -> None:
    line = 'lab = dj.VirtualModule("lab", "lab_main")\nSession = lab.Session\nTrial = Session.Trial'
    ((message, _),) = virtual(tmp_path / "table", line, "x = (Session & key).fetch()")
    assert "lab_main.Session, which" in message
    ((message, _),) = virtual(tmp_path / "part", line, "x = (Trial & key).fetch()")
    assert "lab_main.Session.Trial, which" in message
