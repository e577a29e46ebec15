"""Stores that are folders, and are not there: a disk that is not mounted.

Without them, jobs are not begun. DataJoint would raise for each job, or make the folder again where the disk belongs,
and the files would be hidden once the disk is back.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from djproject.database.internals import config_of
from djproject.errors import EnvironmentUnavailableError


class StoreAwayError(EnvironmentUnavailableError):
    """The folder of a store is not there now; it is waited for."""

    def __init__(self, store: str, location: str) -> None:
        super().__init__(
            f"The folder of the store {store} is not there: {location}.",
            hint=f"mount the disk, or: mkdir -p {location}",
        )
        self.store, self.location = store, location


def stores_of(table: Any) -> frozenset[str]:
    """The stores that hold attributes of a table and of its parts; the default store has its own name."""
    import datajoint as dj

    names = {config_of(table.connection).stores.get("default") if store == "" else store for store in _named(table)}
    for part in vars(type(table)).values():
        if isinstance(part, type) and issubclass(part, dj.Part):
            names |= stores_of(part())
    return frozenset(name for name in names if isinstance(name, str))


def require_folders(connection: Any, names: Collection[str]) -> None:
    """Find the folders of some stores.

    Raises
    ------
    StoreAwayError
        One is not there.
    """
    for away in missing_folders(connection):
        if away.store in names:
            raise away


def missing_folders(connection: Any) -> Iterator[StoreAwayError]:
    """The stores whose folder is not there, of all that are configured."""
    for name, spec in sorted(config_of(connection).stores.items()):
        if isinstance(spec, dict) and spec.get("protocol") == "file" and not _is_there(str(spec.get("location", ""))):
            yield StoreAwayError(name, str(spec["location"]))


def _named(table: Any) -> Iterator[str]:
    for attribute in table.heading.attributes.values():
        if attribute.store is not None:
            yield str(attribute.store)


def _is_there(location: str) -> bool:
    return not location or Path(location).is_dir()
