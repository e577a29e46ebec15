"""Programs of a cluster, asked once for each command: an answer, or one sentence."""

import json
import shutil
import subprocess
from typing import Any

from djproject.errors import EnvironmentUnavailableError

TIMEOUT_SECONDS = 30.0


class LostAnswerError(EnvironmentUnavailableError):
    """The program did not answer in time: what it was to do may be done."""


def ask(program: str, *arguments: str, given: str = "", seconds: float = TIMEOUT_SECONDS) -> str:
    """What a program prints.

    Raises
    ------
    LostAnswerError
        It takes too long.
    EnvironmentUnavailableError
        It is not installed, or fails.
    """
    path = shutil.which(program)
    if path is None:
        where = "Type the command on a login node of the cluster."
        raise EnvironmentUnavailableError(
            f"{program} is not installed, or not on PATH.",
            hint="Install kubectl, or add its folder to PATH." if program == "kubectl" else where,
        )
    try:
        answer = subprocess.run(
            [path, *arguments], input=given, capture_output=True, text=True, errors="replace", check=False,
            timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise LostAnswerError(
            f"{program} did not answer within {seconds:.0f} s.", hint=f"{program} --version  (is the cluster up?)"
        ) from error
    if answer.returncode != 0:
        lines = [line.strip() for line in (answer.stderr + answer.stdout).splitlines() if line.strip()]
        reason = (lines or ["it gave no reason"])[-1].rstrip(".")
        raise EnvironmentUnavailableError(
            f"{program} failed: {reason}.", hint=f"{program} --help", details="\n".join(lines)
        )
    return answer.stdout


def ask_json(program: str, *arguments: str) -> Any:
    """What a program prints, which is JSON.

    Raises
    ------
    EnvironmentUnavailableError
        As `ask`; or it prints something else.
    """
    text = ask(program, *arguments)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EnvironmentUnavailableError(
            f"The output of {program} is not JSON.", hint=f"{program} {' '.join(arguments)}"
        ) from error


def stream(program: str, *arguments: str) -> None:
    """Run a program that prints to this terminal, until it ends or Ctrl-C."""
    path = shutil.which(program)
    if path is not None:
        subprocess.run([path, *arguments], check=False)
