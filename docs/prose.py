"""Find words that djproject does not use: `python docs/prose.py [FILE ...]`.

Without arguments, it checks what people write: README, CONTRIBUTING, docs, and the code with its messages and
docstrings. Pages that `generate.py` writes take their words from the code. Any other file can be named. Two lists:
our own, `prose.toml`, and for Markdown also proselint's (archaisms, redundancy, clichés …). proselint takes no rules
from a file. Vale does, but its Python package downloads the program when it first runs, which fails offline.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from proselint.checks import __register__ as proselint_checks
from proselint.config import DEFAULT, Config
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "djproject/*.py")
GENERATED = re.compile(r"docs/(rules/|reference/(commands|configuration)\.md)")
# White space in a phrase; a line break may carry quotes, a comment sign or a prefix of a string.
GAP = r"""(?:[ \t]+|["']?\s*\n\s*(?:#\s*|[rf]?["'])?)"""
PROSELINT = Config(
    max_errors=0x7FFFFFFF,
    checks={**DEFAULT["checks"], "typography": False, "lexical_illusions": False, "spelling": False},
)


def pages() -> list[Path]:
    """The pages and the code of the repository, as people write them."""
    listed = subprocess.run(["git", "ls-files", *PAGES], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if not GENERATED.match(name)]


@cache
def phrases() -> list[tuple[re.Pattern[str], str]]:
    """Our own list: a pattern, and what to write instead. A name's parts, split at underscores, are words too."""
    rules = tomllib.loads((ROOT / "docs" / "prose.toml").read_text("utf-8"))["phrases"]
    return [
        (re.compile(rf"(?<![^\W_])(?:{pattern.replace(' ', GAP)})(?![^\W_])", re.IGNORECASE), instead)
        for pattern, instead in rules.items()
    ]


def findings(name: str, text: str) -> Iterator[str]:
    """`name:line: what to write`, for every phrase in the text that is on one of the lists."""
    for pattern, instead in phrases():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: write {instead!r} instead of {' '.join(match[0].split())!r}"
    if text and name.endswith((".md", ".md.j2")):
        for found in LintFile(name, text).lint(PROSELINT):
            yield f"{name}:{found.pos[0]}: {found.check_result.message}"


def main(arguments: list[str]) -> int:
    """Check the named files, or all pages; 1 where something is found."""
    CheckRegistry().register_many(proselint_checks)
    found = [
        line
        for path in ([Path(name) for name in arguments] or pages())
        for line in findings(str(path).removeprefix(f"{ROOT}/"), path.read_text("utf-8"))
    ]
    print("\n".join(found) or "No words to replace.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
