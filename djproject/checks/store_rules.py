"""DJP3xx: the object stores of `[tool.datajoint.stores]`."""

from collections.abc import Iterator

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.errors import ConfigError, ProjectError
from djproject.findings import Location
from djproject.pipeline.model import stores_in_use
from djproject.project.names import checked_store_name
from djproject.project.stores import (
    DEFAULT_KEYS,
    PROTOCOLS,
    StoreProtocol,
    StoreSpec,
    find_protocol,
    overlapping_prefixes,
    pattern_problem,
    value_problems,
)


@rule
def protocols_are_known(examined: Examined) -> Iterator[Found]:
    """DJP301 error: Every store has a protocol that DataJoint knows, in lower case.

    What it does: compares `protocol` with file, s3, gcs, azure and the protocols of installed plugins.

    Why it matters: DataJoint checks the protocol only when the store is first used. That check ignores case, so "S3"
    passes it, but the code that opens the store expects "s3".

    Example:
        protocol = "S3"

    Use instead:
        protocol = "s3"

    Source: datajoint/settings.py, Config.get_store_spec; datajoint/storage.py.
    """
    for name, spec in _stores(examined):
        protocol = spec.get("protocol")
        if not isinstance(protocol, str):
            hint = f"djproject stores set {name} protocol=file"
            yield Found(_place(examined, name), f"The store {name!r} has no protocol.", hint)
            continue
        try:
            find_protocol(protocol)
        except ConfigError as error:
            yield Found(_place(examined, name, "protocol"), f"The store {name!r}: {error.message}", error.hint)


@rule
def store_keys_are_those_of_the_protocol(examined: Examined) -> Iterator[Found]:
    """DJP302 error: Every store has all attributes that its protocol requires, only allowed ones, and valid values.

    What it does: compares the attributes of each store with those that DataJoint requires and allows.

    Why it matters: DataJoint does not check the store when it reads the settings, but refuses it at the first use.

    Example:
        [tool.datajoint.stores.main]
        protocol = "s3"
        bucket = "data"

    Use instead: also set endpoint and location.

    Source: datajoint/settings.py, Config.get_store_spec.
    """
    for name, spec in _stores(examined):
        for message, hint in value_problems(name, spec):
            yield Found(_place(examined, name), message, hint)
        rules = _protocol(spec)
        if rules is None:
            continue
        missing = [key for key in rules.required if spec.get(key) in (None, "") and key != "location"]
        missing += ["location"] if "location" in rules.required and spec.get("location") is None else []
        for key in missing:
            message = f"The store {name!r} has no {key}, which the protocol {spec['protocol']} requires."
            yield Found(_place(examined, name), message, f"djproject stores set {name} {key}=…")
        for key in spec:
            if key not in rules.allowed:
                message = f"A store of protocol {spec['protocol']} has no attribute {key!r} (store {name!r})."
                yield Found(_place(examined, name, key), message, f"Allowed: {', '.join(rules.allowed)}")


@rule
def default_stores_exist(examined: Examined) -> Iterator[Found]:
    """DJP303 error: `default` and `filepath_default` name existing stores, and store names are valid.

    What it does: compares the two settings with the names of the stores. A store name must start with a letter,
    contain only letters, digits, `_` and `-`, and be at most 63 characters long.

    Why it matters: DataJoint uses the default store if no store is named, and `check --fix` writes its name into
    `<blob@>`.

    Example:
        [tool.datajoint.stores]
        default = "mian"

    Use instead:
        default = "main"

    Source: datajoint/settings.py, Config.get_store_spec.
    """
    datajoint = examined.project.datajoint
    for key in DEFAULT_KEYS:
        name = datajoint.defaults.get(key)
        if name is not None and name not in {*datajoint.stores, *examined.broken_stores}:
            message = f"stores.{key} is {name!r}, but this store does not exist."
            yield Found(_place(examined, "", key), message, "djproject stores default NAME")
    for name, _ in _stores(examined):
        try:
            checked_store_name(name)
        except ProjectError as error:
            yield Found(_place(examined, name), error.message, error.hint)


@rule
def prefixes_are_apart(examined: Examined) -> Iterator[Found]:
    """DJP304 error: The prefixes of a store do not overlap.

    What it does: finds two of hash_prefix, schema_prefix and filepath_prefix that are equal, or one that is inside
    another.

    Why it matters: DataJoint refuses the store at its first use, because garbage collection under one prefix could
    delete objects under another.

    Example:
        hash_prefix = "data"
        schema_prefix = "data/schemas"

    Use instead:
        schema_prefix = "schemas"

    Source: datajoint/settings.py, Config.get_store_spec.
    """
    for name, spec in _stores(examined):
        for first, second in overlapping_prefixes(spec):
            message = f"{first} and {second} of the store {name!r} overlap."
            yield Found(_place(examined, name, second), message, f"djproject stores set {name} {second}=…")


