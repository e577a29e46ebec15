"""A stack's data in one file and back: a dump of the database in one transaction, the buckets, the folders of stores.

The dump comes first: objects are written before the rows that name them, so all objects of the dump are in the buckets
when these are read. A restore reads the whole file before it changes anything, and keeps the data that it replaces
until the new ones are there.
"""

import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from djproject import __version__
from djproject.errors import DJProjectError, EnvironmentUnavailableError, ProjectError
from djproject.stack.archive import (
    BUCKETS,
    DUMP,
    STORES,
    ArchiveWriter,
    Manifest,
    bucket_and_key,
    contents,
    place_of,
    verify,
)
from djproject.stack.services import look, wait_until_up
from djproject.stack.starting import DEPLOY, WORKER, Stack
from djproject.targets.objects import s3_client
from djproject.targets.stack import USER, StackAddress, backend_of, stack_address

SYSTEM_DATABASES = ("mysql", "sys", "information_schema", "performance_schema")
MYSQL = 'MYSQL_PWD=$(cat /run/secrets/database_password) exec "$@"'
WAIT_SECONDS = 120.0


def write_snapshot(stack: Stack, path: Path) -> Manifest:
    """Write all data of a stack to a file; a file in its place is replaced once the new one is whole.

    Raises
    ------
    EnvironmentUnavailableError
        The database or the object store is not up.
    ProjectError
        A store that is a folder has a link to another folder, or a file that is no plain file.
    """
    _require(stack)
    address = stack_address(stack.project)
    backend = backend_of(stack.project)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".snapshot-") as folder:
        whole = Path(folder) / path.name
        whole.touch(mode=0o600)
        with tarfile.open(whole, "w", format=tarfile.PAX_FORMAT) as archive:
            writer = ArchiveWriter(archive)
            with tempfile.TemporaryFile(dir=folder) as dump:
                _dump(stack, backend, dump)
                _add_all(writer, DUMP, dump)
            _add_objects(writer, _client(address), Path(folder))
            _add_files(writer, address.folder)
            now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            manifest = writer.finish(stack.project.name, backend, now, __version__)
        whole.replace(path)
    return manifest


def restore_snapshot(stack: Stack, path: Path, *, force: bool = False) -> Manifest:
    """Put the data of a snapshot into a stack, whose database and object store are started for it; no worker runs.

    Parameters
    ----------
    stack
        Where to; it must have no data.
    path
        The snapshot.
    force
        Replace the data that are there. They come back where the restore fails.

    Raises
    ------
    ProjectError
        The file is no whole snapshot, of another kind of database, or the stack has data (and not `force`).
    EnvironmentUnavailableError
        The dump cannot be loaded, or the object store rejects an object; the data are as before.
    """
    backend = backend_of(stack.project)
    address = stack_address(stack.project)
    manifest = verify(path, backend=backend, folder=address.folder, has_buckets=address.store is not None)
    _require(stack)
    data = Data(stack, backend, address)
    present = data.in_words()
    refuse_existing(present, path, force=force)
    stack.compose.run("rm", "--stop", "--force", WORKER, DEPLOY, what="The workers could not be stopped")
    before = stack.state / "before-restore.tar"
    if present and path != before and not before.exists():  # else a restore was interrupted: that file is the data
        write_snapshot(stack, before)
    try:
        data.replace(path)
    except BaseException as error:
        _put_back(data, before, error)
        raise
    before.unlink(missing_ok=True)
    return manifest


def _put_back(data: "Data", before: Path, error: BaseException) -> None:
    """Give a stack the data again that it had before a restore that failed."""
    try:
        if before.exists():
            data.replace(before)
            before.unlink()
        else:
            data.remove()
    except (DJProjectError, OSError) as second:
        raise EnvironmentUnavailableError(
            f"The restore failed, and the previous data could not be restored: {second}",
            hint=f"djproject stack restore {before} --force  (after fixing the cause: {error})",
        ) from error


