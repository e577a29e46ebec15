"""DJP1xx: schema modules: their schemas, names and docstrings."""

import re
from collections.abc import Iterator

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.pipeline.editing import docstring_entries, with_docstring_entries, without_docstring_entries
from djproject.pipeline.model import SchemaModule
from djproject.pipeline.module import Place, SchemaCall
from djproject.project.names import schema_name_problem

PACKAGE = "the package"  # what `__init__.py` is called
NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")


@rule
def modules_can_be_read(examined: Examined) -> Iterator[Found]:
    """DJP100 error: Every Python file of the package can be parsed.

    What it does: parses each file with the encoding that the file declares.

    Why it matters: a file that cannot be parsed cannot be imported, and nothing in it is checked.

    Example:
        class Session(dj.Manual

    Use instead: fix the syntax error or the encoding.

    Source: The Python Language Reference.
    """
    for source in examined.pipeline.sources.values():
        if source.problem:
            where = examined.at(source.path, source.problem.place)
            yield Found(where, f"{examined.relative(source.path)} {source.problem.message}.")


@rule
def modules_declare_one_schema(examined: Examined) -> Iterator[Found]:
    """DJP101 error (convention): A schema module declares exactly one schema.

    What it does: counts the calls to `dj.Schema` at the top level of each module.

    Why it matters: by convention, one schema corresponds to one module. Tools that rely on this miss the tables of a
    second schema.

    Example:
        schema = dj.Schema("subject")
        other = dj.Schema("acquisition")

    Use instead: move each schema into its own module.

    Source: book, One Schema Per Module.
    """
    for source in examined.pipeline.sources.values():
        for call in source.schemas[1:]:
            where = examined.at(source.path, call.place)
            yield Found(
                where,
                f"{source.name or PACKAGE} declares another schema, {call.variable}.",
                "djproject add-schema NAME",
            )


@rule
def schemas_are_called_schema(examined: Examined) -> Iterator[Found]:
    """DJP102 error (convention): The schema of a module is called `schema`.

    What it does: looks at the variable that `dj.Schema(…)` is assigned to.

    Why it matters: `@schema`, `module.schema.drop()` and tools that read the pipeline rely on this name.

    Example:
        db = dj.Schema("subject")

    Use instead:
        schema = dj.Schema("subject")

    Source: book, The schema Property.
    """
    for module in examined.pipeline.modules:
        calls = schemas_of(module)
        if calls and not any(call.variable == "schema" for call in calls):
            where = examined.at(module.path, calls[0].place)
            message = f"The schema of {called(module)} is called {calls[0].variable!r}."
            yield Found(where, message, "schema = dj.Schema(…)")


@rule
def names_are_lower_case(examined: Examined) -> Iterator[Found]:
    """DJP103 warning: Schemas and schema modules are named in lower case with underscores.

    What it does: looks at the module's file name and the schema's name.

    Why it matters: DataJoint does not check either name. Capitals and special characters need quotes in SQL, and MySQL
    and PostgreSQL treat them differently.

    Example:
        schema = dj.Schema("Subject-Management")

    Use instead:
        schema = dj.Schema("subject_management")

    Source: book, Clear Naming Conventions.
    """
    for module in examined.pipeline.modules:
        last = module.name.rpartition(".")[2]
        if last and not NAME.fullmatch(last):
            yield Found(
                examined.of_file(examined.relative(module.path)),
                f"The module name {last!r} is not in lower case with underscores.",
            )
        for call in schemas_of(module):
            if call.name and not NAME.fullmatch(call.name) and not schema_name_problem(call.name, examined.backends):
                where = examined.at(module.path, call.place)
                yield Found(where, f"The schema name {call.name!r} is not in lower case with underscores.")


@rule
def schemas_are_named_as_their_modules(examined: Examined) -> Iterator[Found]:
    """DJP104 warning: Every schema has the name of its module, with or without a prefix.

    What it does: compares the two names. `lab_subject` in subject.py is accepted.

    Why it matters: people who see the schema in the database can then find its file.

    Example:
        # acquisition.py
        schema = dj.Schema("recordings")

    Use instead:
        schema = dj.Schema("acquisition")

    Source: book, Database Schema ≡ Python Module.
    """
    for module in examined.pipeline.modules:
        last = module.name.rpartition(".")[2]
        whole = module.name.replace(".", "_")
        if not (last and module.schema and NAME.fullmatch(module.schema)):
            continue
        if not any(module.schema == name or module.schema.endswith(f"_{name}") for name in (last, whole)):
            where = examined.at(module.path, schemas_of(module)[0].place)
            yield Found(where, f"The module {called(module)} declares a schema called {module.schema!r}.")


