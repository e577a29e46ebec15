"""Names a project, package, schema module, table or store may have, and why another is refused."""

import keyword
import re
import sys
from collections.abc import Iterable
from functools import lru_cache

from djproject.errors import ProjectError

TIERS = ("manual", "lookup", "imported", "computed")
AUTOPOPULATED = frozenset({"imported", "computed"})
TIER_ALIASES = {"entry": "manual", "ingest": "imported", "compute": "computed"}
RESERVED_SCHEMAS = frozenset(
    {"mysql", "sys", "information_schema", "performance_schema", "public", "pg_catalog", "pg_toast"}
)
RESERVED_PACKAGES = frozenset({"tests", "conftest"})
RESERVED_MODULES = frozenset({"worker", "conftest", "main"})
SCHEMA_BYTES = 63
TABLE_CHARACTERS = 64
PACKAGE_CHARACTERS = 40
PACKAGE_HINT = "djproject init DIRECTORY --package NAME  (what your code imports; without --package it is workflow)"
TIER_PREFIX = {"manual": "", "lookup": "#", "imported": "_", "computed": "__"}


def checked_project_name(name: str) -> str:
    """`name`, if it may be the name of a distribution (PEP 508).

    Examples
    --------
    >>> checked_project_name("mouse-v1")
    'mouse-v1'
    """
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        raise ProjectError(
            f"{name!r} cannot be the name of a Python distribution: PEP 508 allows letters, digits, '.', '_' "
            "and '-', with a letter or digit at both ends.",
            hint="djproject init DIRECTORY --name NAME",
        )
    if normalized(name) == "datajoint":
        raise ProjectError(
            f"A distribution called {name!r} would take the place of DataJoint itself.",
            hint="djproject init DIRECTORY --name NAME",
        )
    if len(name) > 100:
        raise ProjectError(
            f"The project name is {len(name)} characters long; at most 100 are allowed.",
            hint="djproject init DIRECTORY --name NAME",
        )
    return name


def normalized(name: str) -> str:
    """A distribution name as package indexes compare it (PEP 503).

    Examples
    --------
    >>> normalized("Mouse__V1.2")
    'mouse-v1-2'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def checked_package_name(name: str) -> str:
    """`name`, if it may be the pipeline's import package."""
    hint = PACKAGE_HINT
    _check_importable(name, "package", hint)
    if len(name) > PACKAGE_CHARACTERS:
        raise ProjectError(
            f"The package name is {len(name)} characters long; at most {PACKAGE_CHARACTERS} are allowed.", hint=hint
        )
    if name in RESERVED_PACKAGES:
        raise ProjectError(f"A package called {name!r} would hide the project's own folder of tests.", hint=hint)
    return name


def checked_schema_name(name: str) -> str:
    """`name`, if a schema module and its database schema may both be called so on PostgreSQL and MySQL."""
    hint = "djproject add-schema NAME"
    _check_importable(name, "schema module", hint)
    if name in RESERVED_SCHEMAS or name.startswith("pg_"):
        raise ProjectError(f"A database server already has a schema called {name!r}.", hint=hint)
    if name in RESERVED_MODULES:
        raise ProjectError(f"{name}.py has a meaning of its own in a pipeline package.", hint=hint)
    if len(name.encode()) > SCHEMA_BYTES:
        raise ProjectError(
            f"The schema name {name!r} is {len(name.encode())} bytes long; PostgreSQL cuts names after {SCHEMA_BYTES}.",
            hint=hint,
        )
    return name


