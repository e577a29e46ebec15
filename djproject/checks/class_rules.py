"""DJP2xx: what a table class has beside its definition: the methods that DataJoint calls, and contents."""

from collections.abc import Iterator

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.pipeline.module import Row
from djproject.project.names import AUTOPOPULATED


@rule
def makes_take_the_key(examined: Examined) -> Iterator[Found]:
    """DJP237 error: `make`, `make_fetch`, `make_compute` and `make_insert` take the key.

    What it does: counts the arguments of these methods in imported and computed tables. Decorated methods are not
    checked.

    Why it matters: `populate` calls these methods with the key, so each call fails with a TypeError.

    Example:
        def make(self):
            self.insert1(...)

    Use instead:
        def make(self, key):
            self.insert1({**key, ...})

    Source: datajoint/autopopulate.py, AutoPopulate._populate1.
    """
    for table in examined.tables:
        if table.tier not in AUTOPOPULATED or "." in table.name:
            continue
        for name in ("make", "make_fetch", "make_compute", "make_insert"):
            method = table.facts.method(name)
            if method and not method.decorated and 0 <= method.positions < 2:
                where = examined.at(table.path, method.place, f"def {name}")
                yield Found(where, f"{name} of {table.name} takes no key.", f"def {name}(self, key, …):")


@rule
def key_sources_are_properties(examined: Examined) -> Iterator[Found]:
    """DJP238 error: `key_source` is a property or a class attribute, not a method.

    What it does: finds `def key_source` without a decorator in imported and computed tables.

    Why it matters: `populate` uses the value of `key_source` as a query. A method is not a query, so every run fails.

    Example:
        def key_source(self):
            return Session & "approved"

    Use instead:
        @property
        def key_source(self):
            return Session & "approved"

    Source: datajoint/autopopulate.py, AutoPopulate._jobs_to_do.
    """
    for table in examined.tables:
        method = table.facts.method("key_source") if table.tier in AUTOPOPULATED else None
        if method and not method.decorated:
            where = examined.at(table.path, method.place, "def key_source")
            yield Found(where, f"key_source of {table.name} is a method, not a property.", "Write @property above it.")


@rule
def contents_fit_the_definition(examined: Examined) -> Iterator[Found]:
    """DJP239 error: The rows of `contents` fit the attributes of the definition.

    What it does: counts the values of rows that are written as tuples or lists, and looks up the keys of rows that are
    written as dictionaries. Rows that are computed are not checked.

    Why it matters: DataJoint inserts the rows when the module is imported, and fails if one of them does not fit.

    Example:
        definition = \"\"\"
        side : varchar(8)
        ---
        angle : float32
        \"\"\"
        contents = [("left",), ("right",)]

    Use instead:
        contents = [("left", -90), ("right", 90)]

    Source: datajoint/user_tables.py, Lookup; datajoint/table.py, Table.insert.
    """
    for table in examined.tables:
        if not table.facts.rows or table.definition is None or not examined.headings.of(table).complete:
            continue
        names = examined.headings.of(table).names
        for row in table.facts.rows:
            problem = _misfit(row, names)
            if problem:
                yield Found(examined.at(table.path, row.place), f"A row of {table.name}.contents {problem}.")


def _misfit(row: Row, names: tuple[str, ...]) -> str:
    if not row.names:
        if row.length == len(names):
            return ""
        given, wanted = row.length, len(names)
        return f"has {given} value{'s' * (given != 1)}, but the table has {wanted} attribute{'s' * (wanted != 1)}"
    unknown = [name for name in row.names if name not in names]
    return f"has {unknown[0]!r}, which is not an attribute" if unknown else ""
