"""The list of tables in a project's README, kept true by the commands that add tables."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from djproject.pipeline.files import load_files
from djproject.pipeline.graph import module_parents, sorted_modules
from djproject.pipeline.linking import link
from djproject.pipeline.model import Pipeline, SchemaModule
from djproject.pipeline.source import read_files
from djproject.project.location import Project
from djproject.scaffold.plan import Action, Plan, PlannedFile
from djproject.scaffold.quoting import markdown

README = "README.md"
BEGIN, END = "<!-- djproject tables: begin -->", "<!-- djproject tables: end -->"
PLACEHOLDER = "what it is for, in one sentence"
NO_TABLES = "No tables yet. Add the first one: `djproject add-schema subject --table Subject:manual`"


def plan_with_readme(project: Project, plan: Plan) -> Plan:
    """The plan, and the change to README.md that keeps its list of tables true.

    Parameters
    ----------
    project
        Whose README.md; one without the two marks, or none, is left alone.
    plan
        Changes to schema modules.

    Returns
    -------
    Plan
        The same plan where README.md does not change.
    """
    path = project.root / README
    if not plan.changes or not path.is_file():
        return plan
    old = path.read_bytes()
    try:
        text = old.decode()
    except UnicodeDecodeError:
        return plan
    planned = {plan.root / file.path: file.data for file in plan.changes}
    new = with_table_list(text, pipeline_with(project.source, project.package, planned)).encode()
    if new == old:
        return plan
    return Plan(plan.root, (*plan.files, PlannedFile(PurePosixPath(README), new, Action.CHANGE)))


def pipeline_with(folder: Path, package: str, planned: Mapping[Path, bytes]) -> Pipeline:
    """The pipeline in the folder of a package as it will be with `planned` files, which are not written yet."""
    inside = {path: data for path, data in planned.items() if path.suffix == ".py" and path.is_relative_to(folder)}
    return link(package, *read_files(folder, package, {**load_files(folder), **inside}))


def with_table_list(text: str, pipeline: Pipeline) -> str:
    """The text with the list of tables between its two marks; the same text where it does not have both."""
    start = text.find(BEGIN)
    end = text.find(END, start)
    if start < 0 or end < 0:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    content = newline.join((BEGIN, *_table_list(pipeline), ""))
    return text[:start] + content + text[end:]


def _table_list(pipeline: Pipeline) -> Iterable[str]:
    if not pipeline.modules:
        return [NO_TABLES]
    upstream = module_parents(pipeline)
    rows = [
        f"| `{name}` | {_purpose(module)} | {_codes(upstream.get(name, ()))} | {_tables(module)} |"
        for name in sorted_modules(pipeline)
        if (module := pipeline.module(name))
    ]
    return ["| Schema module | What it is for | Depends on | Tables |", "|---|---|---|---|", *rows]


def _tables(module: SchemaModule) -> str:
    return ", ".join(f"`{table.name}` ({table.tier})" for table in module.tables if table.tier != "part")


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _purpose(module: SchemaModule) -> str:
    """The rest of "Subject schema: who was recorded." in a module's docstring; empty where it has no such line."""
    first = next((line for line in module.docstring.splitlines() if line.strip()), "")
    _, colon, purpose = first.partition("schema: ")
    purpose = purpose.strip().removesuffix(".")
    return markdown(purpose) if colon and purpose != PLACEHOLDER else ""
