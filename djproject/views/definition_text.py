"""The definition of a table as documentation shows it."""

import inspect


def shown_definition(text: str) -> str:
    r"""A definition without its indentation and the empty lines around it.

    Examples
    --------
    >>> shown_definition("\n    -> Subject\n    ---\n    age : int32  # days\n    ")
    '-> Subject\n---\nage : int32  # days'
    """
    return inspect.cleandoc(text.rstrip())
