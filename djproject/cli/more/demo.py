"""`djproject demo`."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._options import new_app
from djproject.cli.run.populate import fill
from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.pipeline.source import load_pipeline
from djproject.project.files import STATE_DIRECTORY
from djproject.project.location import find_root, load_project
from djproject.scaffold.new_project import Answers, plan_project
from djproject.scaffold.plan import write_plan
from djproject.supervisor.placement import ALL, posts_of
from djproject.supervisor.pool import Pool
from djproject.targets.choice import EMBEDDED, load_target
from djproject.views.drawing import as_tree
from djproject.views.graph import module_graph
from djproject.worker.assignment import Assignment

app = new_app()


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(help="Folder of the example project.")] = Path("demo"),
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, max=64, metavar="N", help="Number of worker processes.")
    ] = 2,
) -> None:
    """Create and populate an example pipeline with real data.

    Needs matplotlib, which provides the data. Nothing is installed or downloaded. A second run
    continues where the first run stopped.

    Example: djproject demo && cd demo && djproject status
    """
    from djproject.database.deploy import deploy
    from djproject.database.sample_data import insert_sample_data
    from djproject.database.status import load_status
    from djproject.scaffold.repository import git_identity, make_repository

    if importlib.util.find_spec("matplotlib") is None:
        raise EnvironmentUnavailableError(
            "The demo's data come with matplotlib, which is not installed.", hint="pip install matplotlib"
        )
    root = directory.absolute()
    if root.exists() and any(root.iterdir()) and find_root(root) != root:
        raise ProjectError(f"The folder {directory} is not empty and not a demo.", hint="djproject demo another_folder")
    if find_root(root) != root:
        who = git_identity(root)
        plan = plan_project(
            root, Answers("demo", description="A demonstration of djproject.", author=who, example=True)
        )
        write_plan(plan)
        _render.note(f"{_render.count(len(plan.files), 'file')} written to {directory}.")
        if who.name and who.email:
            _render.note(make_repository(plan, who))
    project = load_project(root)
    os.environ["DJPROJECT_ROOT"] = str(root)
    pipeline = load_pipeline(project)
    target = load_target(project, EMBEDDED)
    _render.target(target.description)
    created = len(deploy(project, target, pipeline).created)
    _render.note(f"{created} {'schema or table' if created == 1 else 'schemas and tables'} declared.")
    insert_sample_data(project)
    posts = posts_of([(ALL._replace(processes=workers), Assignment(str(root), target.name))])
    code = fill(Pool(posts, root / STATE_DIRECTORY / "logs"))
    _render.result()
    _render.status_table(load_status(project, target, pipeline))
    _render.result("\nSchema modules, upstream first:\n")
    _render.tree(as_tree(module_graph(pipeline, pipeline.tables)))
    _render.result()
    for label, place in (
        ("project", root),
        ("tables", project.source),
        ("database", root / STATE_DIRECTORY / "postgres"),
        ("stores", root / STATE_DIRECTORY / "stores"),
    ):
        _render.result(f"{label:<9} {place}")
    _render.next_step(f"cd {directory} && {_program()} status")
    raise typer.Exit(code)


def _program() -> str:
    """What to type for this program: `make demo` leaves it where the shell does not look."""
    return "djproject" if shutil.which("djproject") else str(Path(sys.argv[0]).absolute())
