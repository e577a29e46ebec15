"""The one place where an exception becomes a sentence and an exit code."""

import os
from pathlib import Path

from djproject.cli import _render
from djproject.errors import DJProjectError, ProjectError


def told(error: BaseException) -> int:
    """Print what went wrong and what to type next; the exit code. With DJPROJECT_DEBUG a bug is raised again."""
    if isinstance(error, KeyboardInterrupt) or _came_from_ctrl_c(error):
        _render.interrupted()
        return 130
    if isinstance(error, DJProjectError):
        _render.error(error)
    elif isinstance(error, OSError):
        _render.error(system_error(error))
    elif os.environ.get("DJPROJECT_DEBUG"):
        raise error
    else:
        _render.unexpected(error)
    return 2


def _came_from_ctrl_c(error: BaseException) -> bool:
    """Whether a Ctrl-C is behind an exception: Python wraps one that comes while a class is made."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def system_error(error: OSError) -> DJProjectError:
    """The sentence for what the system refused."""
    place = error.filename or "the disk"
    reason = (error.strerror or str(error)).lower()
    hints = {28: "Free some space, then type the command again.", 30: "Work in a folder you may write to.",
             13: f"ls -ld {Path(str(place)).parent}", 1: f"ls -ld {Path(str(place)).parent}"}  # fmt: skip
    return ProjectError(f"{place}: {reason}.", hint=hints.get(error.errno or 0, ""))
