"""Steps for foreign keys and indexes, which DataJoint's `alter` refuses."""

from collections.abc import Mapping

from djproject.database.comparison import Aspect, Difference
from djproject.database.declared import ForeignKey, Index, Place, Table
from djproject.migration.columns import Column
from djproject.migration.draft import Draft
from djproject.migration.steps import Grade
from djproject.pipeline.types import MYSQL


class KeySteps:
    """What is planned for foreign keys and indexes."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def drop_keys(self, found: list[Difference]) -> None:
        """Drop the foreign keys that the source has not."""
        for difference in found:
            if difference.aspect is not Aspect.FOREIGN_KEY or difference.source:
                continue
            place = self._draft.place(difference.table)
            for key in self._only_declared(place, self._draft.source[difference.table]):
                if (", ".join(key.names), _key_words(key)) == (difference.attribute, difference.database):
                    sql = self._draft.sql.drop_foreign_key(place, key, self._draft.declared[place].supporting)
                    self._draft.step(difference, f"drop the {difference.database}", Grade.SAFE, sql)

    def touched_keys(self, retyped: Mapping[tuple[Place, str], Column]) -> list[tuple[Place, ForeignKey]]:
        """The foreign keys of columns that get another type, which cannot be there meanwhile."""
        names = {table.place: name for name, table in self._draft.source.items()}
        found = []
        for place, table in self._draft.declared.items():
            source = self._draft.source.get(names.get(place, ""))
            gone = self._only_declared(place, source) if source else []
            for key in table.foreign_keys:
                pairs = key.attributes
                if key not in gone and any((place, m) in retyped or (key.parent, t) in retyped for m, t in pairs):
                    found.append((place, key))
        return found

    def _only_declared(self, place: Place, source: Table) -> list[ForeignKey]:
        """The foreign keys that the database has and the source has not."""
        mine = {(key.attributes, key.parent) for key in source.foreign_keys}
        return [key for key in self._draft.declared[place].foreign_keys if (key.attributes, key.parent) not in mine]

    def add_keys(self, found: list[Difference]) -> None:
        """Add the foreign keys that only the source has."""
        for difference in found:
            if difference.aspect is not Aspect.FOREIGN_KEY or not difference.source:
                continue
            name, place = difference.table, self._draft.place(difference.table)
            key = next(k for k in self._draft.source[name].foreign_keys if ", ".join(k.names) == difference.attribute)
            if difference.database:
                self._change_unique(difference, place, key)
                continue
            orphans = self._draft.rows.orphans(place, key, self._draft.declared)
            if orphans:
                rows = f"{orphans:,} rows have" if orphans > 1 else "1 row has"
                why = f"{rows} no parent in {'.'.join(key.parent)}"
                self._draft.refuse(difference, f"add the {difference.source}", why)
                continue
            sql = self._draft.sql.add_foreign_key(place, key)
            if key.unique or not self._is_covered(self._draft.source[name], key):
                sql += self._index_of(place, key.names, unique=key.unique)
            self._draft.step(
                difference, f"add the {difference.source}", Grade.REWRITE, sql, self._draft.rows.about(place)
            )

    def _change_unique(self, difference: Difference, place: Place, key: ForeignKey) -> None:
        what = f"make the foreign key ({difference.attribute}) {difference.source}"
        if not key.unique:
            found = [
                i for i in self._draft.declared[place].supporting if i.unique and set(i.attributes) == set(key.names)
            ]
            sql = self._index_of(place, key.names, unique=False) if self._draft.backend == MYSQL else []
            sql += [statement for index in found for statement in self._draft.sql.drop_index(place, index)]
            self._draft.step(difference, what, Grade.SAFE, sql)
        elif not self._draft.refuse_duplicates(difference, what, place, key.names):
            sql = self._index_of(place, key.names, unique=True)
            self._draft.step(difference, what, Grade.SAFE, sql)

    def _is_covered(self, source: Table, key: ForeignKey) -> bool:
        """Whether the server needs no index for a foreign key: MySQL makes one, the key or another one begins so."""
        leading = [source.primary, *(index.attributes for index in source.indexes)]
        return self._draft.backend == MYSQL or any(names[: len(key.names)] == key.names for names in leading)

    def _index_of(self, place: Place, names: tuple[str, ...], *, unique: bool) -> list[str]:
        compiled = f"{'unique ' if unique else ''}index ({self._draft.sql.columns(names)})"
        return self._draft.sql.add_index(place, compiled, self._index_name(place, names))

    def _index_name(self, place: Place, names: tuple[str, ...]) -> str:
        """As DataJoint names it, and otherwise where there is one of that name."""
        taken = {
            i.name for t in self._draft.declared.values() for i in (*t.indexes, *t.supporting) if t.place[0] == place[0]
        }
        base = f"idx_{place[1]}_{'_'.join(names)[:30]}"
        number, name = 1, base
        while any(known.rpartition(".")[2].strip('"') == name for known in taken):
            number += 1
            name = f"{base}_{number}"
        return name

    def drop_index(self, difference: Difference) -> None:
        """Drop an index that the source has not."""
        place = self._draft.place(difference.table)
        mine = {(index.attributes, index.unique) for index in self._draft.source[difference.table].indexes}
        for index in self._draft.declared[place].indexes:
            if (index.attributes, index.unique) not in mine and ", ".join(index.attributes) == difference.attribute:
                self._draft.step(
                    difference, f"drop the {difference.database}", Grade.SAFE, self._draft.sql.drop_index(place, index)
                )

    def add_index(self, difference: Difference) -> None:
        """Add an index that only the source has."""
        name, place = difference.table, self._draft.place(difference.table)
        index = next(
            i
            for i in self._draft.source[name].indexes
            if (i.line, ", ".join(i.attributes)) == (difference.line, difference.attribute)
        )
        if index.unique and self._draft.refuse_duplicates(
            difference, f"add the {difference.source}", place, index.attributes
        ):
            return
        sql = self._draft.sql.add_index(
            place, self._compiled_index(name, index), self._index_name(place, index.attributes)
        )
        self._draft.step(difference, f"add the {difference.source}", Grade.REWRITE, sql, self._draft.rows.about(place))

    def _compiled_index(self, name: str, index: Index) -> str:
        from datajoint.declare import compile_index

        table = self._draft.pipeline.table(name)
        if table is None or table.definition is None:
            raise KeyError(name)
        found: list[str] = []
        compile_index(table.definition.text.split("\n")[index.line - 1].strip(), found, self._draft.adapter)
        return found[0]


def _key_words(key: ForeignKey) -> str:
    pairs = [mine if mine == theirs else f"{mine} = {theirs}" for mine, theirs in key.attributes]
    return f"foreign key ({', '.join(pairs)}) to {'.'.join(key.parent)}"
