"""`migrate`: a target's tables looked at, a plan made of what differs, and the plan applied."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from djproject.database.agreement import source_places
from djproject.database.catalogue import read_catalogue
from djproject.database.comparison import differences, missing_tables
from djproject.database.declared import Declared, Table
from djproject.database.deploy import deploy
from djproject.database.leases import read_leases
from djproject.database.loading import load_tables
from djproject.database.source_tables import source_tables
from djproject.errors import EnvironmentUnavailableError
from djproject.migration.applying import Around, Identity, apply
from djproject.migration.draft import JOBS
from djproject.migration.planning import Wishes, plan_migration
from djproject.migration.steps import Plan, identity
from djproject.pipeline.model import Pipeline
from djproject.project.location import Project
from djproject.targets.choice import Target
from djproject.targets.connection import connect

POLL_SECONDS = 1.0
NOTICE_SECONDS = 8.0  # until every worker has seen that a migration runs, and keeps away


@dataclass(frozen=True, slots=True)
class Migrator:
    """The migrations of one pipeline at one target."""

    project: Project
    target: Target
    pipeline: Pipeline

    def plan(self, wishes: Wishes) -> Plan:
        """What turns the database into what the source declares; nothing is changed."""
        connection = connect(self.target)
        source, declared = self._look(connection)
        return plan_migration(connection, self.pipeline, source, declared, wishes, self._load)

    def apply(self, plan: Plan, *, version: str, wait_seconds: float, say: Callable[[str], None]) -> None:
        """Apply a plan that was just made, then declare the tables that are new.

        Raises
        ------
        EnvironmentUnavailableError
            As `applying.apply`; or jobs of the tables did not end in time.
        ProjectError
            A module does not import, for a table that is new.
        """
        connection = connect(self.target)
        if plan.sql:
            around = Around(
                self.pipeline.package,
                version,
                lambda: self._identities(connection),
                lambda: _wait_for_jobs(connection, plan, wait_seconds, say),
                say,
            )
            apply(connection, plan, around)
        if any(not step.sql for step in plan.steps):
            deploy(self.project, self.target, self.pipeline)

    def _look(self, connection: Any) -> tuple[dict[str, Table], Declared]:
        places = source_places(self.pipeline, self.target.prefix.name)
        source = source_tables(self.pipeline, places, str(connection.adapter.backend))
        return source, read_catalogue(connection, {schema for schema, _ in places.values()})

    def _identities(self, connection: Any) -> set[Identity]:
        source, declared = self._look(connection)
        found = differences(source, declared, str(connection.adapter.backend))
        return {identity(difference) for difference in (*found, *missing_tables(source, declared))}

    def _load(self) -> None:
        load_tables(self.project, self.target, self.pipeline)


def _wait_for_jobs(connection: Any, plan: Plan, seconds: float, say: Callable[[str], None]) -> None:
    """Wait until no living worker has a job of the tables; workers do not claim any more."""
    if any(not lease.is_gone for lease in read_leases(connection)):
        say("Workers are running: waiting a moment for them to stop using these tables.")
        time.sleep(NOTICE_SECONDS)
    deadline, told = time.monotonic() + seconds, 0
    while running := _running_jobs(connection, plan):
        jobs = f"{running} job{'s' if running > 1 else ''}"
        if running != told:
            say(f"Waiting for {jobs} of these tables to end.")
            told = running
        if time.monotonic() > deadline:
            raise EnvironmentUnavailableError(
                f"{jobs} of these tables did not end within {seconds:.0f} s; nothing was changed.",
                hint="djproject workers  (who is running them), or: djproject migrate --wait 2h",
            )
        time.sleep(POLL_SECONDS)


def _running_jobs(connection: Any, plan: Plan) -> int:
    owners = {(lease.host, lease.pid) for lease in read_leases(connection) if not lease.is_gone}
    if not owners:
        return 0
    declared = read_catalogue(connection, plan.schemas)
    quote = connection.adapter.quote_identifier
    count = 0
    for schema, name in declared:
        owner = f"{quote(schema)}.{quote(name)}"
        jobs = (schema, f"{JOBS}{name.lstrip('_#')}")
        if owner in plan.tables and jobs in declared:
            query = f"SELECT host, pid FROM {quote(schema)}.{quote(jobs[1])} WHERE status='reserved'"
            count += sum((str(host), int(pid)) in owners for host, pid in connection.query(query).fetchall())
    return count
