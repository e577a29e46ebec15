"""The exact text that each edit of pyproject.toml writes, with both kinds of line ends."""

import pytest

from djproject.errors import ConfigError
from djproject.project import editing

B = '[tool.datajoint.stores.b]\nprotocol = "file"\nn = 1\n'
SAFE = "[tool.datajoint]\nsafemode = true\n"
RAW = '[tool.datajoint.stores.raw]  # see [1]\nprotocol = "file"\n'
RENAMED = RAW.replace("raw", '"n w"')
STORES = "[tool.datajoint.stores]\n"
DEFAULTS = f'{STORES}default = "raw"\nfilepath_default = "raw"\n'
INLINE = "[tool.datajoint]\nstores = { raw = {protocol='file'}, o = {protocol='file'} }\n"
OTHERS = "[tool.djproject.targets]\nlab = 3\nold = {stores = 5}\n"


def with_line_ends(cases: list[tuple[str, str]]) -> list[tuple[str, str]]:
    crlf = [(before.replace("\n", "\r\n"), after.replace("\n", "\r\n")) for before, after in cases if "\n" in before]
    return cases + crlf


@pytest.mark.parametrize(
    ("before", "after"),
    with_line_ends(
        [
            ("", B),
            ("x = 1", f"x = 1\n\n{B}"[:-1]),
            ("x = 1\n", f"x = 1\n\n{B}"),
            ("x = 1\n\n", f"x = 1\n\n{B}"),
            (f"{SAFE}[z]\n", f"{SAFE}\n{B}\n[z]\n"),
            (f"{SAFE}\n[z]\n", f"{SAFE}\n{B}\n[z]\n"),
            (f"{SAFE}\n[[z]]\n", f"{SAFE}\n{B}\n[[z]]\n"),
            (f"{SAFE}\n# 1\n  # 2\n[z]\n", f"{SAFE}\n{B}\n# 1\n  # 2\n[z]\n"),
            ("[tool.datajoint]\n# of z\n[z]\n", f"[tool.datajoint]\n\n{B}\n# of z\n[z]\n"),
            (f'{SAFE}x = """\n[z]\n"""\n[z]\n', f'{SAFE}x = """\n[z]\n"""\n\n{B}\n[z]\n'),
            (f"{RAW}\n[y]\n\n{SAFE}\n# z\n[z]\n", f"{RAW}\n[y]\n\n{SAFE}\n{B}\n# z\n[z]\n"),
            ("[tool]\ndjproject = 3\n", f"[tool]\ndjproject = 3\n\n{B}"),
            ("tool.datajoint.safemode = true\n", f"tool.datajoint.safemode = true\n\n{B}"),
            (f"{STORES}b = 'x' # c\n\n[z]\n", f'{STORES}b = {{protocol = "file", n = 1}} # c\n\n[z]\n'),
            ("[tool.datajoint]\nstores = {}\n", '[tool.datajoint]\nstores = {b = {protocol = "file", n = 1}}\n'),
        ]
    ),
)
def test_a_store_is_added_behind_the_tables_of_datajoint(before: str, after: str) -> None:
    assert editing.with_store(before, "b", {"protocol": "file", "n": 1}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    with_line_ends(
        [
            (
                "[tool.datajoint.stores.b]  # of b\nprotocol='file'   # p\nlocation = 'x'\nold = 1\n\n# z\n[z]\n",
                "[tool.datajoint.stores.b]  # of b\nprotocol='file'   # p\nlocation = \"y\"\nnew = [2, 2]\n\n# z\n[z]\n",
            ),
            (
                "[tool.datajoint.stores.b]\nprotocol='file'\nlocation = 'x'",
                "[tool.datajoint.stores.b]\nprotocol='file'\nlocation = \"y\"\nnew = [2, 2]",
            ),
            (
                f"{STORES}b = {{ protocol = 'file', old = 1 }} # in\n",
                f"{STORES}b = {{ protocol = 'file',  location = \"y\", new = [2, 2]}} # in\n",
            ),
            (
                "tool.datajoint.stores.b = {protocol = 'file', old = 1}\n",
                "tool.datajoint.stores.b = {protocol = 'file', location = \"y\", new = [2, 2]}\n",
            ),
        ]
    ),
)
def test_what_of_a_store_stays_keeps_its_form_and_the_rest_is_changed(before: str, after: str) -> None:
    assert editing.with_store(before, "b", {"protocol": "file", "location": "y", "new": [2, 2]}) == after


