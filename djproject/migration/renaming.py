"""Renames, which are never guessed: what the user says, `{old}` in a comment, and the table of another tier."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from djproject.database.column_types import is_same_kind
from djproject.database.comparison import Aspect, Difference, missing_tables
from djproject.database.declared import Declared, ForeignKey, Place, Table
from djproject.errors import ProjectError
from djproject.migration.draft import JOBS, Draft
from djproject.migration.steps import Grade, Step


class Renames:
    """What is planned for names; the draft has the new ones afterwards.

    Parameters
    ----------
    draft
        The plan.
    renames
        By `module.Table.old`: the attribute's new name.
    """

    def __init__(self, draft: Draft, renames: Mapping[str, str]) -> None:
        self._draft, self._renames = draft, renames

    def rename_tables(self) -> None:
        """Tables whose tier changed, with their parts and their job table."""
        for difference in list(missing_tables(self._draft.source, self._draft.declared)):
            if difference.aspect is not Aspect.TIER or difference.table not in self._draft.chosen:
                continue
            schema, new = self._draft.source[difference.table].place
            old = difference.database.strip("`")
            sql = self._draft.sql.rename_table((schema, old), new)
            self._draft.declared = _with_table_renamed(self._draft.declared, (schema, old), new)
            self._draft.rows.note_table((schema, old), (schema, new))
            jobs, new_jobs = (f"{JOBS}{name.lstrip('_#')}" for name in (old, new))
            if (schema, jobs) in self._draft.declared and jobs != new_jobs:
                sql += self._draft.sql.rename_table((schema, jobs), new_jobs)
            tier = "it" if difference.source.startswith("a part") else "its tier"
            what = f"rename {old} to {new}, because {tier} is now {difference.source}"
            self._draft.step(difference, what, Grade.SAFE, sql)

    def rename_columns(self) -> None:
        """What `--rename` says, and `{old}` in the comment of an attribute; in the tables below, too."""
        for name, old, new in [*self._asked_renames(), *self._declared_renames()]:
            # The table itself comes last: a run that is interrupted before finds the rename again.
            self._draft.steps += reversed(list(self._rename_column(name, old, new)))

    def _rename_column(self, name: str, old: str, new: str) -> Iterator[Step]:
        """The rename in a table, then in the tables below."""
        place = self._draft.place(name)
        table = self._draft.declared.get(place)
        if table is None or table.attribute(old) is None or table.attribute(new) is not None:
            return
        sql = list(self._draft.sql.rename_column(place, old, new))
        self._draft.declared = _with_column_renamed(self._draft.declared, place, old, new)
        self._draft.rows.note_column(place, old, new)
        jobs = self._draft.declared.get((place[0], f"{JOBS}{place[1].lstrip('_#')}"))
        if jobs is not None and old in jobs.primary:
            sql = [*self._draft.sql.rename_column(jobs.place, old, new), *sql]
            self._draft.declared = _with_column_renamed(self._draft.declared, jobs.place, old, new)
        self._draft.resolved |= {(name, new, str(Aspect.MISSING)), (name, old, str(Aspect.UNKNOWN))}
        yield Step(name, f"rename {old} to {new}", Grade.SAFE, tuple(sql))
        for child, theirs, mine in list(self._of_children(place, old, new)):
            yield from self._rename_column(child, theirs, mine)

    def _of_children(self, place: Place, old: str, new: str) -> Iterator[tuple[str, str, str]]:
        """The columns that foreign keys to a column have: the child, what the database and what the source call it."""
        for child, table in self._draft.source.items():
            here = self._draft.declared.get(table.place)
            if here is None or child not in self._draft.chosen:
                continue
            wanted, there = (
                [mine for key in each.foreign_keys if key.parent == place for mine, to in key.attributes if to == new]
                for each in (table, here)
            )
            gone = [name for name in there if table.attribute(name) is None]
            missing = [name for name in wanted if here.attribute(name) is None]
            for names in ({*here.primary, *table.primary}, {old, new}, {*gone, *missing}):
                pair = [name for name in gone if name in names], [name for name in missing if name in names]
                if len(pair[0]) == len(pair[1]) == 1:  # of several foreign keys, the one in the key or of the same name
                    yield child, pair[0][0], pair[1][0]
                    break

    def _asked_renames(self) -> Iterator[tuple[str, str, str]]:
        for text, new in self._renames.items():
            name, _, old = text.rpartition(".")
            table = self._draft.source.get(name)
            here = self._draft.declared.get(table.place) if table else None
            if table is None or here is None or here.attribute(old) is None:
                raise ProjectError(
                    f"The database has no attribute {text} to rename.",
                    hint="djproject migrate --rename module.Table.old=new  (djproject drift lists what differs)",
                )
            if table.attribute(new) is None:
                raise ProjectError(f"The source has no attribute {name}.{new}.", hint="djproject drift")
            yield name, old, new

    def _declared_renames(self) -> Iterator[tuple[str, str, str]]:
        for name, table in self._draft.source.items():
            for attribute in table.attributes if name in self._draft.chosen else ():
                old, closed, _ = (attribute.comment or "").removeprefix("{").partition("}")
                if closed and (attribute.comment or "").startswith("{") and not attribute.inherited:
                    yield name, old.strip(), attribute.name

    def suggest(self, found: list[Difference]) -> None:
        """Say which attribute may have been renamed: one is gone, one of its kind is new."""
        for name in dict.fromkeys(difference.table for difference in found):
            gone = [d.attribute for d in found if d.table == name and d.aspect is Aspect.UNKNOWN]
            new = [d.attribute for d in found if d.table == name and d.aspect is Aspect.MISSING]
            if len(gone) == len(new) == 1 and self._is_alike(name, gone[0], new[0]):
                self._draft.notes.append(
                    f"To rename {name}.{gone[0]} to {new[0]}: djproject migrate --rename {name}.{gone[0]}={new[0]}"
                )

    def _is_alike(self, name: str, old: str, new: str) -> bool:
        mine, theirs = (
            self._draft.source[name].attribute(new),
            self._draft.declared[self._draft.source[name].place].attribute(old),
        )
        return mine is not None and theirs is not None and is_same_kind(mine.type, theirs.column, self._draft.backend)


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
