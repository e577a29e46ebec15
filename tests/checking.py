"""A project made of a few files, and what the rules find in it."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from djproject.checks.loading import load_inputs
from djproject.checks.run import Choice, chosen, examine
from djproject.findings import Finding, Severity
from djproject.pipeline.model import Pipeline
from djproject.pipeline.source import load_package

PYPROJECT = """\
[project]
name = "p"
dependencies = ["datajoint>=2.3.5"]

[tool.djproject]
package = "workflow"
"""
DOCSTRING = '"""{name} schema: for tests.\n\nDependencies:\n    - none\n\nProvides:\n    - none\n"""\n'


def write_project(root: Path, files: Mapping[str, str | bytes], *, pyproject: str = "", git: bool = True) -> Path:
    """A project with the standard files; `files` by path, those without a folder in the package.

    `pyproject` is added to a pyproject.toml that all rules are content with, or takes its place where it has [project].
    """
    for folder in ("notebooks", "docs", "docker", "tests", "src/workflow"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("README.md", "LICENSE", ".gitignore", "src/workflow/__init__.py"):
        (root / name).touch()
    (root / "pyproject.toml").write_text(pyproject if "[project]" in pyproject else PYPROJECT + pyproject)
    if git:
        subprocess.run(["git", "init", "-q", str(root)], check=True)
    for name, content in files.items():
        path = root / name if "/" in name or name.startswith((".", "Docker")) else root / "src/workflow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def module(name: str, *tables: str, imports: str = "", docstring: bool = False) -> str:
    """The text of a schema module with these classes."""
    head = DOCSTRING.format(name=name) if docstring else ""
    return "\n\n".join([f'{head}import datajoint as dj\n{imports}\nschema = dj.Schema("{name}")', *tables]) + "\n"


def table(name: str, *lines: str, tier: str = "Manual", body: str = "") -> str:
    """The text of a table class."""
    definition = "\n".join(f"    {line}" for line in lines)
    more = f"\n{body}" if body else ""
    return f'@schema\nclass {name}(dj.{tier}):\n    definition = """\n{definition}\n    """{more}'


def findings_in(root: Path, codes: Iterable[str] = (), **choice: object) -> tuple[Finding, ...]:
    """What is found, of these codes (or beginnings) where some are given."""
    found, _ = chosen(examine(load_inputs(root)), Choice(select=tuple(codes), **choice))  # type: ignore[arg-type]
    return found


def codes_in(root: Path, *codes: str) -> list[str]:
    """The codes of what is found, sorted."""
    return sorted(finding.code for finding in findings_in(root, codes))


def errors_in(root: Path) -> list[Finding]:
    """The errors found in tables and modules."""
    return [finding for finding in findings_in(root, ("DJP1", "DJP2")) if finding.severity is Severity.ERROR]


def pipeline_in(root: Path) -> Pipeline:
    return load_package(root / "src/workflow", "workflow")
