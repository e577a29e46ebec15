"""A stack's data in one file and back: a dump of the database in one transaction, the buckets, the folders of stores.

The file is a tar archive: `snapshot.json` (what it is), `database.dump`, `buckets/NAME/KEY` for every object and
`stores/…` for the files of stores that are folders. The dump comes first: objects are written before the rows that
name them, so all objects of the dump are in the buckets when these are read.
"""

import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from djproject import __version__
from djproject.errors import EnvironmentUnavailableError, ProjectError
from djproject.stack.services import look, wait_until_up
from djproject.stack.starting import DEPLOY, WORKER, Stack
from djproject.targets.objects import s3_client
from djproject.targets.stack import USER, StackAddress, backend_of, stack_address

MANIFEST, DUMP, BUCKETS, STORES = "snapshot.json", "database.dump", "buckets/", "stores/"
SYSTEM_DATABASES = ("mysql", "sys", "information_schema", "performance_schema")
MYSQL = 'MYSQL_PWD=$(cat /run/secrets/database_password) exec "$@"'
WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot is of.

    Attributes
    ----------
    project, backend
        The pipeline's name and its database server.
    created
        ISO 8601.
    djproject
        The version that wrote it.
    objects, files
        How many objects of buckets and files of folders are in it.
    """

    project: str
    backend: str
    created: str
    djproject: str
    objects: int
    files: int


def write_snapshot(stack: Stack, path: Path) -> Manifest:
    """Write all data of a stack to a file; a file in its place is replaced once the new one is whole.

    Raises
    ------
    EnvironmentUnavailableError
        The database or the object store is not up.
    """
    _require(stack)
    address = stack_address(stack.project)
    backend = backend_of(stack.project)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".snapshot-") as folder:
        dump = Path(folder) / DUMP
        with dump.open("wb") as stream:
            _dump(stack, backend, stream)
        whole = Path(folder) / path.name
        whole.touch(mode=0o600)
        with tarfile.open(whole, "w") as archive:
            archive.add(dump, DUMP)
            objects = _add_objects(archive, address, Path(folder))
            files = _add_files(archive, address.folder)
            now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            manifest = Manifest(stack.project.name, backend, now, __version__, objects, files)
            _add_bytes(archive, MANIFEST, json.dumps(asdict(manifest), indent=2).encode())
        whole.replace(path)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What a snapshot says of itself.

    Raises
    ------
    ProjectError
        There is no such file, or it is no whole snapshot.
    """
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile(MANIFEST)
            values = json.loads(member.read()) if member else {}
        return Manifest(**values)
    except FileNotFoundError as error:
        raise ProjectError(f"There is no file {path}.", hint="djproject stack snapshot FILE") from error
    except (tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise ProjectError(f"{path} is no whole snapshot of a stack.", hint="djproject stack snapshot FILE") from error


def restore_snapshot(stack: Stack, path: Path, *, force: bool = False) -> Manifest:
    """Put the data of a snapshot into a stack, whose database and object store are started for it; no worker runs.

    Parameters
    ----------
    stack
        Where to; it must have no data.
    path
        The snapshot.
    force
        Delete the data that are there first.

    Raises
    ------
    ProjectError
        The file is no snapshot, of another kind of database, or the stack has data (and not `force`).
    """
    backend = backend_of(stack.project)
    address = stack_address(stack.project)
    manifest = check_snapshot(path, backend, address.folder)
    _require(stack)
    client = _client(address)
    refuse_existing(_data(stack, backend, client), path, force=force)
    stack.compose.run("rm", "--stop", "--force", WORKER, DEPLOY, what="The workers do not stop")
    _empty(stack, backend, client)
    buckets = set(_buckets(client))
    with tarfile.open(path) as archive, tempfile.TemporaryFile() as dump:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is None:
                continue
            if member.name == DUMP:
                _copy(stream, dump)
                dump.seek(0)
                _load(stack, backend, dump)
            elif member.name.startswith(BUCKETS):
                bucket, _, key = member.name.removeprefix(BUCKETS).partition("/")
                _put(client, bucket, key, stream, buckets)
            elif member.name.startswith(STORES) and address.folder is not None:
                _write_file(address.folder, member, stream)
    return manifest


def check_snapshot(path: Path, backend: str, folder: Path | None) -> Manifest:
    """What a snapshot says of itself, once it is known to fit a stack; nothing is changed.

    Raises
    ------
    ProjectError
        The file is no snapshot, of another kind of database, or has a file that would land outside `folder`.
    """
    manifest = read_manifest(path)
    if manifest.backend != backend:
        raise ProjectError(
            f"{path} was taken from {manifest.backend}, but this stack uses {backend}.", hint="djproject init --help"
        )
    if folder is not None:
        with tarfile.open(path) as archive:
            for name in archive.getnames():
                if name.startswith(STORES):
                    place_of(folder, name)
    return manifest


def refuse_existing(data: str, path: Path, *, force: bool) -> None:
    """Raise a ProjectError where the stack has data that a restore would delete."""
    if data and not force:
        raise ProjectError(
            f"The stack already has data: {data}.",
            hint=f"djproject stack restore {path} --force  (deletes it first)",
        )


def place_of(folder: Path, name: str) -> Path:
    """Where a file of a snapshot goes, always inside `folder`; else a ProjectError."""
    path = (folder / name.removeprefix(STORES)).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ProjectError(
            f"The snapshot has a file outside its folder: {name}.", hint="Do not use this file; take a new snapshot."
        )
    return path


def _require(stack: Stack) -> None:
    """Start database and store where they are not up, and wait for them."""
    plan = stack.plan()
    names = [name for name in ("database", "store") if name in plan.services]
    if not all(any(s.service == name and s.is_up for s in look(stack.client, plan.name)) for name in names):
        stack.compose.run("up", "--detach", "--no-deps", *names, what="The database does not start")
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
    stack.compose.pour("exec", "--no-TTY", "database", *command, into=stream, what="The database cannot be dumped")


def _load(stack: Stack, backend: str, stream: IO[bytes]) -> None:
    if backend == "postgresql":
        command = ["pg_restore", "--username", USER, "--dbname", USER, "--exit-on-error", "--single-transaction"]
    else:
        command = ["sh", "-c", MYSQL, "sh", "mysql", "--user=root", "--binary-mode", "--max-allowed-packet=512M"]
    stack.compose.pour("exec", "--no-TTY", "database", *command, out_of=stream, what="The dump cannot be loaded")


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


def _data(stack: Stack, backend: str, client: Any) -> str:
    """What a stack has, in words; empty where it has nothing."""
    schemas = _user_schemas(stack, backend)
    if schemas:
        return f"the schemas {', '.join(schemas)}"
    full = [bucket for bucket in _buckets(client) if next(_keys(client, bucket), None) is not None]
    return f"objects in {', '.join(full)}" if full else ""


def _empty(stack: Stack, backend: str, client: Any) -> None:
    for bucket in _buckets(client):
        for key in list(_keys(client, bucket)):
            client.delete_object(Bucket=bucket, Key=key)
    schemas = _user_schemas(stack, backend)
    if not schemas:
        return
    if backend == "postgresql":
        drops = ['DROP SCHEMA "' + name.replace('"', '""') + '" CASCADE' for name in schemas]
    else:
        drops = ["SET foreign_key_checks = 0", *(f"DROP SCHEMA `{name}`" for name in schemas)]
    _query(stack, backend, "; ".join(drops))


def _client(address: StackAddress) -> Any:
    return s3_client(address.store, address.access_key, address.secret_key, secure=False) if address.store else None


def _buckets(client: Any) -> list[str]:
    return [bucket["Name"] for bucket in client.list_buckets().get("Buckets", ())] if client else []


def _keys(client: Any, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (entry["Key"] for entry in page.get("Contents", ()))


def _add_objects(archive: tarfile.TarFile, address: StackAddress, folder: Path) -> int:
    client = _client(address)
    count = 0
    for bucket in _buckets(client):
        for key in _keys(client, bucket):
            body = client.get_object(Bucket=bucket, Key=key)["Body"]
            with tempfile.TemporaryFile(dir=folder) as stream:
                _copy(body, stream)
                size = stream.tell()
                stream.seek(0)
                entry = tarfile.TarInfo(f"{BUCKETS}{bucket}/{key}")
                entry.size, entry.mode = size, 0o600
                archive.addfile(entry, stream)
            count += 1
    return count


def _add_files(archive: tarfile.TarFile, folder: Path | None) -> int:
    count = 0
    for path in sorted(folder.rglob("*")) if folder and folder.is_dir() else ():
        if path.is_file():
            archive.add(path, f"{STORES}{path.relative_to(folder)}")  # type: ignore[arg-type]
            count += 1
    return count


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    archive.addfile(entry, io.BytesIO(data))


def _put(client: Any, bucket: str, key: str, stream: IO[bytes], buckets: set[str]) -> None:
    if client is None:
        raise EnvironmentUnavailableError("The stack has no object store for the buckets of this snapshot.")
    if bucket not in buckets:
        client.create_bucket(Bucket=bucket)
        buckets.add(bucket)
    client.put_object(Bucket=bucket, Key=key, Body=stream)


def _write_file(folder: Path, member: tarfile.TarInfo, stream: IO[bytes]) -> None:
    path = place_of(folder, member.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        _copy(stream, target)
    if os.getuid() == 0:
        for place in (path, *path.parents):
            if place == folder:
                break
            os.chown(place, member.uid, member.gid)


def _copy(source: Any, target: IO[bytes]) -> None:
    while block := source.read(1 << 20):
        target.write(block)
