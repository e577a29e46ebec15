"""Schema modules written from what is declared in a database: the tables' definitions, and a `make` to be filled in.

What DataJoint declares from them is what was there: same names, types, keys, foreign keys, indexes and comments.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from djproject.database.column_types import core_type
from djproject.database.declared import EXPRESSION, HIDDEN, Attribute, Declared, ForeignKey, Place, Table
from djproject.database.default_values import default_words
from djproject.errors import ProjectError
from djproject.pipeline.editing import import_statement
from djproject.project.names import AUTOPOPULATED, TIER_PREFIX, schema_name_problem, snake_case
from djproject.scaffold.quoting import python_literal

HINT = "djproject import-schema --help"
BASES = {"manual": "Manual", "lookup": "Lookup", "imported": "Imported", "computed": "Computed"}
T = TypeVar("T")
Rows = Mapping[Place, Sequence[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class ImportedClass:
    """One table class.

    Attributes
    ----------
    name
        Of the class.
    tier
        manual, lookup, imported, computed or part.
    table
        What the database has.
    parts
        Its parts.
    """

    name: str
    tier: str
    table: Table
    parts: tuple["ImportedClass", ...] = ()

    @property
    def parents(self) -> tuple[Place, ...]:
        """The tables that it and its parts refer to."""
        return tuple(key.parent for each in (self, *self.parts) for key in each.table.foreign_keys)


@dataclass(frozen=True, slots=True)
class ImportedModule:
    """The text of one module, and what could not be said in it.

    Attributes
    ----------
    name
        Of the module.
    schema
        Its schema in the database.
    text
        Python.
    notes
        Sentences about what a definition cannot say.
    """

    name: str
    schema: str
    text: str
    notes: tuple[str, ...]


class Importer:
    """Writes the modules of some schemas.

    Parameters
    ----------
    declared
        The tables of these schemas.
    modules
        By schema, also of schemas that the project has already: the module.
    classes
        By place, of tables that the project has already: the class, `Master.Part` for a part.
    backend
        `mysql` or `postgresql`.
    rows
        Of lookup tables, where their contents are to be written.

    Raises
    ------
    ProjectError
        A name is none that Python or DataJoint can have, a parent's schema is not known, or schemas or tables refer to
        each other in a circle.
    """

    def __init__(
        self,
        declared: Declared,
        modules: Mapping[str, str],
        classes: Mapping[Place, str],
        backend: str,
        rows: Rows | None = None,
    ) -> None:
        self._backend, self._modules, self._rows = backend, modules, rows or {}
        self._tables = {place: table for place, table in declared.items() if not place[1].startswith("~")}
        self._found = {schema: self._classes(schema) for schema in dict.fromkeys(schema for schema, _ in self._tables)}
        self._names = dict(classes)
        for those in self._found.values():
            for each in those:
                self._names[each.table.place] = each.name
                self._names |= {part.table.place: f"{each.name}.{part.name}" for part in each.parts}

    def modules(self) -> tuple[ImportedModule, ...]:
        """The modules, upstream first."""
        upstream = {schema: self._upstream(schema, found) for schema, found in self._found.items()}
        order = _sorted(list(self._found), {schema: names & set(self._found) for schema, names in upstream.items()})
        if order is None:
            raise ProjectError(
                f"The schemas {', '.join(sorted(self._found))} refer to each other in a circle.",
                hint="A pipeline is acyclic: move a table to the schema of those it refers to.",
            )
        return tuple(self._module(schema, sorted(upstream[schema])) for schema in order)

    def _upstream(self, schema: str, found: Sequence[ImportedClass]) -> set[str]:
        schemas = {parent[0] for each in found for parent in each.parents} - {schema}
        for parent in sorted({parent for each in found for parent in each.parents}):
            if parent not in self._names:
                raise ProjectError(
                    f"{schema} refers to the table {'.'.join(parent)}, which is not imported.",
                    hint=f"djproject import-schema {' '.join(sorted({*self._found, parent[0]}))}",
                )
        return schemas

    # classes

    def _classes(self, schema: str) -> tuple[ImportedClass, ...]:
        tables = [table for place, table in self._tables.items() if place[0] == schema]
        names = {table.place[1] for table in tables}
        masters: dict[str, list[ImportedClass]] = {}
        for table in tables:
            master, _, part = table.place[1].rpartition("__")
            if part and master in names and master.strip("#_"):
                masters.setdefault(master, []).append(ImportedClass(_camel(part, table.place), "part", table))
            else:
                masters.setdefault(table.place[1], [])
        found = []
        for table in tables:
            name = table.place[1]
            if name in masters:
                prefix = name[: len(name) - len(name.lstrip("#_"))]
                tier = next((tier for tier, known in TIER_PREFIX.items() if known == prefix), "")
                if not tier:
                    raise _no_name(table.place)
                found.append(ImportedClass(_camel(name.lstrip("#_"), table.place), tier, table, tuple(masters[name])))
        return self._in_order(found)

    def _in_order(self, found: Sequence[ImportedClass]) -> tuple[ImportedClass, ...]:
        """Classes after those that they or their parts refer to."""
        owner = {part.table.place: each.table.place for each in found for part in (each, *each.parts)}
        needs = {
            each.table.place: {owner[parent] for parent in each.parents if parent in owner} - {each.table.place}
            for each in found
        }
        order = _sorted([each.table.place for each in found], needs)
        if order is None:
            circle = sorted(name for place in needs for name in [place[1]])
            raise ProjectError(
                f"Tables of {found[0].table.place[0]} refer to each other in a circle: {', '.join(circle[:6])}.",
                hint="A part of one of them refers to a table below it: take that foreign key away.",
            )
        by_place = {each.table.place: each for each in found}
        return tuple(by_place[place] for place in order)

    # text

    def _module(self, schema: str, upstream: Sequence[str]) -> ImportedModule:
        name, notes = self._modules[schema], list[str]()
        if problem := schema_name_problem(schema, [self._backend]):
            raise ProjectError(f"The name of the schema {schema} {problem}.", hint=HINT)
        classes = [self._class_text(schema, each, notes) for each in self._found[schema]]
        imports = [self._modules[other] for other in upstream]
        title = name.rpartition(".")[2].replace("_", " ").capitalize()
        lines = ['"""', f"{title} schema, written from the database schema {schema}.", "", "Dependencies:"]
        lines += [f"    - {module}: upstream of {name}" for module in imports] or ["    - none"]
        lines += ["", "Provides:"]
        lines += [f"    - {each.name}: {_purpose(each)}" for each in self._found[schema]] or ["    - nothing yet"]
        lines += ['"""', "", "import datajoint as dj"]
        text = "\n".join(lines) + "\n"
        if imports:
            by_package: dict[str, list[str]] = {}
            for module in sorted(imports):
                package, _, last = module.rpartition(".")
                by_package.setdefault(package, []).append(last)
            text += "\n" + "".join(import_statement(package, names) for package, names in by_package.items())
        text += f'\nschema = dj.Schema("{schema}")\n'
        return ImportedModule(name, schema, "\n\n".join([text, *classes]), tuple(notes))

    def _class_text(self, schema: str, each: ImportedClass, notes: list[str]) -> str:
        lines = ["@schema", f"class {each.name}(dj.{BASES[each.tier]}):"]
        lines += self._body(schema, each, each, notes)
        if each.table.place in self._rows:
            lines += ["", *_contents_lines(self._rows[each.table.place])]
        if each.tier in AUTOPOPULATED:
            lines += ["", *_make_lines(each.name)]
        for part in each.parts:
            lines += ["", f"    class {part.name}(dj.Part):"]
            lines += [f"    {line}" if line else "" for line in self._body(schema, part, each, notes)]
        return "\n".join(lines) + "\n"

    def _body(self, schema: str, each: ImportedClass, master: ImportedClass, notes: list[str]) -> list[str]:
        lines = self._definition(schema, each, master, notes)
        raw = "r" if any("\\" in line for line in lines) else ""
        purpose = _purpose(each)
        return [
            f'    """{purpose[0].upper()}{purpose[1:]}."""', "",
            f'    definition = {raw}"""', *(f"    {line}" for line in lines), '    """',
        ]  # fmt: skip

    def _definition(self, schema: str, each: ImportedClass, master: ImportedClass, notes: list[str]) -> list[str]:
        """The lines of a definition; foreign keys take the place of the attributes that they bring."""
        table = each.table
        primary = [name for name in table.primary if not name.startswith(HIDDEN)]
        above, below = list[str](), list[str]()
        waiting = list(table.foreign_keys)
        done: set[str] = set()

        def lines_of(names: Iterable[str], section: list[str], keys: Sequence[ForeignKey]) -> None:
            left = list(keys)
            for name in names:
                while (key := next((k for k in left if name in k.names and name not in done), None)) is not None:
                    left.remove(key)
                    waiting.remove(key)
                    section.append(self._key_line(schema, each, master, key, done))
                    done.update(key.names)
                if name not in done:
                    attribute = table.attribute(name)
                    if attribute is not None:
                        section.append(self._attribute_line(table, attribute, notes))
                    done.add(name)
            for key in left:  # over attributes that are there already
                waiting.remove(key)
                section.append(self._key_line(schema, each, master, key, done))

        lines_of(primary, above, [key for key in waiting if set(key.names) <= set(primary)])
        lines_of([a.name for a in table.attributes if a.name not in primary], below, list(waiting))
        for index in table.indexes:
            if EXPRESSION in index.attributes:
                notes.append(f"{each.name}: an index over an expression was left out.")
            else:
                below.append(f"{'unique ' if index.unique else ''}index({', '.join(index.attributes)})")
        comment = [f"# {self._text(table.comment)}"] if (table.comment or "").strip() else []
        return [*comment, *above, *(["---", *below] if below or not above else [])]

    def _key_line(
        self, schema: str, each: ImportedClass, master: ImportedClass, key: ForeignKey, done: set[str]
    ) -> str:
        parent = self._names[key.parent]
        if each is not master and key.parent == master.table.place:
            parent = "master"
        elif key.parent[0] != schema:
            parent = f"{self._modules[key.parent[0]].rpartition('.')[2]}.{parent}"
        renamed = [f"{mine}='{theirs}'" for mine, theirs in key.attributes if mine != theirs]
        new = [attribute for name in key.names if name not in done and (attribute := each.table.attribute(name))]
        words = [
            word
            for word, holds in (("nullable", bool(new) and all(a.nullable for a in new)), ("unique", key.unique))
            if holds
        ]
        options = f"[{', '.join(words)}] " if words else ""
        projection = f".proj({', '.join(renamed)})" if renamed else ""
        return f"-> {options}{parent}{projection}"

    def _attribute_line(self, table: Table, attribute: Attribute, notes: list[str]) -> str:
        kind = attribute.type or core_type(attribute.column, self._backend)
        default = ""
        if attribute.nullable:
            default = " = null"
        elif attribute.default is not None:
            words = default_words(attribute.default, self._backend)
            default = f" = {self._default(words)}"
        if attribute.type == "" and kind in {"bytes", "longblob"}:
            notes.append(
                f"{'.'.join(table.place)}.{attribute.name} has no codec: DataJoint 2 reads raw bytes. What an older "
                f"DataJoint wrote is read by <blob>, see docs/how-to/change.md."
            )
        comment = f"  # {self._text(attribute.comment)}" if (attribute.comment or "").strip() else ""
        return f"{attribute.name}{default} : {kind}{comment}"

    def _default(self, words: str) -> str:
        """A default as a definition has it; its text may have quotes."""
        if len(words) > 1 and words[0] == words[-1] == '"' and '"' in words[1:-1]:
            return "'" + words[1:-1].replace("'", "''") + "'"
        if words.startswith("(CURRENT_TIMESTAMP"):
            words = words[1:-1]
        return words.replace("%", "%%")

    def _text(self, text: str | None) -> str:
        """A comment as a definition has it; see `stored_text` for the way back."""
        plain = " ".join((text or "").split("\n")).replace("%", "%%").replace('"""', "'''").lstrip(":")
        return plain.replace("\\", "\\\\") if self._backend == "mysql" else plain.replace('\\"', '"')


