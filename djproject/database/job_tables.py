"""The job table of each populated table: DataJoint's own, with the key that its key source has.

DataJoint declares job tables from the foreign keys of a table and from the types in its heading (2.3.5). Where the key
source has other attributes, or DataJoint does not read the types of a server back, the same table is made here, with
columns copied from the table; both our workers and `populate(reserve_jobs=True)` use it.
"""

import inspect
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from djproject.database.declared import Declared
from djproject.database.internals import keys_to_make, remember_jobs, remembered_jobs
from djproject.database.keys import Condition
from djproject.errors import ProjectError

PLACEHOLDER = "djproject_key"
LONGEST_MESSAGE = 2047


def has_own_key_source(cls: Any) -> bool:
    """Whether a table class has a key source of its own, instead of the join of its parents."""
    from datajoint.autopopulate import AutoPopulate

    return inspect.getattr_static(cls, "key_source") is not AutoPopulate.__dict__["key_source"]


def job_table(table: Any) -> Any:
    """The job table of a table's instance, which remembers it; it may not be declared."""
    if remembered_jobs(table) is None:
        remember_jobs(table, _job_class()(table))
    return remembered_jobs(table)


def job_key(table: Any) -> tuple[str, ...]:
    """The attributes of a table that a job has: those of the keys that `make` is called with.

    Raises
    ------
    Exception
        What the key source raises.
    """
    if not has_own_key_source(type(table)):
        derived = _from_parents(table)
        return tuple(name for name in table.primary_key if name in derived)
    given = keys_to_make(table).heading.primary_key
    first = [name for name in table.primary_key if name in given]
    return (*first, *(name for name in given if name not in first))


def _from_parents(table: Any) -> set[str]:
    """The attributes of a table's key that foreign keys bring."""
    return {name for _, of in table.parents(primary=True, foreign_key_info=True) for name in of["attr_map"]}


def check_job_table(table: Any, name: str) -> None:
    """Raise a ProjectError where the job table is not that of the table's key source, or the key source raises."""
    try:
        jobs, key = job_table(table), job_key(table)
    except Exception as error:  # the user's code
        text = " ".join(str(error).split())
        reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
        raise ProjectError(
            f"The key source of {name} raises {reason.rstrip('.')}.",
            hint=f"$EDITOR the class {name.rpartition('.')[2]}: key_source",
        ) from error
    if not jobs.is_declared:
        raise ProjectError(f"The job table of {name} is missing.", hint="djproject deploy")
    if set(jobs.primary_key) != set(key):
        raise ProjectError(
            f"The job table of {name} has the key ({', '.join(jobs.primary_key)}), "
            f"and the keys to populate have ({', '.join(key)}).",
            hint="djproject deploy",
        )


def key_query(table: Any, names: Sequence[str], restrictions: Sequence[str] = ()) -> str:
    """The SQL query for all keys of a table's key source."""
    return str(keys_to_make(table, tuple(restrictions)).make_sql(fields=list(names)))


def record_error(jobs: Any, condition: Condition, message: str, stack: str) -> bool:
    """Make an error of the job for which a condition holds, as DataJoint's `Job.error` does; whether there was one."""
    from datajoint.blob import pack

    query = f"UPDATE {jobs.full_table_name} SET status='error', completed_time=CURRENT_TIMESTAMP(3)"
    query += f", error_message=%s, error_stack=%s WHERE {condition.sql}"
    arguments = (message[:LONGEST_MESSAGE], pack(stack, compress=True), *condition.args)
    return bool(jobs.connection.query(query, args=arguments).rowcount)


def fits(table: Any, catalogue: Declared) -> bool:
    """Whether a table with DataJoint's own key source has a job table with the right key, as far as a catalogue tells.

    Only the foreign keys are asked of the database, once for all tables.
    """
    if has_own_key_source(type(table)):
        return False
    schema, name = str(table.database), str(table.table_name)
    own, jobs = catalogue.get((schema, name)), catalogue.get((schema, f"~~{name.lstrip('_')}"))
    if own is None or jobs is None:
        return False
    key = set(own.primary) & set(_from_parents(table))
    return bool(key) and key == set(jobs.primary)


def declare_job_table(table: Any, name: str) -> None:
    """Make the job table where it is missing, and again where it has another key and no jobs worth keeping.

    Raises
    ------
    ProjectError
        It has another key, and jobs that failed or are ignored; or the table has no key to make jobs from.
    """
    try:
        key = job_key(table)
    except Exception:  # a key source that raises is reported by the workers: the table can be declared nevertheless
        key = ()
    if not key:
        _declare_as_datajoint(table, name)
        return
    jobs = job_table(table)
    if jobs.is_declared:
        if set(jobs.primary_key) == set(key):
            return
        if len(jobs & "status <> 'pending'"):
            raise ProjectError(
                f"The job table of {name} has the key ({', '.join(jobs.primary_key)}), the keys to populate have "
                f"({', '.join(key)}), and it holds jobs that are not pending.",
                hint=f"djproject jobs clear {name}  (then: djproject deploy)",
            )
        jobs.drop()
        remember_jobs(table, None)
    if _datajoint_can_declare(table, key):
        job_table(table).declare()
    else:
        _declare(table, key)
    remember_jobs(table, None)


