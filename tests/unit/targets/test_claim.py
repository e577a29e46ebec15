"""Which machine serves an embedded database: never two at once, whatever the order of their steps."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from djproject.errors import EnvironmentUnavailableError
from djproject.targets.claim import POLL_SECONDS, SILENCE_SECONDS, Claim, Claims


def claims(folder: Path, machine: str, host: str = "", wait: Callable[[float], None] = lambda _: None) -> Claims:
    return Claims(folder, machine, host or machine, wait=wait)


def test_the_first_machine_gets_the_claim_and_keeps_it(tmp_path: Path) -> None:
    claim = claims(tmp_path, "a").take()
    assert (claim.number, claim.machine, claim.released) == (1, "a", False)
    assert claims(tmp_path, "a").take() == claim
    assert [path.name for path in tmp_path.glob("server*")] == ["server.1"]


def test_another_machine_is_refused_and_told_which_one_has_it(tmp_path: Path) -> None:
    claims(tmp_path, "a", "node1").take()
    with pytest.raises(EnvironmentUnavailableError) as caught:
        claims(tmp_path, "b", "node2").take()
    assert caught.value.message.startswith(
        "The embedded database is used on another machine: node1, last heard from at"
    )
    assert "djproject down --forget-machine" in caught.value.hint


def test_what_was_released_is_free_for_any_machine(tmp_path: Path) -> None:
    claims(tmp_path, "a").take()
    claims(tmp_path, "a").release()
    assert claims(tmp_path, "b").take().number == 2
    assert [path.name for path in tmp_path.glob("server*")] == ["server.2"]
    claims(tmp_path, "a").release()  # of another machine: nothing
    assert claims(tmp_path, "b").take().number == 2


def test_a_container_that_was_made_again_takes_over_after_a_silence_and_not_before(tmp_path: Path) -> None:
    claims(tmp_path, "old", "lab").take()
    waited: list[float] = []
    assert claims(tmp_path, "new", "lab", waited.append).take().machine == "new"
    assert sum(waited) >= SILENCE_SECONDS - POLL_SECONDS


def test_a_clone_of_the_same_name_does_not_take_over_from_one_that_lives(tmp_path: Path) -> None:
    old = claims(tmp_path, "old", "lab")
    state = {"claim": old.take(), "waits": 0}

    def wait(_: float) -> None:
        state["waits"] += 1
        if state["waits"] == 5:
            state["claim"] = old.renew(state["claim"])

    with pytest.raises(EnvironmentUnavailableError):
        claims(tmp_path, "new", "lab", wait).take()
    assert state["claim"].beat == 1


def test_who_was_taken_over_notices_at_the_next_heartbeat(tmp_path: Path) -> None:
    old = claims(tmp_path, "old", "lab")
    claim = old.take()
    claims(tmp_path, "new", "lab").take()
    assert old.renew(claim) is None
    assert claims(tmp_path, "new", "lab").take().machine == "new"


def test_a_claim_that_was_given_up_is_not_renewed(tmp_path: Path) -> None:
    mine = claims(tmp_path, "a")
    claim = mine.take()
    mine.release()
    assert mine.renew(claim) is None


def test_a_machine_that_is_gone_is_forgotten_on_demand_and_one_that_lives_is_not(tmp_path: Path) -> None:
    gone = claims(tmp_path, "a", "node1")
    claim = gone.take()

    def renew(_: float) -> None:
        gone.renew(claim)

    with pytest.raises(EnvironmentUnavailableError):
        claims(tmp_path, "b", "node2", renew).forget()
    forgotten = claims(tmp_path, "b", "node2").forget()
    assert forgotten is not None
    assert forgotten.host == "node1"
    assert claims(tmp_path, "b", "node2").forget() is None
    assert claims(tmp_path, "b", "node2").take().machine == "b"


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b'{"machine": 1}', b"\xff" * 10_000, b"[" * 4000])
def test_a_claim_that_cannot_be_read_is_another_machines(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "server.7").write_bytes(text)
    with pytest.raises(EnvironmentUnavailableError):
        claims(tmp_path, "a").take()


def test_a_number_that_was_used_and_removed_is_not_used_again(tmp_path: Path) -> None:
    """A slow machine saw 1 free; meanwhile others took 2, released it, and took 3."""
    slow = claims(tmp_path, "slow")
    one = claims(tmp_path, "b")
    one.take()
    one.release()
    assert claims(tmp_path, "c").take().number == 2
    claims(tmp_path, "c").release()
    three = claims(tmp_path, "d").take()
    assert not slow._make(Claim(2, "slow", "slow"))
    assert claims(tmp_path, "d").take() == three


@dataclass
class Turns:
    """Runs some threads in an order of its own: one step of one of them at a time."""

    choose: random.Random
    waiting: dict[str, threading.Event] = field(default_factory=dict)
    ready: threading.Condition = field(default_factory=threading.Condition)
    running: int = 0

    def step(self, name: str) -> None:
        event = threading.Event()
        with self.ready:
            self.waiting[name] = event
            self.running -= 1
            self.ready.notify()
        event.wait(30)

    def run(self, machines: dict[str, Callable[[], None]]) -> None:
        threads = [threading.Thread(target=self._whole, args=(work,)) for work in machines.values()]
        self.running = len(threads)
        for thread in threads:
            thread.start()
        while True:
            with self.ready:
                self.ready.wait_for(lambda: self.running == 0, timeout=30)
                if not self.waiting:
                    break
                name = self.choose.choice(sorted(self.waiting))
                self.running += 1
                self.waiting.pop(name).set()
        for thread in threads:
            thread.join(30)

    def _whole(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self.ready:
                self.running -= 1
                self.ready.notify()


@pytest.mark.parametrize("seed", range(60))
def test_in_no_order_of_steps_do_two_machines_serve_at_once(tmp_path: Path, seed: int) -> None:
    turns = Turns(random.Random(seed))
    serving: set[str] = set()
    most: list[int] = []
    served: list[str] = []

    def machine(name: str) -> Callable[[], None]:
        mine = Claims(tmp_path, name, name, step=lambda: turns.step(name), wait=lambda _: None)

        def live() -> None:
            for _ in range(4):
                turns.step(name)
                try:
                    claim: Claim | None = mine.take()
                except EnvironmentUnavailableError:
                    continue
                serving.add(name)
                most.append(len(serving))
                served.append(name)
                turns.step(name)
                claim = mine.renew(claim) if claim else None
                assert claim is not None
                serving.remove(name)
                mine.release()

        return live

    turns.run({name: machine(name) for name in "abc"})
    assert served
    assert max(most) == 1
