"""Git asked about a project, without running what the project's own repository says to run."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

# A repository's configuration may name programs that git runs even where it only reads.
SAFE = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.untrackedCache=false", "core.pager=cat",
    "core.sshCommand=false", "core.askPass=true", "diff.external=", "gpg.program=false", "credential.helper=",
)  # fmt: skip
_PROGRAMS = re.compile(r"(filter\..+)\.(clean|smudge|process|required)|(diff\..+)\.(command|textconv)", re.IGNORECASE)
TIMEOUT_SECONDS = 20.0


def ask_git(root: Path, *arguments: str, given: Sequence[str] = (), codes: Sequence[int] = (0,)) -> bytes:
    """What a git command that changes nothing answers.

    Parameters
    ----------
    root
        The folder to ask in.
    arguments
        The command.
    given
        Names for its standard input, which NUL characters separate.
    codes
        The exit codes that are no failure.

    Raises
    ------
    OSError
        There is no git.
    subprocess.SubprocessError
        It fails, or takes too long.
    """
    safe = [part for setting in (*SAFE, *_without_filters(root)) for part in ("-c", setting)]
    return _run(root, [*safe, *arguments], "\0".join(given).encode(errors="surrogateescape"), codes)


def names_in(answer: bytes) -> frozenset[str]:
    """The names in an answer that NUL characters separate."""
    return frozenset(name for name in answer.decode(errors="surrogateescape").split("\0") if name)


def _without_filters(root: Path) -> list[str]:
    """Settings that turn off the programs which the repository names for its files; reading them runs nothing."""
    try:
        listed = names_in(_run(root, ["config", "--local", "--includes", "--list", "--name-only", "-z"], b""))
    except subprocess.SubprocessError:  # no repository
        return []
    found = []
    for name in sorted(listed):
        match = _PROGRAMS.fullmatch(name)
        if match:
            found.append(f"{name}={'false' if name.lower().endswith('.required') else ''}")
    return found


def _run(root: Path, arguments: Sequence[str], given: bytes, codes: Sequence[int] = (0,)) -> bytes:
    command = ["git", "-C", str(root), *arguments]
    answer = subprocess.run(
        command,
        capture_output=True,
        check=False,
        input=given,
        timeout=TIMEOUT_SECONDS,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat"},
    )
    if answer.returncode not in codes:
        raise subprocess.CalledProcessError(answer.returncode, command)
    return answer.stdout
