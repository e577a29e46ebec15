"""The tutorial and the README's beginning, word by word: commands are typed, files written, output seen."""

import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from djproject.targets.embedded import EmbeddedServer, stop
from tests.conftest import PYTHON_ENVIRONMENT

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"^```(?P<kind>console|python title=\"(?P<file>[^\"]+)\")\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL
)


def matches(expected: list[str], output: str) -> bool:
    """Whether every expected line is in the output and no other is; `...` stands for anything.

    The order is not compared: off a terminal, stdout comes after stderr.
    """
    lines = output.splitlines()
    for wanted in expected:
        if wanted != "...":
            pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
            found = next((line for line in lines if re.fullmatch(pattern, line.rstrip())), None)
            if found is None:
                return False
            lines.remove(found)
    return "..." in expected or not "".join(lines).strip()


def steps(body: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


@pytest.mark.parametrize(("path", "blocks", "count"), [("docs/tutorial.md", None, 15), ("README.md", 1, 5)])
def test_it_runs_word_by_word(tmp_path: Path, path: str, blocks: int | None, count: int) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    # This environment has all that the example needs, and stays as it is.
    for name, code in (("djproject", '-m djproject "$@"'), ("python", '"$@"'), ("pip", "-c 'pass'")):
        script = binaries / name
        script.write_text(f"#!/bin/sh\nexec {sys.executable} {code}\n")
        script.chmod(0o755)
    environ = {**os.environ, **PYTHON_ENVIRONMENT, "PATH": f"{binaries}:{os.environ['PATH']}", "COLUMNS": "80"}
    here = tmp_path
    commands = 0
    try:
        for block in islice(BLOCK.finditer((ROOT / path).read_text("utf-8")), blocks):
            if block["file"]:
                (here / block["file"]).write_text(block["body"])
                continue
            for command, expected in steps(block["body"]):
                if command.startswith("cd "):
                    folder, _, command = command[3:].partition(" && ")
                    here = here / folder
                    if not command:
                        continue
                result = subprocess.run(
                    command, shell=True, cwd=here, env=environ, text=True, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, timeout=120, check=False,
                )  # fmt: skip
                commands += 1
                wanted = "\n".join(expected)
                assert not expected or matches(expected, result.stdout), f"$ {command}\n{result.stdout}\nnot\n{wanted}"
        assert commands == count
    finally:
        stop(EmbeddedServer(here / ".djproject"))
