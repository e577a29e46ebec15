"""Write the references of commands and rules from the code: `python docs/generate.py [--check]`."""

import os
import re
import sys
from pathlib import Path

from architecture import picture
from configuration import configuration_page
from typer.testing import CliRunner

from djproject.checks.registry import FAMILIES, all_rules
from djproject.checks.rule import Rule
from djproject.cli._app import COMMANDS, LazyCommands, app

TARGET = Path(__file__).parent / "reference" / "commands.md"
CONFIGURATION = Path(__file__).parent / "reference" / "configuration.md"
ARCHITECTURE = Path(__file__).parent / "images" / "architecture.svg"
RULES = Path(__file__).parent / "rules"
HEAD = """# Commands

Generated from the help of the commands; do not edit.

`--project DIRECTORY` and `--quiet` can be placed anywhere; with `run`, they come before the word `run`.
Shell completion: `djproject --install-completion`.
"""


def commands() -> list[tuple[str, ...]]:
    """Every command and subcommand, in the order of --help."""
    found: list[tuple[str, ...]] = [()]
    for name, command in LazyCommands().items():
        found.append((name,))
        found += [(name, key) for key, inner in getattr(command, "commands", {}).items() if not inner.hidden]
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


RULES_HEAD = """# Rules

Generated from the code; do not edit. `djproject rules` lists the rules, and `djproject explain CODE` shows a page.

An *error* marks something that fails, loses data or exposes credentials. An *error, convention* breaks the convention
or a rule of your lab, but does not stop `deploy`, `populate`, `graph` and `status`. A *warning* is advice, and an
*info* points out code that you should check yourself.

With `convention = "advise"` in `[tool.djproject.check]`, each *error, convention* becomes a warning. *Fix* marks the
rules whose findings `djproject check --fix` can fix.
"""


def generated() -> dict[Path, str]:
    """Every file that follows from the code alone."""
    return {CONFIGURATION: configuration_page(), ARCHITECTURE: picture(), **rule_pages()}


def rule_pages() -> dict[Path, str]:
    """The page of each rule, and the list of all."""
    pages = {RULES / f"{rule.code}.md": rule_page(rule) for rule in all_rules()}
    index = [RULES_HEAD]
    for family, title in FAMILIES.items():
        index.append(f"\n## {title}\n\n| Code | | Rule |\n|---|---|---|")
        for rule in all_rules():
            if rule.code.startswith(family):
                fix = ", fix" if rule.fixable else ""
                index.append(f"| [{rule.code}]({rule.code}.md) | {rule.label}{fix} | {rule.claim} |")
    pages[RULES / "index.md"] = "\n".join(index) + "\n"
    return pages


def rule_page(rule: Rule) -> str:
    """A rule's docstring as Markdown: its labels become headings, what is indented becomes code."""
    fix = "; `djproject check --fix` fixes it" if rule.fixable else ""
    lines = [f"# {rule.code}: {rule.name.replace('_', ' ')}", "", f"**{rule.claim}** ({rule.label}{fix})", ""]
    code: list[str] = []

    def end_of_code() -> None:
        if code:
            lines.extend([*([""] if lines[-1] else []), "```", *(line[4:] for line in code), "```", ""])
            code.clear()

    written = rule.page.split("\n")
    for line, following in zip(written, [*written[1:], ""], strict=True):
        label = re.match(r"(What it does|Why it matters|Example|Use instead|Source):\s*", line)
        if line.startswith("    ") or (code and not line and following.startswith("    ")):
            code.append(line)
            continue
        end_of_code()
        if label:
            lines += [f"## {label[1]}", ""]
            line = line[label.end() :]
            line = line if label[1] == "Source" else line[:1].upper() + line[1:]
        lines.append(line)
    end_of_code()
    text = "\n".join(lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        different = words(page()) ^ words(TARGET.read_text("utf-8"))
        if different:
            sys.exit(f"{TARGET} is out of date ({', '.join(sorted(different))}): python docs/generate.py")
        for path, text in generated().items():
            if not path.exists() or path.read_text("utf-8") != text:
                sys.exit(f"{path} is out of date: python docs/generate.py")
    else:
        TARGET.write_text(page(), "utf-8")
        RULES.mkdir(exist_ok=True)
        for path, text in generated().items():
            path.write_text(text, "utf-8")