def schema_name_problem(name: str, backends: Iterable[str]) -> str:
    """Why a database schema cannot be called so at servers of these kinds, as the end of a sentence; empty if it can.

    Source: DataJoint 2.3.5, tried at PostgreSQL 16 and MySQL 8.4 with declaring, populating, deleting and dropping.

    Examples
    --------
    >>> schema_name_problem("pg_stats", ["postgresql"])
    'begins with pg_, which PostgreSQL reserves for itself'
    >>> schema_name_problem("pg_stats", ["mysql"])
    ''
    """
    kinds = tuple(backends)
    claims = [
        (re.search(r"[%.\"\x00-\x1f]", name), 'has a character (% . " or a control character) that DataJoint fails on'),
        (name.lower() == "information_schema", "is the server's own schema"),
        (len(name.encode()) > SCHEMA_BYTES, f"has {len(name.encode())} bytes; {SCHEMA_BYTES} are kept"),
    ]
    if "mysql" in kinds:
        claims += [
            ("`" in name or name.endswith(" "), "has a backtick or ends in a space, which MySQL refuses"),
            (name.lower() in {"mysql", "sys", "performance_schema"}, "is MySQL's own schema"),
        ]
    if "postgresql" in kinds:
        claims += [
            (name.lower().startswith("pg_"), "begins with pg_, which PostgreSQL reserves for itself"),
            (" " in name, "has a space, which DataJoint fails on at PostgreSQL"),
            (name != name.lower(), "has capitals, which DataJoint fails on at PostgreSQL"),
        ]
    return next((words for holds, words in claims if holds), "")


def checked_table_name(name: str, tier: str, *, hint: str) -> str:
    """`name`, if it may be a table class of this tier: CamelCase, within MySQL's 64 characters as a table."""
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        raise ProjectError(f"A table class is CamelCase, which {name!r} is not.", hint=hint)
    if keyword.iskeyword(name):
        raise ProjectError(f"{name!r} is a Python keyword.", hint=hint)
    table = TIER_PREFIX[tier] + snake_case(name)
    if len(table) > TABLE_CHARACTERS:
        raise ProjectError(
            f"The table of {name} would be called {table!r}, which is {len(table)} characters long; MySQL "
            f"allows {TABLE_CHARACTERS}.",
            hint=hint,
        )
    return name


def read_tier(text: str, *, hint: str) -> str:
    """The tier that `text` means: manual, lookup, imported or computed, or one of DataJoint's other names.

    Examples
    --------
    >>> read_tier("Compute", hint="")
    'computed'
    """
    tier = TIER_ALIASES.get(text.lower(), text.lower())
    if tier not in TIERS:
        raise ProjectError(f"{text!r} is not a tier; the tiers are {', '.join(TIERS)}.", hint=hint)
    return tier


def checked_store_name(name: str) -> str:
    """`name`, if `<codec@name>` can mean it and it is not a setting of `[tool.datajoint.stores]` itself."""
    hint = "djproject stores add NAME --protocol file --location FOLDER"
    if name in {"default", "filepath_default"}:
        raise ProjectError(f"{name!r} is a setting of [tool.datajoint.stores], not a store.", hint=hint)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ProjectError(
            f"Store names may contain letters, digits, '_' and '-', and start with a letter; {name!r} is not one.",
            hint=hint,
        )
    if len(name) > 63:
        raise ProjectError(f"The store name {name!r} is longer than 63 characters.", hint=hint)
    return name


@lru_cache(maxsize=65536)
def snake_case(camel: str) -> str:
    """A table class's name as DataJoint puts it into the table's name.

    Examples
    --------
    >>> snake_case("ProcessedRecording"), snake_case("ABTest")
    ('processed_recording', 'a_b_test')

    Source: `datajoint/utils.py`, `from_camel_case`.
    """
    return re.sub(r"(\B[A-Z])|(\b[A-Z])", lambda m: ("_" if m[1] else "") + m[0].lower(), camel)


def _check_importable(name: str, what: str, hint: str) -> None:
    if not name.isidentifier():
        raise ProjectError(f"{name!r} cannot be the name of a {what}: it is not a Python identifier.", hint=hint)
    if keyword.iskeyword(name):
        raise ProjectError(f"{name!r} cannot be the name of a {what}: it is a Python keyword.", hint=hint)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ProjectError(
            f"The name of a {what} is lowercase_with_underscores (a-z, 0-9, _), starting with a letter, "
            f"unlike {name!r}.",
            hint=hint,
        )
    if name == "datajoint":
        raise ProjectError(f"A {what} called 'datajoint' would hide DataJoint itself.", hint=hint)
    if name in sys.stdlib_module_names:
        raise ProjectError(f"A {what} called {name!r} would hide the standard library's {name}.", hint=hint)


def compose_name(text: str) -> str:
    """A name that Compose allows for a stack, made from a folder's.

    Examples
    --------
    >>> compose_name("My Pipeline"), compose_name("42"), compose_name("--")
    ('my-pipeline', '42', 'pipeline')
    """
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_") or "pipeline"
