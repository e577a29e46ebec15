"""Where the tables of a database are not those of the source: names, keys, nulls, types and codecs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from djproject.database.catalogue import Catalogue, Column, DeclaredTable
from djproject.database.column_types import is_codec, is_same_column, plain_type
from djproject.pipeline.declaration import Declaration, SourceAttribute
from djproject.pipeline.types import MYSQL, Kind, type_facts


class Aspect(StrEnum):
    """What differs."""

    MISSING = "missing"  # in the database
    UNKNOWN = "unknown"  # to the source
    KEY = "key"
    NULL = "null"
    TYPE = "type"
    CODEC = "codec"


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a table of the database is not that of the source.

    Attributes
    ----------
    table
        `module.Table`.
    attribute
        Which; empty where the key differs.
    aspect
        What differs.
    source, database
        What either has, as a person would write it.
    """

    table: str
    attribute: str
    aspect: Aspect
    source: str
    database: str

    @property
    def text(self) -> str:
        """The difference in words."""
        match self.aspect:
            case Aspect.MISSING:
                return f"the database has no attribute {self.attribute} ({self.source})"
            case Aspect.UNKNOWN:
                return f"the source has no attribute {self.attribute} ({self.database} in the database)"
            case Aspect.KEY:
                return f"the primary key is {self.source} in the source and {self.database} in the database"
        return f"{self.attribute} is {self.source} in the source and {self.database} in the database"


def differences(
    source: Mapping[str, Declaration], places: Mapping[str, tuple[str, str]], declared: Catalogue, backend: str
) -> tuple[Difference, ...]:
    """All differences, in the order of the source's tables.

    Parameters
    ----------
    source
        What the source declares, by `module.Table`. Of a declaration that is not complete, only what is known is
        compared.
    places
        The schema and the name of each table in the database; tables without one are left out.
    declared
        The database's tables; a table that is missing there does not differ.
    backend
        `mysql` or `postgresql`.
    """
    found: list[Difference] = []
    for name, declaration in source.items():
        table = declared.get(places.get(name, ("", "")))
        if table is not None:
            found += _of_table(declaration, table, backend)
    return tuple(found)


def _of_table(source: Declaration, table: DeclaredTable, backend: str) -> Iterator[Difference]:
    visible = [column for column in table.columns if not _is_hidden(column.name)]
    names = {attribute.name for attribute in source.attributes}
    key = tuple(name for name in table.primary if not _is_hidden(name))
    other_key = source.complete and set(key) != set(source.primary)
    in_keys = {*key, *source.primary} if other_key else set()
    if other_key:
        yield Difference(source.table, "", Aspect.KEY, _key(source.primary), _key(key))
    for attribute in source.attributes:
        column = table.column(attribute.name)
        if column is not None:
            yield from _of_attribute(source.table, attribute, column, backend)
        elif attribute.name not in in_keys:
            yield Difference(source.table, attribute.name, Aspect.MISSING, attribute.type, "")
    for column in visible:
        if source.complete and column.name not in names and column.name not in in_keys:
            yield Difference(source.table, column.name, Aspect.UNKNOWN, "", _type(column))


def _of_attribute(table: str, source: SourceAttribute, column: Column, backend: str) -> Iterator[Difference]:
    aspect = _differing(source, column, backend)
    if aspect:
        yield Difference(table, source.name, aspect, source.type, _type(column))
    if source.nullable != column.nullable:
        yield Difference(table, source.name, Aspect.NULL, _null(source.nullable), _null(column.nullable))


def _differing(source: SourceAttribute, column: Column, backend: str) -> Aspect | None:
    """How the type differs; None where it does not, or nobody can tell."""
    if source.inherited:  # the parent's attribute is compared; DataJoint copies its type without all its details
        return None
    if plain_type(source.type) == plain_type(column.marker):
        return None
    if is_codec(source.type) or is_codec(column.marker):
        return Aspect.CODEC
    if not is_same_column(source.type, column.type, backend):
        return Aspect.TYPE
    if source.type == "uuid" and not column.marker and backend == MYSQL:
        return Aspect.CODEC  # without the marker, values are bytes
    return Aspect.TYPE if column.marker and _is_marked(source.type) else None


def _is_marked(kind: str) -> bool:
    return type_facts(kind).kind is Kind.CORE


def _type(column: Column) -> str:
    return column.marker or column.type


def _null(nullable: bool) -> str:
    return "nullable" if nullable else "required"


def _key(names: tuple[str, ...]) -> str:
    return f"({', '.join(names)})" if names else "empty"


def _is_hidden(name: str) -> bool:
    """Whether a column is DataJoint's own: `_singleton`, `_job_start_time`."""
    return name.startswith("_")