def refuse_existing(data: str, path: Path, *, force: bool) -> None:
    """Raise a ProjectError where the stack has data that a restore would delete."""
    if data and not force:
        raise ProjectError(
            f"The stack already has data: {data}.",
            hint=f"djproject stack restore {path} --force  (deletes it first)",
        )


def _require(stack: Stack) -> None:
    """Start database and store where they are not up, and wait for them."""
    plan = stack.plan()
    names = [name for name in ("database", "store") if name in plan.services]
    if not all(any(s.service == name and s.is_up for s in look(stack.client, plan.name)) for name in names):
        stack.compose.run("up", "--detach", "--no-deps", *names, what="The database could not be started")
        for _ in wait_until_up(stack.client, plan.name, names, WAIT_SECONDS):
            pass


def _dump(stack: Stack, backend: str, stream: IO[bytes]) -> None:
    if backend == "postgresql":
        command = ["pg_dump", "--username", USER, "--dbname", USER, "--format=custom"]
    else:
        names = _user_schemas(stack, backend)
        options = ["--single-transaction", "--quick", "--routines", "--triggers", "--hex-blob", "--no-tablespaces",
                   "--set-gtid-purged=OFF"]  # fmt: skip
        if not names:
            return
        command = ["sh", "-c", MYSQL, "sh", "mysqldump", "--user=root", *options, "--databases", *names]
    stack.compose.pour("exec", "--no-TTY", "database", *command, into=stream, what="The database could not be dumped")


def _load(stack: Stack, backend: str, stream: IO[bytes]) -> None:
    if backend == "postgresql":
        command = ["pg_restore", "--username", USER, "--dbname", USER, "--exit-on-error", "--single-transaction"]
    else:
        command = ["sh", "-c", MYSQL, "sh", "mysql", "--user=root", "--binary-mode", "--max-allowed-packet=512M"]
    stack.compose.pour("exec", "--no-TTY", "database", *command, out_of=stream, what="The dump could not be loaded")


def _query(stack: Stack, backend: str, query: str) -> list[str]:
    if backend == "postgresql":
        client = ["psql", "--username", USER, "--dbname", USER, "--no-align", "--tuples-only", "--command", query]
    else:
        client = ["sh", "-c", MYSQL, "sh", "mysql", "--user=root", "--skip-column-names", "--execute", query]
    answer = stack.compose.run("exec", "--no-TTY", "database", *client, what="The database does not answer")
    return [line for line in answer.splitlines() if line]


def _user_schemas(stack: Stack, backend: str) -> list[str]:
    """The schemas (MySQL: databases) that are not the server's own."""
    names = _query(stack, backend, "SELECT schema_name FROM information_schema.schemata ORDER BY 1")
    if backend == "postgresql":
        return [name for name in names if not name.startswith("pg_") and name not in {"information_schema", "public"}]
    return [name for name in names if name not in SYSTEM_DATABASES]


