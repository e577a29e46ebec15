"""A wakeup that may be rung from anywhere."""

import os
import signal
import threading
import time

from djproject.worker.wakeup import Wakeup


def test_a_wait_ends_when_it_is_rung_and_not_before() -> None:
    wakeup = Wakeup()
    began = time.monotonic()
    assert not wakeup.wait(0.05)
    assert time.monotonic() - began >= 0.05
    threading.Timer(0.05, wakeup.stop).start()
    wakeup.wait(30)
    assert wakeup.stopping


def test_a_ring_before_the_wait_is_not_lost_and_thousands_are_one() -> None:
    wakeup = Wakeup()
    for _ in range(200_000):
        wakeup.wake()
    began = time.monotonic()
    wakeup.wait(30)
    assert time.monotonic() - began < 10
    began = time.monotonic()
    wakeup.wait(0.05)
    assert time.monotonic() - began >= 0.05, "it was rung once"


def test_signals_that_ring_while_it_waits_never_hang() -> None:
    wakeup = Wakeup()
    old = signal.signal(signal.SIGUSR2, lambda *_: wakeup.wake())
    try:
        done = threading.Event()

        def shoot() -> None:
            while not done.is_set():
                os.kill(os.getpid(), signal.SIGUSR2)

        shooter = threading.Thread(target=shoot)
        shooter.start()
        for _ in range(600):
            wakeup.wait(5)
        done.set()
        shooter.join()
    finally:
        signal.signal(signal.SIGUSR2, old)


def test_without_a_connection_time_must_do() -> None:
    wakeup = Wakeup()

    def refuse() -> None:
        raise ConnectionError

    wakeup.listen(refuse)
    assert not wakeup.hears
    assert not wakeup.wait(0.01)


def test_a_stop_ends_a_wait() -> None:
    wakeup = Wakeup()
    waiting = threading.Thread(target=wakeup.wait, args=(3600,), daemon=True)
    waiting.start()
    wakeup.stop()
    waiting.join(timeout=60)
    assert not waiting.is_alive()
