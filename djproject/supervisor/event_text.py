"""Events in words and as JSON: one line each, for logs."""

import json
from datetime import UTC, datetime

from djproject.worker.events import (
    Added,
    Drifted,
    Event,
    Failed,
    KeyGone,
    Lost,
    LostJob,
    Made,
    MadeNothing,
    Postponed,
    Recovered,
    Refused,
    Retired,
    SetAside,
    Waiting,
    values_of,
)

LONGEST_LINE = 500
LEVELS: dict[type[Event], str] = {
    Failed: "error", Refused: "error", SetAside: "error", Lost: "warning", LostJob: "warning", MadeNothing: "warning",
    Postponed: "warning", Waiting: "warning", Drifted: "warning",
}  # fmt: skip
NAMES: dict[type[Event], str] = {
    Made: "made", Failed: "failed", MadeNothing: "made_nothing", Postponed: "postponed", LostJob: "lost_job",
    KeyGone: "key_gone",
    Added: "added", Recovered: "recovered", Retired: "retired", SetAside: "set_aside",
    Waiting: "waiting", Drifted: "drift", Refused: "refused", Lost: "lost",
}  # fmt: skip


TEXTS: dict[type[Event], str] = {
    Made: "made {table} ({key}) in {seconds:.2f} s",
    Failed: "failed {table} ({key}): {message}",
    MadeNothing: "made nothing of {table} ({key}): no row; kept out of the queue",
    Postponed: "postponed {table} ({key}) by {seconds:.0f} s: {message}",
    LostJob: "lost {table} ({key}): another worker has it; nothing was committed",
    KeyGone: "dropped {table} ({key}): its key was deleted meanwhile",
    Recovered: "{count} jobs of a worker that is gone are pending again",
    SetAside: "not populated: {message}",
    Waiting: "waiting: {message}  ({hint})",
    Drifted: "{message}",
    Retired: "a new process replaces worker {slot} after {reason}",
}


def text_of(event: Event) -> str:
    """An event in one line; empty for those that are of no interest in a log.

    Examples
    --------
    >>> text_of(Added(1, "processing.Scan", 3))
    '3 new jobs for processing.Scan'
    """
    match event:
        case Lost(slot=slot, end=end):
            return f"worker {slot} {end}"
        case Refused(message=message, hint=hint, details=details):
            return "\n".join(filter(None, (f"error: {message}", details, hint and f"next: {hint}")))
        case Added(table=table, count=count):
            return f"{count} new job{'s' if count != 1 else ''} for {table}"
        case Recovered(count=1):
            return "1 job of a worker that is gone is pending again"
    text = TEXTS.get(type(event), "").format(**values_of(event))
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def json_of(event: Event) -> str:
    """An event as one line of JSON with `time` (UTC, ISO 8601), `level`, `event`, `worker` and its own values.

    Empty for those that are of no interest in a log.
    """
    name = NAMES.get(type(event))
    if name is None:
        return ""
    values = values_of(event)
    values.pop("finished", None)
    if isinstance(event, Lost):
        values["cause"] = event.cause
    head = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": LEVELS.get(type(event), "info"),
        "event": name,
        "worker": values.pop("slot"),
    }
    return json.dumps(head | values, ensure_ascii=False)
