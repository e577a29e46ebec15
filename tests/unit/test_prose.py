"""`docs/prose.py` finds the words that djproject does not use, on the pages that people write."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def prose(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docs/prose.py"), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("The jobs at hand finish.", "1: write 'running job' instead of 'jobs at hand'"),
        ("Fine.\n\nThe jobs\nat hand finish.", "3: write 'running job' instead of 'jobs at hand'"),
        ("Buckets are made anew.", "1: write 'again' instead of 'anew'"),
        ("A very unique idea.", "1: "),
    ],
)
def test_a_phrase_of_a_list_is_found_with_its_line(tmp_path: Path, text: str, line: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    result = prose(page)
    assert result.returncode == 1
    assert result.stdout.startswith(f"{page}:{line}")


def test_plain_words_and_parts_of_longer_words_pass(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("We recommend amendments: the commands that you type. Running jobs finish.")
    assert prose(page).returncode == 0
