"""What a check says: a finding has a code, a place and a sentence, and it is data."""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """`error` will fail or lose data, `warning` departs from the convention, `info` is what cannot be known."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    def reaches(self, level: "Severity") -> bool:
        """Whether it is at least as bad as `level`."""
        order = list(Severity)
        return order.index(self) <= order.index(level)


class Kind(StrEnum):
    """Whose rule is broken.

    `broken`: DataJoint or a database server refuses it, or data are lost. `convention`: it works, and the convention
    forbids it, or the project itself. `advice`: neither.
    """

    BROKEN = "broken"
    CONVENTION = "convention"
    ADVICE = "advice"


class Location(NamedTuple):
    """Where a finding is.

    Attributes
    ----------
    path
        Relative to the project's root, with forward slashes.
    line, column
        Counted from 1; column 1, line 1 means the file as a whole.
    end_column
        One past the last character, on the same line.
    """

    path: str
    line: int = 1
    column: int = 1
    end_column: int = 1


class Edit(NamedTuple):
    """One replacement in a file's decoded text: the characters from `start` up to `end` become `text`."""

    path: str
    start: int
    end: int
    text: str


class Note(NamedTuple):
    """A further place that belongs to a finding."""

    location: Location
    text: str


class Finding(NamedTuple):
    """What one rule found in one place.

    Attributes
    ----------
    code, severity
        Of the rule.
    message
        One sentence.
    location
        Where.
    hint
        How to fix it, or what to type; may be empty.
    edits
        The change that fixes it and keeps the program's meaning; empty where none is safe.
    notes
        Further places.
    kind
        Of the rule.
    unsafe
        The change that fixes it and means something else, as it should: made only where the user says so.
    """

    code: str
    severity: Severity
    message: str
    location: Location
    hint: str = ""
    edits: tuple[Edit, ...] = ()
    notes: tuple[Note, ...] = ()
    kind: Kind = Kind.ADVICE
    unsafe: tuple[Edit, ...] = ()

    @property
    def label(self) -> str:
        """Its severity, and where that may surprise its kind: `error (convention)`."""
        return f"{self.severity} ({self.kind})" if self.kind is Kind.CONVENTION else str(self.severity)

    @property
    def order(self) -> tuple[Location, str, str]:
        """What findings are sorted by: place, then code."""
        return self.location, self.code, self.message
