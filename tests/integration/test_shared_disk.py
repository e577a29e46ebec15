"""The embedded database among other machines, users and processes: one server, and nobody else's process is touched."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from djproject.errors import EnvironmentUnavailableError
from djproject.targets.embedded import EmbeddedServer, ensure_running, forget_machine, release, stop
from djproject.targets.machine import network_file_system
from djproject.targets.postgres import binaries, postmaster
from tests.integration.test_embedded import USER, connect, fill, rows, server, user_of, wait_until_stopped

__all__ = ["server"]  # the fixture

ROOT = Path(__file__).parents[2]
STRANGER = 54321


def on_another_machine(server: EmbeddedServer, host: str, code: str = USER) -> subprocess.CompletedProcess[str]:
    """Run Python as a machine that sees the same files, but neither the processes nor the socket of this one."""
    script = f'hostname {host}; mount -t tmpfs -o mode=0700 none "$1"; shift; exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--uts", "--ipc", "sh", "-c", script, "sh",
         str(server.socket_directory), sys.executable, "-c", code, str(server.state)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def namespaces() -> None:
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "true"], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this user may not make namespaces")


@pytest.mark.usefixtures("namespaces")
def test_a_second_machine_is_refused_and_no_row_is_lost(server: EmbeddedServer) -> None:
    process = user_of(server)
    fill(server, 1, 2)
    second = on_another_machine(server, "node2")
    assert second.returncode == 1
    assert f"The embedded database is used on another machine: {os.uname().nodename}" in second.stderr
    fill(server, 3)
    assert rows(server) == [1, 2, 3]
    process.communicate("\n")
    assert wait_until_stopped(server)


@pytest.mark.usefixtures("namespaces")
def test_machines_that_take_turns_see_each_others_rows(server: EmbeddedServer) -> None:
    process = user_of(server)
    fill(server, 1)
    process.communicate("\n")
    assert wait_until_stopped(server)
    time.sleep(0.5)  # the keeper gives up the claim a moment after the server has stopped
    code = USER.replace("sys.stdin.readline()", "print(__import__('os').uname().nodename)")
    second = on_another_machine(server, "node2", code)
    assert second.stdout == "up\nnode2\n", second.stderr
    assert forget_machine(server) == "node2"  # it ended like a machine that is switched off


@pytest.mark.usefixtures("namespaces")
def test_a_machine_that_was_switched_off_is_forgotten_on_demand(server: EmbeddedServer) -> None:
    code = USER + "\nimport os, signal; os.kill(-1, signal.SIGKILL); os._exit(1)"  # all processes of its namespace
    server.state.mkdir()
    server.socket_directory.mkdir(mode=0o700)
    on_another_machine(server, "node2", code)
    with pytest.raises(EnvironmentUnavailableError, match="node2"):
        ensure_running(server)
    assert forget_machine(server) == "node2"
    assert forget_machine(server) == ""
    ensure_running(server)
    assert server.is_running()


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def test_a_process_that_has_the_number_of_a_dead_server_is_left_alone(
    server: EmbeddedServer, innocent: "subprocess.Popen[bytes]"
) -> None:
    user_of(server).communicate("\n")
    assert wait_until_stopped(server)
    lock = f"{innocent.pid}\n{server.data}\n{int(time.time())}\n5432\n{server.socket_directory}\n\n  1 1\nready   \n"
    (server.data / "postmaster.pid").write_text(lock)
    assert not stop(server)
    assert innocent.poll() is None
    (server.data / "postmaster.pid").write_text(lock)
    began = time.monotonic()
    ensure_running(server)
    assert server.is_running()
    assert time.monotonic() - began < 30  # not the minute that PostgreSQL is given to start
    assert innocent.poll() is None


def test_the_server_of_the_original_is_not_stopped_from_a_copy(server: EmbeddedServer, tmp_path: Path) -> None:
    ensure_running(server)
    pid = postmaster(server.data)
    copy = EmbeddedServer(tmp_path / "copy" / ".djproject")
    shutil.copytree(server.state, copy.state, ignore=shutil.ignore_patterns("socket"))
    assert not stop(copy)
    assert postmaster(server.data) == pid
    assert server.is_running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another user")
@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_a_socket_folder_of_another_user_is_not_used(tmp_path: Path, mode: int) -> None:
    server = EmbeddedServer(tmp_path / ("long" * 30) / ".djproject")
    server.state.mkdir(parents=True)
    folder = server.socket_directory
    assert folder.parent == Path("/tmp")
    folder.mkdir(mode=mode)
    try:
        os.chown(folder, STRANGER if mode == 0o700 else 0, -1)
        folder.chmod(mode)
        reason = "belongs to another user" if mode == 0o700 else "is open to other users"
        assert not server.is_running()
        with pytest.raises(EnvironmentUnavailableError, match=reason):
            ensure_running(server)
        assert not server.data.exists()
    finally:
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another user")
def test_as_root_the_user_that_the_server_runs_as_is_not_let_in(server: EmbeddedServer) -> None:
    ensure_running(server)
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT system_user")
        assert cursor.fetchone() == ("peer:root",)
    connection.close()
    owner = server.socket_directory.stat().st_uid
    psql = [str(binaries() / "psql"), "-h", str(server.socket_directory), "-U", "postgres", "-c", "SELECT 1"]
    refused = subprocess.run(psql, user=owner, capture_output=True, text=True, check=False, cwd="/")
    assert refused.returncode == 2
    assert "Peer authentication failed" in refused.stderr


def test_a_file_system_without_locks_is_named_before_anything_starts(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(EnvironmentUnavailableError, match="has no locks") as caught:
        ensure_running(server)
    assert "DJPROJECT_STATE" in caught.value.hint
    assert not server.data.exists()
    monkeypatch.undo()
    release(server)


def test_a_local_file_system_is_not_taken_for_a_network_one(tmp_path: Path) -> None:
    assert network_file_system(tmp_path) == ""
