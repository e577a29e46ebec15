"""The stack on a real Docker engine: from `up` to data in buckets, what goes wrong on the way, and back."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from djproject.stack.archive import DUMP, ArchiveWriter, contents, read_manifest
from djproject.targets.objects import s3_client
from tests.conftest import PYTHON_ENVIRONMENT
from tests.integration.stacks import SLOW, Make, StackProject

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
BACKENDS = pytest.mark.parametrize("backend", ["postgresql", "mysql"])
DIGESTS = """
import hashlib, json
from workflow import analysis, processing
rows = sorted((str(row) for row in analysis.Summary.to_dicts()))
arrays = [hashlib.sha256(a.load().tobytes()).hexdigest() for a in
          processing.ProcessedRecording.to_arrays("processed_data", order_by="KEY")]
print(json.dumps([len(rows), hashlib.sha256("".join(rows).encode()).hexdigest(), arrays]))
"""


@BACKENDS
def test_the_life_of_a_stack(stack_project: Make, backend: str, tmp_path: Path) -> None:
    project = stack_project("--database", backend)
    secret = None
    result = project.up("--workers", "2")
    assert f"database  {backend}://pipeline@127.0.0.1:" in result.stdout
    assert (project.root / "docker/.env").stat().st_mode & 0o777 == 0o600
    secret = project.variables()

    # Everything is healthy, open to this machine only, and no secret is where others see it.
    services = project.services()
    states = {service["container"]: (service["state"], service["health"]) for service in services}
    assert sum(service["service"] == "worker" for service in services) == 2
    assert {state for name, state in states.items() if "deploy" not in name} == {("running", "healthy")}
    assert all(port.startswith("127.0.0.1:") for service in services for port in service["ports"])
    seen = project.docker("inspect", *states) + project.docker("history", "--no-trunc", f"{project.name}-worker")
    seen += project.compose("logs") + result.stdout + result.stderr
    for name in ("DATABASE_PASSWORD", "STORE_ACCESS_KEY", "STORE_SECRET_KEY"):
        assert secret[name] not in seen
    _refuses_other_keys(project)

    # Data entered on this machine are populated in the containers, and the blobs are in the bucket.
    project.python("import workflow.sample_data as s; s.insert()", cwd=project.root)
    project.wait_for(lambda: project.status()["analysis.Summary"]["done"] == 15)
    assert all(not table["errors"] for table in project.status().values())
    before = json.loads(project.value(DIGESTS))
    assert before[0] == 15
    assert len(_objects(project)) == 17

    # A second `up` leaves all containers as they are; `down` and `up` lose nothing.
    ids = project.docker("ps", "-q", "--no-trunc", "--filter", f"name={project.name}").split()
    project.up()
    assert sorted(project.docker("ps", "-q", "--no-trunc", "--filter", f"name={project.name}").split()) == sorted(ids)
    project.run("down", cwd=project.root)
    assert project.services() == []
    project.up()
    assert json.loads(project.value(DIGESTS)) == before

    # A snapshot brings rows and bytes back into a stack that was wiped, and into no other.
    file = tmp_path / "snapshot.tar"
    project.run("stack", "snapshot", str(file), cwd=project.root)
    assert file.stat().st_mode & 0o777 == 0o600
    refused = project.run("stack", "restore", str(file), cwd=project.root, code=2)
    assert "The stack already has data: the schemas acquisition" in refused.stderr
    assert "--force" in refused.stderr
    assert "--volumes --yes" in project.run("down", "--volumes", cwd=project.root, code=2).stderr
    project.run("down", "--volumes", "--yes", cwd=project.root)
    project.run("stack", "restore", str(file), cwd=project.root)
    project.up()
    assert json.loads(project.value(DIGESTS)) == before
    project.run("stack", "restore", str(file), "--force", "--yes", cwd=project.root)
    assert json.loads(project.value(DIGESTS)) == before

    # One that is damaged, or whose dump the server refuses, leaves the data that are there.
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(file.read_bytes()[:-20_000])
    refused = project.run("stack", "restore", str(damaged), "--force", "--yes", cwd=project.root, code=2)
    assert "is not a complete stack snapshot" in refused.stderr
    _write_with_bad_dump(file, damaged)
    refused = project.run("stack", "restore", str(damaged), "--force", "--yes", cwd=project.root, code=2)
    assert "The dump could not be loaded" in refused.stderr
    assert json.loads(project.value(DIGESTS)) == before
    assert len(_objects(project)) == 17
    assert not list((project.root / ".djproject/stack").glob("before-restore*"))


@BACKENDS
def test_jobs_survive_what_happens_to_containers(stack_project: Make, backend: str) -> None:
    project = stack_project("--database", backend, tables=SLOW)
    project.up("--workers", "2")

    # A worker killed in the middle of a job: another one does it.
    project.tasks(2, 6.0)
    project.wait_for(lambda: project.log("worker").count("begins") == 2)
    killed = project.containers("worker")[0]
    project.docker("kill", killed)
    project.docker("rm", "-f", killed)
    project.wait_for(lambda: project.results() == 2)
    assert project.status()["work.Result"]["reserved"] == 0

    # The database killed in the middle of the work, and back.
    project.up()
    project.tasks(30, 0.2)
    project.wait_for(lambda: project.results() > 5)
    project.docker("kill", *project.containers("database"))
    time.sleep(2)
    project.docker("start", *project.containers("database"))
    project.wait_for(lambda: _counted(project) == 30, seconds=180)
    table = project.status()["work.Result"]
    assert (table["rows"], table["reserved"], table["errors"]) == (30, 0, 0)

    # `down` lets the job at hand finish.
    project.run("scale", "worker=1", cwd=project.root)
    project.tasks(31, 8.0)
    project.wait_for(lambda: "begins 30" in project.log("worker"))
    project.run("down", cwd=project.root)
    project.up("--workers", "0", "--no-deploy")
    table = project.status()["work.Result"]
    assert (table["rows"], table["reserved"], table["errors"]) == (31, 0, 0)


def test_a_stack_is_brought_back_from_what_people_do(stack_project: Make) -> None:
    """Interrupted, started twice at once, edited, its volume deleted, its password lost."""
    project = stack_project(tables=SLOW)
    assert "never started" in project.run("stack", "status", cwd=project.root, code=2).stderr

    # Ctrl-C while it starts; then two at once.
    process = subprocess.Popen(
        [sys.executable, "-m", "djproject", "up"], cwd=project.root, env={**os.environ, **PYTHON_ENVIRONMENT},
        stderr=subprocess.PIPE, text=True,
        # a background job of a shell inherits SIGINT ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    codes = []
    both = [threading.Thread(target=lambda: codes.append(project.up().returncode)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert codes == [0, 0]
    first = {service["service"]: service["container"] + service["started"] for service in project.services()}

    # Code that changed: the workers are made again, database and store are left alone.
    path = project.root / "src/workflow/work.py"
    path.write_text(path.read_text() + '\n\n@schema\nclass Later(dj.Manual):\n    definition = "later_id : int32"\n')
    assert "build the workers' image" in project.up("--dry-run").stdout
    project.up()
    second = {service["service"]: service["container"] + service["started"] for service in project.services()}
    assert {name for name in first if first[name] == second[name]} == {"database", "store"}
    assert project.status()["work.Later"]["deployed"]
    assert "Nothing to do" in project.up("--dry-run").stderr

    # What is restarted, and what is not.
    project.run("restart", "worker", cwd=project.root)
    third = {service["service"]: service["container"] + service["started"] for service in project.services()}
    assert {name for name in second if second[name] != third[name]} == {"worker"}
    assert "no service 'wroker'" in project.run("restart", "wroker", cwd=project.root, code=2).stderr

    # Shells, for people and for pipes.
    shell = [sys.executable, "-m", "djproject", "shell"]
    environment = {**os.environ, **PYTHON_ENVIRONMENT}
    for service, given, answer in (
        ("worker", "print(work.Task.full_table_name)", "work"),
        ("database", "SELECT 41+1;", "42"),
    ):
        result = subprocess.run(
            [*shell, service], input=given, cwd=project.root, env=environment, capture_output=True, text=True
        )
        assert answer in result.stdout, result.stderr
        assert answer in project.run("shell", service, "-c", given, cwd=project.root).stdout
    assert project.run("shell", "-c", "print(work.Task.database)", cwd=project.root).stdout == "work\n"
    assert "no service 'wroker'" in project.run("logs", "wroker", cwd=project.root, code=2).stderr

    # A password that is not the database's.
    path = project.root / "docker/.env"
    old = path.read_text()
    path.write_text(old.replace(project.variables()["DATABASE_PASSWORD"], "another"))
    result = project.up("--build", code=2)
    assert "docker/.env has a different password from the one the database was created with" in result.stderr
    assert "does not accept this user" in result.stderr or "does not accept the user" in result.stderr
    path.write_text(old)
    project.up()

    # `.env` lost, with the volumes there.
    path.unlink()
    result = project.up(code=2)
    assert f"There are volumes of a stack called {project.root.name}" in result.stderr
    assert not path.exists()
    assert "would stop the containers" in project.run("down", "--dry-run", cwd=project.root).stdout
    assert "docker/.env is missing" in project.run("down", "--volumes", "--yes", cwd=project.root, code=2).stderr
    assert project.docker("ps", "-q", "--filter", f"label=com.docker.compose.project={project.root.name}")
    assert "are stopped" in project.run("down", cwd=project.root).stderr
    assert project.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={project.root.name}") == ""
    path.write_text(old)

    # The volume of the database deleted: the tables are declared again.
    project.run("down", cwd=project.root)
    project.docker("volume", "rm", f"{project.name}_database")
    project.up()
    assert project.results() == 0
    # … and while the deploy container is still there.
    project.docker("rm", "-f", "-v", *project.containers("database"))
    project.docker("volume", "rm", f"{project.name}_database")
    project.up()
    assert project.status()["work.Result"]["deployed"]

    # At a terminal, data are deleted where the project's name is typed.
    code, told = typed(project.root, "y", "down", "--volumes")
    assert (code, "nothing was deleted" in told) == (2, True), told
    assert project.services() != []
    code, told = typed(project.root, project.root.name, "down", "--volumes")
    assert (code, "The stack and its data were deleted." in told) == (0, True), told
    assert project.docker("volume", "ls", "-q", "--filter", f"name={project.name}_") == ""


def typed(root: Path, answer: str, *arguments: str) -> tuple[int, str]:
    """A command at a terminal and the answer to its question: exit code and all that is shown."""
    terminal, inner = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "djproject", *arguments], cwd=root, env={**os.environ, **PYTHON_ENVIRONMENT},
        stdin=inner, stdout=inner, stderr=inner,
    )  # fmt: skip
    os.close(inner)
    os.write(terminal, f"{answer}\n".encode())
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
    os.close(terminal)
    return process.wait(timeout=60), " ".join(shown.decode().split())


def test_a_port_that_is_taken(stack_project: Make) -> None:
    project, other = stack_project(tables=SLOW), stack_project(tables=SLOW)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _set_port(other, port)
        result = other.up(code=2)
        assert f"The port {port} for the database is taken by the process" in result.stderr
        assert f"kill {os.getpid()}  (or: djproject up --auto-ports)" in result.stderr
        assert other.containers("database") == []

    # Two projects at once: the second one names the first one's container, then takes ports of its own.
    project.up()
    taken = int(project.variables()["DATABASE_PORT"])
    (other.root / "docker/.env").unlink()
    _set_port(other, taken)
    result = other.up(code=2)
    assert f"taken by the container {project.name}-database-1 of the stack {project.name}" in result.stderr
    other.up("--auto-ports")
    assert int(other.variables()["DATABASE_PORT"]) != taken
    project.tasks(1, 0.0)
    project.wait_for(lambda: project.results() == 1)
    assert other.results() == 0
    other.run("down", "--volumes", "--yes", cwd=other.root)
    assert {service["health"] for service in project.services() if service["service"] != "deploy"} == {"healthy"}


def test_a_service_that_does_not_come_up(stack_project: Make) -> None:
    project = stack_project(tables=SLOW + "\nimport not_a_package\n")
    result = project.up(code=2)
    assert "The service deploy exited with code 2: the image lacks a package." in result.stderr
    assert "import not_a_package" in result.stderr, "the line that wants it"
    assert project.containers("database") != [], "what was started stays for a look"
    path = project.root / "docker/docker-compose.yaml"
    text = path.read_text()
    path.write_text(text.replace("command: [postgres, -c,", "command: [postgres, -c, no_such_setting=1, -c,"))
    project.run("down", cwd=project.root)
    result = project.up("--rollback", code=2)
    assert re.search(r"The service database (exited with code 1|restarts repeatedly)", result.stderr)
    assert "no_such_setting" in result.stderr
    assert project.services() == []
    path.write_text("services: {database: 3}")
    assert "The compose file was rejected" in project.up(code=2).stderr


def test_an_engine_that_does_not_answer(stack_project: Make) -> None:
    project = stack_project(tables=SLOW)
    result = project.run("up", cwd=project.root, code=2, env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert result.stderr.startswith("Error: The Docker engine does not answer.")
    assert "djproject use embedded" in result.stderr
    assert not (project.root / "docker/.env").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--database", "postgresql"],
        ["--database", "mysql"],
        ["--database", "mysql", "--object-store", "minio"],
        ["--database", "postgresql", "--object-store", "none"],
    ],
    ids=" ".join,
)
def test_compose_accepts_every_file_that_init_writes(stack_project: Make, options: list[str]) -> None:
    project = stack_project(*options)
    (project.root / "docker/.env").write_text("DATABASE_PASSWORD=a\nSTORE_ACCESS_KEY=b\nSTORE_SECRET_KEY=c\n")
    document = json.loads(project.compose("config", "--format", "json"))
    assert {"database", "deploy", "worker"} <= set(document["services"])
    for service in document["services"].values():
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", ()))
        assert ":latest" not in service["image"]
    worker = document["services"]["worker"]
    assert worker["init"] is True
    assert worker["depends_on"]["deploy"]["condition"] == "service_completed_successfully"


def test_folders_as_stores_and_plain_compose(stack_project: Make) -> None:
    """Without an object store, and without djproject: by hand as docker/.env.example says."""
    project = stack_project("--object-store", "none", tables=SLOW)
    project.run("stores", "remove", "main", "--force", "--yes", cwd=project.root, code=None)
    project.run("stores", "add", "main", "--protocol", "file", "--location", str(project.root / "data"),
                "--default", "--force", cwd=project.root)  # fmt: skip
    # A wheel, because this djproject is in no package index.
    from djproject.stack.image import put_wheel

    put_wheel(project.root)
    environment = project.root / "docker/.env"
    environment.write_text((project.root / "docker/.env.example").read_text().replace("PASSWORD=", "PASSWORD=typed"))
    project.compose("--project-name", project.root.name, "up", "--detach")
    project.wait_for(
        lambda: (
            project.compose("--project-name", project.root.name, "ps", "--format", "{{.Service}} {{.Health}}").count(
                "healthy"
            )
            == 2
        )
    )
    project.run("use", "stack", cwd=project.root)
    code = "import djproject.runtime; from workflow import work; print(len(work.Task()))"
    assert project.value(code) == "0"
    project.run("down", "--volumes", "--yes", cwd=project.root)

    # The same with djproject: the folder is one of this machine, and of the workers.
    environment.unlink()
    project.up()
    project.tasks(3, 0.0)
    project.wait_for(lambda: project.results() == 3)
    assert len(list((project.root / ".djproject/stack/stores/main").rglob("*.npy"))) == 3
    assert project.value("from workflow import work; print(int((work.Result & 'task_id=2').fetch1('trace')[9]))") == "2"


def _write_with_bad_dump(file: Path, other: Path) -> None:
    """A snapshot that is whole, with half a dump."""
    with tarfile.open(other, "w") as archive:
        writer = ArchiveWriter(archive)
        for name, stream, _ in contents(file):
            data = stream.read()
            if name == DUMP:
                data = data[: len(data) // 2] + b"\nnonsense here;\n"
            writer.add(name, io.BytesIO(data), len(data))
        found = read_manifest(file)
        writer.finish(found.project, found.backend, found.created, found.djproject)


def _refuses_other_keys(project: StackProject) -> None:
    """No anonymous access, and none with a wrong key."""
    import urllib.error
    import urllib.request

    from botocore.exceptions import ClientError

    endpoint = f"127.0.0.1:{project.variables()['STORE_PORT']}"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"http://{endpoint}/{project.root.name}-data/")
    wrong = s3_client(endpoint, project.variables()["STORE_ACCESS_KEY"], "wrong", secure=False)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.list_buckets()


def _objects(project: StackProject) -> list[str]:
    variables = project.variables()
    endpoint = f"127.0.0.1:{variables['STORE_PORT']}"
    client = s3_client(endpoint, variables["STORE_ACCESS_KEY"], variables["STORE_SECRET_KEY"], secure=False)
    (bucket,) = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket).get("Contents", ())]


def _counted(project: StackProject) -> int:
    """The rows of Result; -1 while the database is away."""
    result = project.run("status", "--format", "json", cwd=project.root, code=None)
    if result.returncode:
        return -1
    return next(t["rows"] for t in json.loads(result.stdout)["tables"] if t["name"] == "work.Result")


def _set_port(project: StackProject, number: int) -> None:
    path = project.root / "docker/.env.example"
    lines = [
        f"DATABASE_PORT={number}" if line.startswith("DATABASE_PORT=") else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines) + "\n")
