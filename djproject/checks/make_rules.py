"""DJP2xx: imported and computed tables and their make methods."""

from collections.abc import Iterator

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.pipeline.making import THREE_PARTS, Making, read_making
from djproject.pipeline.model import Table
from djproject.pipeline.module import ClassFacts, Problem, method_text
from djproject.pipeline.reading import parse
from djproject.pipeline.scope import Kind
from djproject.project.names import AUTOPOPULATED

JOB_COLUMNS = frozenset(
    ["status", "priority", "created_time", "scheduled_time", "reserved_time", "completed_time", "duration",
     "error_message", "error_stack", "user", "host", "pid", "connection_id", "version"]
)  # fmt: skip


@rule
def populated_tables_have_a_make(examined: Examined) -> Iterator[Found]:
    """DJP218 error: Imported and computed tables have `make`, or all of make_fetch, make_compute and make_insert.

    What it does: looks for the methods in the class and its base classes.

    Why it matters: `populate` calls these methods for every key, and raises NotImplementedError if they are missing.

    Example:
        @schema
        class SpikeCount(dj.Computed):
            definition = "-> Recording"

    Use instead: define a method `make(self, key)` that inserts a row for the key; or `make_fetch`, `make_compute` and
    `make_insert`, which keep no transaction open during the computation.

    Source: datajoint/autopopulate.py, AutoPopulate.make.
    """
    for table in populated(examined):
        if table.facts.method("make"):
            continue
        names, known = _methods(examined, table.module, table.facts)
        if "make" in names or not known or "make" in table.facts.assigned:
            continue
        missing = [name for name in THREE_PARTS if name not in names]
        if len(missing) == len(THREE_PARTS):
            yield Found(
                examined.of_table(table), f"{table.name} is {table.tier} and has no make.", "def make(self, key): …"
            )
        elif missing:
            present = [name for name in THREE_PARTS if name in names]
            message = f"{table.name} has {' and '.join(present)}, but not {' and '.join(missing)}."
            yield Found(examined.of_table(table), message)


@rule
def populated_keys_are_foreign_keys(examined: Examined) -> Iterator[Found]:
    """DJP219 error: The primary key of an imported or computed table consists of one or more foreign keys.

    What it does: finds attributes of the primary key that do not come from a foreign key, and tables without a foreign
    key in the primary key.

    Why it matters: `make` is called once for each key of the parents. A job does not contain any other attribute, so
    workers cannot tell which rows are missing. DataJoint has a check for this, but version 2.3.5 does not run it.
    Without a parent, `populate` fails. A `key_source` does not help: its attributes come from other tables and do not
    match those of this table, and DataJoint cannot create the job table.

    Example:
        -> Session
        scan_idx : int32
        ---

    Use instead: use a part table for the rows that belong to one key.
        @schema
        class Recording(dj.Imported):
            definition = \"\"\"
            -> Session
            \"\"\"

            class Scan(dj.Part):
                definition = \"\"\"
                -> master
                scan_idx : int32
                \"\"\"

    Source: datajoint/autopopulate.py, AutoPopulate._declare_check.
    """
    for table in populated(examined):
        if table.definition is None:
            continue
        keys = [key for key in table.definition.foreign_keys if key.primary]
        own = [attribute for attribute in table.definition.attributes if attribute.primary]
        if keys and not own:
            continue
        if not keys:
            yield Found(
                examined.of_table(table),
                f"{table.name} is {table.tier} and has no foreign key in its primary key, so it has no keys to make.",
                "Write '-> Parent' above the ---.",
            )
        heading = examined.headings.of(table)
        for attribute in own if keys else ():
            if attribute.name not in heading.inherited and heading.complete:
                yield Found(
                    examined.in_definition(table, attribute.line, attribute.name),
                    f"{table.name} is {table.tier} and its primary key has an attribute of its own, {attribute.name}.",
                    "Move it into a part, or below the ---.",
                )


