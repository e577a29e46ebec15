"""Where settings are in pyproject.toml, and what is said of the versions of DataJoint that a project allows."""

from pathlib import Path

import pytest

from djproject.checks.examined import Examined
from djproject.checks.fixing import fixed_files
from djproject.checks.loading import load_inputs
from djproject.checks.run import Choice
from djproject.checks.store_rules import toml_place
from djproject.findings import Location
from tests.checking import findings_in, pipeline_in, write_project

PYPROJECT = (
    '[project]\nname = "p"\nkeywords = ["datajoint", "{0}"]\ndependencies = [\n    "datajoint-x",\n    "{0}",\n]\n'
)
END = '[tool.djproject]\npackage = "workflow"\n'


def with_requirement(root: Path, requirement: str) -> str:
    text = PYPROJECT.format(requirement) + END
    write_project(root, {}, pyproject=text, git=False)
    return text


@pytest.mark.parametrize(
    ("requirement", "better"),
    [
        ("datajoint", "datajoint>=2.3.5"),
        ("datajoint>=0.14", "datajoint>=2.3.5"),
        ("datajoint>=2.3", "datajoint>=2.3.5"),
        ("datajoint>=2", "datajoint>=2.3.5"),
        ("datajoint>=2.3.1", "datajoint>=2.3.5"),
        ("datajoint >= 2.2.9 , != 1.0", "datajoint>=2.3.5,!= 1.0"),
        ("datajoint!=1.0", "datajoint>=2.3.5,!=1.0"),
        ("datajoint!=1.0,>0.14", "datajoint>=2.3.5,!=1.0"),
        ("DataJoint>0.13", "DataJoint>=2.3.5"),
        ("datajoint[s3]>=0.14", "datajoint[s3]>=2.3.5"),
        (" datajoint [s3, gcs] ", "datajoint [s3, gcs]>=2.3.5"),
        ("datajoint>=0.14; python_version<'3.12'", "datajoint>=2.3.5; python_version<'3.12'"),
        ("datajoint; python_version>='3.12'", "datajoint>=2.3.5; python_version>='3.12'"),
    ],
)
def test_a_floor_that_is_too_low_is_raised(tmp_path: Path, requirement: str, better: str) -> None:
    text = with_requirement(tmp_path, requirement)
    (found,) = findings_in(tmp_path, ["DJP009"])
    assert found.message == (
        f"{requirement!r} allows versions of DataJoint before 2.3.5, which djproject does not support."
    )
    assert (found.hint, found.location) == (better, Location("pyproject.toml", 6, 6, 6 + len(requirement)))
    changed, count = fixed_files(load_inputs(tmp_path), Choice(select=("DJP009",)))
    assert count == 1
    keywords, _, dependencies = text.partition("dependencies")
    new = f"{keywords}dependencies" + dependencies.replace(f'"{requirement}"', f'"{better}"')
    assert changed == {tmp_path / "pyproject.toml": new.encode()}


@pytest.mark.parametrize(
    "requirement", ["datajoint==2.3.4", "datajoint~=0.14", "datajoint<3", "datajoint>=0.13,<1", "datajoint == 0.14"]
)
def test_an_upper_bound_is_for_the_user_to_lift(tmp_path: Path, requirement: str) -> None:
    with_requirement(tmp_path, requirement)
    (found,) = findings_in(tmp_path, ["DJP009"])
    assert (found.hint, found.edits, found.location.line) == ("datajoint>=2.3.5", (), 6)


@pytest.mark.parametrize(
    "requirement",
    [
        "datajoint>=2.3.5", "datajoint>=2.4", "datajoint>=3", "datajoint==2.3.5", "datajoint~=2.10", "datajoint>2.3.5",
        "datajoint>=0.14,>=2.3.5", "datajoint>=2.3.5,!=2.3.6; python_version>='3.1'", "datajoint @ git+https://e/d.git",
        "datajoint>=2.3.5.1",
    ],
)  # fmt: skip
def test_a_floor_that_is_high_enough_is_not_told(tmp_path: Path, requirement: str) -> None:
    with_requirement(tmp_path, requirement)
    assert findings_in(tmp_path, ["DJP009"]) == ()