@pytest.mark.parametrize("key", editing.DEFAULT_KEYS)
@pytest.mark.parametrize(
    ("before", "after"),
    with_line_ends(
        [
            ("", f'{STORES}KEY = "a\\"b"\n'),
            ("x = 1", f'x = 1\n\n{STORES}KEY = "a\\"b"'),
            (RAW, f'{STORES}KEY = "a\\"b"\n\n{RAW}'),
            (f"{RAW}\n{B}", f'{STORES}KEY = "a\\"b"\n\n{RAW}\n{B}'),
            (f"[a]\n\n# of raw\n{RAW}", f'[a]\n\n{STORES}KEY = "a\\"b"\n\n# of raw\n{RAW}'),
            (f"{STORES}# d\n\n[z]\n", f'{STORES}# d\nKEY = "a\\"b"\n\n[z]\n'),
            (f"{STORES}KEY = 'o' # why\n{RAW}", f'{STORES}KEY = "a\\"b" # why\n{RAW}'),
            (f"{SAFE}\n[z]\n", f'{SAFE}\n{STORES}KEY = "a\\"b"\n\n[z]\n'),
            ("[tool.datajoint]\nstores.KEY = 'o'\n", '[tool.datajoint]\nstores.KEY = "a\\"b"\n'),
            (
                "[tool.datajoint]\nstores.a.protocol = 'file'\n",
                '[tool.datajoint]\nstores.a.protocol = \'file\'\nstores.KEY = "a\\"b"\n',
            ),
            (
                "[tool.datajoint]\nstores = {a = {protocol='file'}}\n",
                '[tool.datajoint]\nstores = {a = {protocol=\'file\'},KEY = "a\\"b"}\n',
            ),
        ]
    ),
)
def test_the_default_store_is_written_where_the_stores_are(key: str, before: str, after: str) -> None:
    found = editing.with_default_store(before.replace("KEY", key), 'a"b', key=key)
    assert found == after.replace("KEY", key)
    if key == "default":
        assert editing.with_default_store(before.replace("KEY", key), 'a"b') == found


@pytest.mark.parametrize(
    ("before", "after"),
    with_line_ends(
        [
            (
                "[tool.djproject]\npackage='x' # p\n\n# c\n[z]\n",
                "[tool.djproject]\npackage='x' # p\ntarget = \"lab\"\n\n# c\n[z]\n",
            ),
            ("[tool.djproject]\ntarget = 'a'  # why", '[tool.djproject]\ntarget = "lab"  # why'),
            (
                "[tool]\ndjproject.package = 'x'\n",
                "[tool]\ndjproject.package = 'x'\ndjproject.target = \"lab\"\n",
            ),
        ]
    ),
)
def test_the_target_is_written_into_the_table_of_djproject(before: str, after: str) -> None:
    assert editing.with_target_choice(before, "lab") == after


