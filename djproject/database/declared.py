"""A table as it is declared, as values that the readers of databases and of sources both return."""

from dataclasses import dataclass, field, replace

Place = tuple[str, str]
EXPRESSION = "(…)"
HIDDEN = "_"  # how names of DataJoint's own attributes begin: `_singleton`, `_job_start_time`


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute.

    Attributes
    ----------
    name
        In this table.
    type
        The type of a definition: `int32`, `<blob@main>`. From a database, the marker that DataJoint wrote before the
        comment; empty where there is none, as in native types, in what older DataJoint versions declared, and on
        PostgreSQL in what foreign keys bring.
    column
        The server's word: `int unsigned`, `character varying(20)`; empty from a source.
    nullable
        Whether it may be null.
    default
        From a source as in the definition, from a database the value or expression; None where there is none.
    comment
        Without the marker, as this server stores it; None where the source cannot tell.
    generated
        Whether the server works out the value if an insert leaves it out.
    inherited
        Whether the source says that a foreign key brings it.
    line
        Within the definition; 0 from a database.
    """

    name: str
    type: str
    column: str = ""
    nullable: bool = False
    default: str | None = None
    comment: str | None = None
    generated: bool = False
    inherited: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """One foreign key.

    Attributes
    ----------
    attributes
        This table's attribute and the parent's, for each attribute of the parent's primary key.
    parent
        Schema and name in the database.
    nullable
        Whether its attributes may be null.
    unique
        Whether a unique index holds exactly its attributes.
    line
        Within the definition; 0 from a database.
    constraint
        Its name in the database; empty from a source.
    """

    attributes: tuple[tuple[str, str], ...]
    parent: Place
    nullable: bool = False
    unique: bool = False
    line: int = field(default=0, compare=False)
    constraint: str = field(default="", compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Its attributes in this table."""
        return tuple(mine for mine, _ in self.attributes)


@dataclass(frozen=True, slots=True)
class Index:
    """One index: its attributes, `(…)` for an expression; those that serve a foreign key are left out of tables."""

    attributes: tuple[str, ...]
    unique: bool = False
    line: int = field(default=0, compare=False)
    name: str = field(default="", compare=False)  # in the database


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes
    ----------
    place
        Schema and name in the database.
    attributes
        In order; without those that DataJoint hides (`_singleton`, `_job_start_time`).
    primary
        The primary key, in order; from a database also `_singleton`.
    foreign_keys, indexes
        In order; what they are compared by has none.
    comment
        Of the table.
    complete
        Whether the source's reader understood every line; else there may be more of everything.
    supporting
        The database's indexes that serve a foreign key; never compared.
    """

    place: Place
    attributes: tuple[Attribute, ...]
    primary: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    comment: str | None = None
    complete: bool = True
    supporting: tuple[Index, ...] = field(default=(), compare=False)

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name, or None."""
        return next((attribute for attribute in self.attributes if attribute.name == name), None)


Declared = dict[Place, Table]


def with_keys_and_indexes(
    attributes: tuple[Attribute, ...], keys: tuple[ForeignKey, ...], indexes: tuple[Index, ...]
) -> tuple[tuple[ForeignKey, ...], tuple[Index, ...]]:
    """Foreign keys that know whether they are unique and nullable, and the indexes that do not belong to one.

    MySQL indexes the attributes of every foreign key, DataJoint does on PostgreSQL, and `[unique]` is a unique index.
    """
    nullable = {attribute.name for attribute in attributes if attribute.nullable}
    unique = {frozenset(index.attributes) for index in indexes if index.unique}
    found = tuple(
        replace(key, nullable=nullable.issuperset(key.names), unique=frozenset(key.names) in unique) for key in keys
    )
    ordered, sets = {key.names for key in keys}, {frozenset(key.names) for key in keys}
    own = [i for i in indexes if (frozenset(i.attributes) not in sets if i.unique else i.attributes not in ordered)]
    return found, tuple(own)
