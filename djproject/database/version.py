"""Which code made a row."""

import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from djproject.database.internals import config_of, job_version
from djproject.project.git import ask_git

LONGEST = 64


@cache
def code_version(root: str, name: str) -> str:
    """The project's commit, with "-dirty" where files differ from it; else the installed version; else empty."""
    try:
        answer = ask_git(Path(root), "describe", "--always", "--dirty", "--tags", "--exclude=*")
        return answer.decode(errors="replace").strip()[:LONGEST]
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        return metadata.version(name)[:LONGEST]
    except metadata.PackageNotFoundError:
        return ""


def datajoint_version(connection: Any) -> str:
    """What DataJoint writes of the version, by its setting `jobs.version_method`; asked for once a process."""
    method = config_of(connection).jobs.version_method
    if method not in _known:
        _known[method] = job_version(connection)
    return _known[method]


_known: dict[str | None, str] = {}
