"""Parents in packages that are installed: their keys are known, and nothing of them is imported."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from djproject.checks.cache import NAME, cached_results
from djproject.checks.loading import load_inputs
from djproject.pipeline import outside
from djproject.pipeline.heading import Headings
from tests.checking import findings_in, module, pipeline_in, table, write_project

ELEMENT = 'raise SystemExit("imported")\n' + module(
    "session",
    table("Subject", "subject : varchar(8)"),
    table("Session", "-> Subject", "session_id : int32", "---", "note : varchar(80)", "-> [nullable] Later"),
)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    outside._pipeline.cache_clear()
    yield
    outside._pipeline.cache_clear()


def project(tmp_path: Path, *lines: str, name: str = "Subject", element: str = ELEMENT) -> Path:
    folder = tmp_path / "site/lab_element"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text('raise SystemExit("imported")\n')
    (folder / "session.py").write_text(element)
    text = module("a", table("T", f"-> session.{name}", *lines), table("C", "-> T", "c : int8"))
    files = {"a.py": text.replace("import datajoint as dj", "import datajoint as dj\nfrom lab_element import session")}
    return write_project(tmp_path / "p", files, git=False)


def test_the_key_of_an_installed_parent_is_known(tmp_path: Path) -> None:
    root = project(tmp_path, "t : int8", "---", "x : int32", "index(subject, x)")
    pipeline = pipeline_in(root)
    headings = Headings(pipeline)
    first, second = (headings.of(found) for found in pipeline.tables)
    assert (first.primary, first.complete, first.types["subject"]) == (("subject", "t"), True, "varchar(8)")
    assert (second.primary, second.complete) == (("subject", "t", "c"), True)
    assert first.links == (), "there is no such table in this pipeline"
    assert [link.parent for link in second.links] == ["a.T"]
    assert findings_in(root, ["DJP2"]) == ()


def test_a_name_that_it_does_not_have_is_found(tmp_path: Path) -> None:
    root = project(tmp_path, "t : int8", "---", "x : int32", "index(subject_id, x)")
    assert [finding.code for finding in findings_in(root, ["DJP232"])] == ["DJP232"]


@pytest.mark.parametrize("name", ["Session", "Nothing"])
def test_a_parent_that_is_not_known_whole_is_not_guessed(tmp_path: Path, name: str) -> None:
    root = project(tmp_path, "t : int8", "---", "x : int32", "index(whatever, x)", name=name)
    assert not Headings(pipeline_in(root)).of(pipeline_in(root).tables[0]).complete
    assert findings_in(root, ["DJP232"]) == ()


def test_a_package_that_is_not_installed_or_broken_is_no_error(tmp_path: Path) -> None:
    root = project(tmp_path, "t : int8", element="def (:\n")
    assert not Headings(pipeline_in(root)).of(pipeline_in(root).tables[0]).complete
    path = root / "src/workflow/a.py"
    path.write_text(path.read_text().replace("from lab_element", "from lab_of_nobody"))
    assert not Headings(pipeline_in(root)).of(pipeline_in(root).tables[0]).complete


def test_what_depends_on_another_package_is_not_kept(tmp_path: Path) -> None:
    root = project(tmp_path, "t : int8")
    assert cached_results(load_inputs(root)).tables == 2
    assert not (root / ".djproject" / NAME).exists()
