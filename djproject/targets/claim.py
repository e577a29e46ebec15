"""Which machine serves an embedded database: a numbered file in its state directory, renewed while the server runs.

Home directories are shared on every cluster, and locks on them may reach one machine only. So the machine that serves
says so in the file `server.N`, and the next one that wants to serve makes `server.N+1`, which file systems let only one
machine do. A number is never made again while a higher one is there, so that a machine that was slow finds out.

What another machine wrote is believed until that machine gives it up. Only a record of the same host name that is not
renewed for a while may be taken over: that host was restarted, or the container made again.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from djproject.errors import EnvironmentUnavailableError
from djproject.project.files import replace_file
from djproject.targets.machine import machine_id

HEARTBEAT_SECONDS = 2.0
SILENCE_SECONDS = 10.0  # several heartbeats, by the clock of the machine that watches
POLL_SECONDS = 0.25
PREFIX = "server."
MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Claim:
    """One machine's word that it serves the database.

    Attributes
    ----------
    number
        Of the file; the highest one counts.
    machine
        As in `machine_id`.
    host
        The machine's name, for people.
    beat
        How often it was renewed.
    renewed
        When, in UTC, by that machine's clock.
    released
        Whether the machine has given it up.
    """

    number: int
    machine: str
    host: str
    beat: int = 0
    renewed: str = ""
    released: bool = False


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims in one folder, as one machine sees and makes them.

    Attributes
    ----------
    folder
        Where the files are.
    machine, host
        Of this machine.
    step
        Called before each step that other machines may see or interleave with.
    wait
        Waits for so many seconds.
    """

    folder: Path
    machine: str
    host: str
    step: Callable[[], None] = lambda: None
    wait: Callable[[float], None] = time.sleep

    def latest(self) -> Claim | None:
        """The claim that counts; None where none was ever made."""
        self.step()
        numbers = self._numbers()
        return self._read(numbers[-1]) if numbers else None

    def take(self) -> Claim:
        """Claim the database for this machine, or find that it has the claim.

        Raises
        ------
        EnvironmentUnavailableError
            Another machine serves the database, or may still do so.
        """
        while True:
            found = self.latest()
            if found is not None and not found.released:
                if found.machine == self.machine:
                    return found
                self._refuse_unless_silent(found)
            mine = Claim((found.number if found else 0) + 1, self.machine, self.host, renewed=_now())
            if self._make(mine):
                return mine

    def renew(self, claim: Claim) -> Claim | None:
        """The claim with one more heartbeat; None where it is not this machine's any more."""
        found = self.latest()
        if found is None or found.number != claim.number or found.machine != self.machine or found.released:
            return None
        renewed = replace(claim, beat=claim.beat + 1, renewed=_now())
        self._write(renewed)
        return renewed

    def release(self) -> None:
        """Give up what this machine has claimed; its server has stopped."""
        found = self.latest()
        if found is not None and found.machine == self.machine and not found.released:
            self._write(replace(found, released=True, renewed=_now()))

    def forget(self) -> Claim | None:
        """Give up the claim of another machine that is gone for good; that claim, None where there is none.

        Raises
        ------
        EnvironmentUnavailableError
            The other machine still renews it.
        """
        found = self.latest()
        if found is None or found.released or found.machine == self.machine:
            return None
        if not self._is_silent(found):
            raise _served_elsewhere(found)
        mine = Claim(found.number + 1, self.machine, self.host, renewed=_now(), released=True)
        return found if self._make(mine) else None

    def _refuse_unless_silent(self, found: Claim) -> None:
        if found.host != self.host or not self._is_silent(found):
            raise _served_elsewhere(found)

    def _is_silent(self, found: Claim) -> bool:
        """Whether nobody renews a claim for a while."""
        for _ in range(int(SILENCE_SECONDS / POLL_SECONDS)):
            self.wait(POLL_SECONDS)
            if self.latest() != found:
                return False
        return True

    def _make(self, claim: Claim) -> bool:
        """Make a claim that nobody else has made; False where somebody was faster."""
        path, partial = self._path(claim.number), self.folder / f".{PREFIX}{os.urandom(8).hex()}"
        replace_file(partial, _text(claim))
        try:
            self.step()
            try:
                os.link(partial, path)
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links
                with path.open("xb") as stream:
                    stream.write(_text(claim))
        except FileExistsError:
            return False
        finally:
            partial.unlink(missing_ok=True)
        self.step()
        numbers = self._numbers()
        if numbers[-1] != claim.number:  # this machine was slow: the number had been used and removed
            path.unlink(missing_ok=True)
            return False
        for number in numbers[:-1]:
            self.step()
            self._path(number).unlink(missing_ok=True)
        return True

    def _numbers(self) -> list[int]:
        names = (path.name.removeprefix(PREFIX) for path in self.folder.glob(f"{PREFIX}*"))
        return sorted(int(name) for name in names if name.isdecimal())

    def _read(self, number: int) -> Claim | None:
        """The claim of a number; what cannot be read is another machine's. None where it was replaced meanwhile."""
        try:
            with self._path(number).open("rb") as stream:
                values = json.loads(stream.read(MOST_BYTES))
            return Claim(number, str(values["machine"]), str(values["host"]), int(values["beat"]),
                         str(values["renewed"]), values["released"] is True)  # fmt: skip
        except FileNotFoundError:
            return self.latest()
        except (ValueError, KeyError, TypeError, RecursionError):
            return Claim(number, "", "a machine that left no name")

    def _write(self, claim: Claim) -> None:
        self.step()
        replace_file(self._path(claim.number), _text(claim), durable=False)

    def _path(self, number: int) -> Path:
        return self.folder / f"{PREFIX}{number}"


def claims_of_this_machine(state: Path) -> Claims:
    """The claims in a state directory, for this machine."""
    return Claims(state, machine_id(), platform.node())


def _served_elsewhere(claim: Claim) -> EnvironmentUnavailableError:
    since = f", last heard from at {claim.renewed}" if claim.renewed else ""
    return EnvironmentUnavailableError(
        f"The embedded database is used on another machine: {claim.host}{since}.",
        hint=f"djproject down  (there; where {claim.host} is gone for good, here: djproject down --forget-machine)",
    )


def _text(claim: Claim) -> bytes:
    values = asdict(claim)
    del values["number"]
    return json.dumps(values).encode() + b"\n"


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
