"""What commands do before they touch a database or a module: they leave out what is broken, or stop."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from djproject.cli import _render
from djproject.errors import ProjectError
from djproject.findings import Finding, Kind
from djproject.pipeline.graph import modules_needing
from djproject.pipeline.model import Pipeline
from djproject.pipeline.source import Unreadable, load_readable, unreadable, unreadable_error
from djproject.project.location import Project

FAMILIES = ("DJP1", "DJP2", "DJP3")
UNREADABLE = "DJP100"  # such a file is left out by itself, where the pipeline needs it
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
    findings = _broken(project)
    if files is not None:
        names = {path.relative_to(project.root).as_posix() for path in files}
        findings = [finding for finding in findings if finding.location.path in names]
    if findings:
        raise _refusal(findings)


def readable_pipeline(project: Project) -> Pipeline:
    """The pipeline without the files that are not valid Python, each told in one line.

    Raises
    ------
    ProjectError
        Nothing else is there.
    """
    pipeline = load_readable(project)
    found = unreadable(pipeline)
    if found and not pipeline.tables:
        raise unreadable_error(found[0])
    for each in found:
        _render.note(f"Skipping {each.module}: {_place(project, each)}")
    return pipeline


class LeftOut(NamedTuple):
    """A schema module that a command works without, and why."""

    module: str
    reason: str


def without_broken(project: Project, pipeline: Pipeline) -> tuple[Pipeline, tuple[LeftOut, ...]]:
    """The pipeline without the modules that are broken or no valid Python, and those that need them.

    Raises
    ------
    ProjectError
        Nothing is left, or what is broken is in no module: a store of pyproject.toml.
    """
    findings, unread = _broken(project), unreadable(pipeline)
    if unread and not pipeline.tables:
        raise unreadable_error(unread[0])
    files = {source.path.relative_to(project.root).as_posix(): name for name, source in pipeline.sources.items()}
    if not findings and not unread:
        return pipeline, ()
    if any(finding.location.path not in files for finding in findings):
        raise _refusal(findings)
    reasons = {files[finding.location.path]: _line(finding) for finding in reversed(findings)}
    reasons |= {each.module: _place(project, each) for each in unread}
    needing = modules_needing(pipeline, reasons)
    names = {module.name for module in pipeline.modules}
    without = {each.module for each in unread} - names
    reasons = {name: reason for name, reason in reasons.items() if name in names | without} | {
        name: f"{name} needs {cause}" for name, cause in needing.items()
    }
    if not reasons.keys() - without < names:
        raise _refusal(findings) if findings else unreadable_error(unread[0])
    order = [*sorted(without), *(module.name for module in pipeline.modules if module.name in reasons)]
    return pipeline.without(reasons), tuple(LeftOut(name, reasons[name]) for name in order)


def _broken(project: Project) -> list[Finding]:
    """What `check` finds broken in the pipeline and its stores, but for what is ignored or in the baseline."""
    from djproject.checks.cache import cached_results
    from djproject.checks.loading import load_inputs
    from djproject.checks.run import Choice, chosen, load_baseline

    settings = project.check
    inputs = load_inputs(project.root)
    known = load_baseline(project.root / settings.baseline) if settings.baseline else None
    choice = Choice(settings.select, settings.ignore, settings.per_file_ignores, baseline=known)
    return [finding for finding in chosen(cached_results(inputs), choice)[0] if _concerns(finding)]


def _place(project: Project, each: Unreadable) -> str:
    return f"{each.path.relative_to(project.root).as_posix()}:{each.line} {each.message}"


def _refusal(findings: list[Finding]) -> ProjectError:
    return ProjectError(
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
