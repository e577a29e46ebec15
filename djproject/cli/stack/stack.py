"""`djproject stack`: status, snapshot, restore."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from djproject.cli import _render, _services
from djproject.cli._consent import require_consent
from djproject.cli._options import Format, FormatOption, YesOption, new_app
from djproject.cli._stack import load_stack

app = new_app(
    no_args_is_help=True,
    help="Show the services of the stack; save and restore its data.\n\nExample: djproject stack status",
)


@app.command()
def status(format: FormatOption = Format.TEXT) -> None:
    """Show the state, health and address of the stack's services.

    Example: djproject stack status --format json
    """
    stack = load_stack()
    services = stack.services()
    if format is Format.JSON:
        _render.as_json({"stack": stack.plan().name, "services": [asdict(service) for service in services]})
        return
    if not services:
        _render.note("The stack is down.")
        _render.next_step("djproject up")
        return
    _services.service_table(services)
    for service in services:
        if (service.has_failed or service.state == "restarting") and service.service != "deploy":
            _render.next_step(f"djproject logs {service.service}")
            break


@app.command()
def snapshot(
    file: Annotated[Path, typer.Argument(help="Tar archive to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    yes: YesOption = False,
) -> None:
    """Write the database, the buckets and the folders of file stores to one file.

    Workers can keep running. The database is dumped first, in one transaction. DataJoint writes objects before the
    rows that refer to them, so the snapshot contains the objects of all its rows.

    Example: djproject stack snapshot before-the-change.tar
    """
    from djproject.errors import ProjectError
    from djproject.stack.snapshot import write_snapshot

    if file.exists() and not force:
        raise ProjectError(f"{file} already exists.", hint=f"djproject stack snapshot {file} --force")
    if file.exists():
        require_consent(f"Replace {file}", yes=yes, command=("stack", "snapshot", str(file), "--force"))
    manifest = write_snapshot(load_stack(), file.absolute())
    size = file.stat().st_size / 1e6
    _render.note(
        f"{file}: the database, {manifest.objects} objects and {manifest.files} files, {size:.1f} MB (mode 0600)."
    )
    _render.next_step(f"djproject stack restore {file}  (into an empty stack)")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="File written by `stack snapshot`.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the data of the stack.")] = False,
    yes: YesOption = False,
) -> None:
    """Restore the data of a snapshot into the stack.

    Starts the database and the object store, and stops the workers; `djproject up` starts them again. Fails if the
    stack has data, unless --force is given.

    Example: djproject stack restore before-the-change.tar
    """
    from djproject.stack.archive import read_manifest
    from djproject.stack.environment import complete_environment
    from djproject.stack.snapshot import restore_snapshot

    read_manifest(file)
    stack = load_stack()
    if force and stack.is_made:
        action = f"Delete all data of the stack {stack.plan().name} and restore {file}"
        require_consent(action, yes=yes, command=("stack", "restore", str(file), "--force"))
    if not stack.is_made:
        complete_environment(stack.compose.folder, stack.own_name())
    manifest = restore_snapshot(stack, file.absolute(), force=force)
    _render.note(f"Restored {manifest.project} as of {manifest.created}, {manifest.objects} objects.")
    _render.next_step("djproject up")
