"""Projects whose stack runs on the real Docker engine, each with ports and a name of its own."""

import json
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from djproject.stack.ports import free_ports
from tests.conftest import Run, missing_service

SLOW = '''"""Tasks of known length.

Provides:
    - Task: how long something takes
    - Result: who did it
"""

import platform
import time

import datajoint as dj

schema = dj.Schema("work")


@schema
class Task(dj.Manual):
    definition = """
    task_id : int32
    ---
    seconds : float64
    """


@schema
class Result(dj.Computed):
    definition = """
    -> Task
    ---
    host : varchar(255)
    trace : <npy@main>
    """

    def make(self, key):
        import numpy as np

        seconds = (Task & key).fetch1("seconds")
        print(f"begins {key['task_id']} on {platform.node()}", flush=True)
        time.sleep(seconds)
        self.insert1({**key, "host": platform.node(), "trace": np.full(1000, key["task_id"])})
'''


@dataclass(frozen=True, slots=True)
class StackProject:
    """A project and the commands its tests type."""

    root: Path
    run: Run
    python: Run

    def docker(self, *arguments: str, code: int | None = 0) -> str:
        """A docker command's output."""
        result = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=180)
        if code is not None:
            assert result.returncode == code, result.stdout + result.stderr
        return result.stdout + result.stderr

    def compose(self, *arguments: str) -> str:
        """Plain Compose, as somebody without djproject types it, in `docker/`."""
        result = subprocess.run(
            ["docker", "compose", *arguments], cwd=self.root / "docker", capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def up(self, *options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run("up", *options, cwd=self.root, code=code, timeout=400)

    @property
    def name(self) -> str:
        return self.variables().get("COMPOSE_PROJECT_NAME", self.root.name)

    def variables(self) -> dict[str, str]:
        text = (self.root / "docker/.env").read_text()
        return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))

    def services(self) -> list[dict[str, Any]]:
        return json.loads(self.run("stack", "status", "--format", "json", cwd=self.root).stdout)["services"]

    def containers(self, service: str) -> list[str]:
        """The names of a service's containers, also those that ended."""
        names = self.docker("ps", "-a", "--filter", f"label=com.docker.compose.project={self.name}",
                            "--filter", f"label=com.docker.compose.service={service}", "--format", "{{.Names}}")  # fmt: skip
        return sorted(names.split())

    def status(self) -> dict[str, dict[str, Any]]:
        text = self.run("status", "--format", "json", cwd=self.root).stdout
        return {table["name"]: table for table in json.loads(text)["tables"]}

    def value(self, code: str) -> str:
        """The last line that Python code prints, run on this machine against the stack."""
        return self.python(code, cwd=self.root).stdout.strip().splitlines()[-1]

    def wait_for(self, claim: Callable[[], object], seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not claim():
            if time.monotonic() > deadline:
                log = self.docker("compose", "-p", self.name, "logs", "--tail", "40", code=None)
                pytest.fail(f"not within {seconds} s; {log}")
            time.sleep(1)  # each look is a whole command

    def tasks(self, count: int, seconds: float) -> None:
        rows = f"[dict(task_id=i, seconds={seconds}) for i in range({count})]"
        self.python(f"from workflow import work; work.Task.insert({rows}, skip_duplicates=True)", cwd=self.root)

    def results(self) -> int:
        table = self.status()["work.Result"]
        return int(table["rows"])

    def log(self, service: str) -> str:
        return self.run("logs", service, "--tail", "500", cwd=self.root).stdout


def require_engine() -> None:
    """Skip on a laptop without an engine or its images, fail in CI."""
    if shutil.which("docker") is None:
        missing_service("no program docker")
    for arguments in (["info"], ["compose", "version"]):
        if subprocess.run(["docker", *arguments], capture_output=True, check=False).returncode:
            missing_service(f"'docker {arguments[0]}' does not answer")


def make_project(folder: Path, run: Run, python: Run, *options: str, tables: str = "") -> StackProject:
    """A project with free ports; nothing is started."""
    root = folder / f"stack{uuid.uuid4().hex[:8]}"
    run("init", str(root), "--example", "--yes", "--no-git", *options, cwd=folder)
    example = root / "docker/.env.example"
    text = example.read_text()
    for name, port in zip(("DATABASE_PORT", "STORE_PORT"), free_ports(2), strict=True):
        text = re.sub(rf"^{name}=.*$", f"{name}={port}", text, flags=re.MULTILINE)
    example.write_text(text)
    if tables:
        for path in (*(root / "src/workflow").glob("[a-v]*.py"), *(root / "tests").glob("test_*.py")):
            path.unlink()
        (root / "src/workflow/work.py").write_text(tables)
    return StackProject(root, run, python)


def remove(project: StackProject) -> None:
    """Take everything of a project out of the engine."""
    name = project.name if (project.root / "docker/.env").exists() else project.root.name
    label = f"label=com.docker.compose.project={name}"
    ids = project.docker("ps", "-aq", "--filter", label).split()
    if ids:
        project.docker("rm", "-f", "-v", *ids, code=None)
    for kind in ("volume", "network"):
        names = project.docker(kind, "ls", "-q", "--filter", label).split()
        if names:
            project.docker(kind, "rm", *names, code=None)
    project.docker("rmi", "-f", f"{name}-worker", code=None)


Make = Callable[..., StackProject]
