"""All rules, sorted by code."""

import sys
from collections.abc import Iterator
from functools import cache

from djproject.checks import (
    attribute_rules,
    class_rules,
    container_rules,
    contract_rules,
    import_rules,
    import_time_rules,
    import_use_rules,
    key_rules,
    make_rules,
    module_rules,
    project_rules,
    secret_rules,
    store_rules,
    table_rules,
    text_rules,
    type_rules,
)
from djproject.checks.examined import Examined
from djproject.checks.rule import Found, Rule, rule
from djproject.errors import ConfigError

MODULES = (
    attribute_rules,
    class_rules,
    container_rules,
    contract_rules,
    import_rules,
    import_time_rules,
    import_use_rules,
    key_rules,
    make_rules,
    module_rules,
    project_rules,
    secret_rules,
    store_rules,
    table_rules,
    text_rules,
    type_rules,
)
FAMILIES = {
    "DJP0": "Project",
    "DJP1": "Schema modules",
    "DJP2": "Tables",
    "DJP3": "Stores",
}


@rule
def ignores_are_used(_: Examined) -> Iterator[Found]:
    """DJP090 warning: Every `# djp: ignore[CODE]` suppresses a finding.

    What it does: finds `# djp: ignore[CODE]` comments on lines that have no finding with this code. A comment after the
    closing quotes of a definition applies to the whole definition.

    Why it matters: an unused comment can hide a later finding on the same line.

    Example:
        count : int32  # djp: ignore[DJP213]

    Use instead: remove the comment.

    Source: djproject.
    """
    return iter(())


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, sorted by code."""
    rules = [
        value
        for module in (*MODULES, sys.modules[__name__])
        for value in vars(module).values()
        if isinstance(value, Rule)
    ]
    return tuple(sorted({found.code: found for found in rules}.values(), key=lambda found: found.code))


def find_rule(code: str) -> Rule:
    """The rule of that code or name; ConfigError where there is none."""
    for found in all_rules():
        if code.upper() == found.code or code == found.name:
            return found
    from difflib import get_close_matches

    close = get_close_matches(code.upper(), [found.code for found in all_rules()], n=1)
    hint = f"Did you mean {close[0]}?" if close else "djproject rules"
    raise ConfigError(f"There is no rule {code!r}.", hint=hint)
