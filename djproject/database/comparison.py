"""The differ: in what the tables of a database are not those of the source."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from djproject.database.column_types import is_codec, is_same_column, is_same_kind, plain_type
from djproject.database.declared import HIDDEN, Attribute, Declared, ForeignKey, Index, Table
from djproject.database.default_values import default_words, is_same_default
from djproject.database.source_tables import bmp
from djproject.pipeline.types import MYSQL, Kind, type_facts
from djproject.project.names import TIER_PREFIX

_JOBS = "~"  # `~~scan`: job tables; `~lineage`, `~log`: DataJoint's own


class Aspect(StrEnum):
    """What differs."""

    TABLE_MISSING = "table missing"  # in the database
    TABLE_UNKNOWN = "table unknown"  # to the source
    TIER = "tier"
    MISSING = "missing"  # in the database
    UNKNOWN = "unknown"  # to the source
    KEY = "key"
    NULL = "null"
    TYPE = "type"
    CODEC = "codec"
    DEFAULT = "default"
    COMMENT = "comment"
    FOREIGN_KEY = "foreign key"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a table of the database is not that of the source.

    Attributes
    ----------
    table
        `module.Table`; `schema.name` where the source has no such table.
    attribute
        Which; the attributes of a foreign key or index with commas between them; empty where the table differs.
    aspect
        What differs.
    source, database
        What either has, as a person would write it.
    blocks
        Whether rows that a `make` of this source inserts are refused, or would be read wrong.
    line
        Within the source's definition; 0 where it has none.
    """

    table: str
    attribute: str
    aspect: Aspect
    source: str
    database: str
    blocks: bool = False
    line: int = 0

    @property
    def text(self) -> str:
        """The difference in words."""
        match self.aspect:
            case Aspect.TABLE_MISSING:
                return "is not declared in the database"
            case Aspect.TABLE_UNKNOWN:
                return "is only in the database"
            case Aspect.TIER:
                return f"{self.database} is in the database, the source says {self.source}"
            case Aspect.MISSING:
                return f"the database has no attribute {self.attribute} ({self.source})"
            case Aspect.UNKNOWN:
                return f"the source has no attribute {self.attribute} ({self.database} in the database)"
            case Aspect.FOREIGN_KEY | Aspect.INDEX if not self.database:
                return f"the database has no {self.source}"
            case Aspect.FOREIGN_KEY | Aspect.INDEX if not self.source:
                return f"the source has no {self.database}"
        return f"{self._subject} is {self.source} in the source and {self.database} in the database"

    @property
    def _subject(self) -> str:
        match self.aspect:
            case Aspect.KEY:
                return "the primary key"
            case Aspect.DEFAULT:
                return f"the default of {self.attribute}"
            case Aspect.COMMENT:
                return f"the comment of {self.attribute or 'the table'}"
            case Aspect.FOREIGN_KEY:
                return f"the foreign key ({self.attribute})"
        return self.attribute


def differences(source: Mapping[str, Table], declared: Declared, backend: str) -> tuple[Difference, ...]:
    """How tables that are in both differ, in the order of the source's tables.

    Parameters
    ----------
    source
        What the source declares, by `module.Table`. Of a declaration that is not complete, only what is known is
        compared.
    declared
        The database's tables; a table that is missing there does not differ.
    backend
        `mysql` or `postgresql`.
    """
    found: list[Difference] = []
    for name, table in source.items():
        other = declared.get(table.place)
        if other is not None:
            found += _of_table(name, table, other, backend)
    return tuple(found)


def missing_tables(source: Mapping[str, Table], declared: Declared) -> Iterator[Difference]:
    """The tables that only one side has, and those whose tier changed; for the schemas of the source."""
    known = {table.place: name for name, table in source.items() if table.place[1]}
    bases = {(schema, _without_prefix(table)): name for (schema, table), name in known.items()}
    renamed: set[str] = set()
    unknown: list[Difference] = []
    for place in declared:
        if place in known or place[1].startswith(_JOBS):
            continue
        name = bases.get((place[0], _without_prefix(place[1])))
        if name is not None:
            renamed.add(name)
            unknown.append(Difference(name, "", Aspect.TIER, tier_of(source[name].place[1]), f"`{place[1]}`"))
        else:
            unknown.append(Difference(".".join(place), "", Aspect.TABLE_UNKNOWN, "", f"`{place[1]}`"))
    for name, table in source.items():
        if table.place[1] and table.place not in declared and name not in renamed:
            yield Difference(name, "", Aspect.TABLE_MISSING, "declared", "")
    yield from unknown


def tier_of(name: str) -> str:
    """The tier that the name of a table in a database has, as a class of DataJoint.

    Examples
    --------
    >>> tier_of("#setup"), tier_of("__scan"), tier_of("_raw__channel")
    ('Lookup', 'Computed', 'a part of Imported')
    """
    prefix = name[: len(name) - len(name.lstrip("#_"))]
    tier = next(tier for tier, known in TIER_PREFIX.items() if known == prefix).capitalize()
    return f"a part of {tier}" if "__" in name.lstrip("#_") else tier


def _without_prefix(name: str) -> str:
    return name.lstrip("#_")


