"""The errors a user can act on; every one is a sentence and what to type next."""


class DJProjectError(Exception):
    """A problem the user can fix.

    Parameters
    ----------
    message
        One sentence that names the file, table or service.
    hint
        What to type next; empty where nothing can be typed.
    details
        Lines that belong between the two: the user's own traceback, the last lines of a log.
    """

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class ProjectError(DJProjectError):
    """The user's files are not what the command needs."""


class ConfigError(DJProjectError):
    """`[tool.datajoint]` or `[tool.djproject]` is not what the specification says."""


class EnvironmentUnavailableError(DJProjectError):
    """A database, store, container engine or scheduler does not answer."""
