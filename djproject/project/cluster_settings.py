"""`[tool.djproject.clusters.NAME]`: its keys, which depend on the kind."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from djproject.project.clusters import KUBERNETES, SLURM, Cluster
from djproject.project.schema import EDIT, NAME, SECONDS, TEXT, WHOLE, Key, Path, Scalar, Table, choice, place, texts

_UNITS = {"M": 1, "G": 1024, "T": 1024 * 1024}
_OF_SLURM = ("time", "partition", "account", "qos", "constraint", "setup", "python", "options")
_OF_KUBERNETES = ("context", "namespace", "service-account", "secret", "node-selector", "tolerations")


def _memory(value: Any) -> int:
    match = re.fullmatch(r"([1-9]\d*)([MGT])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    return int(match[1]) * _UNITS[match[2]]


def _lines(value: Any) -> tuple[str, ...]:
    lines = texts().read(value)
    if any("\n" in line or "\r" in line for line in lines):  # type: ignore[attr-defined]
        raise ValueError
    return lines  # type: ignore[return-value]


def _tables(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError
    return tuple(value)


def _refused_in_cluster(path: Path, table: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """What the other kind has, and what each kind needs."""
    kind = table.get("kind")
    others = {SLURM: _OF_KUBERNETES, KUBERNETES: _OF_SLURM}.get(str(kind), ())
    for key in table:
        if key in others:
            allowed = [name for name in CLUSTER.keys if name not in others]
            yield key, f"{place(path)} has no setting {key!r} where kind is {kind}.", f"Settings: {', '.join(allowed)}"
    if kind == KUBERNETES and not table.get("image"):
        yield "kind", f"{place(path)} has no image, which pods are made of.", f'{EDIT}  (image = "…")'


def _cluster(kind: str = SLURM, **values: Any) -> Cluster:
    return Cluster(kind, **values)


MEMORY = Scalar('a size such as "16G"', {"type": "string", "pattern": "^[1-9][0-9]*[MGT]$"}, _memory)
LINES = Scalar("a list of strings, one line each", {"type": "array", "items": {"type": "string"}}, _lines)
TOLERATIONS = Scalar("a list of tables", {"type": "array", "items": {"type": "object"}}, _tables)
CLUSTER = Table(
    {
        "kind": Key(choice(SLURM, KUBERNETES), "what runs there; required"),
        "target": Key(NAME, "the target of its workers, which the nodes reach", "the project's"),
        "max": Key(WHOLE, "pilots that may be running or queued at the same time", "10", "most"),
        "cpus": Key(WHOLE, "number of processors of a pilot", "1"),
        "memory": Key(MEMORY, "memory of a pilot", "what the cluster gives", "megabytes"),
        "gpus": Key(WHOLE, "number of GPUs of a pilot", "none"),
        "image": Key(NAME, "what workers run in: with Apptainer on Slurm; on Kubernetes required"),
        "time": Key(SECONDS, "Slurm: the wall time of a pilot", "what the partition gives", "seconds"),
        "partition": Key(NAME, "Slurm: `--partition`"),
        "account": Key(NAME, "Slurm: `--account`"),
        "qos": Key(NAME, "Slurm: `--qos`"),
        "constraint": Key(NAME, "Slurm: `--constraint`"),
        "setup": Key(LINES, "Slurm: lines before the worker begins, such as `module load cuda`", "none"),
        "python": Key(NAME, "Slurm: the interpreter on the nodes", "the one that submits"),
        "options": Key(LINES, "Slurm: further options, such as `--exclusive`", "none"),
        "context": Key(NAME, "Kubernetes: context of kubectl", "the current one"),
        "namespace": Key(NAME, "Kubernetes: namespace where pods run", "the context's"),
        "service-account": Key(NAME, "Kubernetes: service account of the pods", "none", "service_account"),
        "secret": Key(NAME, "Kubernetes: a Secret with the passwords", "one that is made of `.secrets/`"),
        "node-selector": Key(
            Table({}, others=lambda _: TEXT), "Kubernetes: labels of the nodes", attribute="node_selector"
        ),
        "tolerations": Key(TOLERATIONS, "Kubernetes: taints that pods accept", "none"),
    },
    make=_cluster,
    required=("kind",),
    refused=_refused_in_cluster,
)
