"""Texts that people type: which of them can be written into every file of a project."""

import re
import unicodedata

from djproject.errors import ProjectError

DESCRIPTION_CHARACTERS = 512  # what the Python Package Index accepts as a summary
AUTHOR_CHARACTERS = 200


def checked_text(text: str, what: str, *, hint: str, longest: int) -> str:
    """`text` without the space around it, if it is one line of characters that every file format can hold.

    Parameters
    ----------
    text
        What somebody typed.
    what
        What it is, as a sentence begins: "The description".
    hint
        The command that gives another text.
    longest
        Most characters allowed.

    Raises
    ------
    ProjectError
        The text has several lines, a control character or bytes that are not UTF-8, or is too long.

    Examples
    --------
    >>> checked_text("  Spikes, 5 % ", "The description", hint="", longest=40)
    'Spikes, 5 %'
    """
    text = text.strip()
    if "\n" in text or "\r" in text:
        raise ProjectError(f"{what} must be a single line.", hint=hint)
    for character in text:
        reason = _reason_against(character)
        if reason:
            raise ProjectError(f"{what} contains {reason} (U+{ord(character):04X}), which is not allowed.", hint=hint)
    if len(text) > longest:
        raise ProjectError(f"{what} is {len(text)} characters long; at most {longest} are allowed.", hint=hint)
    return text


def is_email_address(text: str) -> bool:
    """Whether `text` is an address that the metadata of a Python package can hold.

    Source: setuptools writes `Author-email` with `email.headerregistry.Address`, which raises for any other.

    Examples
    --------
    >>> is_email_address("ada@example.org"), is_email_address("ada@@example.org"), is_email_address("ada@.org")
    (True, False, False)
    """
    return bool(re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
                             r"@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text))  # fmt: skip


def _reason_against(character: str) -> str:
    match unicodedata.category(character):
        case "Cc":
            return "a control character"
        case "Cs":
            return "a byte that is not UTF-8"
        case "Zl" | "Zp":
            return "a line separator"
        case "Cn" if ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
            return "a code point that is no character"
    return "a byte order mark" if character == "\ufeff" else ""
