"""The page about every key of pyproject.toml, from the tables that declare them."""

from collections.abc import Iterable, Iterator

from djproject.project.cluster_settings import CLUSTER
from djproject.project.schema import Key, Scalar, Table, leaves
from djproject.project.settings import KNOWN
from djproject.project.settings_schema import CHECK, DATAJOINT, DJPROJECT, GROUP, STORES, TARGET, TEMPLATE
from djproject.project.stores import ATTRIBUTES, COMMON_KEYS, PREFIX_DEFAULTS, PROTOCOLS

HEAD = """# Configuration

Every key of `[tool.djproject]` and `[tool.datajoint]` in `pyproject.toml`. Unknown
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

## In an editor

`djproject config schema` prints the JSON Schema of both tables. Editors that know TOML (VS Code with Even Better TOML,
PyCharm, Helix with Taplo) complete keys and mark mistakes with it:

```bash
djproject config schema > pyproject.schema.json
```

Then put this line at the top of `pyproject.toml`:

```toml
#:schema ./pyproject.schema.json
```

`validate-pyproject` finds the schemas if djproject is in the same environment.
"""


def configuration_page() -> str:
    """The whole page."""
    return "\n".join(
        [
            HEAD,
            "## `[tool.djproject]`\n",
            *_rows(DJPROJECT.keys.items()),
            "\n## `[tool.djproject.targets.NAME]`\n",
            "A server where the pipeline's tables are: [Use a lab's database](../how-to/targets.md). The tables of",
            "`embedded` and `stack`, whose databases djproject runs, take `schema_prefix` and `stores` only: [Where a",
            "store really is](../how-to/stores.md#where-a-store-really-is).\n",
            *_rows(TARGET.keys.items()),
            "\n## `[tool.djproject.check]`\n",
            *_rows(CHECK.keys.items()),
            "\n## `[tool.djproject.workers.NAME]`\n",
            "A duration is a string such as `90s`, `2m` or `1h`.\n",
            *_rows(GROUP.keys.items()),
            "\n## `[tool.djproject.clusters.NAME]`\n",
            "A Slurm or a Kubernetes cluster: [Run on a cluster](../how-to/cluster.md).\n",
            *_rows(CLUSTER.keys.items()),
            "\n## `[tool.djproject.template]`\n",
            "The answers that `djproject init` was given, for `djproject upgrade`: [Upgrade a",
            "project](../how-to/upgrade.md).\n",
            *_rows(TEMPLATE.keys.items()),
            "\n## `[tool.datajoint]`\n",
            "DataJoint's own settings, by the name they have in `dj.config`. Write `jobs.keep_completed` as",
            "`keep_completed` under `[tool.datajoint.jobs]`. Passwords are refused here.\n",
            *_table_of_datajoint(),
            "\n## `[tool.datajoint.stores]`\n",
            *_rows(STORES.keys.items()),
            "",
            "Every other key is a store, a table of its own. `djproject stores add` writes it for you.\n",
            *_table_of_stores(),
        ]
    ) + "\n"  # fmt: skip


def _rows(entries: Iterable[tuple[str, Key]]) -> Iterator[str]:
    yield "| Key | Value | Meaning | Default |"
    yield "|---|---|---|---|"
    for name, key in entries:
        yield f"| `{name}` | {_value(key)} | {key.meaning} | {key.default} |"


def _value(key: Key) -> str:
    if isinstance(key.value, Table):
        return "table" if key.value.keys else "table; you choose its keys"
    return _words(key.value)


def _words(scalar: Scalar) -> str:
    choices = scalar.json.get("enum")
    return " or ".join(f"`{choice}`" for choice in choices) if isinstance(choices, list) else scalar.words


def _table_of_datajoint() -> Iterator[str]:
    yield "| Key | Value | Meaning | Default | Variable |"
    yield "|---|---|---|---|---|"
    for name, key in leaves({name: key for name, key in DATAJOINT.keys.items() if name != "stores"}):
        variable = f"`{KNOWN[name].variable}`" if KNOWN[name].variable else ""
        yield f"| `{name}` | {_value(key)} | {key.meaning} | {key.default} | {variable} |"


def _table_of_stores() -> Iterator[str]:
    yield "| Key | Protocols | Meaning |"
    yield "|---|---|---|"
    protocols = ", ".join(f"`{name}`" for name in PROTOCOLS)
    yield f"| `protocol` | required | {ATTRIBUTES['protocol'].meaning}: {protocols} |"
    for key in dict.fromkeys(
        key for protocol in PROTOCOLS.values() for key in (*protocol.required, *protocol.optional)
    ):
        uses = [
            f"{name}{' (required)' if key in protocol.required else ''}"
            for name, protocol in PROTOCOLS.items()
            if key in protocol.required + protocol.optional
        ]
        yield f"| `{key}` | {', '.join(uses)} | {ATTRIBUTES[key].meaning} |"
    for key in COMMON_KEYS:
        default = f"; default `{PREFIX_DEFAULTS[key]}`" if PREFIX_DEFAULTS.get(key) else ""
        yield f"| `{key}` | all | {ATTRIBUTES[key].meaning}{default} |"
