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


def test_a_heading_is_found_by_the_dotted_name_of_its_table(tmp_path: Path) -> None:
    project(tmp_path, "t : int8")
    site = tmp_path / "site"
    (site / "alone.py").write_text(ELEMENT)
    (site / "spread").mkdir()
    (site / "spread/session.py").write_text(ELEMENT)
    (site / "broken").mkdir()
    (site / "broken/session.py").write_text("import datajoint as dj\nschema = dj.Schema('x')\ndef (:\n")
    (site / "deep/inner").mkdir(parents=True)
    (site / "deep/inner/session.py").write_text(ELEMENT)
    probe = module("probe", "from lab_element import session", table("Probe", "-> session.Subject"))
    (site / "lab_element/probe.py").write_text(probe)
    for name in (
        "lab_element.probe.Probe",
        "lab_element.session.Subject",
        "spread.session.Subject",
        "deep.inner.session.Subject",
    ):
        heading = outside.outside_heading(name)
        assert heading is not None
        assert (heading.primary, heading.types) == (("subject",), {"subject": "varchar(8)"})
    for name in (
        "lab_element.session.Session",  # not all of it is known
        "lab_element.session.Nothing",
        "lab_element.session",
        "lab_element.Subject",
        "lab_element",
        "alone.Subject",
        "broken.session.Subject",
        "lab_of_nobody.session.Subject",
        "sys.Subject",
        "__main__.Subject",
        ".session.Subject",
        "",
    ):
        assert outside.outside_heading(name) is None


def test_it_is_counted_how_often_another_package_was_looked_at(tmp_path: Path) -> None:
    project(tmp_path, "t : int8")
    assert outside.looks_outside() == 0
    outside.outside_heading("lab_element.session.Subject")
    assert outside.looks_outside() == 1
    outside.outside_heading("lab_element.session.Session")
    outside.outside_heading("lab_of_nobody.session.Subject")
    assert outside.looks_outside() == 3


def test_the_place_of_a_package_is_its_first_that_is_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "spread").mkdir(parents=True)
        (tmp_path / folder / "spread/session.py").write_text(ELEMENT.replace("subject", folder))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "one"), str(tmp_path / "two")])
    heading = outside.outside_heading("spread.session.Subject")
    assert heading is not None
    assert heading.primary == ("one",)


def test_only_what_is_imported_is_looked_for_in_other_packages(tmp_path: Path) -> None:
    names = 'lab = dj.VirtualModule("lab", "lab")\nbound = f()'
    text = module(
        "a", names, table("T", "-> lab.Lab", "-> Nothing", "-> bound", "-> dj.Manual", "-> f().A", "t : int8")
    )
    root = write_project(tmp_path / "p", {"a.py": text}, git=False)
    pipeline = pipeline_in(root)
    heading = Headings(pipeline).of(pipeline.tables[0])
    assert (heading.complete, heading.primary) == (False, ("t",))
    assert outside.looks_outside() == 0
    assert cached_results(load_inputs(root)).tables == 1
    assert (root / ".djproject" / NAME).exists()
