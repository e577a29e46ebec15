"""What `djproject check` does once its arguments are known; it loads no typer, which takes longer."""

import gc
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from djproject.checks.cache import cached_results
from djproject.checks.examined import backends_of
from djproject.checks.loading import Inputs, load_inputs
from djproject.checks.run import Choice, Results, baseline_text, chosen, examine, fails, load_baseline
from djproject.cli import _render
from djproject.errors import DJProjectError, ProjectError
from djproject.findings import Finding, Kind, Severity
from djproject.pipeline.types import SERVERS
from djproject.project.files import replace_file

FORMATS = ("text", "concise", "json", "github", "sarif")


class Request(NamedTuple):
    """The arguments of one `djproject check`; None where pyproject.toml decides."""

    paths: tuple[str, ...] = ()
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    fix: bool = False
    diff: bool = False
    fail_level: str | None = None
    format: str = "text"
    watch: bool = False
    baseline: str | None = None
    write_baseline: str | None = None
    cache: bool = True
    unsafe: bool = False


def quick_request(arguments: list[str]) -> Request | None:
    """The request that simple arguments make: paths, `--format X`, `--no-cache`; None where typer is needed."""
    paths: list[str] = []
    request = Request()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--format" and rest and rest[0] in FORMATS:
            request = request._replace(format=rest.pop(0))
        elif argument == "--no-cache":
            request = request._replace(cache=False)
        elif argument in {"-q", "--quiet"}:
            _render.be_quiet(True)
        elif argument.startswith("-"):
            return None
        else:
            paths.append(argument)
    return request._replace(paths=tuple(paths))


def run_quick(request: Request) -> int:
    """The exit code of a check, errors told as the root command tells them."""
    from djproject.cli._errors import told

    try:
        return run_check(request)
    except BrokenPipeError:  # the reader of the result has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        return told(error)


def run_check(request: Request) -> int:
    """Check the project and print what was found; the exit code.

    Raises
    ------
    DJProjectError
        There is no project, a path or a setting is wrong.
    """
    if request.watch:
        return _watch(request)
    inputs = load_inputs()
    return _check_once(request, inputs)


def _check_once(request: Request, inputs: Inputs) -> int:
    choice = _choice(request, inputs)
    if request.diff:
        return _show_diff(inputs, choice, unsafe=request.unsafe)
    if request.fix:
        inputs = _fix(inputs, choice, unsafe=request.unsafe)
    results = cached_results(inputs) if request.cache else examine(inputs)
    findings, held_back = chosen(results, choice)
    if request.write_baseline is not None:
        path = inputs.project.root / request.write_baseline
        if path.exists():
            load_baseline(path)  # refuses to replace a file that is something else
        everything, _ = chosen(results, choice._replace(baseline=None))
        replace_file(path, baseline_text(everything).encode(), within=inputs.project.root)
        _render.note(f"Wrote {_count(len(everything), 'finding')} to {request.write_baseline}.")
        setting = f'baseline = "{request.write_baseline}"'
        _render.next_step(f"add {setting} under [tool.djproject.check] in pyproject.toml")
        return 0
    _show(request, inputs, results, findings, held_back)
    level = Severity(request.fail_level or inputs.project.check.fail_level)
    return 1 if fails(findings, level) else 0


def _choice(request: Request, inputs: Inputs) -> Choice:
    settings = inputs.project.check
    select = settings.select if request.select is None else request.select
    ignore = settings.ignore if request.ignore is None else request.ignore
    if select or ignore or settings.per_file_ignores:
        from djproject.checks.run import check_codes

        check_codes([*select, *ignore, *(code for codes in settings.per_file_ignores.values() for code in codes)])
    baseline = settings.baseline if request.baseline is None else request.baseline
    if request.write_baseline is not None:
        baseline = ""
    known = load_baseline(inputs.project.root / baseline) if baseline else None
    return Choice(select, ignore, settings.per_file_ignores, _relative_paths(request.paths, inputs), known)


def _relative_paths(paths: tuple[str, ...], inputs: Inputs) -> tuple[str, ...]:
    root = inputs.project.root
    found = []
    for text in paths:
        path = Path(text).resolve()
        if not path.exists():
            raise ProjectError(f"There is no file or folder {text}.", hint="djproject check [PATH…]")
        if not path.is_relative_to(root):
            raise ProjectError(f"{text} is not in the project {root}.", hint="djproject --project DIRECTORY check")
        found.append(path.relative_to(root).as_posix())
    return tuple(found)