def _of_table(name: str, source: Table, table: Table, backend: str) -> Iterator[Difference]:
    if source.comment is not None and source.complete and source.comment != table.comment:
        yield Difference(name, "", Aspect.COMMENT, f'"{source.comment}"', f'"{table.comment}"')
    names = {attribute.name for attribute in source.attributes}
    key = tuple(attribute for attribute in table.primary if not attribute.startswith(HIDDEN))
    other_key = source.complete and set(key) != set(source.primary)
    in_keys = {*key, *source.primary} if other_key else set()
    if other_key:
        yield Difference(name, "", Aspect.KEY, _key(source.primary), _key(key), True)
    for attribute in source.attributes:
        column = table.attribute(attribute.name)
        if column is not None:
            yield from _of_attribute(name, attribute, column, backend)
        elif attribute.name not in in_keys:
            yield Difference(name, attribute.name, Aspect.MISSING, attribute.type, "", True, attribute.line)
    for column in table.attributes:
        if source.complete and column.name not in names and column.name not in in_keys:
            required = not column.nullable and column.default is None and not column.generated
            yield Difference(name, column.name, Aspect.UNKNOWN, "", _type(column), required)
    yield from _of_foreign_keys(name, source, table)
    yield from _of_indexes(name, source, table)


def _of_attribute(table: str, source: Attribute, column: Attribute, backend: str) -> Iterator[Difference]:
    aspect = _differing_kind(source, column, backend) if source.inherited else _differing(source, column, backend)
    if aspect:
        shown = column.column if plain_type(source.type) == plain_type(column.type) else _type(column)
        yield Difference(table, source.name, aspect, source.type, shown, True, source.line)
    if source.nullable != column.nullable:
        mine, theirs = _null(source.nullable), _null(column.nullable)
        yield Difference(table, source.name, Aspect.NULL, mine, theirs, not column.nullable, source.line)
    if source.inherited or aspect is not None:
        return
    if not column.generated and not is_same_default(source.default, column.default, source.type, backend):
        mine, theirs = source.default or "none", default_words(column.default, backend)
        yield Difference(table, source.name, Aspect.DEFAULT, mine, theirs, False, source.line)
    if source.comment is not None and source.comment != column.comment:
        mine, theirs = f'"{source.comment}"', f'"{column.comment}"'
        yield Difference(table, source.name, Aspect.COMMENT, mine, theirs, False, source.line)


def _differing(source: Attribute, column: Attribute, backend: str) -> Aspect | None:
    """How the type differs; None where it does not, or nobody can tell."""
    kind = bmp(source.type) if backend == MYSQL else source.type
    same_column = is_same_column(kind, column.column, backend)
    if plain_type(kind) == plain_type(column.type) and same_column:
        return None
    if is_codec(source.type) or is_codec(column.type):
        return Aspect.CODEC
    if not same_column:
        return Aspect.TYPE
    if source.type == "uuid" and not column.type and backend == MYSQL:
        return Aspect.CODEC  # without the marker, values are bytes
    return Aspect.TYPE if column.type and _is_marked(source.type) else None


def _differing_kind(source: Attribute, column: Attribute, backend: str) -> Aspect | None:
    """As `_differing`, for what a foreign key brings: DataJoint copies the parent's type without all its details."""
    return None if not source.type or is_same_kind(source.type, column.column, backend) else Aspect.TYPE


def _of_foreign_keys(table: str, source: Table, declared: Table) -> Iterator[Difference]:
    mine = {(key.attributes, key.parent): key for key in source.foreign_keys if key.parent[1]}
    theirs = {(key.attributes, key.parent): key for key in declared.foreign_keys}
    leading = {key.names for key in theirs.values()}
    for same, key in mine.items():
        other = theirs.get(same)
        if other is None:
            blocks = key.names in leading  # what its parent has, is not what the other has
            yield _of_key(table, key, _words(key), "", blocks)
        elif other.unique != key.unique:
            yield _of_key(table, key, _unique(key), _unique(other), other.unique)
    for same, key in theirs.items():
        if source.complete and same not in mine:
            yield _of_key(table, key, "", _words(key), False)


def _of_key(table: str, key: ForeignKey, source: str, database: str, blocks: bool) -> Difference:
    return Difference(table, ", ".join(key.names), Aspect.FOREIGN_KEY, source, database, blocks, key.line)


def _of_indexes(table: str, source: Table, declared: Table) -> Iterator[Difference]:
    mine = {(index.attributes, index.unique): index for index in source.indexes}
    theirs = {(index.attributes, index.unique): index for index in declared.indexes}
    for same, index in mine.items():
        if same not in theirs:
            yield _of_index(table, index, _index(index), "")
    for same, index in theirs.items():
        if source.complete and same not in mine:
            yield _of_index(table, index, "", _index(index))


def _of_index(table: str, index: Index, source: str, database: str) -> Difference:
    return Difference(table, ", ".join(index.attributes), Aspect.INDEX, source, database, False, index.line)


def _index(index: Index) -> str:
    return f"{'unique ' if index.unique else ''}index ({', '.join(index.attributes)})"


def _words(key: ForeignKey) -> str:
    pairs = [mine if mine == theirs else f"{mine} = {theirs}" for mine, theirs in key.attributes]
    return f"foreign key ({', '.join(pairs)}) to {'.'.join(key.parent)}"


def _unique(key: ForeignKey) -> str:
    return "unique" if key.unique else "not unique"


def _is_marked(kind: str) -> bool:
    return type_facts(kind).kind is Kind.CORE


def _type(column: Attribute) -> str:
    return column.type or column.column


def _null(nullable: bool) -> str:
    return "nullable" if nullable else "required"


def _key(names: Iterable[str]) -> str:
    return f"({', '.join(names)})" if names else "empty"
