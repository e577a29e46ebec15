"""What a deployment of the source declares, as the values that a database's reader returns."""

import re
from collections.abc import Mapping

from djproject.database.declared import (
    EXPRESSION,
    Attribute,
    ForeignKey,
    Index,
    Place,
    Table,
    with_keys_and_indexes,
)
from djproject.pipeline import definition as lines
from djproject.pipeline import model
from djproject.pipeline.graph import sorted_tables
from djproject.pipeline.heading import Headings, ProjectionError
from djproject.pipeline.types import MYSQL

_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
_ARGUMENT = re.compile(r"(?P<name>\w+)\s*(?:\(\s*\d+\s*\))?(?:\s+(?:asc|desc))?", re.IGNORECASE)


def source_tables(pipeline: model.Pipeline, places: Mapping[str, Place], backend: str) -> dict[str, Table]:
    """The declaration of every table, by `module.Table`, parents first.

    Parameters
    ----------
    pipeline
        What the source says.
    places
        The schema and the name that tables have in the database, as far as they are known.
    backend
        `mysql` or `postgresql`, which keep comments differently.

    Source: datajoint/declare.py, prepare_declare and compile_foreign_key (2.3.5).
    """
    headings = Headings(pipeline)
    found: dict[str, Table] = {}
    for table in sorted_tables(pipeline):
        reader = _Reader(pipeline, headings, places, backend, found)
        found[table.full_name] = reader.read(table)
    return found


def stored_text(text: str, backend: str) -> str:
    r"""What a server keeps of a text that DataJoint writes between double quotes, and sends as a format.

    Examples
    --------
    >>> print(stored_text('a "b" c', "mysql"), stored_text('50\\%', "mysql"), stored_text("5 \\mu m", "mysql"))
    a "b" c 50\% 5 mu m
    >>> print(stored_text("5 %% of", "postgresql"))
    5 % of
    """
    text = text.replace("%%", "%")
    if backend != MYSQL:
        return text
    return bmp(re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL))


def bmp(text: str) -> str:
    """A text as MySQL's catalogue shows it: characters beyond three bytes of UTF-8 become question marks."""
    return re.sub("[^\0-\uffff]", "?", text)


class _Reader:
    """The declaration of one table, read line by line."""

    def __init__(
        self,
        pipeline: model.Pipeline,
        headings: Headings,
        places: Mapping[str, Place],
        backend: str,
        known: Mapping[str, Table],
    ) -> None:
        self.pipeline, self.headings, self.places, self.backend, self.known = (
            pipeline, headings, places, backend, known,
        )  # fmt: skip
        self.attributes: dict[str, Attribute] = {}
        self.primary: dict[str, None] = {}
        self.keys: list[ForeignKey] = []
        self.indexes: list[Index] = []
        self.complete = True

    def read(self, table: model.Table) -> Table:
        place = self.places.get(table.full_name, ("", ""))
        if table.definition is None:
            return Table(place, (), (), complete=False)
        text = table.definition.text
        parents = iter(table.parents)
        for line in table.definition.lines:
            match line:
                case lines.Attribute():
                    self._add_attribute(line)
                case lines.ForeignKey():
                    self._add_key(line, next(parents))
                case lines.Index():
                    self._add_index(text.split("\n")[line.line - 1], line)
                case _:
                    self.complete = False
        attributes = tuple(self.attributes.values())
        of_table = with_keys_and_indexes(attributes, tuple(self.keys), tuple(self.indexes))
        comment = self._table_comment(table.definition.comment)
        return Table(place, attributes, tuple(self.primary), *of_table, comment, self.complete)

    def _table_comment(self, written: lines.TableComment | None) -> str:
        comment = written.text if written else ""
        return stored_text(comment.replace('""', '"') if self.backend == MYSQL else comment, self.backend)

    def _add_attribute(self, line: lines.Attribute) -> None:
        if line.primary:
            self.primary[line.name] = None
        if line.name in self.attributes:
            return
        if self.backend == MYSQL and line.type.lower() == "serial":  # which is short for bigint … unique
            self.indexes.append(Index((line.name,), True, line.line))
        comment = stored_text(line.comment.replace('"', '\\"'), self.backend)
        default = line.default if line.default and not line.nullable else None
        self.attributes[line.name] = Attribute(
            line.name, line.type, "", line.nullable, default, comment, line=line.line
        )

    def _add_key(self, line: lines.ForeignKey, parent_name: str | None) -> None:
        parent = self.pipeline.table(parent_name) if parent_name else None
        pairs = self._pairs(line, parent)
        if parent is None or pairs is None:
            self.complete = False
            return
        types = {attribute.name: attribute.type for attribute in self.known[parent.full_name].attributes}
        nullable = "nullable" in line.options
        for mine, theirs in pairs:
            if mine in self.attributes:
                continue
            if line.primary:
                self.primary[mine] = None
            self.attributes[mine] = Attribute(mine, types.get(theirs, ""), "", nullable, inherited=True, line=line.line)
        place = self.places.get(parent.full_name, ("", ""))
        self.keys.append(ForeignKey(pairs, place, line=line.line))
        if "unique" in line.options:
            self.indexes.append(Index(tuple(mine for mine, _ in pairs), True, line.line))

    def _pairs(self, line: lines.ForeignKey, parent: model.Table | None) -> tuple[tuple[str, str], ...] | None:
        """The attributes that a foreign key brings, and the parent's; None where they are not known."""
        if parent is None or line.problem or parent.full_name not in self.known:
            return None
        if not self.known[parent.full_name].complete:
            return None
        try:
            return self.headings.parent_key(line, parent)
        except ProjectionError:
            return None

    def _add_index(self, text: str, line: lines.Index) -> None:
        inside = re.sub(r"\s*#.*$", "", text).partition("(")[2].rpartition(")")[0]
        named = [_ARGUMENT.fullmatch(argument.strip()) for argument in lines.arguments_of(inside)]
        names = tuple(match["name"] if match else EXPRESSION for match in named)
        self.indexes.append(Index(names, line.unique, line.line))
