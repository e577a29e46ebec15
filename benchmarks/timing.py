"""Times of whole commands, alternating, so that a busy machine is busy for all of them."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


def seconds(command: Sequence[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> float:
    """How long one run of a command takes, output discarded."""
    began = time.perf_counter()
    subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return time.perf_counter() - began


def best(commands: dict[str, Sequence[str]], *, rounds: int = 9, cwd: Path | None = None) -> dict[str, float]:
    """The best of several rounds for each command; the rounds go through all commands in turn."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(seconds(command, cwd=cwd))
    return {name: min(found) for name, found in times.items()}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