def module_name(schema: str, prefix: str) -> str:
    """The module of a schema: its name without a prefix that all have.

    Examples
    --------
    >>> module_name("lab_subject", "lab_"), module_name("Ephys-2", "")
    ('subject', 'ephys_2')
    """
    name = re.sub(r"\W+", "_", schema.removeprefix(prefix)).lower().strip("_")
    return f"schema_{name}" if not name or name[0].isdigit() else name


def _camel(name: str, place: Place) -> str:
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", camel) or snake_case(camel) != name:
        raise _no_name(place)
    return camel


def _no_name(place: Place) -> ProjectError:
    return ProjectError(
        f"The table {'.'.join(place)} has a name that DataJoint gives to no class.",
        hint="Rename it in the database, or leave its schema out.",
    )


def _sorted(items: Sequence[T], needs: Mapping[T, set[T]]) -> list[T] | None:
    """Items after those that they need, otherwise in their order; None where that is impossible."""
    order: list[T] = []
    left = list(items)
    while left:
        ready = [item for item in left if not (needs[item] - set(order))]
        if not ready:
            return None
        order.append(ready[0])
        left.remove(ready[0])
    return order


def _purpose(each: ImportedClass) -> str:
    return {
        "lookup": "values that do not change",
        "manual": "entered by hand",
        "imported": "read from files",
        "computed": "computed from its parents",
        "part": "rows of its master",
    }[each.tier]


def _contents_lines(rows: Sequence[Sequence[object]]) -> list[str]:
    if not rows:
        return ["    contents = []"]
    values = [", ".join(_literal(value) for value in row) + ("," if len(row) == 1 else "") for row in rows]
    return ["    contents = [", *(f"        ({row})," for row in values), "    ]"]


def _literal(value: object) -> str:
    return python_literal(value) if isinstance(value, str) and value.isprintable() else repr(value)


def _make_lines(name: str) -> list[str]:
    return [
        "    def make(self, key):",
        '        """Compute one key and insert its row."""',
        "        # The database does not have the code: take it from where the rows were made.",
        f'        raise NotImplementedError("{name}.make is still to be written")',
    ]