class Data:
    """All data of a stack: the schemas of its database, the objects of its store, the files of stores in folders."""

    def __init__(self, stack: Stack, backend: str, address: StackAddress) -> None:
        self._stack, self._backend, self._folder = stack, backend, address.folder
        self._client = _client(address)

    def in_words(self) -> str:
        """What there is; empty where there is nothing."""
        schemas = _user_schemas(self._stack, self._backend)
        if schemas:
            return f"the schemas {', '.join(schemas)}"
        full = [bucket for bucket in _buckets(self._client) if next(_keys(self._client, bucket), None) is not None]
        if full:
            return f"objects in {', '.join(full)}"
        return f"files in {self._folder}" if next(_files(self._folder), None) else ""

    def remove(self) -> None:
        """Delete everything, and leave buckets and folders that are empty."""
        for bucket in _buckets(self._client):
            for key in list(_keys(self._client, bucket)):
                self._client.delete_object(Bucket=bucket, Key=key)
        for path in self._folder.iterdir() if self._folder and self._folder.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                _empty_folder(path)
            else:
                path.unlink()
        schemas = _user_schemas(self._stack, self._backend)
        if not schemas:
            return
        if self._backend == "postgresql":
            drops = ['DROP SCHEMA "' + name.replace('"', '""') + '" CASCADE' for name in schemas]
        else:
            quoted = ("`" + name.replace("`", "``") + "`" for name in schemas)
            drops = ["SET foreign_key_checks = 0", *(f"DROP SCHEMA {name}" for name in quoted)]
        _query(self._stack, self._backend, "; ".join(drops))

    def replace(self, path: Path) -> None:
        """Have what a verified snapshot has, and nothing else."""
        self.remove()
        buckets = set(_buckets(self._client))
        for name, stream, owner in contents(path):
            if name == DUMP:
                with tempfile.TemporaryFile() as dump:
                    shutil.copyfileobj(stream, dump)
                    dump.seek(0)
                    _load(self._stack, self._backend, dump)
            elif name.startswith(BUCKETS):
                _put(self._client, *bucket_and_key(name), stream, buckets)
            elif name.startswith(STORES) and self._folder is not None:
                _write_file(self._folder, name, stream, owner)


def _empty_folder(folder: Path) -> None:
    """Remove what is in the folder of a store; the folder may be one that is mounted."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _client(address: StackAddress) -> Any:
    return s3_client(address.store, address.access_key, address.secret_key, secure=False) if address.store else None


def _buckets(client: Any) -> list[str]:
    return [bucket["Name"] for bucket in client.list_buckets().get("Buckets", ())] if client else []


def _keys(client: Any, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (entry["Key"] for entry in page.get("Contents", ()))


def _add_all(writer: ArchiveWriter, name: str, stream: IO[bytes]) -> None:
    """Add what was written to a file."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    writer.add(name, stream, size)


def _add_objects(writer: ArchiveWriter, client: Any, folder: Path) -> None:
    for bucket in _buckets(client):
        for key in _keys(client, bucket):
            body = client.get_object(Bucket=bucket, Key=key)["Body"]
            with tempfile.TemporaryFile(dir=folder) as stream:
                shutil.copyfileobj(body, stream)
                _add_all(writer, f"{BUCKETS}{bucket}/{key}", stream)


def _add_files(writer: ArchiveWriter, folder: Path | None) -> None:
    for path in _files(folder):
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            name = f"{STORES}{path.relative_to(folder)}"  # type: ignore[arg-type]
            writer.add(name, stream, found.st_size, owner=(found.st_uid, found.st_gid))


def _files(folder: Path | None) -> Iterator[Path]:
    """The files below a folder, in order; a link to a file is as the file.

    Raises
    ------
    ProjectError
        There is something else, which a snapshot would lose.
    """
    for path in sorted(folder.rglob("*")) if folder and folder.is_dir() else ():
        if path.is_file():
            yield path
        elif path.is_symlink() or not path.is_dir():
            raise ProjectError(
                f"A snapshot cannot hold {path}: it is neither a file nor a folder.", hint=f"ls -l {path}"
            )


def _put(client: Any, bucket: str, key: str, stream: IO[bytes], buckets: set[str]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if bucket not in buckets:
            client.create_bucket(Bucket=bucket)
            buckets.add(bucket)
        client.put_object(Bucket=bucket, Key=key, Body=stream)
    except (BotoCoreError, ClientError) as error:
        raise EnvironmentUnavailableError(
            f"The object store rejected {bucket}/{key}: {error}.", hint="djproject logs store"
        ) from error


def _write_file(folder: Path, name: str, stream: IO[bytes], owner: tuple[int, int]) -> None:
    path = place_of(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        shutil.copyfileobj(stream, target)
    if os.getuid() == 0:
        for place in (path, *path.parents):
            if place == folder.resolve():
                break
            os.chown(place, *owner)
