"""The services of a stack on the terminal: while they start, and as a table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from djproject.cli import _render

if TYPE_CHECKING:
    from rich.live import Live

    from djproject.stack.services import Service


@contextmanager
def services() -> Iterator["ServiceDisplay"]:
    """The services of a stack while they start: a live table on a terminal, a line per change elsewhere."""
    if not _render.is_live():
        yield ServiceDisplay(None)
        return
    from rich.live import Live

    with Live(console=_render.stderr_console(), refresh_per_second=8, transient=True) as live:
        yield ServiceDisplay(live)


class ServiceDisplay:
    """What is being done, and how each container of the stack is."""

    def __init__(self, live: "Live | None") -> None:
        self._live = live
        self._text = ""
        self._states: dict[str, str] = {}

    def say(self, text: str) -> None:
        """A new step."""
        self._text = text
        if self._live is None:
            _render.note(f"{text} …")
        else:
            self.show(())

    def show(self, services: Sequence["Service"]) -> None:
        """How the containers are now."""
        if self._live is not None:
            from rich.console import Group
            from rich.spinner import Spinner
            from rich.table import Table

            table = Table.grid(padding=(0, 2))
            for service in services:
                color = "green" if service.is_up else "red" if service.health == "unhealthy" else "yellow"
                table.add_row("", service.container, f"[{color}]{_state(service)}[/]")
            self._live.update(Group(Spinner("dots", self._text), table))
            return
        for service in services:
            state = _state(service)
            if self._states.get(service.container) != state:
                self._states[service.container] = state
                _render.note(f"  {service.container}: {state}")


def service_table(services: Sequence["Service"]) -> None:
    """The table of `stack status`."""
    rows = [(s.service, s.container, _state(s), " ".join(s.ports), s.image) for s in services]
    _render.columns(("service", "container", "state", "address", "image"), rows)


def _state(service: "Service") -> str:
    """The state of a container in words: `healthy`, `starting`, `done`, `exited (1)`."""
    if service.state == "running":
        return service.health or "running"
    if service.state == "exited":
        return "done" if service.exit_code == 0 else f"exited ({service.exit_code})"
    return service.state
