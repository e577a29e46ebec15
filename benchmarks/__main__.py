"""Run the benchmarks named, or all, and print what was measured as ratios."""

import os
import sys

from benchmarks import (
    check,
    cluster,
    database,
    deploy,
    diff,
    drift,
    fidelity,
    migration,
    pilots,
    populate,
    stack,
    startup,
    workers,
)

ALL = {
    "startup": startup.measure,
    "check": check.measure,
    "database": database.measure,
    "deploy": deploy.measure,
    "diff": diff.measure,
    "drift": drift.measure,
    "fidelity": fidelity.measure,
    "migration": migration.measure,
    "populate": populate.measure,
    "workers": workers.measure,
    "cluster": cluster.measure,
    "pilots": pilots.measure,
    "stack": stack.measure,
}

if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as users have it: modules are compiled once
    for name in sys.argv[1:] or ALL:
        print(f"\n## {name}\n")
        ALL[name]()
