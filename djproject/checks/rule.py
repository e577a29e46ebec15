"""A rule: a generator of what it found, with its code, severity and page in its docstring."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from djproject.checks.examined import Examined
from djproject.findings import Edit, Finding, Location, Note, Severity

_FIRST_LINE = re.compile(
    r"(?P<code>DJP\d{3}) (?P<severity>error|warning|info)(?P<fix>, fix)?: (?P<claim>.+)", re.DOTALL
)


class Found(NamedTuple):
    """A finding that does not know its rule yet; the fields are those of `Finding`."""

    location: Location
    message: str
    hint: str = ""
    edits: tuple[Edit, ...] = ()
    notes: tuple[Note, ...] = ()


Check = Callable[[Examined], Iterator[Found]]


@dataclass(frozen=True)
class Rule:
    """One rule of the convention.

    Attributes
    ----------
    check
        The generator; the first line of its docstring is `CODE severity[, fix]: claim`, the rest is the rule's page.
    code, severity, fixable, claim
        From that line. The claim is the sentence that holds where nothing is found.
    """

    check: Check
    code: str = field(init=False)
    severity: Severity = field(init=False)
    fixable: bool = field(init=False)
    claim: str = field(init=False)

    def __post_init__(self) -> None:
        first = (self.check.__doc__ or "").strip().partition("\n\n")[0]
        match = _FIRST_LINE.fullmatch(" ".join(first.split()))
        if match is None:
            raise ValueError(f"The docstring of {self.check.__name__} does not begin with CODE severity: claim")
        object.__setattr__(self, "code", match["code"])
        object.__setattr__(self, "severity", Severity(match["severity"]))
        object.__setattr__(self, "fixable", bool(match["fix"]))
        object.__setattr__(self, "claim", match["claim"])

    def findings(self, examined: Examined) -> Iterator[Finding]:
        """What it finds."""
        for found in self.check(examined):
            yield Finding(self.code, self.severity, found.message, found.location, found.hint, found.edits, found.notes)

    @property
    def name(self) -> str:
        """The claim as a name: `schema_is_called_schema`."""
        return self.check.__name__

    @cached_property
    def page(self) -> str:
        """The docstring below its first line: what it does, why it matters, example, use instead, source."""
        return inspect.cleandoc(self.check.__doc__ or "").partition("\n\n")[2].strip()


def rule(check: Check) -> Rule:
    """Make a rule of a generator."""
    return Rule(check)
