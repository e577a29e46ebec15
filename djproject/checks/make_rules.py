"""DJP2xx: imported and computed tables and their make methods."""

from collections.abc import Collection, Iterator

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.pipeline.graph import table_parents
from djproject.pipeline.making import THREE_PARTS, Fetch, Making, helper_texts, read_making
from djproject.pipeline.model import Table
from djproject.pipeline.module import ClassFacts, Problem, method_text, names_in
from djproject.pipeline.reading import parse
from djproject.pipeline.scope import Kind, Meaning
from djproject.project.names import AUTOPOPULATED

JOB_COLUMNS = frozenset(
    ["status", "priority", "created_time", "scheduled_time", "reserved_time", "completed_time", "duration",
     "error_message", "error_stack", "user", "host", "pid", "connection_id", "version"]
)  # fmt: skip


@rule
def populated_tables_have_a_make(examined: Examined) -> Iterator[Found]:
    """DJP218 error: Imported and computed tables have `make`, or all of make_fetch, make_compute and make_insert.

    What it does: looks for the methods in the class and the classes it inherits from.

    Why it matters: `populate` calls them for every key and raises NotImplementedError where they are missing.

    Example:
        @schema
        class SpikeCount(dj.Computed):
            definition = "-> Recording"

    Use instead: a method `make(self, key)` that inserts a row for the key; or `make_fetch`, `make_compute` and
    `make_insert`, which keep no transaction open while they compute.

    Source: datajoint/autopopulate.py, AutoPopulate.make.
    """
    for table in _populated(examined):
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
            message = f"{table.name} has a part of make in three parts, but not {' and '.join(missing)}."
            yield Found(examined.of_table(table), message)


@rule
def populated_keys_are_foreign_keys(examined: Examined) -> Iterator[Found]:
    """DJP219 error: The primary key of an imported or computed table consists of foreign keys, one at least.

    What it does: finds attributes of the primary key that no foreign key brings, and tables without a foreign key in
    the primary key.

    Why it matters: `make` is called for each key of the parents; an attribute more is in no job, so workers cannot tell
    which rows are missing. DataJoint means to refuse it, and 2.3.5 forgets to; without a parent `populate` fails, with
    a `key_source` too: attributes of another table are not its own, and it can have no job table.

    Example:
        -> Session
        scan_idx : int32
        ---

    Use instead: a part for the rows that one key gives rise to.
        -> Session
        ---
        class Scan(dj.Part):
            definition = \"\"\"
            -> master
            scan_idx : int32
            \"\"\"

    Source: datajoint/autopopulate.py, AutoPopulate._declare_check.
    """
    for table in _populated(examined):
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
    """DJP234 error: No key attribute of an imported or computed table has the name of a column of its job table.

    What it does: looks at the attributes that foreign keys bring into the primary key, under the name they have in this
    table, for: completed_time, connection_id, created_time, duration, error_message, error_stack, host, pid, priority,
    reserved_time, scheduled_time, status, user, version.

    Why it matters: the job table has the key's attributes beside its own columns, and DataJoint keeps one of the two.
    Reserving a job for the user "anna" writes the database's user over the key, so the job never ends.

    Example:
        # a computed table whose parent Rig has the key `host`
        -> Rig

    Use instead: another name, in this table alone or in the parent.
        -> Rig.proj(rig_host='host')

    Source: datajoint/jobs.py, Job._generate_definition.
    """
    for table in _populated(examined):
        for link in examined.headings.of(table).links:
            for mine, theirs in link.attributes if link.primary else ():
                if mine in JOB_COLUMNS:
                    parent = link.parent.rpartition(".")[2]
                    yield Found(
                        examined.in_definition(table, link.line),
                        f"{table.name} has the key attribute {mine!r}, and its job table has a column of that name.",
                        f"Rename it: -> {parent}.proj({parent.lower()}_{mine}='{theirs}')",
                    )


@rule
def makes_insert(examined: Examined) -> Iterator[Found]:
    """DJP220 warning: An insert can be reached from every `make`.

    What it does: follows `make` through the methods of its class. Where it hands the table on, or calls what is not in
    the class, an insert is taken for granted.

    Why it matters: DataJoint counts a `make` that inserts nothing as a success, and calls it again forever.

    Example:
        def make(self, key):
            values = (Recording & key).fetch1()

    Use instead:
        def make(self, key):
            values = (Recording & key).fetch1()
            self.insert1({**key, "mean": values["trace"].mean()})

    Source: DataJoint 2.3.5, tried: success_count counts such calls.
    """
    for table in _populated(examined):
        methods = [m for m in table.facts.methods if m.name in {"make", "make_insert"}]
        lines = examined.lines(table.path)
        if not methods or any(".insert" in line for m in methods for line in lines[m.line : m.end_line]):
            continue
        texts = [method_text(examined.lines(table.path), method) for method in methods]
        if all("raise NotImplementedError" in text for text in texts):
            continue  # still to be written, and says so
        making = _making(examined, table)
        if making is not None and not making.inserts:
            place = examined.at(table.path, table.facts.place, table.facts.name)
            yield Found(place, f"No insert can be reached from the make of {table.name}.", "self.insert1({**key, …})")


