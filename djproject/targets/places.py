"""Where a target's stores really are, and where that differs from what `[tool.datajoint.stores]` says."""

from collections.abc import Mapping
from pathlib import Path

from djproject.errors import ConfigError
from djproject.project.location import Project
from djproject.project.schema import EDIT
from djproject.project.stores import StoreSpec, StoreValue, looks_secret

PLACE_KEYS = ("protocol", "endpoint", "bucket", "container", "location")


def moved_store(spec: StoreSpec, override: StoreSpec) -> StoreSpec:
    """A store with what a target changes; one of another protocol keeps nothing of the old one."""
    moved = override.get("protocol", spec.get("protocol")) != spec.get("protocol")
    return dict(override) if moved else {**spec, **override}


def managed_stores(
    target: str, project: Project, defaults: Mapping[str, StoreSpec], overrides: Mapping[str, StoreSpec]
) -> dict[str, StoreSpec]:
    """The stores of embedded or stack: where djproject puts them, unless the target's table says otherwise.

    Parameters
    ----------
    target
        "embedded" or "stack".
    project
        Whose root relative folders are relative to.
    defaults
        The stores where djproject puts them.
    overrides
        The stores of the target's table. One that names a protocol or an endpoint starts from
        `[tool.datajoint.stores]`, any other from where djproject puts it.

    Raises
    ------
    ConfigError
        A folder of the stack is not an absolute path, which is what containers can be given.
    """
    stores = dict(defaults)
    for name, override in overrides.items():
        configured = project.datajoint.stores.get(name, {})
        elsewhere = "endpoint" in override or override.get("protocol", "file") != "file"
        store = dict(moved_store(configured if elsewhere else stores.get(name, {}), override))
        if store.get("protocol") == "file" and "location" in override:
            store["location"] = _folder(target, project, name, str(override["location"]))
        stores[name] = store
    return stores


def place(spec: StoreSpec) -> str:
    """Where a store is, in one word."""
    parts = [spec.get("endpoint"), spec.get("bucket") or spec.get("container"), spec.get("location")]
    return "/".join(str(part) for part in parts if part)


def moved_stores(project: Project, target: str, stores: Mapping[str, object]) -> dict[str, StoreSpec]:
    """The stores that are silently in another place at a target than `[tool.datajoint.stores]` says.

    Those that the target's own table moves are not among them. The values are what `[tool.datajoint.stores]` says.
    """
    table = project.managed.get(target) or project.targets.get(target)
    moved = {}
    for name, spec in project.datajoint.stores.items():
        used = stores.get(name)
        chosen = table is not None and name in table.stores
        if not chosen and isinstance(used, Mapping) and any(used.get(key) != spec.get(key) for key in PLACE_KEYS):
            moved[name] = spec
    return moved


def without_secrets(spec: Mapping[str, StoreValue]) -> dict[str, StoreValue]:
    """A store's attributes that may be shown."""
    return {key: value for key, value in spec.items() if not looks_secret(key)}


def _folder(target: str, project: Project, name: str, location: str) -> str:
    path = Path(location).expanduser()
    if target == "stack" and not path.is_absolute():
        raise ConfigError(
            f"[tool.djproject.targets.stack.stores.{name}] location must be an absolute path, not {location!r}: "
            "containers see it under the same name.",
            hint=EDIT,
        )
    return str(project.root / path)
