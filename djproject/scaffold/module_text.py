"""The text of a schema module that is edited: its line ends and its byte order mark stay."""

from pathlib import Path
from typing import NamedTuple

from djproject.project.opening import read_text

_MARK = "\ufeff"


class ModuleText(NamedTuple):
    """A module's text.

    Attributes
    ----------
    text
        Without a byte order mark, with the file's own line ends.
    mark
        The byte order mark, or nothing.
    """

    text: str
    mark: str

    @property
    def newline(self) -> str:
        """What ends a line that is added."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def encoded(self, text: str) -> bytes:
        """Another text as the bytes of the file."""
        return (self.mark + text).encode()


def read_module(path: Path) -> ModuleText:
    """What is in a module's file.

    Raises
    ------
    ConfigError
        It is not UTF-8.
    """
    text = read_text(path)
    return ModuleText(text.removeprefix(_MARK), _MARK if text.startswith(_MARK) else "")