@rule
def schema_names_are_unique(examined: Examined) -> Iterator[Found]:
    """DJP105 error (convention): No two modules declare the same schema.

    What it does: compares the names of all schemas; upper and lower case count as equal.

    Why it matters: the tables of both modules end up in the same schema, and `schema.drop()` in one module also drops
    the tables of the other.

    Example:
        # subject.py and animal.py
        schema = dj.Schema("subject")

    Use instead: give each schema its own name.

    Source: book, Database Schema ≡ Python Module.
    """
    seen: dict[str, SchemaModule] = {}
    for module in examined.pipeline.modules:
        if module.schema:
            other = seen.setdefault(module.schema.lower(), module)
            if other is not module:
                where = examined.at(module.path, schemas_of(module)[0].place)
                yield Found(where, f"{called(module)} and {called(other)} declare the same schema, {module.schema!r}.")


@rule
def schema_names_fit_the_database(examined: Examined) -> Iterator[Found]:
    """DJP106 error: Every schema name works with DataJoint on the project's database servers.

    What it does: finds names longer than 63 bytes, names with characters that DataJoint cannot handle, and names that
    the server reserves. If the project uses PostgreSQL, it also finds names that start with `pg_` or contain capitals
    or spaces.

    Why it matters: the schema cannot be created, or its tables cannot be declared or populated. PostgreSQL silently
    cuts names after 63 bytes, so that two schemas can become one.

    Example:
        schema = dj.Schema("pg_recordings")
        schema = dj.Schema("Subject")

    Use instead:
        schema = dj.Schema("recordings")
        schema = dj.Schema("subject")

    Source: PostgreSQL, Lexical Structure and CREATE SCHEMA; MySQL, Identifier Length Limits; tested with DataJoint
    2.3.5.
    """
    for module in examined.pipeline.modules:
        problem = schema_name_problem(module.schema or "", examined.backends)
        if problem:
            where = examined.at(module.path, schemas_of(module)[0].place)
            yield Found(where, f"The schema name {module.schema!r} {problem}.")


@rule
def modules_have_a_docstring(examined: Examined) -> Iterator[Found]:
    """DJP109 warning: The docstring of a schema module states its purpose, its Dependencies and what it Provides.

    What it does: looks for a docstring, its first line and the two lists.

    Why it matters: new people read these lists first, and documentation is generated from them.

    Example:
        import datajoint as dj

    Use instead:
        \"\"\"
        Processing schema: filtered recordings.

        Dependencies:
            - acquisition: source of the recordings

        Provides:
            - ProcessedRecording: one filtered recording
        \"\"\"

    Source: book, Document Dependencies.
    """
    for module in examined.pipeline.modules:
        where = examined.of_file(examined.relative(module.path))
        if not module.docstring.strip():
            yield Found(where, f"{called(module)} has no docstring that says what it is for.")
            continue
        missing = [s for s in ("Dependencies", "Provides") if docstring_entries(module.docstring + "\n", s) is None]
        if missing:
            yield Found(where, f"The docstring of {called(module)} has no list of {' and '.join(missing)}.")
        if re.match(r"(Dependencies|Provides):", module.docstring.strip()):
            yield Found(where, f"The docstring of {called(module)} does not say what the schema is for.")


@rule
def dependencies_agree_with_the_code(examined: Examined) -> Iterator[Found]:
    """DJP110 warning, fix: The Dependencies list of a docstring names the imported schema modules, and no others.

    What it does: compares the list with the imports of schema modules.

    Why it matters: a wrong list misleads more than a missing list.

    Example: `- subject: …` in the list of a module that does not import subject.

    Use instead: list the modules that are imported.

    Source: book, Document Dependencies.
    """
    for module in examined.pipeline.modules:
        listed = docstring_entries(module.docstring + "\n", "Dependencies")
        if listed is None:
            continue
        imported = [name for name in module.imports if examined.pipeline.module(name) and name != module.name]
        short = {name.rpartition(".")[2]: name for name in imported}
        missing = [name for name in imported if name not in listed and name.rpartition(".")[2] not in listed]
        used = {key.target.partition(".")[0] for table in module.tables if table.definition
                for key in table.definition.foreign_keys}  # fmt: skip
        known = {*imported, *short, *used}
        extra = [name for name in listed if name not in known and _is_module(examined, name)]
        if missing or extra:
            entries = {name.rpartition(".")[2]: f"upstream of {called(module)}" for name in missing}
            yield _disagreement(examined, module, "Dependencies", entries, extra)


