"""`djproject rules`."""

from djproject.cli import _render
from djproject.cli._options import Format, FormatOption, new_app

app = new_app()


@app.command()
def rules(format: FormatOption = Format.TEXT) -> None:
    """List all rules of djproject check.

    Example: djproject rules --format json
    """
    from djproject.checks.registry import FAMILIES, all_rules

    if format is Format.JSON:
        _render.as_json(
            [
                {"code": rule.code, "name": rule.name, "severity": str(rule.severity), "kind": str(rule.kind),
                 "fixable": rule.fixable, "claim": rule.claim}
                for rule in all_rules()
            ]
        )  # fmt: skip
        return
    for family, title in FAMILIES.items():
        _render.heading(title)
        for rule in all_rules():
            if rule.code.startswith(family):
                _render.entry(rule.code, f"{rule.label}{', fix' if rule.fixable else ''}", rule.claim)
    _render.next_step("djproject explain CODE")
