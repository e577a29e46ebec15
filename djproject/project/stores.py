"""What DataJoint accepts as a store, with the traps it finds too late."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from djproject.errors import ConfigError
from djproject.project.names import checked_store_name

StoreValue = str | int | float | bool | None | list[int]
StoreSpec = Mapping[str, StoreValue]
DEFAULT_KEYS = ("default", "filepath_default")
COMMON_KEYS = (
    "subfolding",
    "partition_pattern",
    "token_length",
    "hash_prefix",
    "schema_prefix",
    "filepath_prefix",
    "stage",
)
PREFIX_DEFAULTS = {"hash_prefix": "_hash", "schema_prefix": "_schema", "filepath_prefix": ""}


class StoreProtocol(NamedTuple):
    """The attributes a store of one protocol must and may have.

    Attributes
    ----------
    required
        Keys without which DataJoint refuses the store, `protocol` aside.
    optional
        Further keys of this protocol, those common to all protocols not among them.
    secrets
        Those of the optional keys that never stand in pyproject.toml.
    extra
        The extra of the distribution `datajoint` that brings the driver; empty where none is needed.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    extra: str = ""

    @property
    def allowed(self) -> tuple[str, ...]:
        """Every key a store of this protocol may have."""
        return ("protocol", *self.required, *self.optional, *COMMON_KEYS)


# Source: datajoint/settings.py, Config.get_store_spec (2.3.5).
PROTOCOLS = {
    "file": StoreProtocol(required=("location",)),
    "s3": StoreProtocol(
        required=("endpoint", "bucket", "location"),
        optional=("access_key", "secret_key", "secure", "proxy_server"),
        secrets=("access_key", "secret_key"),
        extra="s3",
    ),
    "gcs": StoreProtocol(
        required=("bucket", "location"), optional=("token", "project"), secrets=("token",), extra="gcs"
    ),
    "azure": StoreProtocol(
        required=("container", "location"),
        optional=("account_name", "account_key", "connection_string"),
        secrets=("account_key", "connection_string"),
        extra="azure",
    ),
}


class StorageAdapter(Protocol):
    """What of a DataJoint storage plugin (entry point group `datajoint.storage`) is read here."""

    required_keys: tuple[str, ...]
    allowed_keys: tuple[str, ...]


def looks_secret(key: str) -> bool:
    """Whether a setting of this name holds a secret.

    Examples
    --------
    >>> looks_secret("secret_key"), looks_secret("bucket"), looks_secret("token_length")
    (True, False, False)
    """
    if key in {"token_length", "partition_pattern"}:
        return False
    return bool(re.search(r"secret|passw|token|credential|connection_string|(access|account|api|private)_key", key))


def plugin_protocols() -> tuple[str, ...]:
    """The protocols that installed storage plugins bring, sorted; nothing of them is imported."""
    from importlib.metadata import entry_points

    return tuple(sorted({entry.name for entry in entry_points(group="datajoint.storage")}))


def find_protocol(name: str) -> StoreProtocol:
    """The rules of a protocol, DataJoint's own or an installed plugin's (which is imported).

    Raises
    ------
    ConfigError
        No such protocol is installed, or it is not written in lower case (which DataJoint accepts in a
        configuration and fails on at the first use).
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    from importlib.metadata import entry_points

    known = ", ".join((*PROTOCOLS, *plugin_protocols()))
    if name != name.lower() and name.lower() in {*PROTOCOLS, *plugin_protocols()}:
        raise ConfigError(
            f"The protocol {name!r} is written in lower case; DataJoint would fail at its first use.",
            hint=f"Use protocol {name.lower()!r}.",
        )
    for entry in entry_points(group="datajoint.storage"):
        if entry.name == name:
            load: Callable[[], type[StorageAdapter]] = entry.load
            adapter = load()
            keys = tuple(key for key in adapter.allowed_keys if key not in {"protocol", *COMMON_KEYS})
            required = tuple(key for key in adapter.required_keys if key != "protocol")
            optional = tuple(key for key in ("location", *keys) if key not in required)
            return StoreProtocol(required, optional, tuple(filter(looks_secret, (*required, *optional))))
    raise ConfigError(
        f"No store protocol called {name!r} is installed.",
        hint=f"Protocols: {known}. Others come with plugin packages (entry point group datajoint.storage).",
    )


def read_spec(name: str, table: object, where: str = "[tool.datajoint.stores]") -> StoreSpec:
    """A store's table from pyproject.toml, its shape checked and secrets refused; `where` is the table it is in."""
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"{where} {name} must be a table, not {table!r}.",
            hint=f"djproject stores add {name} --help",
        )
    for key, value in table.items():
        _check_value(name, key, value)
        if looks_secret(key):
            raise ConfigError(
                f"{where[:-1]}.{name}] {key} is a secret and does not belong in pyproject.toml.",
                hint=f"Remove the line, then: djproject stores set {name} --secret {key}",
            )
    return dict(table)


