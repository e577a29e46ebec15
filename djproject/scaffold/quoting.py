"""Texts of the user as each file format of a project writes them: the filters of the templates."""

import json
import re
import textwrap

LINE_LENGTH = 88  # of ruff's formatter
WIDE_LINE_LENGTH = 44  # a character outside ASCII may take two columns
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def quoted(value: str) -> str:
    """A basic string of TOML, JSON and YAML alike."""
    return json.dumps(value, ensure_ascii=False)


def python_literal(value: str) -> str:
    """A string as ruff's formatter writes it: double quotes, unless single ones save an escape.

    Examples
    --------
    >>> python_literal('Ada "the" Countess')[0], python_literal("O'Hara")[0]
    ("'", '"')
    """
    escaped = value.replace("\\", "\\\\")
    if value.count('"') > value.count("'"):
        return "'" + escaped.replace("'", "\\'") + "'"
    return '"' + escaped.replace('"', '\\"') + '"'


def docstring(value: str) -> str:
    """A whole docstring at the top of a module, wrapped to the line length; what it holds is `value`, whole.

    Examples
    --------
    >>> docstring('Ends with a "quote"').splitlines()[1]
    'Ends with a "quote"'
    """
    escaped = value.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    width = LINE_LENGTH if value.isascii() else WIDE_LINE_LENGTH
    wrapped = textwrap.wrap(
        escaped, width - 6, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )
    if len(wrapped) < 2 and not re.search(r'^"|["\\]$', escaped):
        return f'"""{escaped}"""'
    lines = "\n".join(wrapped)
    return f'"""\n{lines}\n"""'


def markdown(value: str) -> str:
    """A paragraph that reads as `value` in Python-Markdown, CommonMark and MyST, whatever it contains.

    Examples
    --------
    >>> markdown("5 < 6 in my_pipeline")
    '5 &lt; 6 in my_pipeline'
    """
    text = re.sub(r"[\\`*\[\]{}]", r"\\\g<0>", value)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    for character in "&<>~$|":
        text = text.replace(character, f"&#{ord(character)};" if character in "~$|" else ENTITIES[character])
    text = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text)
    if text[:1] in tuple("#+-!("):
        return "\\" + text
    return f"&#{ord(text[0])};{text[1:]}" if text[:1] in tuple("%=:?^") else text


def bucket_name(name: str) -> str:
    """A bucket name S3 allows, made from the project's: lower case, digits and hyphens, 3 to 63 characters."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower())[:58].strip("-") + "-data"
