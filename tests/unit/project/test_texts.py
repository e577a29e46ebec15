"""A text that people type is one line of characters, or refused with the reason."""

import pytest

from djproject.errors import ProjectError
from djproject.project.texts import checked_text, is_email_address

CONTROL = "a control character"
UTF_8 = "a byte that is not UTF-8"
LINE = "a line separator"
NONE = "a code point that is no character"
MARK = "a byte order mark"


@pytest.mark.parametrize(
    ("character", "reason"),
    [
        ("\x07", f"{CONTROL} (U+0007)"),
        ("\x7f", f"{CONTROL} (U+007F)"),
        ("\t", f"{CONTROL} (U+0009)"),
        ("\udcff", f"{UTF_8} (U+DCFF)"),
        ("\u2028", f"{LINE} (U+2028)"),
        ("\u2029", f"{LINE} (U+2029)"),
        ("\ufffe", f"{NONE} (U+FFFE)"),
        ("\uffff", f"{NONE} (U+FFFF)"),
        ("\U0001fffe", f"{NONE} (U+1FFFE)"),
        ("\U0010ffff", f"{NONE} (U+10FFFF)"),
        ("\ufdd0", f"{NONE} (U+FDD0)"),
        ("\ufdef", f"{NONE} (U+FDEF)"),
        ("\ufeff", f"{MARK} (U+FEFF)"),
    ],
)
def test_a_character_that_some_file_cannot_hold_is_named(character: str, reason: str) -> None:
    with pytest.raises(ProjectError) as refused:
        checked_text(f"a{character}b", "The description", hint="a hint", longest=9)
    assert refused.value.message == f"The description contains {reason}, which is not allowed."
    assert refused.value.hint == "a hint"


@pytest.mark.parametrize("text", ["Spikes, 5 %", "Größe", "日本語", "👩‍🔬", "\u0378", "\ue000", "x" * 12])
def test_any_other_character_is_kept_and_space_around_is_not(text: str) -> None:
    assert checked_text(f" \n{text}\t ", "It", hint="", longest=12) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\nb", "must be a single line."),
        ("a\rb", "must be a single line."),
        ("x" * 13, "is 13 characters long; at most 12 are allowed."),
    ],
)
def test_a_text_of_several_lines_or_too_many_characters_is_refused(text: str, words: str) -> None:
    with pytest.raises(ProjectError) as refused:
        checked_text(text, "The name", hint="type it", longest=12)
    assert (refused.value.message, refused.value.hint) == (f"The name {words}", "type it")


@pytest.mark.parametrize(
    ("address", "valid"),
    [
        ("ada@example.org", True),
        ("Ada.L+x_9@Sub-1.Example.ORG", True),
        ("a!#$%&'*/=?^`{|}~-z@localhost", True),
        ("ada", False),
        ("@example.org", False),
        ("ada@", False),
        (".ada@x", False),
        ("ada.@x", False),
        ("a..b@x", False),
        ("ada@.org", False),
        ("ada@x.", False),
        ("ada@x..y", False),
        ("a@b@c", False),
        ("a b@x", False),
        ("ä@x", False),
        ("a@x_y", False),
    ],
)
def test_an_address_is_one_that_metadata_can_hold(address: str, valid: bool) -> None:
    assert is_email_address(address) is valid
