"""The schema prefix: what the names of a project's schemas begin with in a database that several people share."""

import re
from collections.abc import Mapping

from djproject.errors import ConfigError

PREFIX_VARIABLE = "DJPROJECT_SCHEMA_PREFIX"
LONGEST_NAME = {"postgresql": 63, "mysql": 64}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXAMPLE = 'schema_prefix = "${USER}_"'


def read_prefix(value: object, where: str) -> str:
    """A prefix as pyproject.toml has it, its form checked; variables (`${USER}`) are kept.

    Raises
    ------
    ConfigError
        It is not a string, or could not be the beginning of a schema's name whatever its variables say.
    """
    if not isinstance(value, str):
        raise ConfigError(f"{where}: schema_prefix must be a string, not {value!r}.", hint=_EXAMPLE)
    _check(_VARIABLE.sub("x", value), value, where)
    return value


def expanded_prefix(text: str, where: str, environ: Mapping[str, str]) -> str:
    """The prefix with its variables replaced.

    Examples
    --------
    >>> expanded_prefix("${USER}_", "[tool.djproject]", {"USER": "alice"})
    'alice_'

    Raises
    ------
    ConfigError
        A variable is not set, or the result is not the beginning of a schema's name.
    """
    for name in _VARIABLE.findall(text):
        if not environ.get(name):
            raise ConfigError(
                f"{where}: schema_prefix is {text!r}, and the variable {name} is not set.",
                hint=f"export {name}=…  (or: export {PREFIX_VARIABLE}=…)",
            )
    prefix = _VARIABLE.sub(lambda found: environ[found[1]], text)
    _check(prefix, prefix, where)
    return prefix


def prefixed(prefix: str, schema: str, backend: str) -> str:
    """The name in the database of a schema of the project; a name that has the prefix already is kept.

    Examples
    --------
    >>> prefixed("alice_", "subject", "mysql"), prefixed("alice_", "alice_subject", "mysql")
    ('alice_subject', 'alice_subject')

    Raises
    ------
    ConfigError
        The name would be longer than the server allows.
    """
    name = schema if not prefix or schema.startswith(prefix) else prefix + schema
    longest = LONGEST_NAME.get(backend, 63)
    if prefix and len(name.encode()) > longest:
        raise ConfigError(
            f"The schema name {name!r} has {len(name.encode())} bytes, and {backend} allows {longest}.",
            hint=f"Shorten the schema prefix {prefix!r}, or the name of the schema.",
        )
    return name


def _check(prefix: str, shown: str, where: str) -> None:
    if prefix and not _PREFIX.fullmatch(prefix):
        raise ConfigError(
            f"{where}: the schema prefix {shown!r} may contain letters, digits and underscores only, "
            "and must not begin with a digit.",
            hint=f"export {PREFIX_VARIABLE}=…_  (or change schema_prefix in pyproject.toml)",
        )
    if prefix.lower().startswith("pg_"):
        raise ConfigError(
            f"{where}: the schema prefix {shown!r} begins with pg_, which PostgreSQL reserves.",
            hint=f"export {PREFIX_VARIABLE}=…_  (or change schema_prefix in pyproject.toml)",
        )
