"""The page about every key of pyproject.toml: names, types, choices and defaults come from the code."""

from djproject.project import checking, groups
from djproject.project.settings import CHOICES, KNOWN, KnownSetting
from djproject.project.stores import COMMON_KEYS, DEFAULT_KEYS, PREFIX_DEFAULTS, PROTOCOLS, looks_secret
from djproject.project.tables import TARGET_KEYS

HEAD = """# Configuration

Every key of `[tool.djproject]` and `[tool.datajoint]` in `pyproject.toml`. Made from the code; do not edit. Unknown
keys and values of another type are errors. Environment variables, files and precedence: [Settings](settings.md).

```toml
[tool.datajoint.database]
backend = "postgresql"

[tool.datajoint.stores]
default = "main"

[tool.datajoint.stores.main]
protocol = "s3"
endpoint = "s3.example.org"
bucket = "lab-data"
location = "raw"

[tool.djproject]
package = "workflow"
target = "embedded"

[tool.djproject.targets.lab]
backend = "postgresql"
host = "db.example.org"
user = "alice"

[tool.djproject.check]
fail-level = "warning"

[tool.djproject.workers.gpu]
tables = ["processing.Segmentation"]
gpus = [0, 1]
```
"""
PROJECT = {
    "package": ("string", "the import package below `src/`", "`workflow`, or the only one there"),
    "target": ("string", "the target to use where nobody chooses another one", "`embedded`"),
    "targets": ("tables", "database servers, by name: see below", ""),
    "check": ("table", "what `djproject check` examines: see below", ""),
    "workers": ("tables", "groups of workers, by name: see below", ""),
}
TARGET = {
    "backend": "the database server's kind",
    "host": "the server; required",
    "port": "its port",
    "user": "who connects; the password goes to `.secrets/targets.NAME.password` or `DJPROJECT_NAME_PASSWORD`",
    "name": "the database (PostgreSQL)",
    "use_tls": "whether the connection must be encrypted",
    "stores": "`stores.STORE.KEY`: what differs from `[tool.datajoint.stores.STORE]` at this target",
}
CHECK = {
    "select": ("list of strings", 'codes of [rules](../rules/index.md), or their beginnings (`"DJP2"`)', "all"),
    "ignore": ("list of strings", "codes, or their beginnings, that are not examined", "none"),
    "fail-level": ("`error` or `warning`", "what makes the exit code 1", "`error`"),
    "per-file-ignores": ("table", 'codes by pattern of a path: `"src/workflow/old/*" = ["DJP2"]`', ""),
    "baseline": ("string", "the file with findings that are known", ""),
    "layers": ("list of lists", 'modules, upstream first; `"ephys"` stands for all of a package', ""),
    "independent": ("list of strings", "modules that do not depend on each other", ""),
    "forbid": ("list of strings", '`"child -> parent"`: a dependency that is not allowed', ""),
}
WORKERS = {
    "tables": ("list of strings", "[selectors](../how-to/graph.md) of the tables to fill", "all imported and computed"),
    "exclude": ("list of strings", "selectors of tables that the group leaves alone", "none"),
    "count": ("integer", "worker processes on one machine", "one for each GPU, else 1"),
    "concurrency": ("table", 'at most so many of the group at one table: `{ "acquisition.Scan" = 2 }`', ""),
    "environment": ("table", "variables of the worker processes; no secrets", ""),
    "gpus": ("list", "devices, one to a worker in turn (`CUDA_VISIBLE_DEVICES`)", ""),
    "threads": ("integer", "threads of BLAS and OpenMP in each process", "an even share of the processors"),
    "grace": ("duration", "how long a running job may take to finish when the workers are stopped", "any time"),
    "job-timeout": ("duration", "a job that takes longer is stopped, and is an error", "any time"),
    "max-jobs-per-process": ("integer", "start a new process after so many jobs", "any number"),
    "max-rss": ("integer", "start a new process when one uses more megabytes", "any"),
}
DATAJOINT = {
    "database.backend": "the database server's kind",
    "database.host": "the server; better in a target",
    "database.port": "its port",
    "database.user": "who connects",
    "database.name": "the database (PostgreSQL)",
    "database.use_tls": "whether the connection must be encrypted",
    "database.reconnect": "connect again after the connection was lost",
    "database.create_tables": "declare tables on import; djproject declares them in `deploy` only",
    "connection.charset": "the connection's character set (MySQL)",
    "display.limit": "rows shown of a query",
    "display.width": "characters shown of a value",
    "display.show_tuple_count": "show how many rows a query has",
    "display.diagram_direction": "where `dj.Diagram` grows to",
    "display.diagram_theme": "its colours",
    "jobs.auto_refresh": "add new keys to the job table when populating",
    "jobs.keep_completed": "keep the records of jobs that succeeded",
    "jobs.stale_timeout": "seconds after which DataJoint's `refresh` removes a job whose key is gone",
    "jobs.default_priority": "a job's priority, 0 to 255; smaller is earlier",
    "jobs.version_method": "what a job records as the version of the code",
    "jobs.allow_new_pk_fields_in_computed_tables": "let computed tables add attributes to the primary key",
    "jobs.add_job_metadata": "add columns about the job to computed tables",
    "provenance.capture": "record where computed rows come from",
    "loglevel": "what DataJoint logs",
    "safemode": "ask before deleting or dropping",
    "query_cache": "the folder of DataJoint's query cache",
    "download_path": "where attachments are downloaded to",
}
STORE = {
    "protocol": "where the store is",
    "location": "the folder: on disk, or inside the bucket",
    "endpoint": "host and port of the server",
    "bucket": "the bucket",
    "container": "the container",
    "access_key": "secret: in `.secrets/stores.NAME.access_key`",
    "secret_key": "secret: in `.secrets/stores.NAME.secret_key`",
    "secure": "use HTTPS",
    "proxy_server": "a proxy on the way to the server",
    "token": "secret: in `.secrets/stores.NAME.token`",
    "project": "the project at Google",
    "account_name": "the account",
    "account_key": "secret: in `.secrets/stores.NAME.account_key`",
    "connection_string": "secret: in `.secrets/stores.NAME.connection_string`",
    "subfolding": "lengths of the folder names that hashed objects are spread over",
    "partition_pattern": 'folders by attributes of the key, such as `"{subject_id}/{session_date}"`',
    "token_length": "characters of the random part of an object's name",
    "hash_prefix": "the folder of `<hash@>`, `<blob@>` and `<attach@>`",
    "schema_prefix": "the folder of `<object@>` and `<npy@>`",
    "filepath_prefix": "the folder of `<filepath@>`",
    "stage": "accepted by DataJoint, and not used",
}
KINDS = {str: "string", int: "integer", bool: "`true` or `false`"}


