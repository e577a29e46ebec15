"""Ports: the stack's own are not in its way, others are moved only when that was asked for."""

import socket

import pytest

from djproject.stack.compose import Port
from djproject.stack.ports import busy_ports, fixed_port, foreign_ports, free_ports, is_free, moved_ports
from djproject.stack.services import Service
from tests.unit.stack.test_services import service

DATABASE, STORE, EXTRA = Port("database", 5432, 5432), Port("store", 8333, 8333), Port("dashboard", 9000, 80)


@pytest.fixture
def taken() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_somebody_listens_at(taken: int) -> None:
    free = free_ports(1)[0]
    assert is_free(free)
    assert not is_free(taken)
    ports = [Port("database", taken, 1), Port("store", free, 1)]
    assert busy_ports(ports) == ports[:1]


def test_free_ports_differ() -> None:
    numbers = free_ports(20)
    assert len(set(numbers)) == 20
    assert all(is_free(number) for number in numbers)


def test_the_stack_s_own_ports_are_not_foreign() -> None:
    running: Service = service("database", ports=("127.0.0.1:5432",))
    ended: Service = service("store", state="exited", ports=("127.0.0.1:8333",))
    assert foreign_ports([DATABASE, STORE], [running, ended]) == [STORE]
    assert foreign_ports([DATABASE], [service("database", ports=("0.0.0.0:5432",))]) == [DATABASE]


def test_which_port_cannot_be_moved() -> None:
    assert fixed_port([DATABASE, STORE], auto_ports=True) is None
    assert fixed_port([DATABASE, STORE], auto_ports=False) == DATABASE
    assert fixed_port([DATABASE, EXTRA], auto_ports=True) == EXTRA, "its number is written in the compose file"
    assert fixed_port([DATABASE, EXTRA], auto_ports=False) == EXTRA


def test_moved_ports_keep_their_service() -> None:
    assert moved_ports([STORE, DATABASE], [1, 2]) == {"STORE_PORT": "1", "DATABASE_PORT": "2"}
