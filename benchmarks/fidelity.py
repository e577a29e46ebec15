"""How true the picture of a pipeline is that `check` has, in every style in which pipelines are written."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.timing import table
from djproject.findings import Kind
from djproject.pipeline.heading import Headings
from tests.checking import findings_in, pipeline_in, write_project
from tests.styles import EDGES, STYLES, TIERS


def measure() -> None:
    """Print what is read of each style that is not read whole, and the sums."""
    rows = []
    sums = [0, 0, 0, 0]
    for name, files in STYLES.items():
        found = _look(files)
        sums = [old + new for old, new in zip(sums, found, strict=True)]
        if found != (len(TIERS), len(EDGES), 0, 0):
            rows.append((name, *map(str, found)))
    count = len(STYLES)
    true = f"{sums[0]} of {count * len(TIERS)}", f"{sums[1]} of {count * len(EDGES)}"
    rows.append((f"all {count} styles", *true, *map(str, sums[2:])))
    table(("style", "tables read", "foreign keys read", "tables too many", "false errors"), rows)


def _look(files: Mapping[str, str]) -> tuple[int, int, int, int]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_project(root, files, git=False)
        pipeline = pipeline_in(root)
        read = {(each.full_name, each.tier) for each in pipeline.tables}
        links = {(link.child, link.parent, link.attributes, link.primary) for link in Headings(pipeline).links()}
        broken = [finding for finding in findings_in(root) if finding.kind is Kind.BROKEN]
        true = set(TIERS.items())
        return len(read & true), len(links & EDGES), len(read - true), len(broken)