@pytest.mark.parametrize(
    ("project", "told"),
    [
        ('dependencies = ["datajoint-elements>=1", 3]\n', [(3, 1, 44, "The project does not depend on datajoint.")]),
        ("", [(1, 1, 10, "The project does not depend on datajoint.")]),
        ('dynamic = ["dependencies"]\n', []),
        ('dynamic = ["version"]\n', [(1, 1, 10, "The project does not depend on datajoint.")]),
    ],
)
def test_a_project_depends_on_datajoint(tmp_path: Path, project: str, told: list[tuple[int, int, int, str]]) -> None:
    write_project(tmp_path, {}, pyproject=f'[project]\nname = "p"\n{project}{END}', git=False)
    found = findings_in(tmp_path, ["DJP009"])
    assert [(*each.location[1:], each.message) for each in found] == told
    assert {each.hint for each in found} <= {'dependencies = ["datajoint>=2.3.5", …]'}


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("'datajoint>=0.14'", (3, 18, 33)),
        ('"datajoint>=0\\u002e14"', (1, 1, 1)),
        ('"datajoint-datajoint>=0.14", "datajoint>=0.14"', (3, 47, 62)),
    ],
)
def test_a_requirement_is_found_as_it_is_written(tmp_path: Path, written: str, place: tuple[int, int, int]) -> None:
    text = f'[project]\nname = "p"\ndependencies = [{written}]\n{END}'
    write_project(tmp_path, {}, pyproject=text, git=False)
    (found,) = findings_in(tmp_path, ["DJP009"])
    assert found.location == Location("pyproject.toml", *place)
    assert (found.edits == ()) == (place == (1, 1, 1))


TOML = """\
# [tool.a]
 [tool.a.b]  # a comment
key = 1
  "other" = 2
keys = 3
[tool.a.c]
  later = 4
x.later = 5

[tool.deep.inner]
key = 6
[tool.last]
inline = {key = 7}
dotted.key = 8
"quoted" . key = 9
[[tool.list]]
key = 10
[tool."odd"]
tail = 11"""


@pytest.mark.parametrize(
    ("table", "key", "place"),
    [
        ("tool.a.b", "", (2, 2, 25)),
        ("tool.a.b", "key", (3, 1, 8)),
        ("tool.a.b", "other", (4, 3, 14)),
        ("tool.a.b", "later", (2, 2, 25)),
        ("tool.a.b", "x", (2, 2, 25)),
        ("tool.a.c", "later", (7, 3, 12)),
        ("tool.a", "", (2, 2, 25)),
        ("tool.a", "key", (3, 1, 8)),
        ("tool.deep", "", (10, 1, 18)),
        ("tool.dee", "", (1, 1, 1)),
        ("tool.last", "key", (12, 1, 12)),
        ("tool.last.inline", "", (13, 1, 19)),
        ("tool.last.dotted", "", (14, 1, 15)),
        ("tool.last.quoted", "", (15, 1, 19)),
        ("tool.other.later", "", (7, 3, 12)),
        ("tool.a.nothing", "key", (1, 1, 1)),
        ("tool.list", "", (1, 1, 1)),
        ("tool.x.tail", "", (19, 1, 10)),
        ("tail", "", (19, 1, 10)),
    ],
)
def test_a_setting_is_found_by_its_table_and_key(
    tmp_path: Path, table: str, key: str, place: tuple[int, int, int]
) -> None:
    write_project(tmp_path, {}, git=False)
    inputs = load_inputs(tmp_path)
    files = {**inputs.files, tmp_path / "pyproject.toml": TOML.encode()}
    examined = Examined(inputs._replace(files=files), pipeline_in(tmp_path))
    assert toml_place(examined, table, key) == Location("pyproject.toml", *place)
    assert key or toml_place(examined, table) == Location("pyproject.toml", *place)


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        ((), []),
        (("README.md", "LICENSE"), ["LICENSE", "README.md"]),
        (("docs", "tests", ".gitignore"), [".gitignore", "docs", "tests"]),
        (("notebooks", "docker"), ["docker", "notebooks"]),
    ],
)
def test_what_belongs_to_a_project_is_missed(tmp_path: Path, removed: tuple[str, ...], told: list[str]) -> None:
    write_project(tmp_path, {}, git=False)
    inputs = load_inputs(tmp_path)
    for name in removed:
        (tmp_path / name).rename(tmp_path / f".{name}.old")
    found = findings_in(tmp_path, ["DJP001"])
    assert [each.location.path for each in found] == told
    assert [each.message for each in found] == [
        f"The project has no {'' if '.' in name or name.isupper() else 'folder '}{name}." for name in told
    ]
    assert inputs.names - load_inputs(tmp_path).names == set(removed)


@pytest.mark.parametrize(
    ("old", "new"), [("README.md", "readme.rst"), ("LICENSE", "COPYING"), ("LICENSE", "Copying.txt")]
)
def test_readme_and_license_may_have_another_ending(tmp_path: Path, old: str, new: str) -> None:
    write_project(tmp_path, {}, git=False)
    (tmp_path / old).rename(tmp_path / new)
    assert findings_in(tmp_path, ["DJP001"]) == ()
