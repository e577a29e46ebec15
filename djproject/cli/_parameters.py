"""Arguments and options in plain words: no types of Python in help, no words of a library in messages."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import typer

from djproject.cli._terminal import fitted, terminal_width

SENTENCES = (
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*|Input should be a finite number.*", "must be a number"),
    (r"Input should be greater than or equal to (\S+)", r"must be at least \1"),
    (r"Input should be less than or equal to (\S+)", r"must be at most \1"),
    (r"Unable to parse input string as an integer.*", "must be a number with fewer digits"),
    (r"embedded null byte", "must be a path without NUL characters"),
    (r"Input should be a valid boolean.*", "must be true or false"),
    (r"(?:'.*' is not a valid|Value '.*' is not a valid) (?:integer|int)(?: range)?", "must be a whole number"),
    (r"(?:'.*' is not a valid|Value '.*' is not a valid) float(?: range)?", "must be a number"),
)


def with_plain_parameters(command: Any) -> Any:
    """A command, and those below it, whose help names what to type: `DIRECTORY`, `text|json`."""
    for inner in getattr(command, "commands", {}).values():
        with_plain_parameters(inner)
    for parameter in command.params:
        _name_value(parameter)
    return command


def _name_value(parameter: Any) -> None:
    if parameter.param_type_name == "argument":
        parameter.metavar = parameter.metavar or parameter.name.upper()
        parameter.get_usage_pieces = partial(_usage_of_argument, parameter)
    elif parameter.metavar is None and not getattr(parameter, "is_flag", False):
        parameter.metavar = _choices(parameter) or parameter.name.upper()
    parameter.get_help_record = partial(_plain_record, parameter, parameter.get_help_record)


def _usage_of_argument(parameter: Any, ctx: Any) -> list[str]:  # noqa: ARG001 (click's signature)
    name = parameter.metavar if parameter.required else f"[{parameter.metavar}]"
    return [name if parameter.nargs == 1 else f"{name}..."]


def _choices(parameter: Any) -> str:
    kind = getattr(parameter, "type_descriptor", None) or parameter.type
    return "|".join(str(getattr(choice, "value", choice)) for choice in getattr(kind, "choices", None) or ())


def _plain_record(parameter: Any, record: Callable[[Any], tuple[str, str] | None], ctx: Any) -> tuple[str, str] | None:
    shown = record(ctx)
    if shown is None:
        return None
    name = parameter.metavar if parameter.param_type_name == "argument" else shown[0]
    text = re.sub(r"(\S+)<=x<=([^\];]+)", r"\1 to \2", shown[1])
    return name, re.sub(r"x>=([^\];]+)", r"at least \1", text)


@contextmanager
def plain_parameter_errors() -> Iterator[None]:
    """Rewrite what is reported about a wrong value."""
    try:
        yield
    except Exception as error:
        if isinstance(error, typer.BadParameter):
            error.message = plain_message(error.message, _given(error))
        if hasattr(error, "format_message"):
            error.format_message = partial(_fitted_message, error.format_message)
        raise


def _given(error: Exception) -> object:
    """The wrong value, where the error has kept it."""
    details = getattr(error.__cause__, "errors", None)
    return details()[0].get("input") if callable(details) else None


def _fitted_message(message: Callable[[], str]) -> str:
    label = "Error: "  # which the library writes in front
    return "\n".join(fitted(label + message(), terminal_width(sys.stderr))).removeprefix(label)


def plain_message(message: str, given: object = None) -> str:
    """A sentence about a wrong value without the words of the library that found it.

    Examples
    --------
    >>> plain_message("Input should be greater than or equal to 1", "-5")
    "must be at least 1, not '-5'."
    >>> plain_message("Value error, 'x' is not one of 'text', 'json'.")
    "'x' is not one of 'text', 'json'."
    """
    message = message.removeprefix("Value error, ").removesuffix(".")
    for pattern, sentence in SENTENCES:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            message = match.expand(sentence) + (f", not {given!r}" if given is not None else "")
    return f"{message}."
