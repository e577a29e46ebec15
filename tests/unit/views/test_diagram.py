"""The module diagram as text."""

from pathlib import Path

from djproject.pipeline.source import load_package
from djproject.scaffold.new_project import Answers, plan_project
from djproject.scaffold.plan import write_plan
from djproject.views.drawing import as_tree
from djproject.views.graph import module_graph


def test_the_examples_modules_as_a_tree(tmp_path: Path) -> None:
    write_plan(plan_project(tmp_path / "p", Answers("p", example=True)))
    pipeline = load_package(tmp_path / "p/src/workflow", "workflow")
    assert as_tree(module_graph(pipeline, pipeline.tables)) == (
        "subject  (2 tables)\n"
        "└─ acquisition  (3 tables)\n"
        "   └─ processing  (2 tables)\n"
        "      └─ analysis  (2 tables, also from acquisition)"
    )


def test_an_empty_pipeline_is_an_empty_picture(tmp_path: Path) -> None:
    pipeline = load_package(tmp_path, "workflow")
    assert as_tree(module_graph(pipeline, pipeline.tables)) == ""
