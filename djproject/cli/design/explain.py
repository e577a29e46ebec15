"""`djproject explain`."""

from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import Format, FormatOption, complete_codes, new_app

app = new_app()


@app.command()
def explain(
    code: Annotated[str, typer.Argument(autocompletion=complete_codes, help="Code or name of the rule.")],
    format: FormatOption = Format.TEXT,
) -> None:
    """Explain one rule: what it does, why it matters, what to write instead.

    Example: djproject explain DJP209
    """
    from djproject.checks.registry import find_rule

    rule = find_rule(code)
    if format is Format.JSON:
        _render.as_json(
            {"code": rule.code, "name": rule.name, "severity": str(rule.severity), "kind": str(rule.kind),
             "fixable": rule.fixable, "claim": rule.claim, "page": rule.page}
        )  # fmt: skip
        return
    _render.result(f"{rule.code} ({rule.label}{', --fix fixes it' if rule.fixable else ''}): {rule.claim}")
    _render.result(f"{rule.name}\n\n{rule.page}")
