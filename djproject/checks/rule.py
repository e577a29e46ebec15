"""A rule: a generator of what it found, with its code, severity and page in its docstring."""

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from djproject.checks.examined import Examined
from djproject.findings import Edit, Finding, Kind, Location, Note, Severity
from djproject.project.checking import ADVISE

_FIRST_LINE = re.compile(
    r"(?P<code>DJP\d{3}) (?P<severity>error|warning|info)(?P<convention> \(convention\))?(?P<fix>, fix)?: "
    r"(?P<claim>.+)",
    re.DOTALL,
)


class Found(NamedTuple):
    """A finding that does not know its rule yet; the fields are those of `Finding`."""

    location: Location
    message: str
    hint: str = ""
    edits: tuple[Edit, ...] = ()
    notes: tuple[Note, ...] = ()
    unsafe: tuple[Edit, ...] = ()


Check = Callable[[Examined], Iterator[Found]]


class Rule:
    """One rule of the convention.

    Attributes
    ----------
    check
        The generator; the first line of its docstring is `CODE severity[ (convention)][, fix]: claim`, the rest is the
        rule's page.
    code, severity, kind, fixable, claim
        From that line. The claim is the sentence that holds where nothing is found.
    """

    def __init__(self, check: Check) -> None:
        self.check = check
        first = (check.__doc__ or "").strip().partition("\n\n")[0]
        match = _FIRST_LINE.fullmatch(" ".join(first.split()))
        if match is None:
            raise ValueError(f"The docstring of {check.__name__} does not begin with CODE severity: claim")
        self.code, self.claim, self.fixable = match["code"], match["claim"], bool(match["fix"])
        self.severity = Severity(match["severity"])
        self.kind = Kind.CONVENTION if match["convention"] else Kind.BROKEN
        if self.severity is not Severity.ERROR:
            self.kind = Kind.ADVICE

    def findings(self, examined: Examined) -> Iterator[Finding]:
        """What it finds; only warnings of the convention where the project takes it as advice."""
        advised = self.kind is Kind.CONVENTION and examined.project.check.convention == ADVISE
        severity = Severity.WARNING if advised else self.severity
        for found in self.check(examined):
            yield Finding(
                self.code,
                severity,
                found.message,
                found.location,
                found.hint,
                found.edits,
                found.notes,
                self.kind,
                found.unsafe,
            )

    @property
    def label(self) -> str:
        """Severity and kind, as lists show them: `error, convention`."""
        return f"{self.severity}, convention" if self.kind is Kind.CONVENTION else str(self.severity)

    @property
    def name(self) -> str:
        """The claim as a name: `schema_is_called_schema`."""
        return self.check.__name__

    @cached_property
    def page(self) -> str:
        """The docstring below its first line: what it does, why it matters, example, use instead, source."""
        import inspect  # here, because only pages need what takes 10 ms to import

        return inspect.cleandoc(self.check.__doc__ or "").partition("\n\n")[2].strip()


def rule(check: Check) -> Rule:
    """Make a rule of a generator."""
    return Rule(check)
