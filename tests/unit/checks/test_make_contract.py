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
