"""A project whose pilots run on a real cluster, and what its tests ask."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import Run
from tests.integration.conftest import MySQL, PostgreSQL

THREE_TABLES = '''"""Three tables of short jobs.

Provides:
    - Item: what there is
    - Result: of each item
    - Child: of each result
    - Other: of each item
"""

import time

import datajoint as dj

schema = dj.Schema("{schema}")


@schema
class Item(dj.Manual):
    definition = """
    item_id : int32
    """


@schema
class Result(dj.Computed):
    definition = """
    -> Item
    ---
    value : float64
    """

    def make(self, key):
        {make}
        self.insert1({{**key, "value": 1.0}})


@schema
class Child(dj.Computed):
    definition = """
    -> Result
    ---
    value : float64
    """

    def make(self, key):
        time.sleep({seconds})
        self.insert1({{**key, "value": 2.0}})


@schema
class Other(dj.Computed):
    definition = """
    -> Item
    ---
    value : float64
    """

    def make(self, key):
        time.sleep({seconds})
        self.insert1({{**key, "value": 3.0}})
'''


def write_module(root: Path, schema: str, *, seconds: float = 0.05, make: str = "") -> None:
    """The module with the three tables; `make` is the beginning of Result's."""
    text = THREE_TABLES.format(schema=schema, seconds=seconds, make=make or f"time.sleep({seconds})")
    (root / "src/workflow/work.py").write_text(text)


def add_target(root: Path, name: str, place: MySQL | PostgreSQL, host: str = "", port: int = 0) -> None:
    """A server as a target of a project, its password in a file."""
    backend, database = ("mysql", "") if isinstance(place, MySQL) else ("postgresql", 'name = "postgres"\n')
    with (root / "pyproject.toml").open("a") as file:
        file.write(
            f'\n[tool.djproject.targets.{name}]\nbackend = "{backend}"\nhost = "{host or place.host}"\n'
            f'port = {port or place.port}\nuser = "{place.user}"\n{database}'
        )
    secrets = root / ".secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    (secrets / f"targets.{name}.password").write_text(place.password)
    (secrets / f"targets.{name}.password").chmod(0o600)


@dataclass(frozen=True, slots=True)
class ClusterProject:
    """A project, its cluster and target, and the commands its tests type."""

    root: Path
    run: Run
    cluster: str
    target: str
    place: MySQL | PostgreSQL
    schema: str

    def type(self, command: str, *arguments: str, code: int | None = 0) -> str:
        """A command of `djproject cluster`; all that it says."""
        done = self.run("cluster", command, self.cluster, *arguments, cwd=self.root, code=code)
        return done.stdout + done.stderr

    def pilots(self) -> list[dict[str, Any]]:
        found = self.run("cluster", "status", self.cluster, "--format", "json", cwd=self.root).stdout
        listed: list[dict[str, Any]] = json.loads(found)["pilots"]
        return listed

    def alive(self) -> list[dict[str, Any]]:
        return [pilot for pilot in self.pilots() if pilot["state"] != "ended"]

    def insert(self, *numbers: int) -> None:
        """Rows of Item, as another program inserts them."""
        values = ", ".join(f"({number})" for number in numbers)
        self.place.execute(f"INSERT INTO {self.schema}.item (item_id) VALUES {values}")

    def status(self) -> dict[str, dict[str, Any]]:
        found = self.run("status", "-t", self.target, "--format", "json", cwd=self.root).stdout
        return {table["name"]: table for table in json.loads(found)["tables"]}

    def done(self) -> int:
        """The rows of the three tables; asked of the server, because a command takes a second of the pilots' time."""
        counts = (f"(SELECT count(*) FROM {self.schema}.__{table})" for table in ("result", "child", "other"))
        return self.place.execute(f"SELECT {' + '.join(counts)}")

    def require_all_made(self, count: int) -> None:
        """Every key of every table once: no job left, none reserved, no error."""
        for name, table in self.status().items():
            if name != "work.Item":
                assert (table["done"], table["pending"], table["reserved"], table["errors"]) == (count, 0, 0, 0), name


def wait_until(claim: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(1)  # a look may be a whole command
