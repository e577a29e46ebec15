"""A migration as values: its steps, what cannot be done, and the file they are kept in."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from djproject.database.comparison import Difference
from djproject.errors import ConfigError
from djproject.project.opening import read_text

VERSION = 1
DROP_TABLE = "drop the table"


class Grade(StrEnum):
    """What a step may cost."""

    SAFE = "safe"  # no row changes
    REWRITE = "rewrite"  # the server may write every row again
    LOSSY = "lossy"  # values are gone afterwards


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the database.

    Attributes
    ----------
    table
        `module.Table`; `schema.name` where the source has no such table.
    what
        In words, after the table's name: "add x (int32)"; `DROP_TABLE` for a table that is dropped.
    grade
        What it may cost.
    sql
        The statements, in order; empty for a table that DataJoint declares.
    rows
        How many rows are deleted or lose a value where it is lossy; else about how many rows there are, 0 where that
        does not matter.
    """

    table: str
    what: str
    grade: Grade
    sql: tuple[str, ...]
    rows: int = 0

    @property
    def text(self) -> str:
        """The step in one line."""
        match self.grade:
            case Grade.LOSSY if self.what == DROP_TABLE:
                return f"{self.table}: {self.what}; {self.rows:,} row{'s are' if self.rows != 1 else ' is'} deleted"
            case Grade.LOSSY:
                lose = "rows lose" if self.rows != 1 else "row loses"
                return f"{self.table}: {self.what}; {self.rows:,} {lose} a value"
            case Grade.REWRITE if self.rows:
                return f"{self.table}: {self.what}; about {self.rows:,} row{'s' if self.rows != 1 else ''}"
        return f"{self.table}: {self.what}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What cannot be changed in place.

    Attributes
    ----------
    table
        As in `Step`.
    what
        In words, as an imperative: "add x (int32)".
    why
        Why not.
    way_out
        What to type or to write instead.
    """

    table: str
    what: str
    why: str
    way_out: str

    @property
    def text(self) -> str:
        """The refusal in one line."""
        return f"{self.table}: cannot be changed in place: {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What turns a database into what the source declares.

    Attributes
    ----------
    steps
        In the order in which they are done.
    refusals
        What has to be done otherwise.
    notes
        Sentences that may help: a likely rename, a table that only the database has.
    tables
        The names in SQL of the tables that are concerned; workers keep away from them.
    places
        The same as schema and name.
    schemas
        Those whose tables change.
    seen
        A digest of the source and the database that the plan was made from.
    """

    steps: tuple[Step, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    schemas: tuple[str, ...] = ()
    seen: str = ""
    resolved: frozenset[tuple[str, str, str]] = field(default=frozenset(), compare=False)

    @property
    def lossy(self) -> tuple[Step, ...]:
        """The steps that lose values."""
        return tuple(step for step in self.steps if step.grade is Grade.LOSSY)

    @property
    def sql(self) -> tuple[str, ...]:
        """All statements, in order."""
        return tuple(statement for step in self.steps for statement in step.sql)


def identity(difference: Difference) -> tuple[str, str, str]:
    """What a difference is about, whatever its values are."""
    return difference.table, difference.attribute, str(difference.aspect)


def digest(*values: object) -> str:
    """A hash of values, by what they look like."""
    return hashlib.sha256(repr(values).encode()).hexdigest()


def plan_text(plan: Plan, target: str) -> str:
    """A plan as the JSON that `read_plan` reads."""
    steps = [asdict(step) | {"grade": str(step.grade)} for step in plan.steps]
    return json.dumps({"version": VERSION, "target": target, "seen": plan.seen, "steps": steps}, indent=2) + "\n"


def read_plan(path: Path) -> tuple[str, str, tuple[Step, ...]]:
    """Target, digest and steps of a plan in a file.

    Raises
    ------
    ConfigError
        There is no such file, or it is no plan of this version.
    """
    try:
        values = json.loads(read_text(path))
        if values["version"] != VERSION:
            raise ValueError
        return str(values["target"]), str(values["seen"]), tuple(_step(step) for step in values["steps"])
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}.", hint="djproject migrate --plan-only -o plan.json") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not a plan of this version.", hint=f"djproject migrate --plan-only -o {path}"
        ) from error


def _step(values: dict[str, Any]) -> Step:
    return Step(
        str(values["table"]),
        str(values["what"]),
        Grade(values["grade"]),
        tuple(map(str, values["sql"])),
        int(values["rows"]),
    )
