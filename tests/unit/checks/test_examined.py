"""Places in files, and the texts there, as findings and edits need them."""

from pathlib import Path

import pytest

from djproject.checks.examined import Examined, backends_of, decode
from djproject.checks.fixing import fixed_files
from djproject.checks.loading import load_inputs
from djproject.checks.run import Choice
from djproject.findings import Edit, Location
from djproject.pipeline.model import Table
from djproject.pipeline.module import Place
from tests.checking import module, pipeline_in, table, write_project

A = "src/workflow/a.py"
PLACES = 'x = 1   \n  größe = f(ä)\t\r\n\nlast = "y"'


def examined(root: Path, text: str | bytes = "", *, pyproject: str = "", **files: str) -> Examined:
    every: dict[str, str | bytes] = {"a.py": text, **{f"{name}.py": value for name, value in files.items()}}
    write_project(root, every, pyproject=pyproject, git=False)
    return Examined(load_inputs(root), pipeline_in(root))


def only_table(found: Examined, name: str = "T") -> Table:
    return next(each for each in found.tables if each.name == name)


def covered(found: Examined, location: Location) -> tuple[int, str]:
    line = (found.project.root / location.path).read_text(encoding="utf-8").split("\n")[location.line - 1]
    return location.line, line[location.column - 1 : location.end_column - 1]


@pytest.mark.parametrize(
    ("line", "column", "token", "expected"),
    [
        (1, 1, "", (1, 1, 6)),
        (1, 5, "", (1, 5, 6)),
        (1, 1, "x", (1, 1, 2)),
        (2, 3, "", (2, 3, 15)),
        (2, 3, "größe", (2, 3, 8)),
        (2, 13, "f", (2, 11, 12)),
        (2, 15, "", (2, 13, 15)),
        (2, 6, "ö", (2, 6, 7)),
        (3, 1, "", (3, 1, 2)),
        (4, 8, "", (4, 8, 11)),
        (5, 1, "", (5, 1, 2)),
        (5, 1, "abc", (5, 1, 4)),
    ],
)
def test_a_place_of_the_parser_is_a_location(
    tmp_path: Path, line: int, column: int, token: str, expected: tuple[int, int, int]
) -> None:
    found = examined(tmp_path, PLACES)
    assert found.at(tmp_path / A, Place(line, column), token) == Location(A, *expected)


def test_a_place_within_a_character_is_after_it(tmp_path: Path) -> None:
    assert examined(tmp_path, "ä = 1").at(tmp_path / A, Place(1, 2), "x") == Location(A, 1, 2, 3)


def test_files_are_named_below_the_root(tmp_path: Path) -> None:
    found = examined(tmp_path / "p")
    assert found.relative(tmp_path / "p/src/x.py") == "src/x.py"
    assert found.relative(tmp_path / "other/x.py") == str(tmp_path / "other/x.py")
    assert found.of_file("src/x.py") == Location("src/x.py", 1, 1, 1)


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"", "", "utf-8"),
        ("größe = 1".encode(), "größe = 1", "utf-8"),
        ("# coding: latin-1\n# größe".encode("latin-1"), "# coding: latin-1\n# größe", "iso-8859-1"),
        (b"\xef\xbb\xbfx = 1", "x = 1", "utf-8-sig"),
        (b"# coding: nonsense\nx = '\xc3\xa4\xff'", "# coding: nonsense\nx = 'ä\ufffd'", "utf-8"),
        (b"# coding: ascii\n# \xff", "# coding: ascii\n# \ufffd", "utf-8"),
        (b"x\xff", "x\ufffd", "utf-8"),
    ],
)
def test_a_file_is_decoded_as_it_declares(tmp_path: Path, data: bytes, text: str, encoding: str) -> None:
    assert decode(data) == (text, encoding)
    found = examined(tmp_path, data)
    assert found.text(tmp_path / A) == text
    assert found.lines(tmp_path / A) == text.split("\n")
    assert found.lines(tmp_path / A) is found.lines(tmp_path / A)


