"""`djproject upgrade`."""

from typing import Annotated

import typer

from djproject.cli import _render
from djproject.cli._consent import require_consent
from djproject.cli._options import DryRunOption, Format, FormatOption, YesOption, new_app
from djproject.project.location import PYPROJECT, load_project, read_document
from djproject.project.opening import read_text
from djproject.scaffold.plan import write_plan

app = new_app()


@app.command()
def upgrade(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if anything would change.")
    ] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Update the files of the project to the newest template.

    New versions of djproject can change the files that init writes. This command merges those changes into your files
    as Git does: your own changes are kept, and lines changed both by you and by the template get Git conflict markers.
    Fails if a file to be changed has uncommitted changes.

    Example: djproject upgrade --dry-run
    """
    from djproject.scaffold.upgrading import Outcome, plan_upgrade, refuse_uncommitted

    project = load_project()
    path = project.root / PYPROJECT
    found = plan_upgrade(project, read_document(read_text(path), path))
    if format is Format.JSON:
        files = [{"path": str(file.path), "outcome": file.outcome} for file in found.files]
        _render.as_json({"from": found.old, "to": found.new, "dry_run": dry_run or check, "files": files})
    else:
        for file in found.files:
            _render.result(f"{file.outcome:<8}  {file.path}")
        if found.old == found.new:
            _render.note(f"Nothing to do: the project already uses template {found.new}, the newest.")
    if check or dry_run or found.old == found.new:
        raise typer.Exit(1 if check and found.old != found.new else 0)
    refuse_uncommitted(project.root, found)
    require_consent(f"Change {_render.count(len(found.files), 'file')}", yes=yes, command=("upgrade",))
    write_plan(found.plan(project.root))
    conflicts = [str(file.path) for file in found.files if file.outcome is Outcome.CONFLICT]
    _render.note(f"The project now uses template {found.new}.")
    _render.next_step(f"$EDITOR {' '.join(conflicts)}  (resolve the conflicts)" if conflicts else "git diff")