def _declare_as_datajoint(table: Any, name: str) -> None:
    from datajoint.errors import DataJointError

    try:
        _ = table.jobs
    except DataJointError as error:
        raise ProjectError(
            f"DataJoint cannot declare the job table of {name}: {str(error).strip().splitlines()[0].rstrip('.')}.",
            hint="Give the table a primary key from its foreign keys (-> Parent above ---).",
        ) from error


@cache
def _job_class() -> Any:
    from datajoint.errors import DataJointError
    from datajoint.jobs import Job

    class JobTable(Job):  # type: ignore[misc]  # datajoint has no types
        """DataJoint's job table, whose definition is written when it is asked for, empty where DataJoint cannot.

        DataJoint writes it for each instance, and reads the foreign keys of all schemas again for it.
        """

        def _generate_definition(self) -> str:
            return ""

        def _get_fk_derived_pk_attrs(self) -> list[tuple[str, str]]:
            heading, derived = self.target.heading, _from_parents(self.target)
            return [
                (name, heading[name].original_type or heading[name].type)
                for name in heading.primary_key
                if name in derived
            ]

        @property
        def definition(self) -> str:
            try:
                return self._definition or str(super()._generate_definition())
            except DataJointError:
                return ""

    return JobTable


def _datajoint_can_declare(table: Any, key: tuple[str, ...]) -> bool:
    from datajoint.declare import compile_attribute
    from datajoint.errors import DataJointError

    if set(key) != _from_parents(table) & set(table.primary_key):
        return False
    try:
        for name in key:
            attribute = table.heading[name]
            line = f"{name} : {attribute.original_type or attribute.type}"
            compile_attribute(line, True, [], {}, table.connection.adapter)
    except (DataJointError, AttributeError):
        return False
    return True


def _declare(table: Any, key: tuple[str, ...]) -> None:
    """Let DataJoint declare the table with another key, and exchange the key."""
    jobs = _job_class()(table)
    jobs._definition = _definition(table)
    jobs.declare()
    name, query = jobs.full_table_name, table.connection.query
    quote = table.connection.adapter.quote_identifier
    columns = ", ".join(map(quote, key))
    dropped = f"DROP COLUMN {quote(PLACEHOLDER)}"
    if table.connection.adapter.backend == "mysql":
        lines = _mysql_columns(table, key)
        added = ", ".join(f"ADD COLUMN {line}" for line in lines)
        query(f"ALTER TABLE {name} DROP PRIMARY KEY, {dropped}, {added}, ADD PRIMARY KEY ({columns})")
        return
    found = _postgresql_columns(table, key)
    added = ", ".join(f"ADD COLUMN {quote(column)} {kind} NOT NULL" for column, (kind, _) in found.items())
    query(f"ALTER TABLE {name} {dropped}, {added}, ADD PRIMARY KEY ({columns})")
    for column, (_, comment) in found.items():
        query(f"COMMENT ON COLUMN {name}.{quote(column)} IS %s", args=(comment,))


def _definition(table: Any) -> str:
    """DataJoint's definition of a job table, with an integer as its key."""
    from datajoint.jobs import Job

    class Pattern(Job):  # type: ignore[misc]
        def _get_fk_derived_pk_attrs(self) -> list[tuple[str, str]]:
            return [(PLACEHOLDER, "int32")]

    return str(Pattern(table).definition)


def _mysql_columns(table: Any, key: tuple[str, ...]) -> list[str]:
    """The definitions of some of a table's columns, for the beginning of another table."""
    created = str(table.connection.query(f"SHOW CREATE TABLE {table.full_table_name}").fetchone()[1])
    found = []
    place = "FIRST"
    for name in key:
        quoted = f"`{name}`"
        line = re.search(rf"^ *{re.escape(quoted)} (.*?),?$", created, re.MULTILINE)
        text = (line[1] if line else "").replace(" AUTO_INCREMENT", "").replace("DEFAULT NULL", "NOT NULL")
        found.append(f"{quoted} {text} {place}".replace("%", "%%"))
        place = f"AFTER {quoted}"
    return found


def _postgresql_columns(table: Any, key: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """The type and the comment of some of a table's columns."""
    rows = table.connection.query(
        "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) "
        "FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        args=(table.full_table_name,),
    ).fetchall()
    found = {str(name): (str(kind), str(comment or "")) for name, kind, comment in rows}
    return {name: found[name] for name in key}
