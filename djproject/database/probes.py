"""What `doctor` says about a pipeline's tables in a database."""

from collections.abc import Iterator

from djproject.database.agreement import blocking, drift_line, sentences, way_out
from djproject.database.deploy import plan_deployment
from djproject.pipeline.model import Pipeline
from djproject.targets.choice import Target
from djproject.targets.probes import Probe, State


def table_probes(target: Target, pipeline: Pipeline) -> Iterator[Probe]:
    """Whether the pipeline's tables are declared, and match the source; nothing where it has no tables."""
    if not pipeline.tables:
        return
    plan = plan_deployment(target, pipeline)
    blocked = sentences(blocking(plan.differences))
    for sentence in blocked.values():
        yield Probe("tables", State.FAILED, sentence, way_out(pipeline, plan.differences))
    if plan.differences and not blocked:
        line, _, command = drift_line(plan.differences).partition("  ")
        yield Probe("tables", State.WARNING, line, command.strip("()"))
    if plan.created:
        yield Probe("tables", State.WARNING, f"{len(plan.created)} schemas and tables are missing", "djproject deploy")
    elif not plan.differences:
        yield Probe("tables", State.OK, f"all {len(pipeline.tables)} match the source")
