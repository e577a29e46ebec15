"""What the commands of the stack share."""

import re
from collections.abc import Iterable

from djproject.cli import _services
from djproject.project.location import load_project
from djproject.stack.starting import Doing, Event, Stack


def load_stack() -> Stack:
    """The stack of the project here; its engine answers."""
    return Stack(load_project())


def follow(events: Iterable[Event]) -> None:
    """Show what is being done and how the services are, until it is done."""
    with _services.services() as display:
        for event in events:
            if isinstance(event, Doing):
                display.say(event.text)
            else:
                display.show(event)


def complete_services(incomplete: str) -> list[str]:
    """The services of the compose file that begin so; the file is read, Docker is not asked."""
    from djproject.errors import DJProjectError
    from djproject.stack.compose import compose_of

    try:
        text = compose_of(load_project().root).file.read_text("utf-8")
    except (DJProjectError, OSError):
        return []
    inside = text.partition("\nservices:\n")[2].partition("\nvolumes:")[0]
    return [name for name in re.findall(r"^  ([\w-]+):\s*$", inside, re.MULTILINE) if name.startswith(incomplete)]
