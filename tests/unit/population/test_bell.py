"""A bell that may be rung from anywhere."""

import os
import signal
import threading
import time

from djproject.population.bell import Bell


def test_a_wait_ends_when_it_is_rung_and_not_before() -> None:
    bell = Bell()
    began = time.monotonic()
    assert not bell.wait(0.05)
    assert time.monotonic() - began >= 0.05
    threading.Timer(0.05, bell.stop).start()
    bell.wait(30)
    assert bell.stopping


def test_a_ring_before_the_wait_is_not_lost_and_thousands_are_one() -> None:
    bell = Bell()
    for _ in range(200_000):
        bell.ring()
    began = time.monotonic()
    bell.wait(30)
    assert time.monotonic() - began < 10
    began = time.monotonic()
    bell.wait(0.05)
    assert time.monotonic() - began >= 0.05, "it was rung once"


def test_signals_that_ring_while_it_waits_never_hang() -> None:
    bell = Bell()
    old = signal.signal(signal.SIGUSR2, lambda *_: bell.ring())
    try:
        done = threading.Event()

        def shoot() -> None:
            while not done.is_set():
                os.kill(os.getpid(), signal.SIGUSR2)

        shooter = threading.Thread(target=shoot)
        shooter.start()
        for _ in range(3000):
            bell.wait(5)
        done.set()
        shooter.join()
    finally:
        signal.signal(signal.SIGUSR2, old)


def test_without_a_connection_time_must_do() -> None:
    bell = Bell()

    def refuse() -> None:
        raise ConnectionError

    bell.listen(refuse)
    assert not bell.hears
    assert not bell.wait(0.01)
