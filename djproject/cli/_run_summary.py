"""What came of a run of `populate`: failures grouped by cause, then the totals, then what to type next."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from djproject.cli import _render
from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.supervisor.event_text import text_of
from djproject.supervisor.pool import Pool
from djproject.worker.events import Counted, Event, Failed, Idle, Lost, Made, MadeNothing, Refused, SetAside

MOST_GROUPS = 20


@dataclass(slots=True)
class Tally:
    """The events of a run that its end reports.

    Attributes
    ----------
    made
        How many jobs are done.
    keys, failed_before
        By table, when it was first counted: all keys, and jobs that had failed in earlier runs.
    failed, refused, lost, nothing
        As they came.
    aside
        By table: why it is not populated.
    later
        By table: its jobs that are scheduled for later, as in `Idle`.
    """

    made: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    failed_before: dict[str, int] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    nothing: list[MadeNothing] = field(default_factory=list)
    aside: dict[str, SetAside] = field(default_factory=dict)
    later: dict[str, tuple[int, float]] = field(default_factory=dict)

    def see(self, event: Event) -> None:
        """Note an event."""
        match event:
            case Counted(totals=totals):
                for name, (_, keys, errors, _) in totals.items():
                    self.keys.setdefault(name, keys)
                    self.failed_before.setdefault(name, errors)
            case Made():
                self.made += 1
            case Failed():
                self.failed.append(event)
            case Refused():
                self.refused.append(event)
            case SetAside():
                self.aside[event.table] = event
            case Idle(later=later):
                self.later = later
            case Lost():
                self.lost.append(event)
            case MadeNothing():
                self.nothing.append(event)

    @property
    def totals(self) -> str:
        """How many jobs ended how, in one line."""
        nothing = f", {len(self.nothing)} made nothing" if self.nothing else ""
        return f"{_render.count(self.made, 'job')} done, {len(self.failed)} failed{nothing}."


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Jobs of one table that failed for one cause.

    Attributes
    ----------
    table
        `module.Table`.
    message
        Their message; where they differ in numbers and quoted texts, what they have in common.
    key
        Of the first one, as text.
    count
        How many.
    """

    table: str
    message: str
    key: str
    count: int


def failure_groups(failed: Sequence[Failed]) -> list[FailureGroup]:
    """Failed jobs grouped by table and cause, as `jobs list` does; the largest group first."""
    from djproject.database.jobs import cause_of

    groups: dict[tuple[str, str], list[Failed]] = {}
    for event in failed:
        groups.setdefault((event.table, cause_of(event.message)), []).append(event)
    found = [
        FailureGroup(
            table, events[0].message if len({e.message for e in events}) == 1 else cause, events[0].key, len(events)
        )
        for (table, cause), events in groups.items()
    ]
    return sorted(found, key=lambda group: -group.count)


def summarize(pool: Pool, tally: Tally) -> None:
    """Say how a run ended.

    Raises
    ------
    ProjectError
        A worker could not work.
    EnvironmentUnavailableError
        The workers kept exiting without finishing a job.
    """
    if tally.refused:
        first = tally.refused[0]
        raise ProjectError(first.message, hint=first.hint, details=first.details)
    if pool.gave_up:
        raise EnvironmentUnavailableError(
            f"The workers keep exiting without finishing a job: {tally.lost[-1].cause}.",
            hint=f"less {pool.logs}/worker-{tally.lost[-1].slot}.log",
        )
    _render.failures(failure_groups(tally.failed), limit=MOST_GROUPS)
    for line in _notes(pool, tally):
        _render.note(line)
    _render.note(tally.totals)
    if step := _next_step(pool, tally):
        _render.next_step(step)


def _notes(pool: Pool, tally: Tally) -> Iterator[str]:
    for aside in tally.aside.values():
        yield text_of(aside)
    for name, (count, seconds) in tally.later.items():
        due = _render.duration(seconds)
        yield f"{_render.count(count, 'job')} of {name} left for later; the first is due in {due}."
    keys: dict[str, list[str]] = {}
    for nothing in tally.nothing:
        keys.setdefault(nothing.table, []).append(nothing.key)
    for table, (first, *others) in keys.items():
        more = f" and {_render.count(len(others), 'other key')}" if others else ""
        yield f"{table} ({first}){more}: make inserted nothing; kept out of the queue (djproject jobs list)."
    ends = Counter((lost.cause, lost.table, lost.stuck) for lost in tally.lost)
    for (cause, table, stuck), count in ends.most_common(MOST_GROUPS):
        same = (lost for lost in tally.lost if (lost.cause, lost.table, lost.stuck) == (cause, table, stuck))
        yield f"A worker {next(same).end}{f' ({count} times in all)' if count > 1 else ''}; see {pool.logs}."
    if (before := sum(tally.failed_before.values())) and not tally.failed and not pool.posts[0].assignment.retry:
        were = "was" if before == 1 else "were"
        yield f"{_render.count(before, 'job')} that failed in earlier runs {were} not retried."
    if tally.keys and not any(tally.keys.values()) and not tally.made:
        yield "There are no keys to populate: enter rows in the manual tables first."


def _next_step(pool: Pool, tally: Tally) -> str:
    if tally.failed:
        lacks_package = all("ModuleNotFoundError" in event.message for event in tally.failed)
        fix = "pip install -e . (the project's packages)" if lacks_package else "fix make"
        return f"{fix}, then: djproject populate --retry"
    if tally.aside:
        return next(iter(tally.aside.values())).hint
    if any(tally.failed_before.values()) and not pool.posts[0].assignment.retry:
        return "djproject populate --retry"
    return "djproject status" if tally.keys and not any(tally.keys.values()) and not tally.made else ""
