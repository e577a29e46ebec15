"""`djproject migrate`."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from djproject.cli import _render
from djproject.cli._consent import require_consent
from djproject.cli._options import (
    DryRunOption,
    Format,
    FormatOption,
    SelectorsArgument,
    TargetOption,
    YesOption,
    new_app,
    seconds,
)
from djproject.cli._stack import load_stack
from djproject.errors import ConfigError, ProjectError
from djproject.pipeline.selection import nothing_to_show, select
from djproject.pipeline.source import load_pipeline
from djproject.project.files import replace_file, state_directory
from djproject.project.location import load_project
from djproject.targets.choice import EMBEDDED, Target, load_target
from djproject.targets.stack import STACK

if TYPE_CHECKING:
    from djproject.migration.planning import Wishes
    from djproject.migration.running import Migrator
    from djproject.migration.steps import Plan

app = new_app()
_WITH_SNAPSHOT = {EMBEDDED: " --snapshot", STACK: " --snapshot"}


@app.command()
def migrate(
    selector: SelectorsArgument = None,
    target: TargetOption = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="TABLE.OLD=NEW", help="Attribute that was renamed in the source; repeatable."),
    ] = None,
    allow_loss: Annotated[bool, typer.Option("--allow-loss", help="Also apply the steps that lose values.")] = False,
    drop_table: Annotated[
        list[str] | None,
        typer.Option(
            "--drop-table", metavar="SCHEMA.TABLE", help="Drop a table that exists only in the database; repeatable."
        ),
    ] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Show the plan with its SQL; change nothing.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the plan to a file; change nothing else."),
    ] = None,
    wait: Annotated[
        str,
        typer.Option("--wait", metavar="DURATION", help="How long to wait for running jobs in these tables to finish."),
    ] = "10m",
    snapshot: Annotated[
        bool | None,
        typer.Option(
            "--snapshot/--no-snapshot",
            help="Take a snapshot first (embedded and stack only); by default asks, with --yes takes none.",
        ),
    ] = None,
    restore: Annotated[
        Path | None,
        typer.Option("--restore", metavar="FILE", help="Only restore a snapshot of the embedded database."),
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Only list the migrations that were run.")] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Change the tables in the database to match the source.

    Shows the plan, asks, and applies it: on PostgreSQL all steps or none, on MySQL step by step. Each step is marked
    safe, rewrite (all rows are rewritten) or lossy; lossy steps need --allow-loss. Workers do not use these tables
    during the migration. To apply a plan written with -o, give its .json file as the only argument; the plan is
    rejected if the source or the database has changed since. With the embedded database and the stack, a snapshot is
    offered first.

    Example: djproject migrate subject.Subject --plan-only
    """
    from djproject.migration.running import Migrator

    project = load_project()
    pipeline = load_pipeline(project)
    if not pipeline.tables:
        raise nothing_to_show(pipeline)
    wait_seconds = seconds(wait, "--wait")
    file = Path(selector[0]) if selector and len(selector) == 1 and selector[0].endswith(".json") else None
    place = load_target(project, target)
    _render.target(place.description)
    if log:
        _show_log(place, format)
        return
    if restore is not None:
        _restore(place, restore, yes=yes)
        return
    if output is not None and output.suffix != ".json":
        named = output.with_suffix(".json")
        raise ProjectError(f"The file of a plan must end in .json: {output}.", hint=f"djproject migrate -o {named}")
    migrator = Migrator(project, place, pipeline)
    names = [table.full_name for table in select(pipeline, () if file else selector or (), ())]
    wishes = _wishes(names, rename or (), drop_table or ())
    plan = migrator.plan(wishes) if file is None else _planned(migrator, wishes, file)
    if output is not None:
        _write(plan, place, output)
        return
    if format is Format.JSON:
        _as_json(plan, place, dry_run=dry_run or plan_only)
    else:
        _show(plan, with_sql=plan_only)
    if not (dry_run or plan_only):
        texts = [("--target", target), ("--wait", None if wait == "10m" else wait)]
        texts += [("--rename", text) for text in rename or ()] + [("--drop-table", text) for text in drop_table or ()]
        flags = {"--allow-loss": allow_loss, "--snapshot": snapshot, "--no-snapshot": snapshot is False}
        typed = [*(selector or ()), *(word for pair in texts if pair[1] for word in pair if word)]
        typed += [flag for flag, given in flags.items() if given]
        _apply(migrator, plan, wait_seconds, allow_loss=allow_loss, yes=yes, typed=typed, snapshot=snapshot)
    raise typer.Exit(1 if plan.refusals else 0)


