"""Where the socket lies and whom its folder belongs to, without a server."""

import os
from pathlib import Path

import pytest

from djproject.errors import EnvironmentUnavailableError
from djproject.targets.embedded import EmbeddedServer, ensure_running
from djproject.targets.postgres import postmaster


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedServer:
    server = EmbeddedServer(tmp_path / "s")
    server.state.mkdir()
    return server


def test_the_socket_lies_beside_the_data_where_the_path_allows(tmp_path: Path) -> None:
    assert EmbeddedServer(Path("/x/state")).socket_directory == Path("/x/state/socket")
    for state in (Path("/x") / ("y" * 120), Path("/x/a,b"), Path("/x/a:b"), Path("/x/a@b")):
        folder = EmbeddedServer(state).socket_directory
        assert folder.parent == Path("/tmp")
        assert folder.name.startswith(f"djproject-{os.getuid()}-")
    assert EmbeddedServer(Path("/x/a,b")).socket_directory != EmbeddedServer(Path("/x/a,c")).socket_directory


def test_a_folder_that_others_can_write_to_is_not_trusted(server: EmbeddedServer) -> None:
    assert server.untrusted_folder() == ""
    folder = server.socket_directory
    folder.mkdir(mode=0o700)
    assert server.untrusted_folder() == ""
    for mode in (0o720, 0o702, 0o777):
        folder.chmod(mode)
        assert server.untrusted_folder() == "is open to other users"
    with pytest.raises(EnvironmentUnavailableError, match="is open to other users"):
        ensure_running(server)
    assert not server.data.exists()


def test_a_link_in_place_of_the_folder_is_not_trusted(server: EmbeddedServer, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    server.socket_directory.symlink_to(tmp_path / "elsewhere")
    assert server.untrusted_folder() == "is not a folder"
    with pytest.raises(EnvironmentUnavailableError, match="is not a folder"):
        ensure_running(server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_not_trusted(server: EmbeddedServer) -> None:
    server.socket_directory.mkdir(mode=0o700)
    os.chown(server.socket_directory, 54321, 54321)
    assert server.untrusted_folder() == "belongs to another user"
    assert not server.is_running()


@pytest.mark.parametrize("text", ["", "not a number\n", "1\n", "{me}\n", "999999999\n"])
def test_a_process_of_that_number_is_not_yet_the_server(tmp_path: Path, text: str) -> None:
    (tmp_path / "postmaster.pid").write_text(text.format(me=os.getpid()))
    assert postmaster(tmp_path) is None