def test_a_file_that_was_not_read_is_empty(tmp_path: Path) -> None:
    found = examined(tmp_path)
    assert (found.text(tmp_path / "none.py"), found.lines(tmp_path / "none.py")) == ("", [""])


def test_what_was_read_is_at_hand(tmp_path: Path) -> None:
    inputs = load_inputs(write_project(tmp_path, {"a.py": "x = 1\n"}, pyproject="[tool.datajoint]\nx = 1\n"))
    inputs = inputs._replace(tracked=frozenset({"t"}), unignored=frozenset({"u"}))
    found = Examined(inputs, pipeline_in(tmp_path))
    assert (found.project, found.document, found.files, found.names) == (
        inputs.project, inputs.document, inputs.files, inputs.names,
    )  # fmt: skip
    assert (found.tracked, found.unignored, found.in_git) == (frozenset({"t"}), frozenset({"u"}), True)
    assert found.setting_problems == inputs.setting_problems != ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("project", "name"), "p"),
        (("tool", "djproject"), {"package": "workflow"}),
        (("tool", "nothing"), None),
        (("tool", "nothing", "more"), None),
        (("project", "name", "more"), None),
        (("project", "dependencies", "more"), None),
    ],
)
def test_a_setting_is_looked_up_key_by_key(tmp_path: Path, path: tuple[str, ...], value: object) -> None:
    assert examined(tmp_path).setting(path) == value
    assert set(examined(tmp_path).setting(()) or ()) == {"project", "tool"}  # type: ignore[call-overload]


def test_attributes_are_chosen_by_type_and_each_type_is_asked_for_once(tmp_path: Path) -> None:
    tables = table("T", "k : int32", "---", "x : date", "y : int32"), table("U", "k : int32", "z : float32")
    found = examined(tmp_path, module("a", *tables))
    asked: list[str] = []

    def claim(kind: str) -> bool:
        asked.append(kind)
        return kind != "date"

    names = [(each.name, attribute.name) for each, attribute in found.attributes_where(claim)]
    assert names == [("T", "k"), ("T", "y"), ("U", "k"), ("U", "z")]
    assert asked == ["int32", "date", "float32"]


TARGET = '\n[tool.djproject.targets.{0}]\nhost = "h"\nuser = "u"\nbackend = "{1}"\n'


@pytest.mark.parametrize(
    ("target", "tables", "backends"),
    [
        ("", "", ("postgresql",)),
        ("", TARGET.format("lab", "mysql"), ("mysql", "postgresql")),
        ("lab", TARGET.format("lab", "mysql"), ("mysql",)),
        ("lab", TARGET.format("lab", "postgresql"), ("postgresql",)),
        ("one", TARGET.format("one", "postgresql") + TARGET.format("other", "mysql"), ("mysql", "postgresql")),
        ("lab", TARGET.format("lab", "mysql").replace('backend = "mysql"\n', ""), ("postgresql",)),
        ("stack", '\n[tool.datajoint.database]\nbackend = "mysql"\n', ("mysql",)),
        ("embedded", '\n[tool.datajoint.database]\nbackend = "mysql"\n', ("mysql", "postgresql")),
    ],
)
def test_the_backends_are_those_that_the_settings_name(
    tmp_path: Path, target: str, tables: str, backends: tuple[str, ...]
) -> None:
    chosen = f'target = "{target}"\n' if target else ""
    found = examined(tmp_path, pyproject=chosen + tables)
    assert found.setting_problems == ()
    assert found.backends == backends_of(found.project) == backends


DEFINITION = '''
import datajoint as dj
schema = dj.Schema("a")

@schema
class P(dj.Manual):
    definition = "p : int32"

@schema
class T(dj.Manual):
    definition = """
    # größe : of it
    k  :  int32   # a key # of it
    ---
    -> P
    date_date = "a:date" : date  # date
    int = 1 : int
    größe : int
    long : varchar(3)
    -> [nullable] P.proj(q='p')
    """
'''


