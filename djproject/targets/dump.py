"""The data of an embedded server in one file of SQL, and back: by PostgreSQL's own programs, in one transaction."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.targets.embedded import SUPERUSER, EmbeddedServer
from djproject.targets.postgres import binaries

HEADER = b"--\n-- PostgreSQL database dump"
_DROP = """
DO $$ DECLARE found text; BEGIN
  FOR found IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|public$)' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', found);
  END LOOP;
END $$
"""


def write_dump(server: EmbeddedServer, path: Path) -> None:
    """Write all schemas to a file, as of one moment; the file is there once it is whole, mode 0600.

    Raises
    ------
    EnvironmentUnavailableError
        `pg_dump` fails.
    OSError
        The disk is full, or the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".dump-") as folder:
        whole = Path(folder) / path.name
        whole.touch(mode=0o600)
        _run(server, "pg_dump", ["--no-owner", "--file", str(whole)])
        whole.replace(path)


def read_dump(server: EmbeddedServer, path: Path) -> None:
    """Put the data of a file in the place of all that is there: as a whole, or not at all.

    Raises
    ------
    ProjectError
        `write_dump` did not write this file.
    EnvironmentUnavailableError
        The server refuses it; nothing is changed then.
    """
    try:
        with path.open("rb") as file:
            if not file.read(len(HEADER)).startswith(HEADER):
                raise ProjectError(f"{path} is not a snapshot of the embedded database.", hint=f"head {path}")
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error.strerror}.", hint=f"ls {path.parent}") from error
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--output", os.devnull]
    _run(server, "psql", [*options, "--command", _DROP, "--file", str(path)])


def _run(server: EmbeddedServer, program: str, arguments: Sequence[str]) -> None:
    place = ["--host", str(server.socket_directory), "--username", SUPERUSER, "--dbname", SUPERUSER]
    result = subprocess.run(
        [str(binaries(server.data) / program), *place, *arguments],
        capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["it gave no reason"])[0]
        raise EnvironmentUnavailableError(f"{program} failed: {reason}", hint="djproject doctor", details=result.stderr)