def check_spec(name: str, spec: StoreSpec) -> None:
    """Refuse what DataJoint would refuse, or silently misread, at the store's first use.

    Parameters
    ----------
    name
        The store's name.
    spec
        Its attributes, secrets or not.

    Raises
    ------
    ConfigError
        The first thing that is wrong.
    """
    checked_store_name(name)
    for key, value in spec.items():
        _check_value(name, key, value)
    protocol = spec.get("protocol")
    if not isinstance(protocol, str):
        raise ConfigError(f"The store {name!r} has no protocol.", hint=f"djproject stores set {name} protocol=file")
    rules = find_protocol(protocol)
    missing = [key for key in rules.required if spec.get(key) in (None, "") and key != "location"]
    missing += ["location"] if "location" in rules.required and spec.get("location") is None else []
    if missing:
        raise ConfigError(
            f"The store {name!r} is missing {', '.join(missing)}, which the protocol {protocol} requires.",
            hint=f"djproject stores add {name} --protocol {protocol} "
            + " ".join(f"--{key} …" for key in rules.required),
        )
    unknown = [key for key in spec if key not in rules.allowed]
    if unknown:
        raise ConfigError(
            f"A store of protocol {protocol} has no attribute {unknown[0]!r}.",
            hint=f"Allowed: {', '.join(rules.allowed)}",
        )
    _check_layout(name, spec)


def _check_value(name: str, key: str, value: object) -> None:
    kinds: dict[str, tuple[type, ...]] = {"secure": (bool,), "token_length": (int,), "subfolding": (list,)}
    expected = kinds.get(key, (str, int, float, bool))
    good = isinstance(value, expected) and not (expected == (int,) and isinstance(value, bool))
    if key == "subfolding" and isinstance(value, list):
        good = all(isinstance(part, int) and part > 0 for part in value)
    if key in {"protocol", "location", "bucket", "endpoint", "container", *PREFIX_DEFAULTS}:
        good = isinstance(value, str)
    if not good and value is not None:
        names = {"secure": "true or false", "token_length": "an integer", "subfolding": "a list such as [2, 2]"}
        raise ConfigError(
            f"{key} of the store {name!r} must be {names.get(key, 'a string')}, not {value!r}.",
            hint=f"djproject stores set {name} {key}=…",
        )


def pattern_problem(spec: StoreSpec) -> str:
    """Why DataJoint would ignore a store's partition_pattern, as the end of a sentence; empty where it would not."""
    pattern = spec.get("partition_pattern")
    ignored = isinstance(pattern, str) and not re.search(r"\{\w+\}", pattern)
    return "names no attribute in braces, so DataJoint would ignore it" if ignored else ""


def overlapping_prefixes(spec: StoreSpec) -> Iterator[tuple[str, str]]:
    """The pairs of prefixes of a store that are equal, or one inside the other; empty ones do not count."""
    prefixes = [
        (key, str(spec.get(key) or default).strip("/") + "/")
        for key, default in PREFIX_DEFAULTS.items()
        if str(spec.get(key) or default)
    ]
    for index, (first, one) in enumerate(prefixes):
        for second, two in prefixes[index + 1 :]:
            if one.startswith(two) or two.startswith(one):
                yield first, second


def value_problems(name: str, spec: StoreSpec) -> Iterator[tuple[str, str]]:
    """What is wrong with a store's values beyond their types: a sentence, and what to type."""
    length = spec.get("token_length")
    if isinstance(length, int) and not 4 <= length <= 16:
        yield (
            f"The token_length of the store {name!r} is {length}; DataJoint uses 4 to 16.",
            f"djproject stores set {name} token_length=8",
        )
    if bool(spec.get("access_key")) != bool(spec.get("secret_key")):
        yield (
            f"The store {name!r} has one of access_key and secret_key; it takes both or neither.",
            f"djproject stores set {name} --access-key … --secret-key -",
        )


def _check_layout(name: str, spec: StoreSpec) -> None:
    problem = pattern_problem(spec)
    if problem:
        raise ConfigError(
            f"The partition_pattern of the store {name!r} {problem}.",
            hint=f"djproject stores set {name} partition_pattern='{{subject_id}}/{{session_date}}'",
        )
    for first, second in overlapping_prefixes(spec):
        raise ConfigError(
            f"{first} and {second} of the store {name!r} overlap.", hint=f"djproject stores set {name} {second}=…"
        )
    for message, hint in value_problems(name, spec):
        raise ConfigError(message, hint=hint)