@rule
def partition_patterns_name_attributes(examined: Examined) -> Iterator[Found]:
    """DJP305 warning: Every partition_pattern names attributes in braces.

    What it does: looks for `{attribute}` in the pattern.

    Why it matters: DataJoint silently ignores a pattern without braces.

    Example:
        partition_pattern = "subject_id/session_date"

    Use instead:
        partition_pattern = "{subject_id}/{session_date}"

    Source: datajoint/storage.py, build_object_path.
    """
    for name, spec in _stores(examined):
        problem = pattern_problem(spec)
        if problem:
            message = f"The partition_pattern of the store {name!r} {problem}."
            yield Found(_place(examined, name, "partition_pattern"), message)


@rule
def stores_are_in_different_places(examined: Examined) -> Iterator[Found]:
    """DJP306 error: No two stores share a location, and no store is inside another.

    What it does: compares protocol, endpoint, bucket (or container) and location.

    Why it matters: garbage collection of one store deletes the data of the other.

    Example:
        [tool.datajoint.stores.main]
        location = "/data"
        [tool.datajoint.stores.raw]
        location = "/data/raw"

    Use instead: use locations that do not contain each other.

    Source: datajoint/gc.py, which deletes objects that no table of the store refers to.
    """
    seen: list[tuple[str, tuple[str, ...], str]] = []
    for name, spec in _stores(examined):
        bucket = spec.get("bucket") or spec.get("container") or ""
        endpoint = str(spec.get("endpoint", "")).removeprefix("https://").removeprefix("http://").rstrip("/")
        place = (str(spec.get("protocol", "")).lower(), endpoint, str(bucket))
        location = "/" + str(spec.get("location", "")).strip("/") + "/"
        location = location.replace("//", "/")
        for other, other_place, other_location in seen:
            if place == other_place and (location.startswith(other_location) or other_location.startswith(location)):
                yield Found(_place(examined, name, "location"), f"The stores {other!r} and {name!r} share a location.")
        seen.append((name, place, location))


@rule
def stores_are_used(examined: Examined) -> Iterator[Found]:
    """DJP307 warning: Every store is used by a table or is a default store.

    What it does: compares the stores with the names after `@` in definitions. Nothing is reported if a definition
    cannot be read.

    Why it matters: people may look for data in an unused store, and its settings and secrets have to be maintained.

    Example: `[tool.datajoint.stores.old]` exists, but no definition contains `<…@old>`.

    Use instead: run `djproject stores remove old`.

    Source: book, Object Storage Configuration.
    """
    if not examined.pipeline.tables or any(table.unknown for table in examined.tables):
        return
    datajoint = examined.project.datajoint
    used = stores_in_use(examined.pipeline, datajoint.defaults)
    for name, _ in _stores(examined):
        if name not in used and name not in datajoint.defaults.values():
            yield Found(_place(examined, name), f"No table uses the store {name!r}.", f"djproject stores remove {name}")


def _stores(examined: Examined) -> Iterator[tuple[str, StoreSpec]]:
    stores = examined.project.datajoint.stores
    yield from ((name, spec) for name, spec in stores.items() if name not in examined.broken_stores)


def _protocol(spec: StoreSpec) -> StoreProtocol | None:
    protocol = spec.get("protocol")
    if not isinstance(protocol, str):
        return None
    if protocol.lower() in PROTOCOLS:
        return PROTOCOLS[protocol.lower()]
    try:
        return find_protocol(protocol)
    except ConfigError:
        return None


def _place(examined: Examined, store: str, key: str = "") -> Location:
    """Where a store or a key of it is in pyproject.toml."""
    return toml_place(examined, f"tool.datajoint.stores.{store}".rstrip("."), key)


def toml_place(examined: Examined, table: str, key: str = "") -> Location:
    """Where a table's header, or a key below it, is in pyproject.toml; the file where it cannot be found."""
    import re

    lines = examined.lines(examined.project.root / "pyproject.toml")
    last = table.rpartition(".")[2]
    header = next((n for n, line in enumerate(lines) if re.match(rf"\s*\[{re.escape(table)}\]", line)), None)
    if header is None:
        header = next((n for n, line in enumerate(lines) if re.match(rf"\s*\[{re.escape(table)}\.", line)), None)
    if header is None:
        pattern = rf"\s*(?:[\w.]*\.)?\"?{re.escape(last)}\"?\s*[.=]"
        header = next((n for n, line in enumerate(lines) if re.match(pattern, line)), None)
    if header is None:
        return Location("pyproject.toml")
    number = header
    if key:
        for offset, line in enumerate(lines[header + 1 :], start=header + 1):
            if line.lstrip().startswith("["):
                break
            if re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line):
                number = offset
                break
    line = lines[number]
    column = len(line) - len(line.lstrip()) + 1
    return Location("pyproject.toml", number + 1, column, len(line.rstrip()) + 1)
