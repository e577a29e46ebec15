"""`djproject check`."""

from enum import StrEnum
from typing import Annotated

import typer

from djproject.cli._options import new_app
from djproject.errors import ProjectError

app = new_app()


class FindingsFormat(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    CONCISE = "concise"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


class FailLevel(StrEnum):
    """From where on findings make the exit code 1."""

    ERROR = "error"
    WARNING = "warning"


@app.command()
def check(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Files and folders to report on; by default all.")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="CODES", help="Only these rules: codes or their prefixes, such as DJP209,DJP2."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="CODES", help="All rules except these: codes or their prefixes.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Apply the safe fixes, then check.")] = False,
    diff: Annotated[
        bool,
        typer.Option(
            "--diff", help="Show what --fix would change; write nothing. Exit code 1 if anything would change."
        ),
    ] = False,
    unsafe_fixes: Annotated[
        bool,
        typer.Option(
            "--unsafe-fixes",
            help="With --fix or --diff: also apply fixes that change the meaning, such as longblob to <blob>.",
        ),
    ] = False,
    fail_level: Annotated[FailLevel | None, typer.Option(help="Lowest severity that causes exit code 1.")] = None,
    format: Annotated[FindingsFormat, typer.Option("--format", help="How findings are printed.")] = FindingsFormat.TEXT,
    watch: Annotated[bool, typer.Option("--watch", help="Check again after every change, until Ctrl-C.")] = False,
    baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="File of known findings, which are not reported.")
    ] = None,
    write_baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the current findings to a file for --baseline.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not read or write .djproject/check.json.")] = False,
) -> None:
    """Check the project against the rules, without importing the pipeline.

    Exit code 1 if an error is found (or a warning, with --fail-level warning). Settings are in [tool.djproject.check].
    A comment '# djp: ignore[DJP209]' at the end of a line ignores that rule on that line.

    Example: djproject check --select DJP2 --fix
    """
    from djproject.cli._checking import Request, run_check
    from djproject.project.checking import read_codes

    if unsafe_fixes and not (fix or diff):
        raise ProjectError("--unsafe-fixes needs --fix or --diff.", hint="djproject check --diff --unsafe-fixes")

    def codes(given: list[str] | None) -> tuple[str, ...] | None:
        return None if given is None else read_codes(tuple(code for text in given for code in text.split(",") if code))

    request = Request(
        tuple(paths or ()), codes(select), codes(ignore), fix, diff, fail_level, format, watch,
        baseline, write_baseline, not no_cache, unsafe_fixes,
    )  # fmt: skip
    code = run_check(request)
    if code:
        raise typer.Exit(code)