def configuration_page() -> str:
    """The whole page; KeyError names a key that has no description here."""
    return "\n".join(
        [
            HEAD,
            "## `[tool.djproject]`\n",
            *_rows(PROJECT.items()),
            "\n## `[tool.djproject.targets.NAME]`\n",
            "A server where the pipeline's tables are: [Work at a lab's database](../how-to/targets.md). The tables of",
            "`embedded` and `stack`, whose databases djproject runs, take `stores` only: [Where a store really",
            "is](../how-to/stores.md#where-a-store-really-is).\n",
            *_rows((key, _target(key)) for key in TARGET if key in TARGET_KEYS),
            "\n## `[tool.djproject.check]`\n",
            *_rows((key, CHECK[key]) for key in checking.KEYS),
            "\n## `[tool.djproject.workers.NAME]`\n",
            "A duration is a string such as `90s`, `2m` or `1h`.\n",
            *_rows((key, WORKERS[key]) for key in groups.KEYS),
            "\n## `[tool.datajoint]`\n",
            "DataJoint's own settings, by the name they have in `dj.config`. Write `jobs.keep_completed` as",
            "`keep_completed` under `[tool.datajoint.jobs]`. Passwords are refused here.\n",
            *_table_of_datajoint(),
            "\n## `[tool.datajoint.stores]`\n",
            f"`{DEFAULT_KEYS[0]}` names the store that `<blob@>` means, `{DEFAULT_KEYS[1]}` that of `<filepath@>`.",
            "Every other key is a store, a table of its own. `djproject stores add` writes it for you.\n",
            *_table_of_stores(),
        ]
    ) + "\n"  # fmt: skip


def missing_keys() -> set[str]:
    """Keys that the code accepts and this page does not describe."""
    stores = {key for protocol in PROTOCOLS.values() for key in protocol.allowed}
    datajoint = {name for name in KNOWN if not looks_secret(name.rsplit(".", 1)[-1])}
    return (
        (set(TARGET_KEYS) - set(TARGET)) | (set(checking.KEYS) - set(CHECK)) | (set(groups.KEYS) - set(WORKERS))
        | (datajoint - set(DATAJOINT)) | (stores - set(STORE))
    )  # fmt: skip


def _rows(entries):
    return ["| Key | Value | Meaning | Default |", "|---|---|---|---|"] + [
        f"| `{key}` | {kind} | {meaning} | {default} |" for key, (kind, meaning, default) in entries
    ]


def _target(key: str) -> tuple[str, str, str]:
    known = KNOWN.get(f"database.{key}")
    return (_kind(known) if known else "table", TARGET[key], "")


def _kind(known: KnownSetting) -> str:
    choices = CHOICES.get(known.name)
    return ", ".join(f"`{choice}`" for choice in choices) if choices else KINDS[known.kind]


def _table_of_datajoint() -> list[str]:
    lines = ["| Key | Value | Meaning | Default | Variable |", "|---|---|---|---|---|"]
    for known in KNOWN.values():
        if looks_secret(known.name.rsplit(".", 1)[-1]):
            continue
        default = (
            ""
            if known.default in {None, ""}
            else f"`{str(known.default).lower() if known.kind is bool else known.default}`"
        )
        variable = f"`{known.variable}`" if known.variable else ""
        lines.append(f"| `{known.name}` | {_kind(known)} | {DATAJOINT[known.name]} | {default} | {variable} |")
    return lines


def _table_of_stores() -> list[str]:
    lines = ["| Key | Protocols | Meaning |", "|---|---|---|"]
    lines.append(f"| `protocol` | required | {STORE['protocol']}: {', '.join(f'`{name}`' for name in PROTOCOLS)} |")
    keys = dict.fromkeys(key for protocol in PROTOCOLS.values() for key in (*protocol.required, *protocol.optional))
    for key in keys:
        uses = [f"{name}{' (required)' if key in protocol.required else ''}" for name, protocol in PROTOCOLS.items()
                if key in protocol.required + protocol.optional]  # fmt: skip
        lines.append(f"| `{key}` | {', '.join(uses)} | {STORE[key]} |")
    for key in COMMON_KEYS:
        default = f"; default `{PREFIX_DEFAULTS[key]}`" if PREFIX_DEFAULTS.get(key) else ""
        lines.append(f"| `{key}` | all | {STORE[key]}{default} |")
    return lines
