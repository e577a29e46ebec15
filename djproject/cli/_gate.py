"""What commands do before they touch a database or a module: they stop where the pipeline is broken."""

from collections.abc import Iterable
from pathlib import Path

from djproject.errors import ProjectError
from djproject.findings import Finding, Kind
from djproject.project.location import Project

FAMILIES = ("DJP1", "DJP2", "DJP3")
UNREADABLE = "DJP100"  # a command that needs such a file was refused when the pipeline was read
SHOWN = 5


def refuse_errors(project: Project, files: Iterable[Path] | None = None) -> None:
    """Refuse to continue where `check` finds something broken in the pipeline or its stores.

    What works and departs from the convention stops nothing, nor does what is ignored or in the baseline.

    Parameters
    ----------
    project
        What is checked, with the settings of its `[tool.djproject.check]`.
    files
        Only findings in these files count; None means all.

    Raises
    ------
    ProjectError
        The first finding, and a few more.
    """
    from djproject.checks.cache import cached_results
    from djproject.checks.loading import load_inputs
    from djproject.checks.run import Choice, chosen, load_baseline

    settings = project.check
    inputs = load_inputs(project.root)
    known = load_baseline(project.root / settings.baseline) if settings.baseline else None
    choice = Choice(settings.select, settings.ignore, settings.per_file_ignores, baseline=known)
    findings = [f for f in chosen(cached_results(inputs), choice)[0] if _concerns(f)]
    if files is not None:
        names = {path.relative_to(project.root).as_posix() for path in files}
        findings = [finding for finding in findings if finding.location.path in names]
    if findings:
        raise ProjectError(
            f"{_line(findings[0])}",
            hint="djproject check",
            details="\n".join([*map(_line, findings[1:SHOWN]), *_more(len(findings))]),
        )


def _concerns(finding: Finding) -> bool:
    return finding.kind is Kind.BROKEN and finding.code.startswith(FAMILIES) and finding.code != UNREADABLE


def _line(finding: Finding) -> str:
    return f"{finding.location.path}:{finding.location.line} {finding.code} {finding.message}"


def _more(count: int) -> list[str]:
    return [f"… and {count - SHOWN} more"] if count > SHOWN else []
