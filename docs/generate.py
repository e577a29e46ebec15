"""Write the command reference from the commands: `python docs/generate.py [--check]`."""

import os
import re
import sys
from pathlib import Path

from typer.testing import CliRunner

from djproject.cli._app import COMMANDS, LazyCommands, app

TARGET = Path(__file__).parent / "reference" / "commands.md"
HEAD = """# Commands

Made from the commands' own help; do not edit.

`--project DIRECTORY` and `--quiet` may stand anywhere. Shell completion: `djproject --install-completion`.
"""


def commands() -> list[tuple[str, ...]]:
    """Every command and subcommand, in the order of --help."""
    found: list[tuple[str, ...]] = [()]
    for name, command in LazyCommands().items():
        found.append((name,))
        found += [(name, inner) for inner in getattr(command, "commands", {})]
    return found


def page() -> str:
    """The whole page."""
    os.environ |= {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    parts = [HEAD]
    for command in commands():
        result = CliRunner().invoke(app, [*command, "--help"], prog_name="djproject", terminal_width=80)
        depth = "##" if len(command) < 2 else "###"
        title = " ".join(("djproject", *command))
        parts.append(f"{depth} {title}\n\n```text\n{result.stdout.rstrip()}\n```\n")
    return "\n".join(parts)


def words(text: str) -> set[str]:
    """The commands, options and summaries of a page; its layout is that of the typer that made it."""
    return set(re.findall(r"--[a-z-]+|^#+ djproject.*$", text, re.MULTILINE)) | {
        summary for summary in COMMANDS.values() if summary in " ".join(text.split())
    }


if __name__ == "__main__":
    if "--check" in sys.argv:
        different = words(page()) ^ words(TARGET.read_text("utf-8"))
        if different:
            sys.exit(f"{TARGET} is out of date ({', '.join(sorted(different))}): python docs/generate.py")
    else:
        TARGET.write_text(page(), "utf-8")
