"""From differences to steps: renames first, then keys and indexes away, columns, and keys and indexes again."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from djproject.database.column_types import is_same_kind
from djproject.database.comparison import Aspect, Difference, differences, missing_tables
from djproject.database.declared import Attribute, Declared, ForeignKey, Index, Place, Table
from djproject.errors import ProjectError
from djproject.migration.columns import Column, Columns
from djproject.migration.conversions import conversion
from djproject.migration.dialects import MySQL, PostgreSQL
from djproject.migration.rows import Rows
from djproject.migration.steps import Grade, Plan, Refusal, Step, digest, identity
from djproject.pipeline.model import Pipeline
from djproject.pipeline.types import MYSQL
from djproject.project.names import AUTOPOPULATED

JOBS = "~~"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says beside the source.

    Attributes
    ----------
    chosen
        The tables to be changed, `module.Table`.
    renames
        By `module.Table.old`: the attribute's new name.
    dropped
        Tables that are only in the database and are to go, as `schema.name`.
    """

    chosen: Collection[str]
    renames: Mapping[str, str]
    dropped: Collection[str] = ()


def plan_migration(
    connection: Any,
    pipeline: Pipeline,
    source: Mapping[str, Table],
    declared: Declared,
    wishes: Wishes,
    load: Callable[[], object],
) -> Plan:
    """What turns a database into what the source declares; nothing is changed.

    Parameters
    ----------
    connection
        To the server; rows are counted.
    pipeline, source
        What the source says, and what it declares.
    declared
        What the database has.
    wishes
        What the user says beside.
    load
        Imports the pipeline, for a codec that is its own.

    Raises
    ------
    ProjectError
        A rename names an attribute that is not there, or DataJoint refuses a line.
    """
    planner = _Planner(connection, pipeline, source, declared, wishes, Columns(connection, pipeline, source, load))
    return planner.plan()


