"""Which code made a row."""

import subprocess
from functools import cache
from importlib import metadata
from typing import Any

LONGEST = 64


@cache
def code_version(root: str, name: str) -> str:
    """The project's commit, with "-dirty" where files differ from it; else the installed version; else empty."""
    command = ["git", "-C", root, "describe", "--always", "--dirty", "--tags", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()[:LONGEST]
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        return metadata.version(name)[:LONGEST]
    except metadata.PackageNotFoundError:
        return ""


def datajoint_version(connection: Any) -> str:
    """What DataJoint writes of the version, by its setting `jobs.version_method`; asked for once a process."""
    from datajoint.jobs import _get_job_version

    method = connection._config.jobs.version_method
    if method not in _known:
        _known[method] = str(_get_job_version(connection._config))
    return _known[method]


_known: dict[str | None, str] = {}