@pytest.mark.parametrize(
    ("before", "removed", "renamed"),
    [
        (f"{DEFAULTS}\n{RAW}", STORES, f"{DEFAULTS}\n{RAW}".replace('"raw"', '"n w"').replace(RAW, RENAMED)),
        (
            f"{STORES}default = 'raw'\nfilepath_default = 'o'\n\n{RAW}",
            f"{STORES}filepath_default = 'o'\n",
            f"{STORES}default = \"n w\"\nfilepath_default = 'o'\n\n{RENAMED}",
        ),
        (
            f"{STORES}default = 'o'\nfilepath_default = 'raw'\n\n{RAW}",
            f"{STORES}default = 'o'\n",
            f"{STORES}default = 'o'\nfilepath_default = \"n w\"\n\n{RENAMED}",
        ),
        (RAW, "", RENAMED),
        (f"x = 1\n\n{RAW}", "x = 1\n", f"x = 1\n\n{RENAMED}"),
        (f"x = 1\n\n{RAW}# last", "x = 1\n", f"x = 1\n\n{RENAMED}# last"),
        (f"{RAW}\n\n# z\n  # y\n[z]\n\n", "# z\n  # y\n[z]\n", f"{RENAMED}\n\n# z\n  # y\n[z]\n\n"),
        (f"{RAW}\n\n[z]\ny = 1", "[z]\ny = 1", f"{RENAMED}\n\n[z]\ny = 1"),
        (
            f"{RAW}\n[tool.datajoint.stores.raw.in]\nx = 1\n\n# z\n[z]\n",
            "# z\n[z]\n",
            f'{RENAMED}\n[tool.datajoint.stores."n w".in]\nx = 1\n\n# z\n[z]\n',
        ),
        (
            f"{STORES}raw = {{protocol='file'}}\no = {{protocol='file'}}\n",
            f"{STORES}o = {{protocol='file'}}\n",
            f"{STORES}o = {{protocol='file'}}\n\"n w\" = {{protocol='file'}}\n",
        ),
        (
            f"{INLINE}{OTHERS}",
            f"[tool.datajoint]\nstores = {{  o = {{protocol='file'}} }}\n{OTHERS}",
            f"[tool.datajoint]\nstores = {{  o = {{protocol='file'}}, \"n w\" = {{protocol='file'}}}}\n{OTHERS}",
        ),
        (
            f"{RAW}\n[tool.djproject.targets.embedded.stores.raw]\nlocation = '/x'\n\n\n",
            "",
            f"{RENAMED}\n[tool.djproject.targets.embedded.stores.\"n w\"]\nlocation = '/x'\n\n\n",
        ),
        (
            "  [ tool . datajoint . \"stores\".'raw' ] # ]\nprotocol='file'\n",
            "",
            "  [tool.datajoint.stores.\"n w\"] # ]\nprotocol='file'\n",
        ),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_store_is_removed_and_renamed_wherever_it_is_named(before: str, removed: str, renamed: str, end: str) -> None:
    before, removed, renamed = (text.replace("\n", end) for text in (before, removed, renamed))
    assert editing.without_store(before, "raw") == removed
    assert editing.with_renamed_store(before, "raw", "n w") == renamed


NO_TABLE = "[tool.datajoint.stores] in pyproject.toml is not a table."
FORM = "pyproject.toml is written in a form that cannot be edited."
CORRUPT = (
    "'n' cannot be written into pyproject.toml as the file is: its tables are in a form that an edit would corrupt."
)


@pytest.mark.parametrize(
    ("text", "edit", "message"),
    [
        ("tool = 1", lambda text: editing.with_store(text, "n", {}), NO_TABLE),
        ("tool.datajoint = 1\n", lambda text: editing.with_store(text, "n", {}), NO_TABLE),
        ("tool.datajoint.stores = 1\n", lambda text: editing.with_default_store(text, "n"), NO_TABLE),
        (
            "[tool]\ndjproject = 3\n",
            lambda text: editing.with_target_choice(text, "lab"),
            "[tool.djproject] in pyproject.toml is not a table.",
        ),
        (
            "[tool.datajoint.stores.n.inner]\nx = 1\n",
            lambda text: editing.with_store(text, "n", {"protocol": "file"}),
            "pyproject.toml has no [tool.datajoint.stores.n] that could be edited.",
        ),
        (
            "[tool.djproject.check]\nselect = []\n",
            lambda text: editing.with_target_choice(text, "lab"),
            "pyproject.toml has no [tool.djproject] that could be edited.",
        ),
        (f"{STORES}n.protocol = 'a'\nn.old = 1\n", lambda text: editing.with_store(text, "n", {"protocol": "b"}), FORM),
        (
            "[tool.datajoint]\nstores.raw.protocol = 'file'\n",
            lambda text: editing.with_renamed_store(text, "raw", "n"),
            CORRUPT,
        ),
    ],
)
def test_what_cannot_be_edited_is_refused_in_a_sentence(text: str, edit: object, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        edit(text)  # type: ignore[operator]
    assert (refused.value.message, refused.value.hint) == (message, editing.FORM_HINT)
