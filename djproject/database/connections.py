"""Connections of a worker: another one to the same server, one that notices a network that is gone, one per process."""

import os
import socket
from contextlib import suppress
from typing import Any

from djproject.database.internals import driver_connection, file_descriptor, replace_driver_connection
from djproject.targets.connection import use_server_time

KEEPALIVE = {"idle": 20, "interval": 10, "count": 4}  # seconds, seconds, and questions without an answer
UNACKNOWLEDGED_MS = 60_000
# No limit of idle time; and PostgreSQL, too, is to notice within a minute that the machine of a worker is gone.
_POSTGRESQL = {
    "idle_in_transaction_session_timeout": 0,
    "idle_session_timeout": 0,
    "tcp_user_timeout": UNACKNOWLEDGED_MS,
    **{f"tcp_keepalives_{what}": value for what, value in KEEPALIVE.items()},
}
SESSION = {
    "mysql": "SET SESSION wait_timeout = 2147483",  # the most that every server takes
    "postgresql": "SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES "
    + ", ".join(f"('{name}', '{value}')" for name, value in _POSTGRESQL.items())
    + ") AS ours (setting_name, wanted) ON name = setting_name",  # those that this version of the server has
}


def second_connection(connection: Any) -> Any:
    """A second connection to the same server."""
    import datajoint as dj

    info = connection.conn_info
    where = (info["host"], info["user"], info["passwd"], info["port"], info["ssl_input"])
    return dj.Connection(*where, backend=connection.adapter.backend)


def keep_alive(connection: Any) -> None:
    """Notice within a minute that the network to the server is gone, and let the server wait while a make computes.

    The server's limits of idle time are raised for this session, as far as it lets us, and PostgreSQL notices as soon
    that this machine is gone; also in the sessions that DataJoint begins after a connection was lost.
    """
    if "connect" not in vars(connection):
        connect = connection.connect

        def connect_again() -> None:
            connect()
            _keep_alive(connection)

        connection.connect = connect_again
    _keep_alive(connection)


def _keep_alive(connection: Any) -> None:
    _watch_socket(connection)
    use_server_time(connection)
    with suppress(Exception):  # a proxy, or another server
        connection.query(SESSION[connection.adapter.backend], reconnect=False)


def _watch_socket(connection: Any) -> None:
    try:
        with socket.socket(fileno=os.dup(file_descriptor(connection))) as same:
            if same.family == socket.AF_UNIX:
                return
            for option, value in (
                ("TCP_KEEPIDLE", KEEPALIVE["idle"]),
                ("TCP_KEEPINTVL", KEEPALIVE["interval"]),
                ("TCP_KEEPCNT", KEEPALIVE["count"]),
                ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MS),
            ):
                if hasattr(socket, option):
                    same.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
            same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except (OSError, AttributeError):  # another driver
        return


def detach(connection: Any) -> None:
    """Leave a connection to the process that this one was forked from; the next query here opens another one.

    Two processes on one connection would read each other's answers.
    """
    try:
        number = file_descriptor(connection)
    except (OSError, AttributeError, ValueError):  # closed, or another driver
        return
    ours, other = socket.socketpair()
    other.close()
    os.dup2(ours.fileno(), number, inheritable=False)  # a dead line: nothing of this process reaches the server
    ours.close()
    replace_driver_connection(connection, _OpenedAtFirstUse(connection))


class _OpenedAtFirstUse:
    """Takes the place of a driver's connection, and opens one when anything is asked of it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        if driver_connection(self._connection) is self:
            self._connection.connect()
        return getattr(driver_connection(self._connection), name)