@rule
def makes_fetch_from_ancestors(examined: Examined) -> Iterator[Found]:
    """DJP221 warning: A `make` fetches only from tables upstream of its own.

    What it does: follows the tables that the make methods fetch from, and the functions of the module that they call.
    Ancestors are allowed, their parts and masters, and the table itself.

    Why it matters: what is not an ancestor may change, or not be there yet, when a worker makes the key: the result
    cannot be repeated, and deleting the source does not delete it.

    Example:
        class Fit(dj.Computed):
            definition = "-> Recording"
            def make(self, key):
                settings = Settings.fetch1()

    Use instead: a foreign key to Settings, so that each row says which settings it was made with.

    Source: book, Pipeline as a DAG; datajoint/autopopulate.py (referential constraints of make).
    """
    parents = table_parents(examined.pipeline)
    for table in _populated(examined):
        for fetch, meaning in _foreign_fetches(examined, table, parents):
            yield Found(
                examined.at(table.path, fetch.place, fetch.table),
                f"The make of {table.name} fetches from {meaning.module}.{meaning.name}, which is not upstream of it.",
                f"Add the foreign key '-> {fetch.table}' to {table.name}, or fetch from its ancestors.",
            )


@rule
def makes_change_only_their_own(examined: Examined) -> Iterator[Found]:
    """DJP241 warning: A `make` inserts, updates and deletes only in its own table and its parts.

    What it does: follows the tables whose rows the make methods change, and the functions of the module that they call.

    Why it matters: the rows of another table are not the result of this key. They are there twice when the key is made
    once more, and stay when it is deleted; two workers may write the same ones.

    Example:
        class Fit(dj.Computed):
            definition = "-> Recording"
            def make(self, key):
                Summary.insert1({**key, "mean": 0.5})
                self.insert1(key)

    Use instead: a part of the table, for further rows of one key; or a table that is computed from this one.

    Source: book, Pipeline as a DAG; datajoint/autopopulate.py (referential constraints of make).
    """
    for table in _populated(examined):
        own = f"{table.full_name}."
        others = {name for name in _named(examined, table) if not f"{name}.".startswith(own)}
        making = _making(examined, table) if others else None
        for change in making.changes if making else ():
            meaning = _table_meaning(examined, table, change.table)
            if meaning is not None and f"{meaning.module}.{meaning.name}" in others:
                yield Found(
                    examined.at(table.path, change.place, change.table),
                    f"The make of {table.name} changes the rows of {meaning.module}.{meaning.name}.",
                    f"Make {meaning.name} a part of {table.name}, or compute it from {table.name}.",
                )


def _foreign_fetches(
    examined: Examined, table: Table, parents: dict[str, tuple[str, ...]]
) -> Iterator[tuple[Fetch, Meaning]]:
    suspects = _suspects(examined, table, parents)
    making = _making(examined, table) if suspects else None
    for fetch in making.fetches if making else ():
        meaning = _table_meaning(examined, table, fetch.table)
        if meaning is not None and f"{meaning.module}.{meaning.name}" in suspects:
            yield fetch, meaning


def _suspects(examined: Examined, table: Table, parents: dict[str, tuple[str, ...]]) -> set[str]:
    """The tables that the make methods name and that are no ancestors; whether they fetch from them is seen later."""
    targets = {key.target for key in table.definition.foreign_keys} if table.definition else set()
    found = _named(examined, table, but=targets)
    found = {name for name in found if name not in table.parents and not f"{name}.".startswith(f"{table.full_name}.")}
    allowed = _allowed(examined, table, parents) if found else set()
    return found - allowed if allowed is not None else set()


def _named(examined: Examined, table: Table, but: Collection[str] = ()) -> set[str]:
    """The tables that the make methods name, and the functions that they call; without some, as they are written."""
    lines = examined.lines(table.path)
    names = {
        name
        for method in table.facts.methods
        if method.name.startswith("make")
        for name in names_in(helper_texts(lines, method_text(lines, method)))
        if not name.startswith("self.") and name not in but
    }
    meanings = (_table_meaning(examined, table, name) for name in names)
    return {f"{meaning.module}.{meaning.name}" for meaning in meanings if meaning is not None}


def _table_meaning(examined: Examined, table: Table, name: str) -> Meaning | None:
    """The table that a dotted name begins with: `Scan.fetch` means Scan."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        meaning = examined.pipeline.scopes.meaning(table.module, ".".join(parts[:length]))
        if meaning.kind is Kind.CLASS:
            known = examined.pipeline.table(f"{meaning.module}.{meaning.name}")
            return meaning if known else None
        if meaning.kind is not Kind.NOTHING:
            return None
    return None


def _allowed(examined: Examined, table: Table, parents: dict[str, tuple[str, ...]]) -> set[str] | None:
    """The ancestors of a table, with the masters and parts of them, and its own parts; None where one is not known."""
    allowed = {table.full_name}
    waiting = [table.full_name]
    while waiting:
        name = waiting.pop()
        owner = examined.pipeline.table(name)
        if owner and (owner.unknown or any(m.kind is not Kind.CLASS for m in owner.meanings)):
            return None
        more = [*parents.get(name, ()), *([owner.master] if owner and owner.master else [])]
        if owner:
            more += [f"{owner.full_name}.{part.name}" for part in owner.facts.parts]
        for other in more:
            if other not in allowed:
                allowed.add(other)
                waiting.append(other)
    return allowed


def _populated(examined: Examined) -> Iterator[Table]:
    for table in examined.pipeline.tables:
        if table.tier in AUTOPOPULATED and "." not in table.name:
            yield table


def _making(examined: Examined, table: Table) -> Making | None:
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
