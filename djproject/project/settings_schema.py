"""`[tool.djproject]` and `[tool.datajoint]`: every key, declared here and nowhere else.

What commands are given, what they say of a mistake, the reference page and the JSON Schema follow from these tables.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from djproject.errors import ConfigError
from djproject.project.checking import ADVISE, LEVELS, STRICT, CheckTable, read_codes
from djproject.project.cluster_settings import CLUSTER, MEMORY
from djproject.project.clusters import Cluster
from djproject.project.schema import (
    FLAG,
    INTEGER,
    NAME,
    SECONDS,
    TEXT,
    WHOLE,
    Key,
    Path,
    Scalar,
    Table,
    choice,
    json_schema,
    place,
    texts,
)
from djproject.project.settings import KNOWN, KnownSetting, read_value
from djproject.project.stores import ATTRIBUTES, DEFAULT_KEYS, PROTOCOLS, SIMPLE, looks_secret, secrets_in
from djproject.project.tables import MANAGED_TARGETS, DataJointTable, TargetTable

if TYPE_CHECKING:
    from djproject.project.groups import WorkerGroup

PREFIX_VARIABLE = re.compile(r"\$\{(\w+)\}")
IDENTITY = "urn:djproject:settings:{}"
_DATABASE = ("backend", "host", "port", "user", "name", "use_tls")


def _folder(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(\w[\w.-]*)(/\w[\w.-]*)*", value):
        raise ValueError
    return value


def _prefix(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9_]*", PREFIX_VARIABLE.sub("", value)):
        raise ValueError
    return value


def _codes(value: Any) -> tuple[str, ...]:
    return read_codes(texts().read(value))  # type: ignore[arg-type]


def _layers(value: Any) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(texts().read([layer] if isinstance(layer, str) else layer) for layer in value)  # type: ignore[misc]


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(part.strip() for part in text.split("->")) for text in texts().read(value)]  # type: ignore[attr-defined]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise ValueError
    return tuple((child, parent) for child, parent in pairs)


def _gpus(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(gpu, int | str) and not isinstance(gpu, bool) for gpu in value
    ):
        raise ValueError
    return tuple(str(gpu) for gpu in value)


PREFIX = Scalar(
    "a string of lower-case letters, digits, _ and variables such as ${USER}",
    {"type": "string", "pattern": r"^([a-z0-9_]|\$\{\w+\})*$"},
    _prefix,
)
FOLDER = Scalar(
    "a folder of the project, such as python or code/src",
    {"type": "string", "pattern": r"^(\w[\w.-]*)(/\w[\w.-]*)*$"},
    _folder,
)
CODES = Scalar(
    "a list of strings",
    {"type": "array", "items": {"type": "string", "pattern": r"^[Dd][Jj][Pp]\d{0,3}$"}},
    _codes,
)
LAYERS = Scalar(
    "a list of modules, and of lists of modules",
    {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}},
    _layers,
)
PAIRS = Scalar(
    'a list of entries such as "child -> parent"',
    {"type": "array", "items": {"type": "string", "pattern": r"^[^>]*[^>\s][^>]*->[^>]*[^>\s][^>]*$"}},
    _pairs,
)
GPUS = Scalar("a list of devices, such as [0, 1]", {"type": "array", "items": {"type": ["integer", "string"]}}, _gpus)
SELECTORS = texts('a list of selectors, such as ["processing", "+analysis.Fit"]')


def _known(known: KnownSetting) -> Scalar:
    json: dict[str, object] = {"type": {str: "string", int: "integer", bool: "boolean"}[known.kind]}
    if known.choices:
        json["enum"] = list(known.choices)
    plain = {str: TEXT, int: INTEGER, bool: FLAG}[known.kind]
    words = choice(*known.choices).words if known.choices else plain.words

    def read(value: Any) -> object:
        try:
            return read_value(known, value, "pyproject.toml")
        except ConfigError as error:
            raise ValueError from error

    return Scalar(words, json, read)


def _default(known: KnownSetting) -> str:
    if known.default in {None, ""}:
        return ""
    return f"`{str(known.default).lower() if known.kind is bool else known.default}`"


# Stores ---------------------------------------------------------------------------------------------------------------


def _protocol_conditions() -> list[dict[str, object]]:
    return [
        {
            "if": {"properties": {"protocol": {"const": name}}, "required": ["protocol"]},
            "then": {"required": list(protocol.required), "propertyNames": {"enum": list(protocol.allowed)}},
        }
        for name, protocol in PROTOCOLS.items()
    ]


_PUBLIC_ATTRIBUTES = {key: attribute for key, attribute in ATTRIBUTES.items() if not looks_secret(key)}
_SECRET_NAMES = {"propertyNames": {"not": {"enum": [key for key in ATTRIBUTES if looks_secret(key)]}}}
STORE = Table(
    _PUBLIC_ATTRIBUTES,
    others=lambda _: SIMPLE,
    refused=secrets_in,
    json={**_SECRET_NAMES, "required": ["protocol"], "allOf": _protocol_conditions()},
)
STORE_AT_TARGET = Table(_PUBLIC_ATTRIBUTES, others=lambda _: SIMPLE, refused=secrets_in, json=_SECRET_NAMES)


# [tool.datajoint] -----------------------------------------------------------------------------------------------------


def _secret_settings(path: Path, table: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    for key in table:
        if looks_secret(key):
            name = ".".join((*path[2:], key))
            yield (
                key,
                f"{place(path)} {key} is a secret and does not belong in pyproject.toml, which is committed.",
                f"Remove it and write it to .secrets/{name} (mode 0600) or to the environment.",
            )


def _datajoint_keys() -> dict[str, Key]:
    tables: dict[str, dict[str, Key]] = {}
    plain: dict[str, Key] = {}
    for known in KNOWN.values():
        table, _, key = known.name.rpartition(".")
        if not looks_secret(key):
            keys = tables.setdefault(table, {}) if table else plain
            keys[key] = Key(_known(known), known.meaning, _default(known))
    return {
        **{name: Key(Table(keys, refused=_secret_settings), f"`{name}.*`") for name, keys in tables.items()},
        **plain,
    }


def _datajoint(stores: Mapping[str, Any] | None = None, **values: Any) -> DataJointTable:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= {f"{name}.{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    named = stores or {}
    return DataJointTable(
        flat,
        {name: spec for name, spec in named.items() if name not in DEFAULT_KEYS},
        {name: str(store) for name, store in named.items() if name in DEFAULT_KEYS},
    )


_STORE_NAME = "djproject stores default NAME"
STORES = Table(
    {
        DEFAULT_KEYS[0]: Key(TEXT, "the store that `check --fix` writes into `<blob@>`", hint=_STORE_NAME),
        DEFAULT_KEYS[1]: Key(TEXT, "the store that `check --fix` writes into `<filepath@>`", hint=_STORE_NAME),
    },
    others=lambda _: STORE,
)
DATAJOINT = Table(
    {**_datajoint_keys(), "stores": Key(STORES, "object stores, by name")}, make=_datajoint, refused=_secret_settings
)


# [tool.djproject] -----------------------------------------------------------------------------------------------------


def _refused_in_target(path: Path, table: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    name = path[-1]
    for key in table:
        if looks_secret(key):
            yield (
                key,
                f"{place(path)} {key} is a secret and does not belong in pyproject.toml, which is committed.",
                f"Remove it and write it to .secrets/targets.{name}.{key} (mode 0600).",
            )
        elif name in MANAGED_TARGETS and key in _DATABASE:
            yield (
                key,
                f"{place(path)} has no setting {key!r}, because djproject runs the database of the target {name}.",
                f"Settings: {', '.join(MANAGED_TARGET.keys)}",
            )


def _target(stores: Mapping[str, Any] | None = None, schema_prefix: str | None = None, **database: Any) -> TargetTable:
    return TargetTable({f"database.{key}": value for key, value in database.items()}, stores or {}, schema_prefix)


_PREFIX_HINT = 'schema_prefix = "${USER}_"'
_TARGET_KEYS = {
    "schema_prefix": Key(PREFIX, "put before the names of schemas at this target", "the project's", hint=_PREFIX_HINT),
    "stores": Key(
        Table({}, others=lambda _: STORE_AT_TARGET),
        "`stores.STORE.KEY`: what differs from `[tool.datajoint.stores.STORE]` at this target",
    ),
}
_MEANINGS = {
    "host": "the server; required",
    "user": "the user name; the password goes in `.secrets/targets.NAME.password` or `DJPROJECT_NAME_PASSWORD`",
}
MANAGED_TARGET = Table(_TARGET_KEYS, make=_target, refused=_refused_in_target)
TARGET = Table(
    {
        **{
            key: Key(_known(known), _MEANINGS.get(key, known.meaning))
            for key in _DATABASE
            for known in [KNOWN[f"database.{key}"]]
        },
        **_TARGET_KEYS,
    },
    make=_target,
    required=("host",),
    refused=_refused_in_target,
)
CHECK = Table(
    {
        "select": Key(CODES, 'codes of [rules](../rules/index.md), or their prefixes (`"DJP2"`)', "all"),
        "ignore": Key(CODES, "codes, or their prefixes, that are not checked", "none"),
        "convention": Key(
            choice(STRICT, ADVISE),
            "whether code that works but departs from the convention is an error or a warning",
            f"`{STRICT}`",
        ),
        "fail-level": Key(choice(*LEVELS), "the lowest severity that causes exit code 1", "`error`", "fail_level"),
        "per-file-ignores": Key(
            Table({}, others=lambda _: CODES),
            'codes by pattern of a path: `"src/workflow/old/*" = ["DJP2"]`',
            attribute="per_file_ignores",
        ),
        "baseline": Key(TEXT, "the file of known findings"),
        "layers": Key(LAYERS, 'modules, upstream first; `"ephys"` means all of a package'),
        "independent": Key(texts(), "modules that do not depend on each other"),
        "forbid": Key(PAIRS, '`"child -> parent"`: a dependency that is not allowed'),
    },
    make=CheckTable,
)


def _secret_variables(path: Path, table: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    for variable in table:
        if looks_secret(variable.lower()):
            yield (
                variable,
                f"{place(path)} {variable} is a secret and does not belong in pyproject.toml.",
                f"export {variable}=… before the workers start",
            )


def _group(gpus: tuple[str, ...] = (), processes: int | None = None, **values: Any) -> "WorkerGroup":
    from djproject.project.groups import WorkerGroup  # here, because a check on every save need not wait for it

    return WorkerGroup("", gpus=gpus, processes=processes or max(len(gpus), 1), **values)


def _named_groups(**groups: "WorkerGroup") -> "dict[str, WorkerGroup]":
    return {name: group._replace(name=name) for name, group in groups.items()}


GROUP = Table(
    {
        "tables": Key(SELECTORS, "[selectors](../how-to/graph.md) of the tables to fill", "all imported and computed"),
        "exclude": Key(SELECTORS, "selectors of tables that the group leaves alone", "none"),
        "count": Key(WHOLE, "worker processes on one machine", "one for each GPU, else 1", "processes"),
        "concurrency": Key(
            Table({}, others=lambda _: WHOLE),
            'at most this many workers of the group on one table: `{ "acquisition.Scan" = 2 }`',
        ),
        "environment": Key(
            Table({}, others=lambda _: TEXT, refused=_secret_variables),
            "variables of the worker processes; no secrets",
        ),
        "gpus": Key(GPUS, "devices, assigned to the workers in turn (`CUDA_VISIBLE_DEVICES`)"),
        "threads": Key(WHOLE, "threads of BLAS and OpenMP in each process", "an even share of the processors"),
        "grace": Key(
            SECONDS, "how long a running job may take to finish when the workers are stopped", "no limit",
            "grace_seconds",
        ),
        "job-timeout": Key(SECONDS, "a job that takes longer is stopped, and is an error", "no limit", "job_seconds"),
        "max-jobs-per-process": Key(
            WHOLE, "replace a process after this many jobs", "no limit", "jobs_per_process"
        ),
        "max-rss": Key(WHOLE, "replace a process that uses more megabytes than this", "no limit", "megabytes"),
        "cluster": Key(NAME, "the cluster that pilots of the group are for", "any"),
        "cpus": Key(WHOLE, "processors of a pilot of the group", "the cluster's"),
        "memory": Key(MEMORY, "memory of a pilot of the group", "the cluster's"),
        "time": Key(SECONDS, "wall time of a pilot of the group (Slurm)", "the cluster's", "seconds"),
    },
    make=_group,
)  # fmt: skip


def _named_clusters(**clusters: Cluster) -> dict[str, Cluster]:
    return {name: cluster._replace(name=name) for name, cluster in clusters.items()}


def _unknown_clusters(path: Path, table: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """Groups of workers that name a cluster which is not described."""
    groups, clusters = table.get("workers"), table.get("clusters")
    known = list(clusters) if isinstance(clusters, Mapping) else []
    for name, group in groups.items() if isinstance(groups, Mapping) else ():
        wanted = group.get("cluster") if isinstance(group, Mapping) else None
        if isinstance(wanted, str) and wanted not in known:
            hint = (
                f"Clusters: {', '.join(known)}"
                if known
                else f"$EDITOR pyproject.toml  ([tool.djproject.clusters.{wanted}])"
            )
            yield "workers", f"{place((*path, 'workers', name))} cluster: there is no cluster {wanted!r}.", hint


TEMPLATE = Table(
    {
        "version": Key(WHOLE, "version of the template that generated the project"),
        "docs": Key(TEXT, "what builds the documentation"),
        "object-store": Key(TEXT, "what the stack keeps objects in"),
        "example": Key(FLAG, "whether the example pipeline was included"),
        "license": Key(TEXT, "licence of the project"),
        "year": Key(INTEGER, "year in the licence"),
    },
)
DJPROJECT = Table(
    {
        "package": Key(NAME, "the import package", "`workflow`, or the only one there"),
        "source": Key(FOLDER, "the folder that has the package", "`src`, or the project's own"),
        "target": Key(NAME, "the target to use unless you choose another one", "`embedded`"),
        "schema_prefix": Key(
            PREFIX,
            "put before the names of schemas; see [targets](../how-to/targets.md#one-server-several-people)",
            "none",
            hint=_PREFIX_HINT,
        ),
        "targets": Key(
            Table({name: Key(MANAGED_TARGET, f"the target {name}") for name in MANAGED_TARGETS}, lambda _: TARGET),
            "database servers, by name",
        ),
        "check": Key(CHECK, "what `djproject check` examines"),
        "workers": Key(Table({}, others=lambda _: GROUP, make=_named_groups), "groups of workers, by name"),
        "clusters": Key(Table({}, others=lambda _: CLUSTER, make=_named_clusters), "clusters of machines, by name"),
        "template": Key(TEMPLATE, "the answers that `djproject init` was given; `djproject upgrade` reads them"),
    },
    refused=_unknown_clusters,
)
TABLES = {"djproject": DJPROJECT, "datajoint": DATAJOINT}


def tool_schema(tool: str) -> dict[str, object]:
    """The JSON Schema of `[tool.djproject]` or `[tool.datajoint]`: the entry point of `validate-pyproject`."""
    return json_schema(TABLES[tool], IDENTITY.format(tool), f"[tool.{tool}] in pyproject.toml")


def pyproject_schema() -> dict[str, object]:
    """The JSON Schema of a pyproject.toml, of which it describes those two tables: for editors."""
    tools = Table({})
    return {
        **json_schema(tools, IDENTITY.format("pyproject"), "pyproject.toml of a DataJoint pipeline"),
        "properties": {"tool": {"type": "object", "properties": {tool: tool_schema(tool) for tool in TABLES}}},
        "additionalProperties": True,
    }
