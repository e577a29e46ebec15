"""DJP2xx: table classes, their tiers and their foreign keys."""

import re
from collections.abc import Iterator

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.pipeline.model import Table
from djproject.pipeline.types import MYSQL
from djproject.project.names import TABLE_CHARACTERS, TIER_PREFIX, snake_case

CAMEL_CASE = re.compile("[A-Z][A-Za-z0-9]*")


@rule
def table_classes_are_in_camel_case(examined: Examined) -> Iterator[Found]:
    """DJP201 error: Table classes are named in CamelCase.

    What it does: checks that the name of each table class is a capital letter followed by letters and digits.

    Why it matters: DataJoint derives the table's name in the database from the name of the class, and refuses to
    declare the table if the class is not in CamelCase. If the name is CamelCase apart from underscores, DataJoint only
    warns, and drops the underscores.

    Example:
        class session_note(dj.Manual): ...

    Use instead:
        class SessionNote(dj.Manual): ...

    Source: datajoint/utils.py, is_camel_case; book, Clear Naming Conventions.
    """
    for table in examined.tables:
        name = table.facts.name
        if not CAMEL_CASE.fullmatch(name):
            better = "".join(part[:1].upper() + part[1:] for part in re.split("[^A-Za-z0-9]+", name))
            hint = f"class {better}(…)" if better[:1].isalpha() else ""
            yield Found(examined.of_table(table), f"The table class {name} is not in CamelCase.", hint)


@rule
def tables_are_decorated(examined: Examined) -> Iterator[Found]:
    """DJP202 error: Every table class is decorated by a schema, and its part tables are not.

    What it does: finds table classes without `@schema`, and part tables that are decorated themselves.

    Why it matters: without the decorator the table is never declared, and the first insert fails far from the cause.
    DataJoint refuses to decorate a part table.

    Example:
        class Session(dj.Manual): ...

    Use instead:
        @schema
        class Session(dj.Manual): ...

    Source: book, The schema Property; datajoint/schemas.py, Schema.__call__.
    """
    for table in examined.tables:
        if "." in table.name:
            if table.facts.decorators:
                yield Found(
                    examined.of_table(table), f"The part {table.name} is decorated; its master's decorator declares it."
                )
        elif table.tier != "part" and not table.facts.decorators and _is_meant_as_table(table):
            message = f"{table.name} is not decorated by a schema, so it is never declared."
            yield Found(examined.of_table(table), message, "Write @schema above the class.")


@rule
def tables_are_in_the_module_of_their_schema(examined: Examined) -> Iterator[Found]:
    """DJP123 error (convention): A table is decorated by the schema of its own module.

    What it does: finds table classes that are decorated by a schema of another module.

    Why it matters: by convention, one schema corresponds to one module. People who see the table in the database look
    for it in the wrong file.

    Example:
        # probe.py
        from .ephys import schema

        @schema
        class Probe(dj.Manual): ...

    Use instead: move the class to ephys.py, or give probe.py its own schema.

    Source: book, One Schema Per Module.
    """
    for table in examined.tables:
        if "." not in table.name and table.schemas and table.schemas[0] != table.module:
            other = table.schemas[0] or "the package"
            message = f"{table.name} is decorated by the schema of {other}, not by that of its own module."
            yield Found(examined.of_table(table), message, "Move the class there, or give this module a schema.")


@rule
def tables_have_one_tier(examined: Examined) -> Iterator[Found]:
    """DJP203 error: A table has exactly one tier.

    What it does: follows the base classes of each table class to Manual, Lookup, Imported, Computed and Part (Entry,
    Ingest and Compute are the same classes as Manual, Imported and Computed).

    Why it matters: the tier decides the table's name in the database and whether `populate` fills the table. If there
    are two tiers, DataJoint silently uses one of them.

    Example:
        class Scan(dj.Imported, dj.Computed): ...

    Use instead:
        class Scan(dj.Imported): ...

    Source: datajoint/user_tables.py.
    """
    for table in examined.tables:
        if len(table.tiers) > 1:
            message = f"{table.name} has {len(table.tiers)} tiers: {', '.join(table.tiers)}."
            yield Found(examined.of_table(table), message, "Keep one of the base classes.")


@rule
def parts_are_inside_a_master(examined: Examined) -> Iterator[Found]:
    """DJP204 error: Part tables are defined inside their master's class, and no other tables are.

    What it does: finds `dj.Part` classes outside a table class, and tables of another tier inside a table class.

    Why it matters: DataJoint looks for part tables only inside the class that it decorates, and refuses to decorate a
    part table. A table of another tier inside a class is never declared.

    Example:
        class Channel(dj.Part): ...

    Use instead:
        @schema
        class Recording(dj.Imported):
            class Channel(dj.Part): ...

    Source: datajoint/schemas.py, Schema._decorate_master.
    """
    for table in examined.tables:
        if "." not in table.name and table.tier == "part":
            yield Found(
                examined.of_table(table),
                f"The part {table.name} is not inside a master.",
                "Move the class into its master's class.",
            )
        elif "." in table.name and table.tier != "part":
            yield Found(
                examined.of_table(table),
                f"{table.name} is {table.tier}, but inside another table, where only part tables are declared.",
                "Move the class to the top of the module, or derive it from dj.Part.",
            )