@rule
def keys_are_not_called_like_job_columns(examined: Examined) -> Iterator[Found]:
    """DJP234 error: No key attribute of an imported or computed table has the name of a column of the job table.

    What it does: looks at the attributes that foreign keys add to the primary key, under the names they have in this
    table. These names are refused: completed_time, connection_id, created_time, duration, error_message, error_stack,
    host, pid, priority, reserved_time, scheduled_time, status, user, version.

    Why it matters: the job table contains the key attributes and its own columns, and DataJoint keeps only one of two
    columns with the same name. For example, when a worker reserves the job for the key user="anna", DataJoint
    overwrites the key with the database user. It then no longer finds the job, which stays reserved.

    Example:
        # a computed table whose parent Rig has the key `host`
        -> Rig

    Use instead: rename the attribute, in this table or in the parent.
        -> Rig.proj(rig_host='host')

    Source: datajoint/jobs.py, Job._generate_definition.
    """
    for table in populated(examined):
        for link in examined.headings.of(table).links:
            for mine, theirs in link.attributes if link.primary else ():
                if mine in JOB_COLUMNS:
                    parent = link.parent.rpartition(".")[2]
                    yield Found(
                        examined.in_definition(table, link.line),
                        f"{table.name} has the key attribute {mine!r}, but its job table has a column of that name.",
                        f"Rename it: -> {parent}.proj({parent.lower()}_{mine}='{theirs}')",
                    )


@rule
def makes_insert(examined: Examined) -> Iterator[Found]:
    """DJP220 warning: Every `make` can reach an insert.

    What it does: follows `make` through the methods of its class. If `make` passes the table to other code, or calls a
    method that is not in the class, the rule assumes that this code inserts.

    Why it matters: DataJoint counts a `make` that inserts nothing as a success, and its `populate` calls it again on
    every run. (djproject's workers set the job to `ignore`.)

    Example:
        def make(self, key):
            values = (Recording & key).fetch1()

    Use instead:
        def make(self, key):
            values = (Recording & key).fetch1()
            self.insert1({**key, "mean": values["trace"].mean()})

    Source: tested with DataJoint 2.3.5: success_count counts such calls.
    """
    for table in populated(examined):
        methods = [m for m in table.facts.methods if m.name in {"make", "make_insert"}]
        lines = examined.lines(table.path)
        if not methods or any(".insert" in line for m in methods for line in lines[m.line : m.end_line]):
            continue
        texts = [method_text(examined.lines(table.path), method) for method in methods]
        if all("raise NotImplementedError" in text for text in texts):
            continue  # still to be written, and says so
        making = making_of(examined, table)
        if making is not None and not making.inserts:
            place = examined.at(table.path, table.facts.place, table.facts.name)
            yield Found(place, f"No insert can be reached from the make of {table.name}.", "self.insert1({**key, …})")


def populated(examined: Examined) -> Iterator[Table]:
    """The imported and computed tables; parts are filled by their masters."""
    for table in examined.pipeline.tables:
        if table.tier in AUTOPOPULATED and "." not in table.name:
            yield table


def making_of(examined: Examined, table: Table) -> Making | None:
    """What the make methods of a table do; None where its file does not parse."""
    tree = parse(examined.files[table.path])
    return None if isinstance(tree, Problem) else read_making(tree, table.name)


def _methods(examined: Examined, module: str, facts: ClassFacts, depth: int = 0) -> tuple[set[str], bool]:
    """The methods of a class and its bases, and whether all bases are known."""
    names, known = {method.name for method in facts.methods}, True
    for base in facts.bases if depth < 20 else ():
        meaning = examined.pipeline.scopes.meaning(module, base)
        if meaning.kind is Kind.CLASS:
            inner = examined.pipeline.scopes.class_facts(meaning.module, meaning.name)
            if inner is not None and inner is not facts:
                more, inner_known = _methods(examined, meaning.module, inner, depth + 1)
                names |= more
                known = known and inner_known
        elif meaning.kind is not Kind.DATAJOINT:
            known = False
    return names, known
