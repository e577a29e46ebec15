"""`[tool.djproject.clusters]` as typed values: where one machine is too small."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

SLURM, KUBERNETES = "slurm", "kubernetes"


class Cluster(NamedTuple):
    """What `[tool.djproject.clusters.NAME]` says.

    Attributes
    ----------
    kind
        `slurm` or `kubernetes`.
    name
        The cluster's.
    target
        Where the database is; empty for the project's own choice.
    most
        Pilots that may be alive or queued at the same time.
    cpus, megabytes, gpus
        Of one pilot; 0 megabytes for what the cluster gives.
    seconds
        The wall time of a pilot (Slurm); 0 for what the partition gives.
    partition, account, qos, constraint
        As Slurm's options.
    setup
        Lines of the script before the worker begins, such as `module load`.
    python
        The interpreter on the nodes; empty for the one that submits.
    image
        What the worker runs in: with Apptainer on Slurm, as a container image on Kubernetes.
    options
        Further lines `#SBATCH …`, without that word.
    context, namespace, service_account, secret
        As kubectl's; the secret holds the passwords.
    node_selector, tolerations
        As in a pod.
    """

    kind: str
    name: str = ""
    target: str = ""
    most: int = 10
    cpus: int = 1
    megabytes: int = 0
    gpus: int = 0
    seconds: float = 0.0
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    setup: tuple[str, ...] = ()
    python: str = ""
    image: str = ""
    options: tuple[str, ...] = ()
    context: str = ""
    namespace: str = ""
    service_account: str = ""
    secret: str = ""
    node_selector: Mapping[str, str] = MappingProxyType({})
    tolerations: tuple[Mapping[str, Any], ...] = ()
