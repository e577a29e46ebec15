"""Selectors: which tables they name, and what is said of those that name none."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from djproject.errors import ProjectError
from djproject.pipeline.model import Pipeline
from djproject.pipeline.selection import HINT, nothing_to_show, select, selector_words
from djproject.pipeline.source import load_package
from tests.checking import module, table, write_project
from tests.unit.checks.cases import KEY
from tests.unit.pipeline.test_linking import DJ, ONE, TABLE, pipeline_of


def names(root: Path, *selectors: str) -> set[str]:
    return {table.full_name for table in select(load_package(root / "src/workflow", "workflow"), selectors)}


def test_a_package_has_the_tables_of_its_modules_and_of_no_other(tmp_path: Path) -> None:
    text = module("x", table("T", *KEY))
    files: dict[str, str | bytes] = {
        "src/workflow/ephys/__init__.py": "",
        "src/workflow/ephys/core.py": text,
        "src/workflow/ephys/spikes.py": text,
        "ephys_old.py": text,
    }
    write_project(tmp_path, files)
    assert names(tmp_path, "ephys") == {"ephys.core.T", "ephys.spikes.T"}
    assert names(tmp_path, "ephys_old") == {"ephys_old.T"}
    assert names(tmp_path) == {"ephys.core.T", "ephys.spikes.T", "ephys_old.T"}
    for selector in ("ephy", "ephys.", "nothing", "kind:x", "tier:x", "store:x", "a..", "++x"):
        with pytest.raises(ProjectError):
            names(tmp_path, selector)


# a ← b ← c ← d ← e; m has parts of a and x; f of m; i has no relatives
CHAIN = {
    "a": ("A", "Manual", "a : int32"), "b": ("B", "Lookup", "-> a.A\\n---\\nb : <blob@main>"), "c": ("C", "Imported", "-> b.B"),
    "d": ("D", "Computed", "-> c.C\\n---\\nd : <blob>\\ne : <attach@>"), "e": ("E", "Manual", "-> d.D\\n---\\n-> a.A"),
    "f": ("F", "Manual", "-> m.M"), "i": ("I", "Lookup", "i : int32"), "m": ("M", "Manual", "m : int32"), "x": ("X", "Manual", "x : int32"),
}  # fmt: skip
IMPORTS = "from . import {}\n"
PARTS = "".join(
    f"    class {name}(dj.Part):\n        definition = '-> master\\n-> {target}'\n"
    for name, target in (("OfA", "a.A"), ("OfX", "x.X"), ("More", "M.OfX"))
)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    files = {
        name: "".join(IMPORTS.format(other) for other in CHAIN if f"-> {other}." in definition or (name == "m" and other in "ax"))
        + f"{DJ}schema = dj.Schema('{name}')\n" + TABLE.format(table_name, tier, definition) + (PARTS if name == "m" else "")
        for name, (table_name, tier, definition) in CHAIN.items()
    }  # fmt: skip
    return pipeline_of({**files, "empty": ONE, "plain": ""})


ALL = "a.A i.I m.M x.X b.B c.C d.D e.E f.F m.M.More m.M.OfA m.M.OfX"


@pytest.mark.parametrize(
    ("selectors", "found"),
    [
        ([], ALL),
        (["a"], "a.A"),
        (["A", "c.C"], "a.A c.C"),
        (["c", "a"], "a.A c.C"),
        (["m"], "m.M m.M.More m.M.OfA m.M.OfX"),
        (["m.M"], "m.M"),
        (["M.OfA"], "m.M.OfA"),
        (["c+"], "c.C d.D e.E"),
        (["+c"], "a.A b.B c.C"),
        (["+c+"], "a.A b.B c.C d.D e.E"),
        (["0+c"], "c.C"),
        (["1+c"], "b.B c.C"),
        (["2+c"], "a.A b.B c.C"),
        (["3+c"], "a.A b.B c.C"),
        (["c+0"], "c.C"),
        (["c+1"], "c.C d.D"),
        (["c+2"], "c.C d.D e.E"),
        (["b+2"], "b.B c.C d.D"),
        (["1+c+1"], "b.B c.C d.D"),
        (["a+1"], "a.A b.B e.E m.M.OfA"),
        (["i+"], "i.I"),
        (["+i"], "i.I"),
        (["+m.M"], "a.A m.M m.M.OfX x.X"),
        (["1+f"], "m.M f.F"),
        (["2+f"], "a.A m.M x.X m.M.OfX f.F"),
        (["x+"], "x.X m.M.OfX m.M.More"),
        (["x+1"], "x.X m.M.OfX"),
        (["b..d"], "b.B c.C d.D"),
        (["a..e"], "a.A b.B c.C d.D e.E"),
        (["d..b"], ""),
        (["x..f"], "m.M x.X m.M.OfX f.F"),
        (["b..i"], ""),
        (["c..c"], "c.C"),
        (["tier:manual"], "a.A m.M x.X e.E f.F"),
        (["tier:ENTRY"], "a.A m.M x.X e.E f.F"),
        (["tier:lookup"], "i.I b.B"),
        (["tier:ingest"], "c.C"),
        (["tier:Computed"], "d.D"),
        (["tier:part"], "m.M.More m.M.OfA m.M.OfX"),
        (["+tier:computed"], "a.A b.B c.C d.D"),
        (["tier:lookup+1"], "i.I b.B c.C"),
        (["store:main"], "b.B"),
        (["store:"], "d.D"),
        (["store:main..d"], "b.B c.C d.D"),
    ],
)
def test_selectors_name_tables(pipeline: Pipeline, selectors: list[str], found: str) -> None:
    chosen = [table.full_name for table in select(pipeline, selectors)]
    assert sorted(chosen) == sorted(found.split())
    order = [table.full_name for table in select(pipeline, [])]
    assert chosen == [name for name in order if name in chosen]


@pytest.mark.parametrize(
    ("selectors", "exclude", "found"),
    [
        ([], ["+d", "m"], "i.I x.X e.E f.F"),
        (["c+"], ["d"], "c.C e.E"),
        (["c+"], ["d+", "c"], ""),
        (["c"], ["i"], "c.C"),
    ],
)
def test_what_is_excluded_is_left_out(pipeline: Pipeline, selectors: list[str], exclude: list[str], found: str) -> None:
    chosen = {table.full_name for table in select(pipeline, iter(selectors), iter(exclude))}
    assert chosen == set(found.split())


@pytest.mark.parametrize(
    ("selector", "message", "hint"),
    [
        ("a..", "'a..' is no selector: a path is written a..b.", HINT),
        ("..a", "'..a' is no selector: a path is written a..b.", HINT),
        ("..", "'..' is no selector: a path is written a..b.", HINT),
        ("a..b..c", "The pipeline has no table called 'b..c'.", "Did you mean b.B?"),
        ("++x", "'++x' is no selector.", HINT),
        ("+", "'+' is no selector.", HINT),
        ("", "'' is no selector.", HINT),
        ("x+y", "'x+y' is no selector.", HINT),
        ("empty", "The schema module empty has no tables yet.", "djproject add-table empty NAME:TIER"),
        ("plain", "The pipeline has no table called 'plain'.", "djproject status  (lists the tables)"),
        ("m.N", "The pipeline has no table called 'm.N'.", "Did you mean m.M?"),
        ("tier:x", "There is no tier 'x'.", "Tiers: manual, lookup, imported, computed, part"),
        ("store:x", "No table names a store 'x'.", "djproject stores list"),
        ("kind:x", "A selector knows tier:, store: and changed:, not 'kind':.", HINT),
        (":x", "A selector knows tier:, store: and changed:, not '':.", HINT),
    ],
)
def test_a_selector_that_names_nothing_is_refused(pipeline: Pipeline, selector: str, message: str, hint: str) -> None:
    for selectors, exclude in (([selector], []), ([], [selector])):
        with pytest.raises(ProjectError) as refused:
            select(pipeline, selectors, exclude)
        assert (refused.value.message, refused.value.hint) == (message, hint)


def test_the_hint_says_how_selectors_are_written() -> None:
    assert HINT == (
        "Selectors: module, module.Table, +T (ancestors), T+ (descendants), A..B, tier:computed, store:main, changed:REV"
    )


def test_completion_offers_modules_tables_tiers_and_stores(pipeline: Pipeline) -> None:
    tiers = ["tier:manual", "tier:lookup", "tier:imported", "tier:computed", "tier:part"]
    tables = ["a.A", "b.B", "c.C", "d.D", "e.E", "f.F", "i.I", "m.M", "m.M.OfA", "m.M.OfX", "m.M.More", "x.X"]
    modules = ["a", "b", "c", "d", "e", "empty", "f", "i", "m", "x"]
    assert selector_words(pipeline, ["main", "raw"]) == [*modules, *tables, *tiers, "store:main", "store:raw"]
    assert selector_words(pipeline) == [*modules, *tables, *tiers]


def test_a_table_whose_definition_is_not_known_names_no_store() -> None:
    unknown = pipeline_of({"one": f"{ONE}@schema\nclass A(dj.Manual): definition = f()\n"})
    with pytest.raises(ProjectError, match="No table names a store 'main'"):
        select(unknown, ["store:main"])


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        ({"a": ONE}, "The pipeline has no tables yet.", "djproject add-schema NAME --table T:manual"),
        (
            {"a": f"{DJ}class A(dj.Manual): pass\ndef f():\n    class H(dj.Manual): pass\n"},
            "The package has table classes (a.A), and none is decorated by a schema.",
            "djproject check",
        ),
        (
            {"a": DJ + "".join(f"class {name}(dj.Manual): pass\n" for name in "ABC")},
            "The package has table classes (a.A, a.B, a.C), and none is decorated by a schema.",
            "djproject check",
        ),
        (
            {"a": DJ + "".join(f"class {name}(dj.Manual): pass\n" for name in "ABCD")},
            "The package has table classes (a.A, a.B, a.C, …), and none is decorated by a schema.",
            "djproject check",
        ),
        (
            {"a": f"{DJ}def f():\n    class H(dj.Manual): pass\n    class I(dj.Lookup): pass\n"},
            "The package has table classes (H, I), and none is outside a function, where it could be read.",
            "djproject check",
        ),
    ],
)
def test_why_there_is_nothing_to_show(files: Mapping[str, str], message: str, hint: str) -> None:
    error = nothing_to_show(pipeline_of(files))
    assert (error.message, error.hint) == (message, hint)
