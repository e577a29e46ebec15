"""`[tool.datajoint]` and `[tool.djproject.targets]` as typed values."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from djproject.errors import ConfigError
from djproject.project.settings import KNOWN, Layer, Value, read_value
from djproject.project.stores import DEFAULT_KEYS, PROTOCOLS, StoreSpec, looks_secret, read_spec

EDIT = "$EDITOR pyproject.toml"
TARGET_KEYS = ("backend", "host", "port", "user", "name", "use_tls", "stores")
MANAGED_TARGETS = ("embedded", "stack")  # djproject runs their databases
MANAGED_KEYS = ("stores",)


class DataJointTable(NamedTuple):
    """What `[tool.datajoint]` says.

    Attributes
    ----------
    values
        DataJoint's settings by their dotted name.
    stores
        The stores by name, in file order, as they are written: not validated beyond their shape.
    defaults
        `default` and `filepath_default`, where set: the name of a store each.
    """

    values: Mapping[str, Value]
    stores: Mapping[str, StoreSpec]
    defaults: Mapping[str, str]

    def layer(self) -> Layer:
        """These values as the weakest source of settings."""
        sources = dict.fromkeys(self.values, "pyproject.toml")
        return Layer(self.values, sources, self.stores, "pyproject.toml", self.defaults)


class TargetTable(NamedTuple):
    """What `[tool.djproject.targets.NAME]` says: where a pipeline's database and stores live.

    Attributes
    ----------
    values
        `database.*` settings by their dotted name.
    stores
        Attributes that differ from `[tool.datajoint.stores]` at this target, by store name.
    """

    values: Mapping[str, Value]
    stores: Mapping[str, StoreSpec] = MappingProxyType({})


def read_datajoint(table: object) -> DataJointTable:
    """The typed `[tool.datajoint]`.

    Raises
    ------
    ConfigError
        A setting that DataJoint does not have, a value of another type, or a secret.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("[tool.datajoint] in pyproject.toml is not a table.", hint=EDIT)
    values: dict[str, Value] = {}
    for name, value in _flat({key: value for key, value in table.items() if key != "stores"}):
        if name not in KNOWN:
            raise ConfigError(f"DataJoint has no setting called {name!r} ([tool.datajoint]).", hint=EDIT)
        refuse_secret(name, "[tool.datajoint]")
        values[name] = read_value(KNOWN[name], value, "[tool.datajoint]")
    stores = table.get("stores", {})
    if not isinstance(stores, Mapping):
        raise ConfigError("[tool.datajoint.stores] in pyproject.toml is not a table.", hint=EDIT)
    specs, defaults = {}, {}
    for name, value in stores.items():
        if name in DEFAULT_KEYS:
            if not isinstance(value, str):
                raise ConfigError(
                    f"stores.{name} is the name of a store, not {value!r}.", hint="djproject stores default NAME"
                )
            defaults[name] = value
        else:
            specs[name] = read_spec(name, value)
    return DataJointTable(values, specs, defaults)


def read_targets(table: object) -> dict[str, TargetTable]:
    """The targets of `[tool.djproject.targets]`, by name.

    Raises
    ------
    ConfigError
        A setting that a target does not have, a value of another type, or a secret.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("[tool.djproject.targets] in pyproject.toml is not a table.", hint=EDIT)
    return {name: _read_target(name, target) for name, target in table.items()}


def _read_target(name: str, target: object) -> TargetTable:
    where = f"[tool.djproject.targets.{name}]"
    if not isinstance(target, Mapping):
        raise ConfigError(f"{where} is not a table.", hint=EDIT)
    allowed = MANAGED_KEYS if name in MANAGED_TARGETS else TARGET_KEYS
    values: dict[str, Value] = {}
    for key, value in target.items():
        refuse_secret(f"database.{key}", where)
        if key not in allowed:
            managed = f", because djproject runs the database of the target {name}" if key in TARGET_KEYS else ""
            raise ConfigError(
                f"{where} has no setting called {key!r}{managed}.", hint=f"Settings: {', '.join(allowed)}"
            )
        if key not in MANAGED_KEYS:
            values[f"database.{key}"] = read_value(KNOWN[f"database.{key}"], value, where)
    if name not in MANAGED_TARGETS and "database.host" not in values:
        raise ConfigError(f"{where} has no host.", hint=EDIT)
    stores = target.get("stores", {})
    if not isinstance(stores, Mapping):
        raise ConfigError(f"{where} stores is not a table.", hint=EDIT)
    return TargetTable(
        values, {store: read_spec(store, spec, f"{where[:-1]}.stores]") for store, spec in stores.items()}
    )


def check_target_stores(targets: Mapping[str, TargetTable], stores: Mapping[str, StoreSpec]) -> None:
    """Refuse typing errors: a target's store that only moves a store which does not exist, an unknown attribute."""
    for target, table in targets.items():
        for name, spec in table.stores.items():
            where = f"[tool.djproject.targets.{target}.stores.{name}]"
            if name not in stores and "protocol" not in spec:
                raise ConfigError(
                    f"{where}: there is no store called {name!r}.", hint=f"Stores: {', '.join(stores) or 'none'}"
                )
            allowed = _allowed_keys(target, {**stores.get(name, {}), **spec})
            unknown = [key for key in spec if allowed and key not in allowed]
            if unknown:
                raise ConfigError(
                    f"{where}: a store of this protocol has no attribute {unknown[0]!r}.",
                    hint=f"Allowed: {', '.join(allowed)}",
                )


def _allowed_keys(target: str, spec: StoreSpec) -> tuple[str, ...]:
    """What a store may have there, folders at embedded and stack included; empty where a plugin has the protocol."""
    names = [str(spec.get("protocol")), *(["file"] if target in MANAGED_TARGETS else [])]
    if not all(name in PROTOCOLS for name in names):
        return ()
    return tuple(dict.fromkeys(key for name in names for key in PROTOCOLS[name].allowed))


def refuse_secret(name: str, where: str) -> None:
    """Raise a ConfigError where a setting of this name would put a secret into pyproject.toml."""
    if looks_secret(name.rsplit(".", 1)[-1]):
        raise ConfigError(
            f"{where}: {name} is a secret and does not belong in pyproject.toml, which is committed.",
            hint=f"Remove it and write it to .secrets/{name} (mode 0600) or to the environment.",
        )


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
