"""The prefix of schema names: several people use one server, each with schemas of their own."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from djproject.errors import ConfigError
from djproject.project.location import Project
from djproject.project.settings_schema import PREFIX_VARIABLE
from djproject.project.tables import TargetTable

if TYPE_CHECKING:
    from djproject.pipeline.model import SchemaModule

VARIABLE = "DJPROJECT_SCHEMA_PREFIX"
CHARACTERS = re.compile(r"[a-z0-9_]*")
LONGEST_NAME = {"mysql": 64, "postgresql": 63}  # characters and bytes; names with a prefix are ASCII


@dataclass(frozen=True)
class SchemaPrefix:
    """What is put before the names of a project's schemas in the database.

    Attributes
    ----------
    text
        The prefix; empty where there is none.
    project
        Whose schemas have it: those with tables in its package. Schemas of others keep their names.
    backend
        `mysql` or `postgresql`, whose longest name differs.
    """

    text: str
    project: Project
    backend: str

    def name(self, schema: str) -> str:
        """The name in the database of one of the project's schemas, from that in the source.

        Raises
        ------
        ConfigError
            The server does not accept the name.
        """
        name = f"{self.text}{schema}"
        if not self.text:
            return name
        longest = LONGEST_NAME.get(self.backend, 63)
        if len(name.encode()) > longest:
            raise ConfigError(
                f"With the prefix {self.text!r} the schema {schema!r} has a name longer than {longest} characters.",
                hint=f"export {VARIABLE}=…  (a shorter prefix)",
            )
        return name

    @property
    def pipeline_name(self) -> str:
        """The project's name, with the prefix: what tells the workers of one person from those of another."""
        return f"{self.project.name} ({self.text}*)" if self.text else self.project.name

    @cached_property
    def schemas(self) -> frozenset[str]:
        """The project's schemas by their names in the source, as far as these are literals."""
        return frozenset(table.schema for module in self._modules for table in module.tables if table.schema)

    @cached_property
    def computing_files(self) -> frozenset[str]:
        """The files of modules that compute the name of their schema."""
        computing = (module for module in self._modules if any(table.schema is None for table in module.tables))
        return frozenset(os.path.realpath(module.path) for module in computing)

    @cached_property
    def _modules(self) -> "tuple[SchemaModule, ...]":
        from djproject.pipeline.source import load_readable  # here, because most targets have no prefix

        return tuple(module for module in load_readable(self.project).modules if module.tables)

    def activated(self, schema: str, *, is_own_class: bool) -> str:
        """The name in the database of a schema that running code activates.

        Parameters
        ----------
        schema
            The name that the code gives.
        is_own_class
            Whether it is a `dj.Schema`, which may declare tables, and no virtual module.
        """
        if not self.text:
            return schema
        if schema in self.schemas:
            return self.name(schema)
        computed = is_own_class and not schema.startswith(self.text) and self._is_activated_by_computing_file()
        return self.name(schema) if computed else schema

    def _is_activated_by_computing_file(self) -> bool:
        if not self.computing_files:
            return False
        frame = sys._getframe()
        while frame := frame.f_back:  # type: ignore[assignment]
            if os.path.realpath(frame.f_code.co_filename) in self.computing_files:
                return True
        return False


def prefix_text(project: Project, target: str, environ: Mapping[str, str] = os.environ) -> str:
    """The prefix of a target, its variables replaced: that of the environment, the target's, else the project's.

    Raises
    ------
    ConfigError
        A variable in it is not set, or its value cannot be in the name of a schema.
    """
    source, setting = VARIABLE, environ.get(VARIABLE, "")
    if not setting:
        table = project.targets.get(target) or project.managed.get(target) or TargetTable({})
        source, setting = "schema_prefix", project.schema_prefix if table.schema_prefix is None else table.schema_prefix

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        value = environ.get(name) or (environ.get("LOGNAME") if name == "USER" else None)
        if not value:
            raise ConfigError(
                f"{source} is {setting!r}, but the variable {name} is not set.", hint=f"export {VARIABLE}=alice_"
            )
        return _checked(value, f"The variable {name}", setting)

    return _checked(PREFIX_VARIABLE.sub(value_of, setting), source, setting)


def _checked(text: str, source: str, setting: str) -> str:
    if not CHARACTERS.fullmatch(text):
        suggestion = re.sub(r"[^a-z0-9]+", "_", PREFIX_VARIABLE.sub(text, setting).lower())
        raise ConfigError(
            f"{source} must contain only lower-case letters, digits and _, not {text!r}.",
            hint=f"export {VARIABLE}={suggestion}",
        )
    if text.startswith("pg_"):
        raise ConfigError(
            f"{source} must not start with pg_ (reserved by PostgreSQL), but is {text!r}.",
            hint=f"export {VARIABLE}=my_{text}",
        )
    return text
