"""Which findings are told: codes, files, comments, baselines; and what --fix makes of them."""

import hashlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from djproject.checks.cache import cached_results
from djproject.checks.fixing import fixed_files
from djproject.checks.loading import load_inputs
from djproject.checks.run import Choice, baseline_text, chosen, examine, load_baseline
from djproject.errors import ConfigError, ProjectError
from djproject.findings import Severity
from tests.checking import codes_in, findings_in, module, table, write_project
from tests.unit.checks.cases import CASES, STORE

NATIVE = table("T", "k : int32", "---", "x : int", "y : int")


def native(comment: str = "", closing: str = "") -> str:
    text = module("a", NATIVE)
    return text.replace("x : int", f"x : int{comment}", 1).replace('    """\n', f'    """{closing}\n')


def test_codes_select_and_ignore_by_their_beginning(tmp_path: Path) -> None:
    write_project(tmp_path, {"a.py": native()})
    assert codes_in(tmp_path, "DJP2") == ["DJP213", "DJP213"]
    assert findings_in(tmp_path, ["DJP2"], ignore=("DJP21",)) == ()


def test_a_comment_ignores_a_code_on_its_line_or_in_the_whole_definition(tmp_path: Path) -> None:
    write_project(tmp_path / "line", {"a.py": native("  # djp: ignore[DJP213]")})
    assert codes_in(tmp_path / "line", "DJP2", "DJP09") == ["DJP213"]
    write_project(tmp_path / "all", {"a.py": native(closing="  # djp: ignore[DJP213]")})
    assert codes_in(tmp_path / "all", "DJP2", "DJP09") == []
    write_project(tmp_path / "other", {"a.py": native("  # djp: ignore[DJP201]")})
    assert codes_in(tmp_path / "other", "DJP2", "DJP09") == ["DJP090", "DJP213", "DJP213"]


def test_codes_are_ignored_by_file(tmp_path: Path) -> None:
    write_project(tmp_path, {"a.py": native(), "b.py": native().replace('"a"', '"b"')})
    found = findings_in(tmp_path, ["DJP213"], per_file_ignores={"src/workflow/a*": ("DJP2",)})
    assert {finding.location.path for finding in found} == {"src/workflow/b.py"}


def test_a_baseline_holds_back_what_was_known_and_nothing_more(tmp_path: Path) -> None:
    write_project(tmp_path, {"a.py": native()})
    (tmp_path / "known.json").write_text(baseline_text(findings_in(tmp_path, ["DJP2"])))
    known = load_baseline(tmp_path / "known.json")
    new, held_back = chosen(examine(load_inputs(tmp_path)), Choice(select=("DJP2",), baseline=known))
    assert (new, held_back) == ((), 2)
    text = (tmp_path / "src/workflow/a.py").read_text()
    (tmp_path / "src/workflow/a.py").write_text("# moved down\n" + text.replace("y : int", "y : int\n    z : int"))
    new, held_back = chosen(examine(load_inputs(tmp_path)), Choice(select=("DJP2",), baseline=known))
    assert ([f.message for f in new], held_back) == (["T.z has the native type 'int'."], 2)
    (tmp_path / "known.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a baseline"):
        load_baseline(tmp_path / "known.json")


FIXABLE = [
    case
    for case in CASES
    if case.code in {"DJP009", "DJP110", "DJP111", "DJP114", "DJP115", "DJP119", "DJP212", "DJP213"}
]


@pytest.mark.parametrize("case", FIXABLE, ids=[case.code for case in FIXABLE])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_fix_removes_all_findings_and_a_second_one_finds_nothing(tmp_path: Path, case, newline: str) -> None:  # type: ignore[no-untyped-def]
    files = {name: str(text).replace("\n", newline).encode() for name, text in case.bad.items()}
    write_project(tmp_path, files, pyproject=case.bad_pyproject)
    before = codes_in(tmp_path, "DJP")
    changed, mended = fixed_files(load_inputs(tmp_path), Choice(select=(case.code,)))
    assert mended > 0
    for path, data in changed.items():
        assert (b"\r\n" in data) == (newline == "\r\n") or path.name == "pyproject.toml"
        path.write_bytes(data)
    assert codes_in(tmp_path, case.code) == []
    assert fixed_files(load_inputs(tmp_path), Choice(select=(case.code,))) == ({}, 0)
    after = codes_in(tmp_path, "DJP")
    assert set(after) <= set(before)


