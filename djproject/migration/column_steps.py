"""Steps for the columns of tables: another type, null or not, default and comment; columns that are new or gone."""

from collections.abc import Mapping

from djproject.database.comparison import Aspect, Difference
from djproject.database.declared import Attribute, ForeignKey, Place
from djproject.migration.columns import Column
from djproject.migration.conversions import conversion
from djproject.migration.dialects import MySQL, PostgreSQL
from djproject.migration.draft import JOBS, Draft
from djproject.migration.steps import Grade, Step, identity


class ColumnSteps:
    """What is planned for columns."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def retyped(self, found: list[Difference]) -> dict[tuple[Place, str], Column]:
        """The columns that get another type, and those of the job tables with the same key."""
        changed: dict[tuple[Place, str], Column] = {}
        for difference in found:
            if difference.aspect not in (Aspect.TYPE, Aspect.CODEC):
                continue
            place = self._draft.place(difference.table)
            attribute = self._draft.attribute(difference)
            if self._refuse_type(difference, attribute):
                continue
            column = self._draft.columns.of(difference.table, attribute)
            changed[place, attribute.name] = column
            jobs = self._draft.declared.get((place[0], f"{JOBS}{place[1].lstrip('_#')}"))
            if jobs is not None and attribute.name in jobs.primary:
                changed[jobs.place, attribute.name] = column
        return changed

    def _refuse_type(self, difference: Difference, attribute: Attribute) -> bool:
        """Refuse another type where values would be lost or wrong; whether it was refused."""
        why = self._why_not(difference, attribute)
        if why:
            what = f"change {attribute.name} from {difference.database} to {difference.source}"
            self._draft.refuse(difference, what, why)
        return bool(why)

    def _why_not(self, difference: Difference, attribute: Attribute) -> str:
        place, rows = self._draft.place(difference.table), self._draft.rows
        if stranger := rows.stranger(place, attribute.name, self._draft.declared):
            return f"{stranger}, a table outside this pipeline, has a foreign key to it"
        if rows.none(place):
            return ""
        if difference.aspect is Aspect.CODEC:
            return "the stored values are encoded differently"
        change = conversion(self._draft.column(difference).column, attribute.type, self._draft.backend)
        if not change.possible:
            return "the server has no conversion that keeps the values"
        count = rows.count(place, attribute.name, change.misfit) if change.misfit else 0
        if count and not change.cuts:
            return f"{count:,} rows do not fit" if count > 1 else "1 row does not fit"
        return ""

    def change_all(
        self,
        found: list[Difference],
        retyped: Mapping[tuple[Place, str], Column],
        released: list[tuple[Place, ForeignKey]],
    ) -> None:
        """Add and change the columns that differ; those of one key in one step, with the foreign keys `released`."""
        together: list[tuple[Difference, Step]] = []
        for name, attribute in dict.fromkeys((d.table, d.attribute) for d in found if _is_of_column(d)):
            those = [d for d in found if (d.table, d.attribute) == (name, attribute)]
            step = self._change(name, attribute, those, retyped)
            if step is not None and released and (self._draft.place(name), attribute) in retyped:
                together.append((those[0], step))
            elif step is not None:
                self._draft.steps.append(step)
        if together:
            self._draft.steps.append(self._at_once(together, released))

    def _change(
        self, name: str, attribute: str, found: list[Difference], retyped: Mapping[tuple[Place, str], Column]
    ) -> Step | None:
        """The step that gives a column all that differs; None where it is refused, or added instead."""
        place = self._draft.place(name)
        missing = next((d for d in found if d.aspect is Aspect.MISSING), None)
        if missing is not None:
            self._add_column(missing)
            return None
        kinds = [d for d in found if d.aspect in (Aspect.TYPE, Aspect.CODEC)]
        if kinds and (place, attribute) not in retyped:
            return None  # it was refused
        of_null = next((d for d in found if d.aspect is Aspect.NULL), None)
        if of_null is not None and of_null.source == "required" and (nulls := self._draft.rows.nulls(place, attribute)):
            self._draft.refuse(
                of_null, f"make {attribute} required", f"it is null in {nulls:,} row{'s' if nulls > 1 else ''}"
            )
            return None
        old, mine = self._draft.column(found[0]), self._draft.attribute(found[0])
        column = retyped.get((place, attribute)) or self._draft.columns.of(name, mine)
        sql: list[str] = []
        grade, rows, what = Grade.SAFE, 0, "; ".join(_words(difference) for difference in found)
        if kinds:
            change = conversion(old.column, mine.type, self._draft.backend)
            lost = self._draft.rows.count(place, attribute, change.misfit) if change.misfit and change.cuts else 0
            grade, rows = (Grade.LOSSY, lost) if lost else (Grade.REWRITE, self._draft.rows.about(place))
            if lost and change.length and isinstance(self._draft.sql, MySQL):
                sql += self._draft.sql.shorten(place, attribute, change.length)
            if _are_enums(old, mine) and not change.misfit:
                grade, rows = Grade.SAFE, 0
        elif of_null is not None and of_null.source == "required":
            grade, rows = Grade.REWRITE, self._draft.rows.about(place)
        if isinstance(self._draft.sql, PostgreSQL) and kinds:
            sql += self._draft.sql.retype_column(place, column, old, empty=self._draft.rows.none(place))
        else:
            sql += self._draft.sql.change_column(place, column, old)
        sql += self._change_jobs(place, attribute, retyped)
        for difference in found:
            self._draft.resolved.add(identity(difference))
        self._draft.touched.add(name)
        return Step(name, what, grade, tuple(sql), rows)

    def _at_once(self, together: list[tuple[Difference, Step]], released: list[tuple[Place, ForeignKey]]) -> Step:
        """One step for a key and the columns of all its descendants: their foreign keys away, and there again."""
        away = [sql for place, key in released for sql in self._draft.sql.drop_foreign_key(place, key, ())]
        again = [sql for place, key in released for sql in self._draft.sql.add_foreign_key(place, key)]
        own = [(d, step) for d, step in together if not self._draft.attribute(d).inherited] or together[:1]
        below = len({step.table for _, step in together} - {step.table for _, step in own})
        what = "; ".join(
            step.what if step.table == own[0][1].table else f"{step.table}: {step.what}" for _, step in own
        )
        if below:
            what += f", also in {below} table{'s' if below > 1 else ''} below"
        steps = [step for _, step in together]
        grade = Grade.LOSSY if Grade.LOSSY in {step.grade for step in steps} else Grade.REWRITE
        rows = sum(step.rows for step in steps if grade is Grade.REWRITE or step.grade is grade)
        changes = [sql for step in steps for sql in step.sql]
        return Step(own[0][1].table, what, grade, (*away, *changes, *again), rows)

    def _change_jobs(self, place: Place, name: str, retyped: Mapping[tuple[Place, str], Column]) -> list[str]:
        jobs = self._draft.declared.get((place[0], f"{JOBS}{place[1].lstrip('_#')}"))
        old = jobs.attribute(name) if jobs is not None else None
        if jobs is None or old is None or (jobs.place, name) not in retyped:
            return []
        marker = f":{retyped[jobs.place, name].comment.split(':')[1]}:" if old.type else ""
        return self._draft.sql.change_type(
            jobs.place, old, retyped[jobs.place, name].type, f"{marker}{old.comment or ''}"
        )

    def _add_column(self, difference: Difference) -> None:
        name, place = difference.table, self._draft.place(difference.table)
        attribute = self._draft.attribute(difference)
        column = self._draft.columns.of(name, attribute)
        what = f"add {attribute.name} ({attribute.type}{_default_words(attribute)})"
        if not attribute.nullable and not column.default and not self._draft.rows.none(place):
            self._draft.refuse(difference, what, "existing rows have no value for it, and it has no default")
            return
        order = [each.name for each in self._draft.source[name].attributes]
        here = self._draft.declared[place]
        before = [each for each in order[: order.index(attribute.name)] if here.attribute(each)]
        self._draft.step(
            difference, what, Grade.SAFE, self._draft.sql.add_column(place, column, before[-1] if before else "")
        )

    def drop(self, difference: Difference) -> None:
        """Drop a column that the source has not."""
        place = self._draft.place(difference.table)
        count = self._draft.rows.values(place, difference.attribute)
        sql = self._draft.sql.drop_column(place, difference.attribute)
        grade = Grade.LOSSY if count else Grade.SAFE
        self._draft.step(difference, f"drop {difference.attribute} ({difference.database})", grade, sql, count)


def _are_enums(old: Attribute, new: Attribute) -> bool:
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