def _show_diff(inputs: Inputs, choice: Choice, *, unsafe: bool) -> int:
    """What a fix would change; the exit code is 1 where that is anything."""
    from djproject.checks.fixing import fixed_files

    changed, _ = fixed_files(inputs, choice, unsafe=unsafe)
    for path, data in sorted(changed.items()):
        _render.diff(str(path.relative_to(inputs.project.root)), inputs.files[path], data)
    if not changed:
        _render.note("Nothing to fix.")
    return 1 if changed else 0


def _fix(inputs: Inputs, choice: Choice, *, unsafe: bool) -> Inputs:
    """Fix what can be fixed; the project as it is afterwards."""
    from djproject.checks.fixing import fixed_files

    changed, fixed = fixed_files(inputs, choice, unsafe=unsafe)
    for path, data in sorted(changed.items()):
        replace_file(path, data, within=inputs.project.root)
    files = len(changed)
    _render.note(f"Fixed {_count(fixed, 'finding')} in {_count(files, 'file')}." if changed else "Nothing to fix.")
    return load_inputs() if changed else inputs


def _show(request: Request, inputs: Inputs, results: Results, findings: tuple[Finding, ...], held_back: int) -> None:
    from djproject.cli import _findings

    match request.format:
        case "json":
            examined: dict[str, object] = {
                "modules": results.modules,
                "tables": results.tables,
                "files": results.files,
                "backends": list(backends_of(inputs.project)),
            }
            values = _findings.as_values(findings)
            _render.as_json({"examined": examined, "findings": values, "in_baseline": held_back})
            return
        case "sarif":
            _render.result(_findings.as_sarif(findings))
            return
        case "github":
            text = _findings.as_github(findings)
        case "concise":
            text = _findings.as_lines(findings)
        case _:
            text = _findings.as_text(findings, inputs.project.root, inputs.files, _render.paint(), _render.width())
    if text:
        _render.result(text)
        if request.format == "text":
            _render.note("")
    _summary(results, findings, held_back, backends_of(inputs.project))


def _summary(results: Results, findings: tuple[Finding, ...], held_back: int, backends: tuple[str, ...]) -> None:
    """What was looked at and found, so that a check that examined nothing does not look like success."""
    are = "is" if held_back == 1 else "are"
    rest = f" {_count(held_back, 'known finding')} {are} in the baseline." if held_back else ""
    servers = " and ".join(SERVERS.get(backend, backend) for backend in backends)
    looked_at = f"{_count(results.tables, 'table')} in {_count(results.modules, 'schema module')} for {servers}"
    if not results.modules:
        looked_at = "the project's files"
        rest = f" The project has no schema modules yet.{rest}"
    if findings:
        counts = [
            _count(sum(finding.severity is severity for finding in findings), str(severity))
            for severity in Severity
            if any(finding.severity is severity for finding in findings)
        ]
        of_convention = sum(f.kind is Kind.CONVENTION and f.severity is Severity.ERROR for f in findings)
        if of_convention:
            counts[0] += f" ({of_convention} convention)"
        fixable = sum(bool(finding.edits) for finding in findings)
        _render.note(f"Found {', '.join(counts)} in {looked_at}.{rest}")
        if fixable:
            _render.next_step(f"djproject check --fix  (fixes {fixable} of them)")
        elif unsafe := sum(bool(finding.unsafe) for finding in findings):
            _render.next_step(f"djproject check --diff --unsafe-fixes  (fixes {unsafe} of them; look at each)")
        else:
            _render.next_step(f"djproject explain {findings[0].code}")
    else:
        _render.note(f"Checked {looked_at}: nothing found.{rest}")


def _watch(request: Request) -> int:
    """Check again whenever something changes, until Ctrl-C."""
    gc.enable()  # one check leaves no garbage worth collecting, a day of them does
    last: dict[Path, bytes] | None = None
    code = 0
    while True:
        try:
            inputs = load_inputs()
            files = dict(inputs.files)
            if files != last:
                if sys.stdout.isatty():
                    _render.clear_screen()
                code = _check_once(request._replace(watch=False), inputs)
                last = dict(load_inputs().files) if request.fix else files
        except DJProjectError as error:
            if last != {}:
                _render.error(error)
            last, code = {}, 2
        try:
            time.sleep(float(os.environ.get("DJPROJECT_WATCH_SECONDS", "0.5")))
        except KeyboardInterrupt:
            return code


def _count(number: int, what: str) -> str:
    plural = what if number == 1 or what == "info" else f"{what}s"
    return f"{number} {plural}"
