"""What workers tell: one frozen value per event, one line of JSON on the way between processes."""

import json
import signal
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args

from djproject.database.keys import key_text

TOOK_LONGER = "took longer than"


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has imported the pipeline and begins; `slot` is its number, counted from 1."""

    slot: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How much there is, counted by one worker beside its first jobs.

    Attributes
    ----------
    totals
        For each table to be filled: how many keys are done, how many there are, how many failed and are not tried again
        by themselves, and how many are ignored.
    at
        When, on this machine's monotonic clock.
    """

    slot: int
    totals: dict[str, tuple[int, int, int, int]]
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Begins:
    """A worker begins a job; its key as JSON with sorted names."""

    slot: int
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Made:
    """A job is done: `make` returned and its rows are committed.

    Attributes
    ----------
    seconds
        How long it took.
    finished
        When, on this machine's monotonic clock.
    key
        The primary key, as text.
    """

    slot: int
    table: str
    seconds: float
    finished: float
    key: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job failed: `make` raised, and DataJoint's job table says so.

    Attributes
    ----------
    key
        The primary key, as text.
    message
        The exception in one line.
    """

    slot: int
    table: str
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class MadeNothing:
    """`make` returned and there is no row: the job is kept out of the queue (status ignore) and reported."""

    slot: int
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """A job failed for a reason that may pass; it is tried again after `seconds`."""

    slot: int
    table: str
    key: str
    message: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LostJob:
    """Another worker has the job, which was considered dead: nothing was committed."""

    slot: int
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class KeyGone:
    """A job ended without rows, because its key was deleted after the job was claimed."""

    slot: int
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Added:
    """New jobs were found for a table."""

    slot: int
    table: str
    count: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """Jobs of workers that are gone wait again."""

    slot: int
    count: int


@dataclass(frozen=True, slots=True)
class Idle:
    """A whole pass over all tables, begun at `began` (monotonic clock), found nothing to do now or soon.

    Attributes
    ----------
    later
        For each table with jobs that are scheduled for later than a retry would be: how many, and in how many seconds
        the first of them is due.
    """

    slot: int
    began: float
    later: dict[str, tuple[int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alive:
    """A worker's loop turns; told every few seconds while nothing else is."""

    slot: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A worker cannot work: the pipeline does not import, the database went away.

    Attributes
    ----------
    message, hint, details
        As in the error.
    may_pass
        Whether the same may work a moment later: the database does not answer.
    """

    slot: int
    message: str
    hint: str
    details: str = ""
    may_pass: bool = False


@dataclass(frozen=True, slots=True)
class SetAside:
    """A table is not filled, for a reason that is not one job's; the others are.

    Its columns are not those of the source, its key source raises, its job table is missing. The message says so, and
    names the table.
    """

    slot: int
    table: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Retired:
    """A worker made as many jobs, or took as much memory, as one process may; another one takes its place."""

    slot: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker ends because it was told to, or has nothing more to do: the last thing it tells."""

    slot: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A worker waits for what is not there now: a database that went away, tables that are not declared."""

    slot: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Drifted:
    """The database differs from the source. The message counts the differences, and names the command that lists them.

    Tables that cannot be filled because of it are set aside as well.
    """

    slot: int
    message: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker's process ended without having said why; another one takes its place.

    Attributes
    ----------
    exit_code
        Negative where a signal ended it.
    table, key
        The job it was making, as in `Begins`; empty where it was making none.
    timeout
        Seconds after which its job was ended; 0 where that was not the reason.
    stuck
        Whether it is still there, although it was killed: the kernel waits for a device first.
    why
        What is known beside the signal: "out of memory, 16 GiB".
    """

    slot: int
    exit_code: int
    pid: int = 0
    table: str = ""
    key: str = ""
    timeout: float = 0.0
    stuck: bool = False
    why: str = ""

    @property
    def cause(self) -> str:
        """How it ended: "SIGSEGV", "exit code 3", "took longer than 60 s", "SIGKILL (out of memory, 16 GiB)"."""
        if self.timeout:
            return f"{TOOK_LONGER} {self.timeout:g} s"
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        try:
            name = signal.Signals(-self.exit_code).name
            return f"{name} ({self.why})" if self.why else name
        except ValueError:
            return f"signal {-self.exit_code}"

    @property
    def job(self) -> str:
        """What it was making, in words; empty where it was making nothing."""
        return job_text(self.table, self.key) if self.table else ""

    @property
    def end(self) -> str:
        """How it ended, as a predicate: "was stopped by SIGSEGV while making work.Result (item_id=1)"."""
        making = f" while making {self.job}" if self.table else ""
        if self.timeout:
            return f"was stopped after {self.timeout:g} s (job timeout){making}"
        if self.stuck:
            return f"cannot be killed{making} (process {self.pid}): it is waiting for a disk or network drive"
        if self.exit_code >= 0:
            return f"exited with code {self.exit_code}{making}"
        return f"was stopped by {self.cause}{making}"


Outcome = Made | MadeNothing | Failed | Postponed | LostJob | KeyGone
Event = (
    Started
    | Counted
    | Begins
    | Outcome
    | Added
    | Recovered
    | Idle
    | Alive
    | SetAside
    | Retired
    | Ended
    | Waiting
    | Drifted
    | Refused
    | Lost
)


class Tell(Protocol):
    """Somebody to tell events, in their order."""

    def __call__(self, *events: Event) -> None:
        """Hear them."""


def job_text(table: str, key: str) -> str:
    """A job in one line; the key is given as JSON.

    Examples
    --------
    >>> job_text("work.Result", '{"subject_id": 1, "session_id": 2}')
    'work.Result (subject_id=1, session_id=2)'
    """
    return f"{table} ({key_text(json.loads(key))})"


_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def line_of(event: Event) -> bytes:
    """An event as one line of JSON."""
    return json.dumps({"event": type(event).__name__, **values_of(event)}).encode() + b"\n"


def values_of(event: Event) -> dict[str, Any]:
    """What an event says, by name."""
    return {name: getattr(event, name) for name in event.__slots__}


def read_event(line: bytes) -> Event:
    """The event in one line of JSON.

    Raises
    ------
    ValueError
        The line is no event: a `make` may have written to the pipe.

    Examples
    --------
    >>> read_event(line_of(Idle(slot=1, began=2.5)))
    Idle(slot=1, began=2.5, later={})
    """
    try:
        values = json.loads(line)
        kind = _KINDS[values.pop("event")]
        for name in {"totals", "later"} & set(values):
            values[name] = {table: tuple(numbers) for table, numbers in values[name].items()}
        return kind(**values)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("the line is no event") from error
