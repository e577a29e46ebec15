"""pyproject.toml edited: what was meant is what is read, and every other byte stays."""

import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from djproject.errors import ConfigError
from djproject.project import editing

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"default", "filepath_default"}
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
SPECS = st.fixed_dictionaries(
    {"protocol": st.sampled_from(["file", "s3"]), "location": TEXTS},
    optional={"secure": st.booleans(), "token_length": st.integers(4, 16), "subfolding": st.just([2, 2])},
)
BEFORE = st.sampled_from(
    [
        "",
        "# a comment\n",
        '[project]\nname = "x"  # inline\nversion="1"\n\n',
        "[tool.ruff]\nline-length=100\n",
        'x = """\n[tool.datajoint.stores.fake]\n"""\n',
        "values = [\n  1,\n  [2],\n]\n\n",
        '[[array.of]]\ntables = "yes"\n',
        "[tool.datajoint]\nsafemode = true # keep\n\n",
        "[tool.djproject]\npackage = 'workflow'\n",
    ]
)
AFTER = st.sampled_from(
    ["", "\n# about ruff\n[tool.other]\nx=1\n", "\n[tool.zzz]\ny   =   2", "\n\n\n[last]\n'quoted key' = 'v'\n"]
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Valid TOML in many hands' styles, with stores as tables, inline or dotted."""
    stores = draw(st.dictionaries(NAMES, SPECS, max_size=3))
    style = draw(st.sampled_from(["tables", "inline", "dotted"]))
    lines: list[str] = []
    for name, spec in stores.items():
        items = {key: editing.tomlkit.item(value).as_string() for key, value in spec.items()}
        match style:
            case "tables":
                lines += [f"[tool.datajoint.stores.{name}]  # {name}"]
                lines += [f"{key}={value} # {key}" for key, value in items.items()] + [""]
            case "inline":
                lines += [f"{name} = {{" + ", ".join(f"{k} = {v}" for k, v in items.items()) + "} # one line"]
            case "dotted":
                lines += [f"{name}.{key} = {value}" for key, value in items.items()]
    header = ["[tool.datajoint.stores]"] if stores and style != "tables" else []
    text = draw(BEFORE) + "\n".join([*header, *lines]) + draw(AFTER)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    tomllib.loads(text)
    return text


def stores_of(text: str) -> dict[str, object]:
    return tomllib.loads(text).get("tool", {}).get("datajoint", {}).get("stores", {})


def without_stores(text: str) -> dict[str, object]:
    document = tomllib.loads(text)
    tool = document.get("tool", {})
    tool.get("datajoint", {}).pop("stores", None)
    if tool.get("datajoint") == {}:
        del tool["datajoint"]
    if tool == {}:
        document.pop("tool", None)
    return document


def common_ends(old: str, new: str) -> tuple[str, str]:
    """What of the old text is neither in the common beginning nor in the common end, and the same of the new."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return old[start : len(old) - end], new[start : len(new) - end]


def lines_are_kept(old: str, new: str, *, allowed: int = 0) -> None:
    """Every line of the old text stands in the new one, in order, but for `allowed` of them."""
    rest = iter(re.split(r"\r?\n", new))
    lost = [line for line in re.split(r"\r?\n", old) if line.strip() and line not in rest]
    assert len(lost) <= allowed, lost


@settings(max_examples=120, deadline=None)
@given(documents(), NAMES, SPECS)
def test_adding_a_store_inserts_one_piece_and_nothing_else(text: str, name: str, spec: dict[str, object]) -> None:
    if name in stores_of(text):
        return
    new = editing.with_store(text, name, spec)
    assert stores_of(new) == {**stores_of(text), name: spec}
    assert without_stores(new) == without_stores(text)
    removed, inserted = common_ends(text, new)
    assert removed == ""
    assert new.endswith("\n") == text.endswith("\n") or text == "" or not removed
    if "\r\n" in text:
        assert "\n" not in inserted.replace("\r\n", "").replace("\\n", "")[1:-1]


@settings(max_examples=120, deadline=None)
@given(documents(), st.data())
def test_an_edit_that_was_made_is_not_made_twice(text: str, data: st.DataObject) -> None:
    name, spec = data.draw(NAMES), data.draw(SPECS)
    try:
        once = editing.with_store(text, name, spec)
    except ConfigError as error:  # an attribute to be removed from a store of dotted keys
        assert error.hint == editing.FORM_HINT
        return
    assert editing.with_store(once, name, spec) == once
    default = editing.with_default_store(once, name)
    assert editing.with_default_store(default, name) == default
    assert stores_of(default)["default"] == name
    lines_are_kept(once, default)


@settings(max_examples=120, deadline=None)
@given(documents(), st.data())
def test_changing_one_attribute_changes_one_line(text: str, data: st.DataObject) -> None:
    stores = stores_of(text)
    if not stores:
        return
    name = data.draw(st.sampled_from(sorted(stores)))
    spec = {**stores[name], "location": data.draw(TEXTS)}  # type: ignore[dict-item]
    new = editing.with_store(text, name, spec)
    assert stores_of(new) == {**stores, name: spec}
    assert without_stores(new) == without_stores(text)
    old_lines, new_lines = text.split("\n"), new.split("\n")
    assert len(old_lines) == len(new_lines)
    assert sum(a != b for a, b in zip(old_lines, new_lines, strict=True)) <= 1


@settings(max_examples=120, deadline=None)
@given(documents(), st.data())
def test_removing_and_renaming_touch_only_the_store_or_refuse(text: str, data: st.DataObject) -> None:
    stores = stores_of(text)
    if not stores:
        return
    name = data.draw(st.sampled_from(sorted(stores)))
    new_name = data.draw(NAMES.filter(lambda other: other not in stores))
    rest = {key: value for key, value in stores.items() if key != name}
    for edit, expected in (
        (lambda: editing.without_store(text, name), rest),
        (lambda: editing.with_renamed_store(text, name, new_name), {**rest, new_name: stores[name]}),
    ):
        try:
            new = edit()
        except ConfigError as error:
            assert error.hint == editing.FORM_HINT
            continue
        assert stores_of(new) == expected
        assert without_stores(new) == without_stores(text)
        assert "# about ruff" in new or "# about ruff" not in text


def test_a_comment_above_the_next_table_stays_with_it() -> None:
    text = '[tool.datajoint.stores.a]\nprotocol = "file"\n\n# about ruff\n[tool.ruff]\n'
    assert editing.with_store(text, "b", {"protocol": "file"}) == (
        '[tool.datajoint.stores.a]\nprotocol = "file"\n\n'
        '[tool.datajoint.stores.b]\nprotocol = "file"\n\n# about ruff\n[tool.ruff]\n'
    )
    assert editing.without_store(text, "a") == "# about ruff\n[tool.ruff]\n"


def test_dotted_stores_that_an_edit_would_corrupt_are_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigError) as refused:
        editing.without_store('[tool.datajoint]\nstores.main.protocol = "file"\nstores.main.location = "x"\n', "main")
    assert "[tool.datajoint.stores.NAME]" in refused.value.hint


MOVED = """[tool.datajoint.stores]
default = "raw"

[tool.datajoint.stores.raw]
protocol = "file"
location = "/data/raw"

# the large disk
[tool.djproject.targets.embedded.stores.raw]
location = "/big/raw"

[tool.djproject.targets.lab]
host = "db"
stores = { raw = { location = "/lab/raw" }, other = { protocol = "file", location = "/o" } }

[tool.ruff]
"""


def test_a_renamed_store_is_renamed_in_the_tables_of_targets() -> None:
    expected = MOVED.replace('default = "raw"', 'default = "scans"').replace("stores.raw]", "stores.scans]")
    renamed = editing.with_renamed_store(MOVED, "raw", "scans")
    assert tomllib.loads(renamed) == tomllib.loads(expected.replace("{ raw =", "{ scans ="))
    changed = [line for line in expected.split("\n") if line not in renamed.split("\n")]
    assert changed == ['stores = { raw = { location = "/lab/raw" }, other = { protocol = "file", location = "/o" } }']


def test_a_removed_store_leaves_the_tables_of_targets() -> None:
    assert tomllib.loads(editing.without_store(MOVED, "raw")) == {
        "tool": {
            "datajoint": {"stores": {}},
            "djproject": {
                "targets": {"lab": {"host": "db", "stores": {"other": {"protocol": "file", "location": "/o"}}}}
            },
            "ruff": {},
        }
    }


@pytest.mark.parametrize("written", ['[tool.djproject]\npackage = "lost"\n', "[tool.djproject\n"])
def test_a_result_that_is_not_what_was_meant_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setattr(editing.tomlkit, "dumps", lambda document: written)
    with pytest.raises(ConfigError, match=r"cannot be written into pyproject\.toml"):
        editing.with_target_choice('[tool.djproject]\npackage = "workflow"\n', "stack")


def test_names_that_need_quotes_are_quoted() -> None:
    text = editing.with_store("", "a b", {"protocol": "file", "key with = sign": "x"})
    assert tomllib.loads(text)["tool"]["datajoint"]["stores"]["a b"]["key with = sign"] == "x"
    assert "[tool.datajoint.stores.'c.d']" in editing.with_renamed_store(text, "a b", "c.d").replace('"', "'")
