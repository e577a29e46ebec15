"""The embedded PostgreSQL: on demand, shared, stopped with its last user, never corrupted."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from djproject.targets.embedded import EmbeddedServer, ensure_running, release, remove_socket_directory, stop

USER = """
import sys, time
from pathlib import Path
from djproject.targets.embedded import EmbeddedServer, ensure_running
ensure_running(EmbeddedServer(Path(sys.argv[1])))
print("up", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "a project's folder, with: odd @ name" / ".djproject")
    server.state.parent.mkdir()
    yield server
    release(server)
    stop(server)
    remove_socket_directory(server)


def connect(server: EmbeddedServer) -> "psycopg2.extensions.connection":
    return psycopg2.connect(host=str(server.socket_directory), user="postgres", dbname="postgres")


def user_of(server: EmbeddedServer) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(server.state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def wait_until_stopped(server: EmbeddedServer, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not (server.data / "postmaster.pid").exists():
            return True
        time.sleep(0.05)
    return False


def rows(server: EmbeddedServer) -> list[int]:
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT x FROM t ORDER BY x")
        found = [row[0] for row in cursor.fetchall()]
    connection.close()
    return found


def fill(server: EmbeddedServer, *numbers: int) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS t (x int PRIMARY KEY)")
        cursor.executemany("INSERT INTO t VALUES (%s)", [(n,) for n in numbers])
    connection.close()


def test_it_listens_on_a_socket_of_its_owner_only_and_on_no_port(server: EmbeddedServer) -> None:
    ensure_running(server)
    assert server.socket_directory.stat().st_mode & 0o777 == 0o700
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW listen_addresses")
        assert cursor.fetchone() == ("",)
        cursor.execute("SHOW fsync")
        assert cursor.fetchone() == ("on",)
    connection.close()


def test_processes_share_it_and_the_last_one_to_end_stops_it(server: EmbeddedServer) -> None:
    first, second = user_of(server), user_of(server)
    pid = (server.data / "postmaster.pid").read_text().splitlines()[0]
    first.communicate("\n")
    time.sleep(0.5)
    assert (server.data / "postmaster.pid").read_text().splitlines()[0] == pid
    second.communicate("\n")
    assert wait_until_stopped(server)


def test_it_stops_after_a_last_user_that_was_killed(server: EmbeddedServer) -> None:
    process = user_of(server)
    process.kill()
    process.communicate()
    assert wait_until_stopped(server)


def test_ten_processes_that_start_it_at_once_start_one(server: EmbeddedServer) -> None:
    command = [sys.executable, "-c", USER, str(server.state)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    users = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
        for _ in range(10)
    ]
    for process in users:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
    assert server.log.read_text().count("database system is ready") <= 1
    for process in users:
        process.communicate("\n")
        assert process.returncode == 0
    assert wait_until_stopped(server)


@pytest.mark.parametrize("victim", ["postmaster", "keeper", "user"])
def test_a_killed_process_loses_no_committed_row(server: EmbeddedServer, victim: str) -> None:
    process = user_of(server)
    fill(server, 1, 2, 3)
    pids = {
        "postmaster": int((server.data / "postmaster.pid").read_text().splitlines()[0]),
        "keeper": keeper_pid(server),
        "user": process.pid,
    }
    os.kill(pids[victim], signal.SIGKILL)
    process.communicate("\n")
    ensure_running(server)
    assert rows(server) == [1, 2, 3]
    fill(server, 4)
    release(server)
    assert wait_until_stopped(server)
    ensure_running(server)
    assert rows(server) == [1, 2, 3, 4]


def test_it_stops_after_its_keeper_was_killed(server: EmbeddedServer) -> None:
    process = user_of(server)
    os.kill(keeper_pid(server), signal.SIGKILL)
    time.sleep(0.2)
    process.communicate("\n")
    assert wait_until_stopped(server)


def test_it_stops_after_its_folder_was_moved(server: EmbeddedServer) -> None:
    process = user_of(server)
    pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    time.sleep(2.5)  # the keeper looks every two seconds
    server.state.rename(server.state.with_name("elsewhere"))
    time.sleep(2.5)
    assert psutil.pid_exists(pid), "it is still used"
    process.communicate("\n")
    deadline = time.monotonic() + 15
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid)
    server.state.with_name("elsewhere").rename(server.state)


def keeper_pid(server: EmbeddedServer) -> int:
    output = subprocess.run(
        ["pgrep", "-f", f"djproject.targets.keeper {server.state}"], capture_output=True, text=True, check=True
    )
    return int(output.stdout.split()[0])


def test_an_interrupted_initialisation_is_made_again(server: EmbeddedServer) -> None:
    (server.state / "postgres.partial").mkdir(parents=True)
    (server.state / "postgres.partial" / "PG_VERSION").write_text("18")
    ensure_running(server)
    fill(server, 1)
    assert rows(server) == [1]


def test_a_long_path_moves_the_socket_not_the_data(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / ("long-" * 20) / ".djproject")
    server.state.parent.mkdir()
    try:
        ensure_running(server)
        fill(server, 7)
        assert rows(server) == [7]
        assert server.socket_directory.parent == Path("/tmp")
        assert (server.data / "PG_VERSION").exists()
    finally:
        release(server)
        stop(server)
        remove_socket_directory(server)


def test_stopping_twice_is_fine(server: EmbeddedServer) -> None:
    assert stop(server) is False
    ensure_running(server)
    assert stop(server) is True
    assert stop(server) is False


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.15])
def test_a_stop_during_crash_recovery_does_not_hang(server: EmbeddedServer, seconds: float) -> None:
    """PostgreSQL 18 itself never ends when a shutdown is requested while it recovers."""
    ensure_running(server)
    fill(server, 1)
    connection = connect(server)
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    time.sleep(seconds)
    began = time.monotonic()
    stop(server)
    assert time.monotonic() - began < 15  # a stop that hangs is forced after 10
    ensure_running(server)
    assert rows(server) == [1]