@pytest.mark.parametrize(
    ("line", "token", "expected"),
    [
        (2, "", (12, "# größe : of it")),
        (3, "", (13, "k  :  int32")),
        (3, "# of", (13, "# of")),
        (4, "", (14, "---")),
        (5, "P", (15, "P")),
        (7, "int", (17, "int")),
    ],
)
def test_a_line_of_a_definition_is_found(tmp_path: Path, line: int, token: str, expected: tuple[int, str]) -> None:
    found = examined(tmp_path, DEFINITION)
    assert covered(found, found.in_definition(only_table(found), line, token)) == expected


def test_without_a_text_the_class_is_the_place(tmp_path: Path) -> None:
    found = examined(tmp_path, module("a", "@schema\nclass T(dj.Manual):\n    definition = make()", "class Größe: ..."))
    assert only_table(found).text is None or not only_table(found).text.segments  # type: ignore[union-attr]
    assert covered(found, found.in_definition(only_table(found), 1, "x")) == (6, "T")
    assert covered(found, found.of_table(only_table(found))) == (6, "T")


def test_a_definition_that_another_file_has_is_found_there(tmp_path: Path) -> None:
    base = "import datajoint as dj\n\nclass Base(dj.Manual):\n    definition = 'k : date'\n"
    mine = module("a", "@schema\nclass T(Base):\n    pass", imports="from .base import Base")
    found = examined(tmp_path, mine, base=base)
    each = only_table(found)
    assert each.definition
    (attribute,) = each.definition.attributes
    assert found.in_definition(each, 1) == Location("src/workflow/base.py", 4, 19, 27)
    assert found.of_type(each, attribute) == Location("src/workflow/base.py", 4, 23, 27)


@pytest.mark.parametrize(
    ("name", "place"),
    [("k", (13, 11, 16)), ("date_date", (16, 28, 32)), ("int", (17, 15, 18)), ("long", (19, 12, 22))],
)
def test_the_type_of_an_attribute_is_found_behind_its_name_and_default(
    tmp_path: Path, name: str, place: tuple[int, int, int]
) -> None:
    found = examined(tmp_path, DEFINITION)
    each = only_table(found)
    assert each.definition
    attribute = next(one for one in each.definition.attributes if one.name == name)
    location = found.of_type(each, attribute)
    assert location == Location(A, *place)
    assert found.text_at(location) == attribute.type


def test_the_type_of_the_second_attribute_on_a_line_is_its_own(tmp_path: Path) -> None:
    one_line = "@schema\nclass T(dj.Manual):\n    definition = \"int : int32\\n---\\nb : int32\\nc='d: date' : date\""
    found = examined(tmp_path, module("a", one_line))
    each = only_table(found)
    assert each.definition
    assert [found.of_type(each, one)[1:] for one in each.definition.attributes] == [
        (7, 25, 30), (7, 41, 46), (7, 62, 66),
    ]  # fmt: skip


def test_where_no_line_of_the_file_has_the_type_its_line_is_the_place(tmp_path: Path) -> None:
    joined = '@schema\nclass T(dj.Manual):\n    definition = "k : in" "t32"'
    found = examined(tmp_path, module("a", joined))
    each = only_table(found)
    assert each.definition
    (attribute,) = each.definition.attributes
    assert found.of_type(each, attribute) == found.in_definition(each, 1) == Location(A, 7, 18, 27)
    assert found.text_at(found.of_type(each, attribute)) == '"k : in" '


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        ("""'x = "a:int" : int'""", """'x = "a:int" : int32'"""),
        ("""'x = "int" : int'""", """'x = "int" : int32'"""),
        ("""'x = 1: int # int'""", """'x = 1: int32 # int'"""),
        ("""'x=\\'a:int\\' : int'""", ""),
    ],
)
def test_a_default_that_looks_like_the_type_is_not_edited(tmp_path: Path, quoted: str, text: str) -> None:
    whole = module("a", f"@schema\nclass T(dj.Manual):\n    definition = {quoted}")
    found = examined(tmp_path, whole)
    changed, _ = fixed_files(load_inputs(tmp_path), Choice(select=("DJP213",)))
    assert [data.decode() for data in changed.values()] == ([whole.replace(quoted, text)] if text else [])
    ((each, attribute),) = found.attributes
    assert text == "" or found.text_at(found.of_type(each, attribute)) == "int"
    assert text != "" or found.of_type(each, attribute) == found.in_definition(each, attribute.line)


