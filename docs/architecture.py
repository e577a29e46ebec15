"""The picture of the architecture page: rooms as layers, and the ways of four things through them."""

import tomllib
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PLANNED = {"dashboard"}  # rooms that the layers already have a place for
WIDTH, ROW, LABELS, COLUMN, TOP = 1180, 24, 190, 245, 76
COLORS = ("#4051b5", "#00796b", "#b5542b", "#7b3f98")


class Step(NamedTuple):
    """One function on the way; `pipe` says that the step before reaches it through a pipe, not by a call."""

    file: str
    function: str
    pipe: bool = False

    @property
    def room(self) -> str:
        """The room that it is in."""
        return self.file.partition("/")[0].removesuffix(".py")


FLOWS = {
    "A job, from key to row": (
        Step("cli/run/populate.py", "populate"),
        Step("supervisor/pool.py", "Pool.start"),
        Step("supervisor/process.py", "start_worker"),
        Step("worker/__main__.py", "main", pipe=True),
        Step("worker/loop.py", "Loop.run"),
        Step("worker/queue.py", "Queue.claim"),
        Step("worker/attempt.py", "attempt"),
        Step("database/internals.py", "making"),
        Step("worker/queue.py", "Queue.finish"),
        Step("worker/events.py", "line_of"),
        Step("supervisor/process.py", "WorkerProcess.read", pipe=True),
        Step("supervisor/pool.py", "Pool.events"),
        Step("cli/run/populate.py", "fill"),
    ),
    "A finding, from file to screen": (
        Step("cli/_checking.py", "run_check"),
        Step("checks/loading.py", "load_inputs"),
        Step("project/location.py", "read_leniently"),
        Step("checks/run.py", "examine"),
        Step("pipeline/source.py", "read_files"),
        Step("pipeline/linking.py", "link"),
        Step("checks/examined.py", "Examined"),
        Step("checks/registry.py", "all_rules"),
        Step("findings.py", "Finding"),
        Step("checks/run.py", "chosen"),
        Step("cli/_findings.py", "as_text"),
    ),
    "An edit of a store": (
        Step("cli/data/stores.py", "add"),
        Step("project/location.py", "load_project"),
        Step("project/stores.py", "check_spec"),
        Step("project/editing.py", "with_store"),
        Step("project/files.py", "edit_file"),
        Step("project/secrets.py", "write_secret"),
    ),
    "up": (
        Step("cli/stack/up.py", "up"),
        Step("stack/starting.py", "start"),
        Step("stack/engine.py", "connect_engine"),
        Step("stack/environment.py", "complete_environment"),
        Step("stack/ports.py", "busy_ports"),
        Step("stack/image.py", "put_wheel"),
        Step("stack/compose.py", "Compose"),
        Step("stack/services.py", "wait_until_up"),
        Step("targets/choice.py", "use_target"),
    ),
}


def rooms() -> list[list[str]]:
    """The rooms from top to bottom, those of one layer together, as import-linter holds them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [[room.strip(" ()") for room in layer.split("|")] for layer in contracts[0]["layers"]]
    return [[room for room in layer if room not in PLANNED] for layer in layers if layer != ["__main__"]]


def picture() -> str:
    """The picture as SVG: a row for each room, a column for each way, a dot for each function."""
    slots = {room: _slots(room) for layer in rooms() for room in layer}
    parts, tops, y = [], {}, TOP
    for number, layer in enumerate(rooms()):
        height = sum(ROW * len(slots[room]) + 12 for room in layer)
        fill = "#f4f5fb" if number % 2 == 0 else "#ffffff"
        parts.append(f'<rect x="0" y="{y}" width="{WIDTH}" height="{height}" fill="{fill}"/>')
        for room in layer:
            tops[room] = y + 6
            parts.append(f'<text x="16" y="{y + 23}" class="room">{room}</text>')
            y += ROW * len(slots[room]) + 12
    for number, (name, steps) in enumerate(FLOWS.items()):
        parts += _way(name, steps, LABELS + number * COLUMN, COLORS[number], tops)
    style = (
        "text{font:13px Helvetica,Arial,sans-serif;fill:#222}.room{font-weight:600}.file{fill:#777;font-size:11px}"
        ".head{font-weight:600;font-size:14px}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" '
        f'aria-label="Rooms of djproject, and the ways of a job, a finding, an edit and up through them">'
        f"<style>{style}</style>"
        f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _slots(room: str) -> range:
    """As many lines as the way with the most functions in a room needs; one at least."""
    return range(max(1, *(sum(step.room == room for step in steps) for steps in FLOWS.values())))


def _way(name: str, steps: tuple[Step, ...], x: int, color: str, tops: dict[str, int]) -> list[str]:
    used: dict[str, int] = {}
    places = []
    for step in steps:
        places.append(tops[step.room] + 12 + ROW * used.get(step.room, 0))
        used[step.room] = used.get(step.room, 0) + 1
    parts = [
        f'<text x="{x}" y="34" class="head" style="fill:{color}">{escape(name)}</text>',
        f'<line x1="{x}" y1="44" x2="{x + COLUMN - 30}" y2="44" stroke="{color}" stroke-width="2"/>',
    ]
    bent = 0
    for before, after, step in zip(places, places[1:], steps[1:], strict=False):
        dash = ' stroke-dasharray="4 3"' if step.pipe else ""
        if after > before and not any(before < y < after for y in places):
            d = f"M{x + 8} {before} V{after}"
        else:  # around the dots between
            bent += 1
            side = x - 4 - 9 * bent
            d = f"M{x + 8} {before} C{side} {before} {side} {after} {x + 8} {after}"
        parts.append(f'<path d="{d}" fill="none" stroke="{color}" stroke-width="1.6" opacity="0.65"{dash}/>')
    for number, (step, y) in enumerate(zip(steps, places, strict=True), start=1):
        file = step.file.rpartition("/")[2]
        parts.append(f'<circle cx="{x + 8}" cy="{y}" r="8" fill="{color}"/>')
        parts.append(
            f'<text x="{x + 8}" y="{y + 4}" text-anchor="middle" style="fill:#fff;font-size:10px">{number}</text>'
        )
        parts.append(
            f'<text x="{x + 22}" y="{y + 4}">{escape(step.function)} <tspan class="file">{escape(file)}</tspan></text>'
        )
    return parts
