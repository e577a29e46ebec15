"""The rows that a change concerns, counted in the database."""

from collections.abc import Sequence
from typing import Any

from djproject.database.declared import Declared, ForeignKey, Place
from djproject.migration.dialects import Dialect

_CHILDREN = {
    "mysql": "SELECT table_schema, table_name, referenced_column_name FROM information_schema.key_column_usage "
    "WHERE referenced_table_schema=%s AND referenced_table_name=%s",
    "postgresql": "SELECT cn.nspname, c.relname, a.attname FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid "
    "JOIN pg_namespace cn ON cn.oid = c.relnamespace JOIN pg_class p ON p.oid = f.confrelid "
    "JOIN pg_namespace pn ON pn.oid = p.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum = ANY(f.confkey) "
    "WHERE f.contype = 'f' AND pn.nspname=%s AND p.relname=%s",
}


class Rows:
    """Counts of rows; each is asked for when it is needed.

    Tables and attributes are named as after the renames that are planned, and looked up under the names of now.
    """

    def __init__(self, connection: Any, sql: Dialect) -> None:
        self._connection, self._sql = connection, sql
        self._places: dict[Place, Place] = {}
        self._names: dict[tuple[Place, str], str] = {}

    def note_table(self, old: Place, new: Place) -> None:
        """A table will have another name."""
        self._places[new] = old

    def note_column(self, place: Place, old: str, new: str) -> None:
        """An attribute will have another name."""
        self._names[(place, new)] = old

    def _table(self, place: Place) -> str:
        return self._sql.table(self._places.get(place, place))

    def _column(self, place: Place, name: str) -> str:
        return self._sql.quote(self._names.get((place, name), name))

    def none(self, place: Place) -> bool:
        """Whether a table has no row."""
        return self._number(f"SELECT COUNT(*) FROM (SELECT 1 FROM {self._table(place)} LIMIT 1) AS one") == 0

    def all(self, place: Place) -> int:
        """How many rows a table has; 0 where it is not there."""
        try:
            return self._number(f"SELECT COUNT(*) FROM {self._table(place)}")
        except Exception:  # it is not declared yet
            return 0

    def about(self, place: Place) -> int:
        """About how many rows a table has, as the server's planner expects where it has many."""
        limit = 10_000
        few = self._number(f"SELECT COUNT(*) FROM (SELECT 1 FROM {self._table(place)} LIMIT {limit}) AS few")
        if few < limit:
            return few
        # The planner looks at the size of the table as it is now; the catalogue's count may be hours old.
        if self._connection.adapter.backend == "mysql":
            explained = self._connection.query(
                f"EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM {self._table(place)}", as_dict=True
            ).fetchone()
            guess = explained["rows"]
        else:
            (plans,) = self._connection.query(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {self._table(place)}").fetchone()
            guess = plans[0]["Plan"]["Plan Rows"]
        return max(int(guess or 0), few)

    def values(self, place: Place, name: str) -> int:
        """In how many rows an attribute has a value."""
        return self.count(place, name, "{} IS NOT NULL")

    def nulls(self, place: Place, name: str) -> int:
        """In how many rows an attribute is null."""
        return self.count(place, name, "{} IS NULL")

    def count(self, place: Place, name: str, condition: str) -> int:
        """For how many rows a condition holds, with `{}` for the attribute."""
        holds = condition.replace("{}", self._column(place, name)).replace("%", "%%")
        return self._number(f"SELECT COUNT(*) FROM {self._table(place)} WHERE {holds}")

    def duplicates(self, place: Place, names: Sequence[str]) -> int:
        """How many values of some attributes occur more than once."""
        columns = [self._column(place, name) for name in names]
        known = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        twice = f"SELECT 1 FROM {self._table(place)} WHERE {known} GROUP BY {', '.join(columns)} HAVING COUNT(*) > 1"
        return self._number(f"SELECT COUNT(*) FROM ({twice}) AS twice")

    def orphans(self, place: Place, key: ForeignKey, declared: Declared) -> int:
        """How many rows have no parent, as far as the attributes are there."""
        here, parent = declared.get(place), declared.get(key.parent)
        if (
            here is None
            or parent is None
            or not all(here.attribute(mine) and parent.attribute(theirs) for mine, theirs in key.attributes)
        ):
            return 0
        pairs = [(self._column(place, mine), self._column(key.parent, theirs)) for mine, theirs in key.attributes]
        same = " AND ".join(f"p.{theirs} = c.{mine}" for mine, theirs in pairs)
        known = " AND ".join(f"c.{mine} IS NOT NULL" for mine, _ in pairs)
        exists = f"EXISTS (SELECT 1 FROM {self._table(key.parent)} p WHERE {same})"
        return self._number(f"SELECT COUNT(*) FROM {self._table(place)} c WHERE {known} AND NOT {exists}")

    def stranger(self, place: Place, name: str, declared: Declared) -> str:
        """A table with a foreign key to an attribute, in a schema that the pipeline has not; empty where none is."""
        schemas = {schema for schema, _ in declared}
        query = _CHILDREN[self._connection.adapter.backend]
        name = self._names.get((place, name), name)
        found = self._connection.query(query, args=self._places.get(place, place)).fetchall()
        texts = [tuple(v.decode() if isinstance(v, bytes) else str(v) for v in row) for row in found]
        strange = (f"{schema}.{table}" for schema, table, column in texts if column == name and schema not in schemas)
        return next(strange, "")

    def _number(self, query: str) -> int:
        return int(self._connection.query(query).fetchone()[0])