def test_lines_that_end_as_in_the_last_century_are_no_error(tmp_path: Path) -> None:
    text = module("a", table("T", "k : int32")).replace("\n", "\r")
    found = examined(tmp_path, text)
    each = only_table(found)
    assert each.definition
    assert found.of_type(each, each.definition.attributes[0]) == Location(A, 7, 1, 10)
    assert found.of_table(each) == Location(A, 6, 1, 2)


@pytest.mark.parametrize(("number", "target"), [(0, (15, "P")), (1, (20, "P"))])
def test_the_target_of_a_foreign_key_is_found(tmp_path: Path, number: int, target: tuple[int, str]) -> None:
    found = examined(tmp_path, DEFINITION)
    each = only_table(found)
    assert each.definition
    assert covered(found, found.of_key(each, each.definition.foreign_keys[number])) == target


def test_a_foreign_key_without_a_target_is_its_arrow(tmp_path: Path) -> None:
    found = examined(tmp_path, module("a", table("T", "-> [nullable] make(3)")))
    each = only_table(found)
    assert each.definition
    (key,) = each.definition.foreign_keys
    assert (key.target, covered(found, found.of_key(each, key))) == ("", (8, "->"))


@pytest.mark.parametrize(
    ("location", "text", "edit"),
    [
        (Location(A, 1, 1, 6), "x = 1", (0, 5)),
        (Location(A, 2, 3, 8), "größe", (11, 16)),
        (Location(A, 4, 1, 5), "last", (27, 31)),
        (Location(A, 4, 9, 10), "y", (35, 36)),
        (Location(A, 5, 1, 2), "", (38, 39)),
    ],
)
def test_the_text_at_a_location_is_read_and_replaced(
    tmp_path: Path, location: Location, text: str, edit: tuple[int, int]
) -> None:
    found = examined(tmp_path, PLACES)
    assert found.text_at(location) == text
    assert found.replacement(location, "new") == (Edit(A, *edit, "new"),)
    assert text == "" or PLACES[slice(*edit)] == text


@pytest.mark.parametrize(
    ("old", "new", "edit"),
    [
        ("abc", "abc", None),
        ("abc", "axc", (1, 2, "x")),
        ("abc", "abxc", (2, 2, "x")),
        ("abc", "ac", (1, 2, "")),
        ("abc", "abcd", (3, 3, "d")),
        ("abc", "ab", (2, 3, "")),
        ("abc", "xabc", (0, 0, "x")),
        ("abc", "bc", (0, 1, "")),
        ("abc", "", (0, 3, "")),
        ("", "abc", (0, 0, "abc")),
        ("aa", "aaa", (2, 2, "a")),
        ("aaa", "aa", (2, 3, "")),
        ("abab", "ab", (2, 4, "")),
        ("x = größe\n", "y = größe + 1\n", (0, 9, "y = größe + 1")),
        ("a\r\nb\r\n", "a\r\nx\r\nb\r\n", (3, 3, "x\r\n")),
    ],
)
def test_a_new_text_is_made_by_the_shortest_edit(
    tmp_path: Path, old: str, new: str, edit: tuple[int, int, str] | None
) -> None:
    found = examined(tmp_path, old)
    edits = found.rewriting(tmp_path / A, new)
    assert edits == (() if edit is None else (Edit(A, *edit),))
    for each in edits:
        assert old[: each.start] + each.text + old[each.end :] == new
