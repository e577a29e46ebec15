"""Random pipelines of two schemas with rows in them, random edits, and the rows that should be there afterwards."""

import copy
import random
from dataclasses import dataclass, field
from typing import Any

WIDER = {"int8": "int16", "int16": "int32", "int32": "int64", "float32": "float64", "varchar(8)": "varchar(30)",
         "varchar(30)": "varchar(300)", "enum('a','b')": "enum('a','b','c')"}  # fmt: skip
TYPES = ("int8", "int16", "int32", "float32", "float64", "varchar(8)", "varchar(30)", "enum('a','b')", "bool", "date",
         "uuid", "json", "<blob>", "decimal(6,2)", "datetime")  # fmt: skip
DEFAULTS = {"int8": "3", "int16": "-7", "int32": "5", "float64": "0.5", "varchar(8)": "'it''s'", "varchar(30)": '"q"',
            "enum('a','b')": "'b'", "decimal(6,2)": "1.25"}  # fmt: skip
INDEXED = ("int8", "int16", "int32", "float64", "varchar(8)", "varchar(30)", "bool", "date")
COMMENTS = ("", "of it", "it's 5 %% of it", "Länge (µm)", "say 'yes'")


@dataclass
class Attribute:
    """One attribute; `was` is its name in the database, empty where it is new."""

    name: str
    type: str
    default: str = ""
    comment: str = ""
    was: str = ""

    @property
    def line(self) -> str:
        start = f"{self.name} = {self.default}" if self.default else self.name
        return f"{start} : {self.type}" + (f"  # {self.comment}" if self.comment else "")


@dataclass
class Drawn:
    """One table: a key of its own, parents in the key or below it, attributes and indexes."""

    name: str
    module: str
    key: Attribute
    parents: list["Drawn"]
    others: list[tuple["Drawn", str, str]] = field(
        default_factory=list
    )  # a nullable parent, our name of its key, its old one
    attributes: list[Attribute] = field(default_factory=list)
    indexes: dict[tuple[str, ...], bool] = field(default_factory=dict)
    comment: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)  # as in the database, by old names

    def primary(self) -> list[Attribute]:
        """The attributes of the primary key."""
        found = {a.name: a for parent in self.parents for a in parent.primary()} | {self.key.name: self.key}
        return list(found.values())

    def text(self) -> str:
        def place(parent: "Drawn") -> str:
            return parent.name if parent.module == self.module else f"{parent.module}.{parent.name}"

        lines = [f"# {self.comment}"] if self.comment else []
        lines += [f"-> {place(parent)}" for parent in self.parents] + [self.key.line, "---"]
        lines += [attribute.line for attribute in self.attributes]
        lines += [f"-> [nullable] {place(p)}.proj({mine}='{p.key.name}')" for p, mine, _ in self.others]
        lines += [f"{'unique ' if unique else ''}index({', '.join(names)})" for names, unique in self.indexes.items()]
        body = "\n".join(f"    {line}" for line in lines)
        return f'@schema\nclass {self.name}(dj.Manual):\n    definition = """\n{body}\n    """\n'


