"""`[tool.datajoint]` and `[tool.djproject.targets]` as typed values."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from djproject.project.schema import SettingProblem, place
from djproject.project.settings import Layer, Value
from djproject.project.stores import PROTOCOLS, StoreSpec

MANAGED_TARGETS = ("embedded", "stack")  # djproject runs their databases


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

    values: Mapping[str, Value] = MappingProxyType({})
    stores: Mapping[str, StoreSpec] = MappingProxyType({})
    defaults: Mapping[str, str] = MappingProxyType({})

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
    schema_prefix
        What is put before the names of schemas at this target; None where the project's prefix does.
    """

    values: Mapping[str, Value] = MappingProxyType({})
    stores: Mapping[str, StoreSpec] = MappingProxyType({})
    schema_prefix: str | None = None


def target_store_problems(
    targets: Mapping[str, TargetTable], stores: Mapping[str, StoreSpec]
) -> Iterator[SettingProblem]:
    """Typing errors: a target's store that only moves a store which does not exist, an unknown attribute."""
    for target, table in targets.items():
        for name, spec in table.stores.items():
            path = ("tool", "djproject", "targets", target, "stores", name)
            if name not in stores and "protocol" not in spec:
                yield SettingProblem(
                    path,
                    f"{place(path)}: there is no store called {name!r}.",
                    f"Stores: {', '.join(stores) or 'none'}",
                )
            allowed = _allowed_keys(target, {**stores.get(name, {}), **spec})
            yield from (
                SettingProblem(
                    (*path, key),
                    f"{place(path)}: a store of this protocol has no attribute {key!r}.",
                    f"Allowed: {', '.join(allowed)}",
                )
                for key in spec
                if allowed and key not in allowed
            )


def _allowed_keys(target: str, spec: StoreSpec) -> tuple[str, ...]:
    """What a store may have there, folders at embedded and stack included; empty where a plugin has the protocol."""
    names = [str(spec.get("protocol")), *(["file"] if target in MANAGED_TARGETS else [])]
    if not all(name in PROTOCOLS for name in names):
        return ()
    return tuple(dict.fromkeys(key for name in names for key in PROTOCOLS[name].allowed))