@rule
def tables_have_a_definition(examined: Examined) -> Iterator[Found]:
    """DJP205 error: Every table has a definition.

    What it does: looks for `definition` in the class and its base classes.

    Why it matters: declaring a table without a definition raises NotImplementedError.

    Example:
        @schema
        class Session(dj.Manual):
            pass

    Use instead: add a string called `definition` to the class.

    Source: datajoint/user_tables.py, UserTable.definition.
    """
    for table in examined.tables:
        if table.text is None and not table.unknown:
            yield Found(examined.of_table(table), f"{table.name} has no definition.")


@rule
def definitions_can_be_read(examined: Examined) -> Iterator[Found]:
    """DJP206 error: Every line of a definition is an attribute, a foreign key, an index, `---` or a comment.

    What it does: parses each line with DataJoint's grammar. (DJP224 finds names that start with an underscore or have
    capitals.)

    Why it matters: DataJoint refuses to declare the table.

    Example:
        session_date = null date

    Use instead:
        session_date = null : date

    Source: datajoint/declare.py, prepare_declare.
    """
    from djproject.pipeline.definition import Fault, Malformed, old_reference

    for table in examined.tables:
        for line in table.definition.lines if table.definition else ():
            if type(line) is Malformed and line.fault not in {Fault.UNDERSCORE, Fault.UPPER_CASE}:
                better = old_reference(line.text)
                message = f"This line of {table.name}'s definition {line.fault}."
                yield Found(examined.in_definition(table, line.line), message, f"Write {better}" if better else "")


@rule
def table_names_fit_the_database(examined: Examined) -> Iterator[Found]:
    """DJP227 error: A table's name in the database is at most 64 characters long, 63 bytes on PostgreSQL.

    What it does: builds the name as DataJoint does: the tier's prefix and the class name in snake_case, `master__part`
    for a part table, and the prefix `~~` for the job table of an imported or computed table. On MySQL it also checks
    the names that MySQL gives to the table's foreign keys: the table's name followed by `_ibfk_1`, `_ibfk_2`, ….

    Why it matters: DataJoint and MySQL refuse longer names. PostgreSQL cuts them, so that two tables can become one.

    Example:
        class BehaviouralVideoPoseEstimationWithConfidenceScoresPerFrameAndCamera(dj.Computed): ...

    Use instead: choose a shorter class name.

    Source: datajoint/declare.py, declare; PostgreSQL, Lexical Structure.
    """
    limit = TABLE_CHARACTERS - 1 if "postgresql" in examined.backends else TABLE_CHARACTERS
    for table in examined.tables:
        name = database_name(examined, table)
        if name is not None and len(name) > limit:
            message = f"The table of {table.name} is called {name}: {len(name)} characters, {limit} are allowed."
            yield Found(examined.of_table(table), message)
        elif name is not None and (constraint := _last_foreign_key(examined, table, name)):
            message = f"MySQL calls a foreign key of {table.name} {constraint}: {len(constraint)} characters, "
            yield Found(examined.of_table(table), f"{message}{TABLE_CHARACTERS} are allowed.")


@rule
def tables_do_not_share_a_name(examined: Examined) -> Iterator[Found]:
    """DJP228 error: No two tables of a schema have the same name or the same job table.

    What it does: compares the names of classes, and the names that DataJoint gives to tables and job tables. A job
    table is called `~~name`, without the prefix of the tier.

    Why it matters: of two classes with one name Python keeps the last. Two classes with the same name in the database
    use the same table. Two tables with the same job table take each other's jobs.

    Example:
        class Fit(dj.Imported): ...
        class Fit(dj.Computed): ...

    Use instead: choose names that differ by more than case and tier.

    Source: datajoint/jobs.py; datajoint/utils.py, from_camel_case.
    """
    for module in examined.pipeline.modules:
        named: dict[str, Table] = {}
        stored: dict[str, Table] = {}
        for table in module.tables:
            name = database_name(examined, table)
            other = named.setdefault(table.name, table)
            same = table if name is None else stored.setdefault(name, table)
            if same is not table:
                message = f"{table.name} shares its name in the database ({name}) with the class in line {same.line}."
            elif other is not table:
                message = f"{table.name} takes the place of the class of the same name in line {other.line}."
            else:
                continue
            yield Found(examined.of_table(table), message, "Rename one of the two.")


def database_name(examined: Examined, table: Table) -> str | None:
    """The longest name that a table gives rise to in the database; None for a part outside a master."""
    if "." in table.name:
        master, _, part = table.name.rpartition(".")
        owner = examined.pipeline.table(f"{table.module}.{master}")
        prefix = TIER_PREFIX.get(owner.tier, "") if owner else ""
        return f"{prefix}{snake_case(master)}__{snake_case(part)}"
    if table.tier == "part":
        return None
    prefix = "~~" if table.tier in {"imported", "computed"} else TIER_PREFIX[table.tier]
    return prefix + snake_case(table.name)


def _last_foreign_key(examined: Examined, table: Table, name: str) -> str:
    """The name that MySQL gives to the table's last foreign key, where it is too long; else empty."""
    keys = len(table.definition.foreign_keys) if table.definition else 0
    if not keys or MYSQL not in examined.backends:
        return ""
    if name.startswith("~~"):
        name = TIER_PREFIX[table.tier] + name.removeprefix("~~")
    constraint = f"{name}_ibfk_{keys}"
    return constraint if len(constraint) > TABLE_CHARACTERS else ""


def _is_meant_as_table(table: Table) -> bool:
    return table.text is not None or bool(table.facts.parts)