def _wishes(names: Sequence[str], renames: Sequence[str], dropped: Sequence[str]) -> "Wishes":
    from djproject.migration.planning import Wishes

    pairs = {}
    for text in renames:
        old, equals, new = text.partition("=")
        if not equals or old.count(".") < 2 or not new.isidentifier():
            raise ProjectError(
                f"--rename must have the form module.Table.old=new, not {text!r}.",
                hint="djproject migrate --rename subject.Subject.mass=weight",
            )
        pairs[old] = new
    return Wishes(frozenset(names), pairs, frozenset(dropped))


def _planned(migrator: "Migrator", wishes: "Wishes", file: Path) -> "Plan":
    """The plan of a file, where source and database are still as when it was made."""
    from djproject.migration.steps import DROP_TABLE, Plan, read_plan

    of, seen, steps = read_plan(file)
    if of != migrator.target.name:
        raise ConfigError(f"{file} is a plan for the target {of}.", hint=f"djproject migrate {file} --target {of}")
    tables = {step.table for step in steps}
    renames = {
        f"{step.table}.{words[1]}": words[3]
        for step in steps
        if len(words := step.what.split()) == 4 and words[0] == "rename" and words[2] == "to"
    }
    dropped = frozenset(step.table for step in steps if step.what == DROP_TABLE)
    from djproject.migration.planning import Wishes

    now: Plan = migrator.plan(Wishes(frozenset(tables & set(wishes.chosen)), renames, dropped))
    if now.seen != seen or now.steps != steps:
        raise ProjectError(
            f"The source or the database has changed since {file} was written.",
            hint=f"djproject migrate --plan-only -o {file}",
        )
    return now


def _apply(
    migrator: "Migrator",
    plan: "Plan",
    wait_seconds: float,
    *,
    allow_loss: bool,
    yes: bool,
    typed: Sequence[str],
    snapshot: bool | None,
) -> None:
    from djproject.database.version import code_version
    from djproject.migration.steps import DROP_TABLE

    if not plan.steps:
        return
    if plan.refusals:
        possible = sorted({step.table for step in plan.steps} - {refusal.table for refusal in plan.refusals})
        renames = [note.rpartition(": ")[2] for note in plan.notes if "--rename" in note]
        if renames:
            hint = f"{renames[0]}  (if you renamed it)"
        elif possible:
            hint = f"djproject migrate {' '.join(possible[:5])}  (only the tables that can be changed)"
        else:
            hint = "djproject drift"
        raise ProjectError("Nothing was changed, because some tables cannot be changed in place.", hint=hint)
    if plan.lossy and not allow_loss:
        rows = sum(step.rows for step in plan.lossy if step.what == DROP_TABLE)
        values = sum(step.rows for step in plan.lossy) - rows
        lost = [_render.count(number, thing) for number, thing in ((values, "value"), (rows, "row")) if number]
        kept = _WITH_SNAPSHOT.get(migrator.target.name, "  (back up the server first)") if snapshot is None else ""
        raise ProjectError(
            f"Nothing was changed, because {' and '.join(lost) or 'a table'} would be lost.",
            hint=f"djproject {shlex.join(('migrate', *typed, '--allow-loss'))}{kept}",
        )
    steps = _render.count(len(plan.steps), "step")
    require_consent(f"Apply {steps} to {migrator.target.description}", yes=yes, command=("migrate", *typed))
    _keep_data(migrator, snapshot=snapshot, yes=yes)
    migrator.apply(
        plan,
        version=code_version(str(migrator.project.root), migrator.project.name),
        wait_seconds=wait_seconds,
        say=_render.note,
    )
    _render.note(f"Migrated: {steps} done.")
    _render.next_step("djproject populate")


