"""What DataJoint accepts as a store, with the traps it finds too late."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from djproject.errors import ConfigError
from djproject.project.names import checked_store_name
from djproject.project.schema import FLAG, INTEGER, TEXT, Key, Scalar, Table, place, read_table

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
        Those of the optional keys that are never in pyproject.toml.
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


def _folds(value: object) -> list[int]:
    if not isinstance(value, list) or not all(type(part) is int and part > 0 for part in value):
        raise ValueError
    return value


def _simple(value: object) -> object:
    if not isinstance(value, str | int | float | bool):
        raise ValueError
    return value


FOLDS = Scalar("a list such as [2, 2]", {"type": "array", "items": {"type": "integer", "minimum": 1}}, _folds)
SIMPLE = Scalar("a string", {"type": ["string", "number", "boolean"]}, _simple)
ATTRIBUTES = {
    "protocol": Key(TEXT, "where the store is"),
    "location": Key(TEXT, "the folder: on disk, or inside the bucket"),
    "endpoint": Key(TEXT, "host and port of the server"),
    "bucket": Key(TEXT, "the bucket"),
    "container": Key(TEXT, "the container"),
    "access_key": Key(SIMPLE, "secret: in `.secrets/stores.NAME.access_key`"),
    "secret_key": Key(SIMPLE, "secret: in `.secrets/stores.NAME.secret_key`"),
    "secure": Key(FLAG, "use HTTPS"),
    "proxy_server": Key(SIMPLE, "a proxy on the way to the server"),
    "token": Key(SIMPLE, "secret: in `.secrets/stores.NAME.token`"),
    "project": Key(SIMPLE, "the Google Cloud project"),
    "account_name": Key(SIMPLE, "the account"),
    "account_key": Key(SIMPLE, "secret: in `.secrets/stores.NAME.account_key`"),
    "connection_string": Key(SIMPLE, "secret: in `.secrets/stores.NAME.connection_string`"),
    "subfolding": Key(FOLDS, "lengths of the nested folder names for hashed objects"),
    "partition_pattern": Key(SIMPLE, 'folders by attributes of the key, such as `"{subject_id}/{session_date}"`'),
    "token_length": Key(INTEGER, "characters of the random part of an object's name"),
    "hash_prefix": Key(TEXT, "the folder of `<hash@>`, `<blob@>` and `<attach@>`"),
    "schema_prefix": Key(TEXT, "the folder of `<object@>` and `<npy@>`"),
    "filepath_prefix": Key(TEXT, "the folder of `<filepath@>`"),
    "stage": Key(SIMPLE, "accepted by DataJoint, and not used"),
}
STORE = Table(ATTRIBUTES, others=lambda _: SIMPLE)


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
    return key != "token_length" and bool(
        re.search(r"secret|passw|token|credential|connection_string|(access|account|api|private)_key", key)
    )


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
            f"The protocol {name!r} must be in lower case; DataJoint would fail when the store is first used.",
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


def secrets_in(path: tuple[str, ...], spec: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """The keys of a store's table in pyproject.toml that hold secrets, each with a message and what to type."""
    for key in spec:
        if looks_secret(key):
            yield (
                key,
                f"{place(path)} {key} is a secret and does not belong in pyproject.toml.",
                f"Remove the line, then: djproject stores set {path[-1]} --secret {key}",
            )


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
    problems = read_table(STORE, {key: value} if value is not None else {}, ("stores", name))[1]
    if problems:
        raise ConfigError(problems[0].message, hint=f"djproject stores set {name} {key}=…")


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
