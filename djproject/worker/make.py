"""Whether a table's `make` can be called at all, asked before its first job."""

import inspect
from typing import Any

from djproject.database.internals import make_of
from djproject.errors import ProjectError

PARTS = ("make_fetch", "make_compute", "make_insert")


def check_make(table: Any, name: str) -> None:
    """Raise a ProjectError where `make` of a table's instance is missing or cannot be called with a key.

    Source: `datajoint/autopopulate.py`, `AutoPopulate.make` (2.3.5).
    """
    from datajoint.autopopulate import AutoPopulate

    hint = f"$EDITOR the class {name.rpartition('.')[2]}: def make(self, key)"
    make = make_of(table)
    called = "make"
    if getattr(make, "__func__", None) is AutoPopulate.make:
        missing = [part for part in PARTS if not hasattr(type(table), part)]
        if missing:
            raise ProjectError(f"{name} has no make, and no {' and no '.join(missing)}.", hint=hint)
        make, called = table.make_fetch, "make_fetch"
    if not callable(make):
        raise ProjectError(f"{called} of {name} is not a function.", hint=hint)
    if inspect.iscoroutinefunction(make) or inspect.isasyncgenfunction(make):
        raise ProjectError(f"{called} of {name} is async; DataJoint calls it as a plain function.", hint=hint)
    try:
        inspect.signature(make).bind({})
    except TypeError as error:
        raise ProjectError(f"{called} of {name} cannot be called with a key: {error}.", hint=hint) from error
    except ValueError:  # a callable without a signature
        return