class _Planner:
    def __init__(
        self,
        connection: Any,
        pipeline: Pipeline,
        source: Mapping[str, Table],
        declared: Declared,
        wishes: Wishes,
        columns: Columns,
    ) -> None:
        self.backend = str(connection.adapter.backend)
        self.sql: MySQL | PostgreSQL = (MySQL if self.backend == MYSQL else PostgreSQL)(connection.adapter)
        self.adapter, self.columns = connection.adapter, columns
        self.pipeline, self.source, self.wishes = pipeline, source, wishes
        self.first, self.declared = declared, dict(declared)
        self.rows = Rows(connection, self.sql)
        self.names = {table.place: name for name, table in source.items()}
        self.steps: list[Step] = []
        self.refusals: list[Refusal] = []
        self.notes: list[str] = []
        self.resolved: set[tuple[str, str, str]] = set()

    def plan(self) -> Plan:
        self._rename_tables()
        self._rename_columns()
        found = [d for d in differences(self.source, self.declared, self.backend) if d.table in self.wishes.chosen]
        keys = {d.table for d in found if d.aspect is Aspect.KEY}
        for name in sorted(keys):
            self._refuse_key(next(d for d in found if d.table == name and d.aspect is Aspect.KEY))
        found = [d for d in found if d.table not in keys]
        retyped = self._retyped(found)
        released = self._release(found, retyped)
        for difference in found:
            if difference.aspect is Aspect.INDEX and not difference.source:
                self._drop_index(difference)
        for name, attribute in dict.fromkeys((d.table, d.attribute) for d in found if _is_of_column(d)):
            self._change(name, attribute, [d for d in found if (d.table, d.attribute) == (name, attribute)], retyped)
        for difference in found:
            if difference.aspect is Aspect.UNKNOWN:
                self._drop_column(difference)
        self._bind(found, released)
        for difference in found:
            if difference.aspect is Aspect.INDEX and difference.source:
                self._add_index(difference)
            elif difference.aspect is Aspect.COMMENT and not difference.attribute:
                self._comment_table(difference)
        self._whole_tables()
        self._suggest_renames(found)
        return self._finished()

    def _finished(self) -> Plan:
        names = {step.table for step in self.steps}
        places = [self.source[name].place for name in self.source if name in names]
        return Plan(
            tuple(self.steps),
            tuple(self.refusals),
            tuple(self.notes),
            tuple(self.sql.table(place) for place in places),
            tuple(dict.fromkeys(place[0] for place in places)),
            digest(sorted(self.source.items()), sorted(self.first.items()), sorted(self.wishes.renames.items())),
            frozenset(self.resolved),
        )

    # names

    def _rename_tables(self) -> None:
        """Tables whose tier changed, with their parts and their job table."""
        for difference in list(missing_tables(self.source, self.declared)):
            if difference.aspect is not Aspect.TIER or difference.table not in self.wishes.chosen:
                continue
            schema, new = self.source[difference.table].place
            old = difference.database.strip("`")
            sql = self.sql.rename_table((schema, old), new)
            self.declared = _with_table_renamed(self.declared, (schema, old), new)
            jobs, new_jobs = (f"{JOBS}{name.lstrip('_#')}" for name in (old, new))
            if (schema, jobs) in self.declared and jobs != new_jobs:
                sql += self.sql.rename_table((schema, jobs), new_jobs)
            self._step(difference, f"rename {old} to {new}, because it is {difference.source} now", Grade.SAFE, sql)

    def _rename_columns(self) -> None:
        """What `--rename` says, and `{old}` in the comment of an attribute."""
        for name, old, new in [*self._asked_renames(), *self._declared_renames()]:
            place = self.source[name].place
            table = self.declared.get(place)
            if table is None or table.attribute(old) is None or table.attribute(new) is not None:
                continue
            sql = self.sql.rename_column(place, old, new)
            self.declared = _with_column_renamed(self.declared, place, old, new)
            self.steps.append(Step(name, f"rename {old} to {new}", Grade.SAFE, tuple(sql)))
            self.resolved |= {(name, new, str(Aspect.MISSING)), (name, old, str(Aspect.UNKNOWN))}

    def _asked_renames(self) -> Iterator[tuple[str, str, str]]:
        for text, new in self.wishes.renames.items():
            name, _, old = text.rpartition(".")
            table = self.source.get(name)
            here = self.declared.get(table.place) if table else None
            if table is None or here is None or here.attribute(old) is None:
                raise ProjectError(
                    f"The database has no attribute {text} to rename.",
                    hint="djproject migrate --rename module.Table.old=new  (djproject drift lists what differs)",
                )
            if table.attribute(new) is None:
                raise ProjectError(f"The source has no attribute {name}.{new}.", hint="djproject drift")
            yield name, old, new

    def _declared_renames(self) -> Iterator[tuple[str, str, str]]:
        for name, table in self.source.items():
            for attribute in table.attributes if name in self.wishes.chosen else ():
                old, closed, _ = (attribute.comment or "").removeprefix("{").partition("}")
                if closed and (attribute.comment or "").startswith("{") and not attribute.inherited:
                    yield name, old.strip(), attribute.name

    def _suggest_renames(self, found: list[Difference]) -> None:
        for name in dict.fromkeys(difference.table for difference in found):
            gone = [d.attribute for d in found if d.table == name and d.aspect is Aspect.UNKNOWN]
            new = [d.attribute for d in found if d.table == name and d.aspect is Aspect.MISSING]
            if len(gone) == len(new) == 1 and self._is_alike(name, gone[0], new[0]):
                self.notes.append(
                    f"If {name}.{gone[0]} is called {new[0]} now: djproject migrate --rename {name}.{gone[0]}={new[0]}"
                )

    def _is_alike(self, name: str, old: str, new: str) -> bool:
        mine, theirs = self.source[name].attribute(new), self.declared[self.source[name].place].attribute(old)
        return mine is not None and theirs is not None and is_same_kind(mine.type, theirs.column, self.backend)

    # columns

    def _retyped(self, found: list[Difference]) -> dict[tuple[Place, str], Column]:
        """The columns that get another type, and those of the job tables with the same key."""
        changed: dict[tuple[Place, str], Column] = {}
        for difference in found:
            if difference.aspect not in (Aspect.TYPE, Aspect.CODEC):
                continue
            place = self.source[difference.table].place
            attribute = self._attribute(difference)
            if self._refuse_type(difference, attribute):
                continue
            column = self.columns.of(difference.table, attribute)
            changed[place, attribute.name] = column
            jobs = self.declared.get((place[0], f"{JOBS}{place[1].lstrip('_#')}"))
            if jobs is not None and attribute.name in jobs.primary:
                changed[jobs.place, attribute.name] = column
        return changed

    def _refuse_type(self, difference: Difference, attribute: Attribute) -> bool:
        place, name = self.source[difference.table].place, difference.attribute
        what = f"{name} as {difference.source} ({difference.database} in the database)"
        if self.rows.none(place):
            return False
        if difference.aspect is Aspect.CODEC:
            self._refuse(difference, what, "the stored values are encoded otherwise")
            return True
        kind = attribute.type
        change = conversion(self._column(difference).column, kind, self.backend)
        if not change.possible:
            self._refuse(difference, what, "the server has no conversion that keeps the values")
            return True
        count = self.rows.count(place, name, change.misfit) if change.misfit else 0
        if count and not change.cuts:
            self._refuse(difference, what, f"{count:,} row{'s' if count > 1 else ''} do not fit")
            return True
        return False

    def _change(
        self, name: str, attribute: str, found: list[Difference], retyped: Mapping[tuple[Place, str], Column]
    ) -> None:
        place = self.source[name].place
        missing = next((d for d in found if d.aspect is Aspect.MISSING), None)
        if missing is not None:
            self._add_column(missing)
            return
        kinds = [d for d in found if d.aspect in (Aspect.TYPE, Aspect.CODEC)]
        if kinds and (place, attribute) not in retyped:
            return  # it was refused
        of_null = next((d for d in found if d.aspect is Aspect.NULL), None)
        if of_null is not None and of_null.source == "required" and (nulls := self.rows.nulls(place, attribute)):
            self._refuse(of_null, f"{attribute} as required", f"it is null in {nulls:,} row{'s' if nulls > 1 else ''}")
            return
        old, mine = self._column(found[0]), self._attribute(found[0])
        column = retyped.get((place, attribute)) or self.columns.of(name, mine)
        sql: list[str] = []
        grade, rows, what = Grade.SAFE, 0, "; ".join(_words(difference) for difference in found)
        if kinds:
            change = conversion(old.column, mine.type, self.backend)
            lost = self.rows.count(place, attribute, change.misfit) if change.misfit and change.cuts else 0
            grade, rows = (Grade.LOSSY, lost) if lost else (Grade.REWRITE, self.rows.about(place))
            if lost and change.length and isinstance(self.sql, MySQL):
                sql += self.sql.shorten(place, attribute, change.length)
            if set_of_values(old, mine) and not change.misfit:
                grade, rows = Grade.SAFE, 0
        elif of_null is not None and of_null.source == "required":
            grade, rows = Grade.REWRITE, self.rows.about(place)
        if isinstance(self.sql, PostgreSQL) and kinds:
            sql += self.sql.retype_column(place, column, old, empty=self.rows.none(place))
        else:
            sql += self.sql.change_column(place, column, old)
        sql += self._change_jobs(place, attribute, retyped)
        for difference in found:
            self.resolved.add(identity(difference))
        self.steps.append(Step(name, what, grade, tuple(sql), rows))

    def _change_jobs(self, place: Place, name: str, retyped: Mapping[tuple[Place, str], Column]) -> list[str]:
        jobs = self.declared.get((place[0], f"{JOBS}{place[1].lstrip('_#')}"))
        old = jobs.attribute(name) if jobs is not None else None
        if jobs is None or old is None or (jobs.place, name) not in retyped:
            return []
        marker = f":{retyped[jobs.place, name].comment.split(':')[1]}:" if old.type else ""
        return self.sql.change_type(jobs.place, old, retyped[jobs.place, name].type, f"{marker}{old.comment or ''}")

    def _add_column(self, difference: Difference) -> None:
        name, place = difference.table, self.source[difference.table].place
        attribute = self._attribute(difference)
        column = self.columns.of(name, attribute)
        what = f"add {attribute.name} ({attribute.type}{_default_words(attribute)})"
        if not attribute.nullable and not column.default and not self.rows.none(place):
            self._refuse(difference, what, "the rows that are there have no value for it, and it has no default")
            return
        order = [each.name for each in self.source[name].attributes]
        here = self.declared[place]
        before = [each for each in order[: order.index(attribute.name)] if here.attribute(each)]
        self._step(difference, what, Grade.SAFE, self.sql.add_column(place, column, before[-1] if before else ""))

    def _drop_column(self, difference: Difference) -> None:
        place = self.source[difference.table].place
        count = self.rows.values(place, difference.attribute)
        sql = self.sql.drop_column(place, difference.attribute)
        grade = Grade.LOSSY if count else Grade.SAFE
        self._step(difference, f"drop {difference.attribute} ({difference.database})", grade, sql, count)

    # keys and indexes

    def _release(
        self, found: list[Difference], retyped: Mapping[tuple[Place, str], Column]
    ) -> list[tuple[Place, ForeignKey]]:
        """Drop the foreign keys that the source has not, and for a while those of columns that get another type."""
        for difference in found:
            if difference.aspect is Aspect.FOREIGN_KEY and not difference.source:
                place = self.source[difference.table].place
                for key in self._same_key(self.declared[place], self.source[difference.table]):
                    if ", ".join(key.names) == difference.attribute and _key_words(key) == difference.database:
                        sql = self.sql.drop_foreign_key(place, key, self.declared[place].supporting)
                        self._step(difference, f"drop the {difference.database}", Grade.SAFE, sql)
        released: list[tuple[Place, ForeignKey]] = []
        dropped = {statement for step in self.steps for statement in step.sql}
        for place, table in self.declared.items():
            for key in table.foreign_keys:
                touched = any((place, mine) in retyped or (key.parent, theirs) in retyped
                              for mine, theirs in key.attributes)  # fmt: skip
                sql = self.sql.drop_foreign_key(place, key, ())
                if touched and sql[0] not in dropped:
                    released.append((place, key))
                    name = self.names.get(place, ".".join(place))
                    self.steps.append(Step(name, f"release the {_key_words(key)} for a while", Grade.SAFE, tuple(sql)))
        return released

    def _same_key(self, declared: Table, source: Table) -> list[ForeignKey]:
        mine = {(key.attributes, key.parent) for key in source.foreign_keys}
        return [key for key in declared.foreign_keys if (key.attributes, key.parent) not in mine]

    def _bind(self, found: list[Difference], released: list[tuple[Place, ForeignKey]]) -> None:
        """Add the foreign keys that the source has, and those that were released."""
        for place, key in released:
            name = self.names.get(place, ".".join(place))
            sql = self.sql.add_foreign_key(place, key)
            self.steps.append(Step(name, f"add the {_key_words(key)} again", Grade.SAFE, tuple(sql)))
        for difference in found:
            if difference.aspect is not Aspect.FOREIGN_KEY or not difference.source:
                continue
            name, place = difference.table, self.source[difference.table].place
            key = next(k for k in self.source[name].foreign_keys if ", ".join(k.names) == difference.attribute)
            if difference.database:
                self._change_unique(difference, place, key)
                continue
            orphans = self.rows.orphans(place, key, self.declared)
            if orphans:
                why = f"{orphans:,} row{'s' if orphans > 1 else ''} have no parent in {'.'.join(key.parent)}"
                self._refuse(difference, f"the {difference.source}", why)
                continue
            sql = self.sql.add_foreign_key(place, key)
            if key.unique or not self._is_covered(self.source[name], key):
                sql += self._index_of(place, key.names, unique=key.unique)
            self._step(difference, f"add the {difference.source}", Grade.REWRITE, sql, self.rows.about(place))

    def _change_unique(self, difference: Difference, place: Place, key: ForeignKey) -> None:
        what = f"make the foreign key ({difference.attribute}) {difference.source}"
        if not key.unique:
            found = [i for i in self.declared[place].supporting if i.unique and set(i.attributes) == set(key.names)]
            sql = self._index_of(place, key.names, unique=False) if self.backend == MYSQL else []
            sql += [statement for index in found for statement in self.sql.drop_index(place, index)]
            self._step(difference, what, Grade.SAFE, sql)
        elif not self._refuse_duplicates(difference, what, place, key.names):
            sql = self._index_of(place, key.names, unique=True)
            self._step(difference, what, Grade.SAFE, sql)

    def _is_covered(self, source: Table, key: ForeignKey) -> bool:
        """Whether the server needs no index for a foreign key: MySQL makes one, the key or another one begins so."""
        leading = [source.primary, *(index.attributes for index in source.indexes)]
        return self.backend == MYSQL or any(names[: len(key.names)] == key.names for names in leading)

    def _index_of(self, place: Place, names: tuple[str, ...], *, unique: bool) -> list[str]:
        compiled = f"{'unique ' if unique else ''}index ({self.sql.columns(names)})"
        return self.sql.add_index(place, compiled, self._index_name(place, names))

    def _index_name(self, place: Place, names: tuple[str, ...]) -> str:
        """As DataJoint names it, and otherwise where there is one of that name."""
        taken = {i.name for t in self.declared.values() for i in (*t.indexes, *t.supporting) if t.place[0] == place[0]}
        base = f"idx_{place[1]}_{'_'.join(names)[:30]}"
        number, name = 1, base
        while any(known.rpartition(".")[2].strip('"') == name for known in taken):
            number += 1
            name = f"{base}_{number}"
        return name

    def _drop_index(self, difference: Difference) -> None:
        place = self.source[difference.table].place
        mine = {(index.attributes, index.unique) for index in self.source[difference.table].indexes}
        for index in self.declared[place].indexes:
            if (index.attributes, index.unique) not in mine and ", ".join(index.attributes) == difference.attribute:
                self._step(difference, f"drop the {difference.database}", Grade.SAFE, self.sql.drop_index(place, index))

    def _add_index(self, difference: Difference) -> None:
        name, place = difference.table, self.source[difference.table].place
        index = next(
            i
            for i in self.source[name].indexes
            if (i.line, ", ".join(i.attributes)) == (difference.line, difference.attribute)
        )
        if index.unique and self._refuse_duplicates(difference, f"the {difference.source}", place, index.attributes):
            return
        sql = self.sql.add_index(place, self._compiled_index(name, index), self._index_name(place, index.attributes))
        self._step(difference, f"add the {difference.source}", Grade.REWRITE, sql, self.rows.about(place))

    def _compiled_index(self, name: str, index: Index) -> str:
        from datajoint.declare import compile_index

        table = self.pipeline.table(name)
        if table is None or table.definition is None:
            raise KeyError(name)
        found: list[str] = []
        compile_index(table.definition.text.split("\n")[index.line - 1].strip(), found, self.adapter)
        return found[0]

    def _refuse_duplicates(self, difference: Difference, what: str, place: Place, names: tuple[str, ...]) -> bool:
        here = self.declared[place]
        if any(here.attribute(name) is None for name in names):
            return False
        count = self.rows.duplicates(place, names)
        if count:
            self._refuse(difference, what, f"{count:,} value{'s' if count > 1 else ''} are there more than once")
        return bool(count)

    # whole tables

    def _comment_table(self, difference: Difference) -> None:
        name = difference.table
        table = self.pipeline.table(name)
        written = table.definition.comment.text if table and table.definition and table.definition.comment else ""
        sql = self.sql.table_comment(self.source[name].place, written)
        self._step(difference, f"its comment becomes {difference.source}", Grade.SAFE, sql)

    def _whole_tables(self) -> None:
        for difference in missing_tables(self.source, self.declared):
            if difference.aspect is Aspect.TABLE_MISSING and difference.table in self.wishes.chosen:
                self.steps.append(Step(difference.table, "declare it", Grade.SAFE, ()))
            elif difference.aspect is Aspect.TABLE_UNKNOWN:
                schema, _, name = difference.table.partition(".")
                if difference.table in self.wishes.dropped:
                    count = self.rows.all((schema, name))
                    self._step(difference, "drop it", Grade.LOSSY, self.sql.drop_table((schema, name)), count)
                else:
                    self.notes.append(
                        f"{difference.table} is only in the database, and stays: djproject migrate --drop-table "
                        f"{difference.table}"
                    )

    def _refuse_key(self, difference: Difference) -> None:
        what = f"the primary key {difference.source} ({difference.database} in the database)"
        self._refuse(difference, what, "the rows that are there have no value for it, or more than one for a key")

    # values

    def _step(self, difference: Difference, what: str, grade: Grade, sql: list[str], rows: int = 0) -> None:
        self.resolved.add(identity(difference))
        self.steps.append(Step(difference.table, what, grade, tuple(sql), rows))

    def _refuse(self, difference: Difference, what: str, why: str) -> None:
        self.refusals.append(Refusal(difference.table, what, why, self._way_out(difference.table)))

    def _way_out(self, name: str) -> str:
        """What to do about a table that cannot be changed in place."""
        table = self.pipeline.table(name)
        owner = self.pipeline.table(table.master) if table and table.master else table
        if owner is None:
            return ""
        if owner.tier in AUTOPOPULATED:
            package = ".".join((self.pipeline.package, owner.module))
            code = f"from {package} import {owner.name}; {owner.name}().drop()"
            count = self.rows.all(self.source[owner.full_name].place)
            made = f"{count:,} row{'s are' if count != 1 else ' is'} made again"
            return f"djproject run -- python -c '{code}'  (then: djproject deploy && djproject populate; {made})"
        return "give it a default, or make it nullable, or declare a new table and copy the rows"

    def _attribute(self, difference: Difference) -> Attribute:
        found = self.source[difference.table].attribute(difference.attribute)
        if found is None:
            raise KeyError(difference)
        return found

    def _column(self, difference: Difference) -> Attribute:
        found = self.declared[self.source[difference.table].place].attribute(difference.attribute)
        if found is None:
            raise KeyError(difference)
        return found


