"""What a night brings: a link that is cut, clocks that are set, a full disk, a server that dies, a table that changes."""

import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from djproject.stack.ports import free_ports
from djproject.targets.embedded import EmbeddedServer, stop
from tests.conftest import Run, missing_service
from tests.integration.conftest import MySQL, PostgreSQL, insert_items, write_make
from tests.integration.stacks import require_engine
from tests.integration.test_faults import account, wait_for_rows
from tests.integration.test_populate import Started, start, status_of, wait_for

pytestmark = pytest.mark.timeout(300)
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


class Lab:
    """A project at a server that is reached by TCP, and what its history says."""

    def __init__(self, root: Path, run: Run, python: Run, server: "MySQL | PostgreSQL", backend: str) -> None:
        self.root, self.run, self.python, self.server, self.backend = root, run, python, server, backend
        self.schema = f"work_{uuid.uuid4().hex[:10]}"
        tables = ("--table", "Item:manual", "--table", "Result:computed", "--table", "Child:computed")
        run("init", str(root), "--yes", "--no-git", "--database", backend, cwd=root.parent)
        run("add-schema", "work", *tables, cwd=root)
        path = root / "src/workflow/work.py"
        path.write_text(path.read_text().replace('dj.Schema("work")', f'dj.Schema("{self.schema}")'))
        write_make(root, 'self.insert1({**key, "value": 1.0})')
        self.point_at(server.host, server.port)
        run("deploy", cwd=root)

    def point_at(self, host: str, port: int) -> None:
        path = self.root / "pyproject.toml"
        text = path.read_text().split("\n[tool.djproject.targets.lab]")[0]
        path.write_text(
            f'{text}\n[tool.djproject.targets.lab]\nbackend = "{self.backend}"\nhost = "{host}"\nport = {port}\n'
            f'user = "{self.server.user}"\n'
        )
        secrets = self.root / ".secrets"
        secrets.mkdir(mode=0o700, exist_ok=True)
        (secrets / "targets.lab.password").write_text(self.server.password)
        (secrets / "targets.lab.password").chmod(0o600)
        self.run("use", "lab", cwd=self.root)

    def ask(self, query: str) -> list[list[object]]:
        code = (
            "import json; from workflow import work; c = work.Item().connection; "
            f"print(json.dumps([list(row) for row in c.query({query!r}).fetchall()], default=str))"
        )
        import json

        rows: list[list[object]] = json.loads(self.python(code, cwd=self.root).stdout.splitlines()[-1])
        return rows

    def drop(self) -> None:
        if isinstance(self.server, MySQL):
            self.server.drop(self.schema)
        else:
            self.server.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")