def _keep_data(migrator: "Migrator", *, snapshot: bool | None, yes: bool) -> None:
    """A snapshot of the data, where the user wants one and the target can be kept."""
    target = migrator.target
    if target.name not in _WITH_SNAPSHOT:
        if snapshot:
            raise ProjectError(
                f"djproject takes no snapshot of the server {target.name}.",
                hint="djproject migrate --no-snapshot  (back it up first, with the server's own programs)",
            )
        return
    if snapshot is None:
        snapshot = not yes and typer.confirm("Take a snapshot of the data first?", default=True, err=True)
    if not snapshot:
        return
    import time

    folder = state_directory(migrator.project.root, os.environ) / "snapshots"
    path = folder / f"before-migration-{time.strftime('%Y%m%d-%H%M%S')}"
    if target.server is not None:
        from djproject.targets.dump import write_dump

        path = path.with_suffix(".sql")
        write_dump(target.server, path)
        back = f"djproject migrate --restore {_near(path)}"
    else:
        from djproject.stack.snapshot import write_snapshot

        path = path.with_suffix(".tar")
        write_snapshot(load_stack(), path)
        back = f"djproject stack restore {_near(path)} --force"
    _render.note(f"Snapshot: {_near(path)}")
    _render.note(f"To go back: {back}")


def _near(path: Path) -> str:
    """A path as one types it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _restore(target: Target, path: Path, *, yes: bool) -> None:
    if target.server is None:
        raise ProjectError(
            f"--restore is for the embedded database, and {target.name} is another target.",
            hint=f"djproject stack restore {path} --force"
            if target.name == STACK
            else "Use the server's own backup programs.",
        )
    from djproject.targets.connection import connect
    from djproject.targets.dump import read_dump

    connect(target)
    require_consent(
        f"Replace all data at {target.description} by {path}", yes=yes, command=("migrate", "--restore", str(path))
    )
    read_dump(target.server, path)
    _render.note(f"The database was restored from {path}; stores were not changed.")
    _render.next_step("djproject drift")


def _show(plan: "Plan", *, with_sql: bool) -> None:
    for step in plan.steps:
        _render.result(f"{step.grade:<8} {step.text}")
        for statement in step.sql if with_sql else ():
            _render.result(f"           {statement};")
    for refusal in plan.refusals:
        _render.result(f"refused  {refusal.text}")
        _render.result(f"           instead: {refusal.way_out}")
    for note in plan.notes:
        _render.note(note)
    if not plan.steps and not plan.refusals:
        _render.note("Nothing to do: the database matches the source.")


def _as_json(plan: "Plan", place: Target, *, dry_run: bool) -> None:
    _render.as_json(
        {
            "target": place.name,
            "dry_run": dry_run,
            "steps": [asdict(step) for step in plan.steps],
            "refusals": [asdict(refusal) for refusal in plan.refusals],
            "notes": list(plan.notes),
        }
    )


def _write(plan: "Plan", place: Target, output: Path) -> None:
    from djproject.migration.steps import plan_text

    if plan.refusals:
        _show(plan, with_sql=False)
        raise ProjectError(
            "No plan was written, because some tables cannot be changed in place.", hint="djproject drift"
        )
    replace_file(output, plan_text(plan, place.name).encode())
    _render.note(f"{output}: {_render.count(len(plan.steps), 'step')} for the target {place.name}.")
    _render.next_step(f"djproject migrate {output}")


def _show_log(place: Target, format: Format) -> None:
    from djproject.database.migrations import read_migrations
    from djproject.targets.direct import connect_directly

    found = read_migrations(connect_directly(place))
    if format is Format.JSON:
        _render.as_json({"target": place.name, "migrations": [asdict(migration) for migration in found]})
        return
    rows = [
        (str(m.number), m.started, f"{m.user}@{m.host}", m.version or "-", m.state, f"{m.steps_done}/{len(m.steps)}")
        for m in found
    ]
    _render.columns(("number", "started (UTC)", "by", "code", "state", "steps"), rows, right=(0,))
    for migration in found:
        for step in migration.steps:
            _render.result(f"{migration.number}: {step['table']}: {step['what']}")
    if not found:
        _render.note("No migration was run here.")
