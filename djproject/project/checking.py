"""`[tool.djproject.check]` as a typed value: which rules run, how strictly, and the contracts of the lab."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from djproject.errors import ConfigError

EDIT = "$EDITOR pyproject.toml"
CODE = re.compile(r"DJP\d{0,3}")
KEYS = ("select", "ignore", "fail-level", "per-file-ignores", "baseline", "layers", "independent", "forbid")
LEVELS = ("error", "warning")


class CheckTable(NamedTuple):
    """What `[tool.djproject.check]` says.

    Attributes
    ----------
    select, ignore
        Codes or beginnings of codes (`DJP2`); nothing in `select` stands for all.
    fail_level
        "error" or "warning": from where on findings make the exit code 1.
    per_file_ignores
        Codes by pattern of a path relative to the root.
    baseline
        The file, relative to the root, of findings that are known; empty for none.
    layers
        Modules, most upstream first; a package stands for all modules in it.
    independent
        Modules that do not depend on each other.
    forbid
        Pairs of a module and one it must not depend on.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_level: str = "error"
    per_file_ignores: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    baseline: str = ""
    layers: tuple[tuple[str, ...], ...] = ()
    independent: tuple[str, ...] = ()
    forbid: tuple[tuple[str, str], ...] = ()


def read_check(table: object) -> CheckTable:
    """The typed `[tool.djproject.check]`.

    Raises
    ------
    ConfigError
        A setting that there is not, a value of another type, or a code that is none.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("[tool.djproject.check] in pyproject.toml is not a table.", hint=EDIT)
    for key in table:
        if key not in KEYS:
            raise ConfigError(f"[tool.djproject.check] has no setting {key!r}.", hint=f"Settings: {', '.join(KEYS)}")
    level = table.get("fail-level", "error")
    if level not in LEVELS:
        raise ConfigError(f"[tool.djproject.check] fail-level is error or warning, not {level!r}.", hint=EDIT)
    per_file = table.get("per-file-ignores", {})
    baseline = table.get("baseline", "")
    if not isinstance(per_file, Mapping) or not isinstance(baseline, str):
        raise ConfigError("[tool.djproject.check]: per-file-ignores is a table, baseline a file name.", hint=EDIT)
    layers = table.get("layers", [])
    if not isinstance(layers, list):
        raise ConfigError("[tool.djproject.check] layers is a list of lists of modules.", hint=EDIT)
    return CheckTable(
        read_codes(_strings(table.get("select", []), "select")),
        read_codes(_strings(table.get("ignore", []), "ignore")),
        str(level),
        {str(pattern): read_codes(_strings(codes, "per-file-ignores")) for pattern, codes in per_file.items()},
        baseline,
        tuple(_strings([layer] if isinstance(layer, str) else layer, "layers") for layer in layers),
        _strings(table.get("independent", []), "independent"),
        tuple(_pair(text) for text in _strings(table.get("forbid", []), "forbid")),
    )


def read_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Codes as given, in capitals; ConfigError for what is neither a code nor the beginning of one."""
    for code in codes:
        if not CODE.fullmatch(code.upper()):
            raise ConfigError(f"{code!r} is not the code of a rule, such as DJP209 or DJP2.", hint="djproject rules")
    return tuple(code.upper() for code in codes)


def _strings(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"[tool.djproject.check] {key} is a list of strings.", hint=EDIT)
    return tuple(value)


def _pair(text: str) -> tuple[str, str]:
    child, arrow, parent = (part.strip() for part in text.partition("->"))
    if not (child and arrow and parent):
        raise ConfigError(f"[tool.djproject.check] forbid has {text!r}, where 'child -> parent' is meant.", hint=EDIT)
    return child, parent