class Drawing:
    """A pipeline drawn by chance, and the edits made to it.

    Parameters
    ----------
    chance
        Where all choices come from.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.number = chance, 0
        self.tables: list[Drawn] = []
        self.renames: dict[str, str] = {}
        self.new: set[str] = set()
        for _ in range(chance.randint(3, 7)):
            self.tables.append(self._table())
        for table in self.tables:
            for a in (table.key, *table.attributes):
                a.was = a.name
            table.others = [(parent, mine, mine) for parent, mine, _ in table.others]
        self._fill()

    def texts(self, schemas: dict[str, str]) -> dict[str, str]:
        """The modules, by name."""
        found = {}
        for module, schema in schemas.items():
            imports = "from . import one\n" if module == "two" else ""
            tables = "\n\n".join(table.text() for table in self.tables if table.module == module)
            found[module] = f'import datajoint as dj\n{imports}\nschema = dj.Schema("{schema}")\n\n\n{tables}'
        return found

    def edited(self) -> "Drawing":
        """Another version of the pipeline, one to eight edits later."""
        other = copy.deepcopy(self)
        edits = [getattr(other, name) for name in dir(other) if name.startswith("_edit_")]
        for _ in range(other.chance.randint(1, 8)):
            other.chance.choice(edits)(other.chance.choice(other.tables))
        return other

    def expected(self, table: Drawn) -> list[dict[str, Any]]:
        """The rows of an edited table, by new names; a default stands for the text it has in the definition."""
        found = []
        for row in table.rows:
            values = {a.name: row[a.was] for a in table.primary()}
            for a in table.attributes:
                values[a.name] = row[a.was] if a.was else a.default
            values |= {mine: row[was] if was else "null" for _, mine, was in table.others}
            found.append(values)
        return found

    def _name(self, start: str) -> str:
        self.number += 1
        return f"{start}{self.number}"

    def _table(self) -> Drawn:
        chance = self.chance
        module = chance.choice(("one", "two"))
        before = [t for t in self.tables if module == "two" or t.module == "one"]
        parents = chance.sample(before, min(len(before), chance.choice((0, 1, 1, 2))))
        key = Attribute(self._name("k"), chance.choice(("int8", "int16", "int32", "varchar(8)")))
        table = Drawn(f"T{chr(97 + len(self.tables))}{chr(97 + self.number % 26)}", module, key, parents)
        table.attributes = [self._attribute() for _ in range(chance.randint(0, 4))]
        if before and chance.random() < 0.4:
            self._edit_add_parent(table)
        self._edit_index(table)
        return table

    def _attribute(self) -> Attribute:
        kind = self.chance.choice(TYPES)
        default = "null" if kind == "uuid" else self.chance.choice(("", "null", DEFAULTS.get(kind, "null")))
        return Attribute(self._name("a"), kind, default, self.chance.choice(COMMENTS))

    def _fill(self) -> None:
        import datetime

        chance = self.chance
        values = {"int8": lambda: chance.randint(-99, 99), "int16": lambda: chance.randint(-99, 99), "bool": lambda: chance.random() < 0.5,
                  "int32": lambda: chance.randint(-99, 99), "float32": lambda: chance.randint(0, 64) / 4, "float64": lambda: chance.random(),
                  "varchar(8)": lambda: chance.choice(("", "ü", "it's", '5 %"')), "varchar(30)": lambda: chance.choice(("x", "a\\b")),
                  "enum('a','b')": lambda: chance.choice("ab"), "date": lambda: datetime.date(2026, 1, chance.randint(1, 28)),
                  "datetime": lambda: datetime.datetime(2026, 1, chance.randint(1, 28), 3, 4, 5), "uuid": lambda: None,
                  "json": lambda: {"a": [1, chance.randint(0, 9)]}, "<blob>": lambda: [1.5, "x"], "decimal(6,2)": lambda: chance.randint(0, 9999) / 100}  # fmt: skip
        for table in self.tables:
            for number in range(chance.choice((0, 1, 3, 5))):
                row: dict[str, Any] = {}
                for parent in table.parents:
                    if not parent.rows:
                        break
                    theirs = chance.choice(parent.rows)
                    row |= {a.name: theirs[a.name] for a in parent.primary() if a.name not in row}
                    # Of two parents with a common ancestor only a row that both have.
                    if any(row[a.name] != theirs[a.name] for a in parent.primary()):
                        break
                else:
                    row[table.key.name] = number + 1 if table.key.type.startswith("int") else f"k {number}"
                    for a in table.attributes:
                        row[a.name] = None if a.default == "null" and chance.random() < 0.4 else values[a.type]()
                    for parent, mine, _ in table.others:
                        known = [r[parent.key.name] for r in parent.rows] if not parent.parents else []
                        row[mine] = chance.choice([*known, None])
                    unique = [names for names, only in table.indexes.items() if only]
                    if not any(all(r[n] == row[n] for n in names) for names in unique for r in table.rows):
                        table.rows.append(row)

    # Edits: each changes the drawing so that the rows that are there remain possible.

    def _edit_add(self, table: Drawn) -> None:
        kind = self.chance.choice(TYPES)
        default = self.chance.choice(("null", DEFAULTS.get(kind, "null")))
        place = self.chance.randint(0, len(table.attributes))
        table.attributes.insert(place, Attribute(self._name("a"), kind, default, self.chance.choice(COMMENTS)))

    def _edit_drop(self, table: Drawn) -> None:
        free = [a for a in table.attributes if not any(a.name in names for names in table.indexes)]
        if free:
            gone = self.chance.choice(free)
            table.attributes.remove(gone)
            self.renames.pop(f"{table.module}.{table.name}.{gone.was}", None)

    def _edit_widen(self, table: Drawn) -> None:
        for a in self.chance.sample(table.attributes, len(table.attributes)):
            if a.type in WIDER:
                a.type = WIDER[a.type]
                return

    def _edit_widen_key(self, table: Drawn) -> None:
        table.key.type = WIDER.get(table.key.type, table.key.type)

    def _edit_narrow(self, table: Drawn) -> None:
        for a in table.attributes:
            if a.type in ("int32", "int16") and a.was:  # all values fit
                a.type = "int8"
                return

    def _edit_comment(self, table: Drawn) -> None:
        comment = self.chance.choice(COMMENTS)
        what = self.chance.choice([table, table.key, *table.attributes])
        if (
            what is not table.key or "%" not in comment
        ):  # DataJoint copies it into the tables below, which MySQL refuses
            what.comment = comment

    def _edit_default(self, table: Drawn) -> None:
        for a in self.chance.sample(table.attributes, len(table.attributes)):
            if a.type in DEFAULTS and a.default != "null" and a.was:
                a.default = self.chance.choice(("", DEFAULTS[a.type]))
                return

    def _edit_nullable(self, table: Drawn) -> None:
        for a in self.chance.sample(table.attributes, len(table.attributes)):
            if a.was and a.default != "null":
                a.default = "null"
                return
            if a.was and all(row[a.was] is not None for row in table.rows):
                a.default = ""
                return

    def _edit_rename(self, table: Drawn) -> None:
        for a in self.chance.sample(table.attributes, len(table.attributes)):
            if a.was and a.was == a.name:
                self._rename(table, a)
                return

    def _edit_rename_key(self, table: Drawn) -> None:
        if table.key.was and table.key.was == table.key.name:
            self._rename(table, table.key)

    def _rename(self, table: Drawn, attribute: Attribute) -> None:
        old, attribute.name = attribute.name, self._name("r")
        self.renames[f"{table.module}.{table.name}.{old}"] = attribute.name
        for other in self.tables:
            if other is table or (attribute is table.key and attribute in other.primary()):
                changed = {
                    tuple(attribute.name if n == old else n for n in names): u for names, u in other.indexes.items()
                }
                other.indexes = changed

    def _edit_index(self, table: Drawn) -> None:
        names = [a.name for a in table.attributes if a.type in INDEXED]
        if not names:
            return
        chosen = tuple(self.chance.sample(names, min(len(names), self.chance.randint(1, 2))))
        if any(set(chosen) == set(known) for known in table.indexes):
            return
        by = {a.name: a for a in table.attributes}
        values = [tuple(row[by[n].was] if by[n].was else None for n in chosen) for row in table.rows]
        fits = len(set(values)) == len(values) and all(by[n].was or by[n].default == "null" for n in chosen)
        table.indexes[chosen] = fits and self.chance.random() < 0.4

    def _edit_drop_index(self, table: Drawn) -> None:
        if table.indexes:
            del table.indexes[self.chance.choice(list(table.indexes))]

    def _edit_add_parent(self, table: Drawn) -> None:
        place = self.tables.index(table) if table in self.tables else len(self.tables)
        known = [p for p, _, _ in table.others]
        for parent in self.tables[:place]:
            if not parent.parents and parent not in known and (table.module == "two" or parent.module == "one"):
                table.others.append((parent, self._name("p"), ""))
                return

    def _edit_drop_parent(self, table: Drawn) -> None:
        if table.others:
            table.others.pop()

    def _edit_new_table(self, _: Drawn) -> None:
        self.tables.append(self._table())
        self.new.add(self.tables[-1].name)
