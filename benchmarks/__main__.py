"""Run the benchmarks named, or all, and print what was measured as ratios."""

import sys

from benchmarks import check, database, populate, stack, startup

ALL = {
    "startup": startup.measure,
    "check": check.measure,
    "database": database.measure,
    "populate": populate.measure,
    "stack": stack.measure,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(f"\n## {name}\n")
        ALL[name]()