def test_a_fix_touches_nothing_else(tmp_path: Path) -> None:
    text = native("  # größe \t ").replace("x : int", "x   :  int")
    data = ("# -*- coding: latin-1 -*-\n" + text).encode("latin-1")
    write_project(tmp_path, {"a.py": data})
    changed, mended = fixed_files(load_inputs(tmp_path), Choice(select=("DJP213",)))
    assert mended == 2
    assert changed[tmp_path / "src/workflow/a.py"] == data.replace(b":  int ", b":  int32 ").replace(
        b"y : int\n", b"y : int32\n"
    )


def test_results_are_kept_until_anything_changes(tmp_path: Path) -> None:
    root = write_project(tmp_path / "p", {"a.py": native()})
    environ = {"DJPROJECT_STATE": str(tmp_path / "state")}
    first = cached_results(load_inputs(root), environ)
    kept = tmp_path / "state/check.json"
    stamp = hashlib.sha256(kept.read_bytes()).hexdigest()
    assert cached_results(load_inputs(root), environ) == first == examine(load_inputs(root))
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == stamp
    kept.write_bytes(kept.read_bytes()[:-40])  # as a full disk would leave it, were it not replaced whole
    assert cached_results(load_inputs(root), environ) == first
    for change in (root / "src/workflow/b.py", root / ".env"):
        change.write_text(native().replace('"a"', '"b"'))
        assert cached_results(load_inputs(root), environ) == examine(load_inputs(root)) != first
        change.unlink()


def test_large_pipelines_are_checked_by_two_processes_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from djproject.checks import run
    from djproject.pipeline import source

    files: dict[str, str | bytes] = {}
    for case in CASES:
        files |= {f"{case.code.lower()}_{name}": text for name, text in case.bad.items() if name.endswith(".py")}
    write_project(tmp_path, files)
    alone = examine(load_inputs(tmp_path))
    monkeypatch.setattr(run, "LARGE_TABLES", 0)
    monkeypatch.setattr(source, "MANY_FILES", 0)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert examine(load_inputs(tmp_path)) == alone


def test_a_folder_without_a_project_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="not in a djproject project"):
        load_inputs(tmp_path)


SAMPLE = module("a", table("A", "k : int32", "---", "x : <blob@main>"), table("B", "-> A", tier="Computed")).encode()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_files_of_any_kind_give_findings_and_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.getbasetemp() / "fuzz"
    kind = data.draw(st.sampled_from(["truncated", "binary", "swapped", "noise"]))
    if kind == "truncated":
        content = SAMPLE[: data.draw(st.integers(0, len(SAMPLE)))]
    elif kind == "binary":
        content = data.draw(st.binary(max_size=300))
    elif kind == "swapped":
        pieces = SAMPLE.split(b"\n")
        random.Random(data.draw(st.integers(0, 999))).shuffle(pieces)
        content = b"\n".join(pieces)
    else:
        position = data.draw(st.integers(0, len(SAMPLE)))
        content = SAMPLE[:position] + data.draw(st.binary(max_size=20)) + SAMPLE[position:]
    write_project(root, {"a.py": content}, pyproject=STORE, git=False)
    fixed_files(load_inputs(root), Choice())
    for finding in findings_in(root):
        assert finding.severity in Severity


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="->[]()'\"#:=\n abc.,_A1<>@*&{}\\", max_size=120))
def test_definitions_of_any_kind_give_findings_and_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "fuzz-definitions"
    source = (
        f"import datajoint as dj\nschema = dj.Schema('a')\n@schema\nclass A(dj.Manual):\n    definition = {text!r}\n"
    )
    write_project(root, {"a.py": source}, git=False)
    findings_in(root)


@pytest.mark.parametrize(
    "content",
    [
        b"x = " + b"(" * 5000 + b")" * 5000,
        b"x = '" + b"a" * 10_000_000 + b"'\n",
        b"x = " + b"1+" * 1_500_000 + b"1\n",
        b"-" * 900_000 + b"1\n",
        b"\x00\x01\x02" * 1000,
        b"\xff\xfe" + "x = 1\n".encode("utf-16-le"),
        b"# coding: nonsense\nx = 1\n",
        b"def f(\n",
        b"import datajoint as dj\nclass A(A): pass\nclass B(C): pass\nclass C(B): pass\nx = x\n",
    ],
    ids=["nested", "long line", "large", "deep", "null bytes", "utf-16", "encoding", "unfinished", "circles"],
)
def test_malformed_files_are_findings(tmp_path: Path, content: bytes) -> None:
    write_project(tmp_path, {"a.py": content, "b.py": module("b")})
    found = findings_in(tmp_path, ["DJP1"])
    if b"class A(A)" not in content and not content.startswith(b"x = '"):
        assert [f.location.path for f in found if f.code == "DJP100"] == ["src/workflow/a.py"]