def set_of_values(old: Attribute, new: Attribute) -> bool:
    """Whether both are enums."""
    return old.column.startswith("enum(") and new.type.lower().startswith("enum")


def _is_of_column(difference: Difference) -> bool:
    kinds = (Aspect.MISSING, Aspect.NULL, Aspect.TYPE, Aspect.CODEC, Aspect.DEFAULT)
    return difference.aspect in kinds or (difference.aspect is Aspect.COMMENT and bool(difference.attribute))


def _words(difference: Difference) -> str:
    match difference.aspect:
        case Aspect.DEFAULT:
            return f"the default of {difference.attribute} becomes {difference.source}"
        case Aspect.COMMENT:
            return f"the comment of {difference.attribute} becomes {difference.source}"
    return f"{difference.attribute} becomes {difference.source} ({difference.database} in the database)"


def _default_words(attribute: Attribute) -> str:
    return ", nullable" if attribute.nullable else f", default {attribute.default}" if attribute.default else ""


def _key_words(key: ForeignKey) -> str:
    pairs = [mine if mine == theirs else f"{mine} = {theirs}" for mine, theirs in key.attributes]
    return f"foreign key ({', '.join(pairs)}) to {'.'.join(key.parent)}"


def _with_table_renamed(declared: Declared, place: Place, name: str) -> Declared:
    new = (place[0], name)

    def renamed(table: Table) -> Table:
        keys = tuple(replace(k, parent=new) if k.parent == place else k for k in table.foreign_keys)
        return replace(table, place=new if table.place == place else table.place, foreign_keys=keys)

    return {new if at == place else at: renamed(table) for at, table in declared.items()}


def _with_column_renamed(declared: Declared, place: Place, old: str, new: str) -> Declared:
    def other(name: str) -> str:
        return new if name == old else name

    def of_key(key: ForeignKey, table: Table) -> ForeignKey:
        pairs = tuple(
            (other(mine) if table.place == place else mine, other(theirs) if key.parent == place else theirs)
            for mine, theirs in key.attributes
        )
        return replace(key, attributes=pairs)

    found = {}
    for at, table in declared.items():
        keys = tuple(of_key(key, table) for key in table.foreign_keys)
        if at != place:
            found[at] = replace(table, foreign_keys=keys)
            continue
        attributes = tuple(replace(a, name=other(a.name)) for a in table.attributes)
        indexes = tuple(replace(i, attributes=tuple(map(other, i.attributes))) for i in table.indexes)
        supporting = tuple(replace(i, attributes=tuple(map(other, i.attributes))) for i in table.supporting)
        primary = tuple(map(other, table.primary))
        found[at] = replace(
            table, attributes=attributes, primary=primary, foreign_keys=keys, indexes=indexes, supporting=supporting
        )
    return found