@rule
def provides_agree_with_the_code(examined: Examined) -> Iterator[Found]:
    """DJP111 warning, fix: The Provides list of a docstring names the tables of the module, and no others.

    What it does: compares the list with the table classes. Part tables may be listed or left out.

    Why it matters: a wrong list misleads more than a missing list.

    Example: `- Scan: …` in the list of a module that has no class Scan.

    Use instead: list the tables that the module defines.

    Source: book, Document Dependencies.
    """
    for module in examined.pipeline.modules:
        listed = docstring_entries(module.docstring + "\n", "Provides")
        if listed is None:
            continue
        tables = {table.name: table for table in module.tables}
        missing = [name for name in tables if name not in listed and "." not in name]
        defined = {*tables, *(facts.name for facts in (module.source.classes if module.source else ()))}
        extra = [name for name in listed if name not in defined and re.fullmatch(r"[A-Z]\w*(\.\w+)?", name)]
        if missing or extra:
            entries = {name: _purpose(tables[name].tier) for name in missing}
            yield _disagreement(examined, module, "Provides", entries, extra)


@rule
def everything_is_known(examined: Examined) -> Iterator[Found]:
    """DJP117 info: Schemas, definitions and table classes can be read without running the code.

    What it does: reports each place that cannot be read: a schema name that is computed, a definition that is built
    from variables, a foreign key that is a function call, a table class inside a function.

    Why it matters: no rule can check such a place, so its errors are not found.

    Example:
        definition = make_definition("subject")

    Use instead: write a string in the class.

    Source: djproject.
    """
    for module in examined.pipeline.modules:
        for call in schemas_of(module):
            if call.name is None:
                where = examined.at(module.path, call.place)
                yield Found(where, f"The name of the schema of {called(module)} is computed, so it was not checked.")
    for table in examined.tables:
        if table.unknown:
            yield Found(examined.of_table(table), f"The definition of {table.name} is computed, so it was not checked.")
        for key in table.definition.foreign_keys if table.definition else ():
            if not key.target and not key.problem:
                where = examined.in_definition(table, key.line)
                yield Found(where, f"The parent of {table.name} is computed here, so it was not checked.")
    for source in examined.pipeline.sources.values():
        for name, place in source.hidden:
            where = examined.at(source.path, place, name)
            yield Found(where, f"The table {name} is made within a function, so it was not checked.")


def called(module: SchemaModule) -> str:
    """The name of a module in a sentence."""
    return module.name or PACKAGE


def schemas_of(module: SchemaModule) -> tuple[SchemaCall, ...]:
    """The schemas that a module declares."""
    return module.source.schemas if module.source else ()


def _is_module(examined: Examined, name: str) -> bool:
    return bool(re.fullmatch(r"[a-z_][\w.]*", name)) and (
        examined.pipeline.module(name) is not None or name not in examined.pipeline.sources
    )


def _disagreement(
    examined: Examined, module: SchemaModule, section: str, missing: dict[str, str], extra: list[str]
) -> Found:
    text = examined.text(module.path)
    changed = without_docstring_entries(text, section, extra)
    changed = with_docstring_entries(changed, section, missing)
    words = [f"does not name {', '.join(missing)}"] if missing else []
    words += [f"names {', '.join(extra)}, which {'are' if len(extra) > 1 else 'is'} not in the code"] if extra else []
    lines = examined.lines(module.path)
    number = next((n for n, line in enumerate(lines, start=1) if line.strip() == f"{section}:"), 1)
    edits = examined.rewriting(module.path, changed)
    return Found(
        examined.at(module.path, Place(number, 1)),
        f"The list of {section} in the docstring of {called(module)} {', but '.join(words)}.",
        "djproject check --fix" if edits else "",
        edits,
    )


def _purpose(tier: str) -> str:
    words = {"lookup": "values that do not change", "manual": "entered by hand", "imported": "read from files"}
    return words.get(tier, "computed")