@pytest.fixture(params=["postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def lab(request: pytest.FixtureRequest, tmp_path: Path, run: Run, python: Run) -> Iterator[Lab]:
    made = Lab(
        tmp_path / f"jobs-{uuid.uuid4().hex[:8]}", run, python, request.getfixturevalue(request.param), request.param
    )
    yield made
    made.drop()


class Host:
    """A machine of its own, as far as the network, the host name and the process numbers go."""

    def __enter__(self) -> "Host":
        while True:  # a test beside this one may have the number
            number = random.randrange(1, 250)
            self.name, self.link = f"djp{number}", f"djp{number}v"
            self.here, self.there = f"10.231.{number}.1", f"10.231.{number}.2"
            if subprocess.run(["ip", "netns", "add", self.name], capture_output=True, check=False).returncode == 0:
                break
        self._ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        self._ip("addr", "add", f"{self.here}/30", "dev", self.link)
        self._ip("link", "set", self.link, "up")
        for command in (("addr", "add", f"{self.there}/30", "dev", "eth0"), ("link", "set", "eth0", "up"),
                        ("link", "set", "lo", "up")):  # fmt: skip
            self._ip("-n", self.name, *command)
        return self

    def __exit__(self, *_: object) -> None:
        self._ip("netns", "del", self.name)

    def cut(self, *, cut: bool) -> None:
        self._ip("-n", self.name, "link", "set", "eth0", "down" if cut else "up")

    def start(self, root: Path, *arguments: str) -> Started:
        command = f"hostname {self.name}; exec {sys.executable} -m djproject {' '.join(arguments)}"
        return Started(root, "ip", "netns", "exec", self.name, "unshare", "--uts", "--pid", "--fork", "--mount-proc",
                       "--kill-child", "sh", "-c", command)  # fmt: skip

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Relay:
    """Passes TCP on from one address to another, as a router does."""

    def __init__(self, listen: str, host: str, port: int) -> None:
        self._goal = (host, port)
        self._server = socket.create_server((listen, 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._goal) as server:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    try:
                        data = ready.recv(65536)
                    except OSError:
                        return
                    if not data:
                        return
                    (server if ready is client else client).sendall(data)

    def close(self) -> None:
        self._server.close()


def test_a_link_that_is_cut_for_longer_than_the_lease(lab: Lab) -> None:
    """Two hosts, both alive: what the lost one had begun is made by the other, and by nobody twice.

    The lost one has the row and the job locked, as in the moment before COMMIT.
    """
    if os.geteuid() != 0 or not shutil.which("ip"):
        missing_service("no network namespaces: be root, with iproute2")
    jobs = 60
    insert_items(lab.python, lab.root, jobs)
    locks = "self.connection.query(f'SELECT 1 FROM {self.jobs.full_table_name} WHERE item_id={key[\"item_id\"]} FOR UPDATE')"
    write_make(lab.root, f'self.insert1({{**key, "value": 1.0}}); {locks}; import time; time.sleep(0.8)')
    with Host() as far:
        relay = Relay(far.here, lab.server.host, lab.server.port)
        with closing(relay):
            lab.point_at(far.here, relay.port)
            lost = far.start(lab.root, "populate", "Result", "--workers", "2")
            deadline = time.monotonic() + 40
            while status_of(lab.run, lab.root)["reserved"] < 2 and time.monotonic() < deadline:
                time.sleep(0.2)
            time.sleep(1.5)
            far.cut(cut=True)
            time.sleep(1)
            stuck = status_of(lab.run, lab.root)["reserved"]
            assert stuck >= 1, "the link was cut while jobs were made"
            began = time.monotonic()
            near = start(lab.root, "populate", "Result", "--workers", "2", "--watch")
            while status_of(lab.run, lab.root)["done"] < jobs:
                assert time.monotonic() - began < 120, lab.ask(f"SELECT * FROM {lab.schema}.__result")
                time.sleep(0.5)
            assert lost.poll() is None, "the lost host lives"
            far.cut(cut=False)
            _, told = lost.communicate(timeout=100)
            near.send_signal(signal.SIGINT)
            _, errors = near.communicate(timeout=30)
            assert "pending again" in errors
            assert "Traceback" not in told
    lab.point_at(lab.server.host, lab.server.port)
    status = status_of(lab.run, lab.root)
    assert (status["done"], status["reserved"], status["errors"], status["pending"]) == (jobs, 0, 0, 0), told
    made = lab.ask(
        "SELECT COUNT(*), COUNT(DISTINCT key_hash) FROM djproject.attempt "
        f"WHERE outcome = 'made' AND pipeline = '{lab.root.name}' AND ended > CURRENT_TIMESTAMP - INTERVAL '300' SECOND"
    )
    assert made[0][0] == made[0][1]


def test_a_server_that_is_killed_and_comes_back(tmp_path: Path, run: Run, python: Run) -> None:
    """MySQL, in a container of its own, three times."""
    require_engine()
    name = f"djproject-outage-{uuid.uuid4().hex[:8]}"
    (port,) = free_ports(1)

    def docker(*arguments: str) -> None:
        subprocess.run(["docker", *arguments], check=True, capture_output=True)

    docker("run", "-d", "--name", name, "-e", "MYSQL_ROOT_PASSWORD=simple", "-p", f"127.0.0.1:{port}:3306", "mysql:8.4")
    try:
        server = MySQL("127.0.0.1", port, "root", "simple")
        _wait_for_mysql(server)
        lab = Lab(tmp_path / "jobs", run, python, server, "mysql")
        insert_items(python, lab.root, 150)
        write_make(lab.root, 'import time; time.sleep(0.05); self.insert1({**key, "value": 1.0})')
        process = start(lab.root, "populate", "--workers", "2")
        wait_for_rows(run, lab.root)
        for pause in (0.5, 2.5, 2.5):
            time.sleep(pause)
            docker("kill", name)
            time.sleep(1)
            docker("start", name)
            _wait_for_mysql(server)
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        account(run, python, lab.root, 150)
    finally:
        docker("rm", "-f", "-v", name)


def _wait_for_mysql(server: MySQL) -> None:
    import pymysql

    deadline = time.monotonic() + 120
    while True:
        try:
            pymysql.connect(host=server.host, port=server.port, user=server.user, password=server.password).close()
            return
        except pymysql.err.MySQLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def test_clocks_that_are_set(lab: Lab) -> None:
    """A day ahead, a day back, in the middle of jobs: nobody is taken for dead, and no job lasted for a day."""
    if not FAKETIME.exists():
        missing_service("no libfaketime: apt-get install faketime")
    jobs = 120
    insert_items(lab.python, lab.root, jobs)
    # Not `sleep`, which libfaketime breaks where the clock that it counts by is left alone.
    write_make(lab.root, 'import select; select.select([], [], [], 0.1); self.insert1({**key, "value": 1.0})')
    offset = lab.root / "offset"
    offset.write_text("+0")
    process = Started(
        lab.root, "env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={offset}", "FAKETIME_NO_CACHE=1",
        "DONT_FAKE_MONOTONIC=1", sys.executable, "-m", "djproject", "populate", "--workers", "2",
    )  # fmt: skip
    for step in ("+1d", "-1d", "+3h", "-40s", "+0"):
        time.sleep(1.5)
        offset.write_text(step)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "gone" not in errors
    account(lab.run, lab.python, lab.root, jobs)
    (longest,), *_ = lab.ask(f"SELECT MAX(seconds) FROM djproject.attempt WHERE pipeline = '{lab.root.name}'")
    assert 0 <= float(str(longest)) < 60


def test_eight_of_ours_and_four_plain_ones_on_one_queue(lab: Lab) -> None:
    jobs = 400
    insert_items(lab.python, lab.root, jobs)
    marks = lab.root / "marks"
    marks.mkdir()
    code = (
        f'import os, time; open(f"{marks}/{{key[\'item_id\']}}-{{os.getpid()}}", "x").close(); time.sleep(0.02); '
        'self.insert1({**key, "value": 1.0})'
    )
    write_make(lab.root, code)
    plain = (
        "from workflow import work; work.Result.populate(reserve_jobs=True); work.Result.populate(reserve_jobs=True)"
    )
    others = [Started(lab.root, sys.executable, "-c", plain) for _ in range(4)]
    ours = start(lab.root, "populate", "--workers", "8")
    told = [process.communicate(timeout=200)[1] for process in (ours, *others)]
    assert [process.returncode for process in (ours, *others)] == [0] * 5, told
    made = [path.name.split("-") for path in marks.iterdir()]
    assert sorted(int(key) for key, _ in made) == list(range(jobs)), "a job was lost or made twice"
    assert len({pid for _, pid in made}) > 4
    lab.run("populate", cwd=lab.root)
    account(lab.run, lab.python, lab.root, jobs)


def test_a_table_that_is_altered_while_workers_fill_it(lab: Lab) -> None:
    jobs = 150
    insert_items(lab.python, lab.root, jobs)
    write_make(lab.root, 'import time; time.sleep(0.05); self.insert1({**key, "value": 1.0})')
    process = start(lab.root, "populate", "--workers", "2")
    deadline = time.monotonic() + 60
    while status_of(lab.run, lab.root)["done"] < 10 and time.monotonic() < deadline:
        time.sleep(0.1)
    path = lab.root / "src/workflow/work.py"
    source = path.read_text()
    changed = source.replace("value : float64", "value : float64\n    note = null : varchar(20)", 1)
    assert changed != source
    path.write_text(changed)
    lab.python("from workflow import work; work.Result().alter(prompt=False)", cwd=lab.root)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    account(lab.run, lab.python, lab.root, jobs)


def test_a_disk_that_is_full_costs_waiting(tmp_path: Path, run: Run, python: Run) -> None:
    """The store lies on a file system of 2 MB, which grows later."""
    root = tmp_path / "jobs"
    run("init", str(root), "--yes", "--no-git", cwd=tmp_path)
    mounted = root / ".djproject/stores"  # where the embedded target keeps all stores
    mounted.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        missing_service("no file system of its own can be mounted: be root")
    try:
        tables = ("--table", "Item:manual", "--table", "Result:computed", "--table", "Child:computed")
        run("add-schema", "work", *tables, cwd=root)
        run("stores", "add", "disk", "--protocol", "file", "--location", str(tmp_path / "lab"), cwd=root)
        path = root / "src/workflow/work.py"
        path.write_text(path.read_text().replace("value : float64", "value : <blob@disk>", 1))
        write_make(root, 'import numpy as np; self.insert1({**key, "value": np.random.bytes(200_000)})')
        run("deploy", cwd=root)
        insert_items(python, root, 20)
        process = start(root, "populate", "--workers", "2")
        deadline = time.monotonic() + 60
        while not any("No space" in line for line in _pending_reasons(run, root)):
            assert time.monotonic() < deadline, process.communicate(timeout=10)
            time.sleep(0.3)
        subprocess.run(["mount", "-o", "remount,size=20m", str(mounted)], check=True)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert "No space left" in errors
        account(run, python, root, 20)
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=False)
        stop(EmbeddedServer(root / ".djproject"))


def _pending_reasons(run: Run, root: Path) -> list[str]:
    import json

    listed = json.loads(run("jobs", "list", "--status", "pending", "--format", "json", cwd=root).stdout)["jobs"]
    return [str(job["message"]) for job in listed]


def test_a_worker_module_under_a_service_manager(jobs_project: Path, run: Run, python: Run) -> None:
    """SIGTERM to every process at once, as systemd and Slurm send it: running jobs are finished."""
    root = jobs_project
    run("deploy", cwd=root)
    insert_items(python, root, 10)
    marks = root / "marks"
    marks.mkdir()
    write_make(
        root,
        f'import time; open(f"{marks}/{{key[\'item_id\']}}", "w").close(); time.sleep(1.5); '
        'self.insert1({**key, "value": 1.0})',
    )
    process = Started(root, sys.executable, "-m", "workflow.worker", "--workers", "2", "--log-format", "json")
    wait_for(marks, 2)
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    for pid in [process.pid, *map(int, children)]:
        os.kill(pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    status = status_of(run, root)
    assert (status["done"], status["reserved"], status["errors"]) == (2, 0, 0), errors
