"""`[tool.djproject.check]` as a typed value: which rules run, how strictly, and the contracts of the lab."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from djproject.errors import ConfigError

CODE = re.compile(r"DJP\d{0,3}")
LEVELS = ("error", "warning")
STRICT, ADVISE = "strict", "advise"


class CheckTable(NamedTuple):
    """What `[tool.djproject.check]` says.

    Attributes
    ----------
    select, ignore
        Codes or beginnings of codes (`DJP2`); nothing in `select` means all.
    convention
        "strict" or "advise": whether code that works but departs from the convention is an error or a warning.
    fail_level
        "error" or "warning": from where on findings make the exit code 1.
    per_file_ignores
        Codes by pattern of a path relative to the root.
    baseline
        The file, relative to the root, of findings that are known; empty for none.
    layers
        Modules, most upstream first; a package means all modules in it.
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
    convention: str = STRICT


def read_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Codes as given, in capitals; ConfigError for what is neither a code nor the beginning of one."""
    for code in codes:
        if not CODE.fullmatch(code.upper()):
            raise ConfigError(f"{code!r} is not the code of a rule, such as DJP209 or DJP2.", hint="djproject rules")
    return tuple(code.upper() for code in codes)
