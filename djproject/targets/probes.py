"""Does it answer? Probes of stores, databases and the machine, each a fact with its fix."""

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from djproject.errors import DJProjectError, EnvironmentUnavailableError
from djproject.project.location import Project
from djproject.project.namesakes import namesakes
from djproject.project.origin import OWN_ENVIRONMENT, described, is_own_copy, same_source
from djproject.project.stores import PROTOCOLS, StoreSpec, check_spec
from djproject.targets.choice import Target, make_folders
from djproject.targets.connection import DATAJOINT, NEEDED, apply_settings, connect, is_supported
from djproject.targets.postgres import binaries

KEYS_HINT = "djproject stores set {name} --access-key KEY --secret-key -"
# Words in what a store's driver raises, what they mean, and what to type (by default: show the store).
STORE_FAILURES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("inaccessible local directory",), "its folder {location} does not exist", "mkdir -p {location}"),
    (("nosuchbucket", "bucket does not exist", "no such bucket"), "there is no bucket {bucket!r} at {place}", ""),
    (("signaturedoesnotmatch", "invalidaccesskeyid", "key id you provided"), "the key is wrong", KEYS_HINT),
    (("unable to locate credentials", "no credentials"), "no access key is set", KEYS_HINT),
    (("could not connect", "cannot connect", "name or service", "refused", "timeout"), "{place} does not answer", ""),
    (("accessdenied", "forbidden", "permission", "403"), "the key or user has no permission to write there", ""),
    (("no space left",), "there is no space left", ""),
    (("read-only",), "{place} is read-only", ""),
    (("install", "no module"), "the driver of {protocol} is not installed", "pip install 'datajoint[{extra}]'"),
)


class State(StrEnum):
    """How a probe ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Probe:
    """One line of `djproject doctor`.

    Attributes
    ----------
    name
        What was looked at: "python", "git", "store main".
    state
        A warning is something that some command will miss; a failure stops the common ones.
    detail
        What was found.
    fix
        What to type; empty where there is nothing to fix.
    """

    name: str
    state: State
    detail: str
    fix: str = ""


def machine_probes() -> Iterator[Probe]:
    """What this machine offers: Python, git, DataJoint and its extras, the embedded database, Docker, Compose."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Probe("python", State.OK, f"{version} at {sys.executable}")
    git = _output("git", "--version")
    if git is None:
        yield Probe("git", State.WARNING, "not found; init writes projects without a repository", "Install git")
    else:
        yield Probe("git", State.OK, git.removeprefix("git version "))
    yield _datajoint_probe()
    for extra, module in (("postgres", "psycopg2"), ("s3", "s3fs")):
        yield _extra_probe(extra, module)
    try:
        folder = binaries()
        yield Probe("embedded database", State.OK, (_output(str(folder / "postgres"), "--version") or "found"))
    except DJProjectError as error:
        yield Probe("embedded database", State.FAILED, error.message, error.hint)
    yield from _docker_probes()


def project_probes(project: Project) -> Iterator[Probe]:
    """What in the project's files would surprise somebody later."""
    yield Probe("project", State.OK, f"{project.name} at {project.root} (package {project.package})")
    if not (project.source / "__init__.py").exists():
        fix = "djproject init . --adopt"
        yield Probe("package", State.FAILED, f"{project.source_path}/__init__.py is missing", fix)
    yield from _namesake_probes(project)
    if (project.root / "datajoint.json").exists():
        yield Probe(
            "datajoint.json",
            State.WARNING,
            "is not read by djproject; [tool.datajoint] in pyproject.toml takes its place",
            "Move its settings to pyproject.toml and remove it",
        )
    for path in sorted((project.root / ".secrets").glob("*")):
        if path.is_file() and path.stat().st_mode & 0o077 and path.name != ".gitignore":
            yield Probe(
                "secrets", State.WARNING, f".secrets/{path.name} is accessible to other users", f"chmod 600 {path}"
            )


def _namesake_probes(project: Project) -> Iterator[Probe]:
    """What else `import package` could mean in this environment: other projects, and copies that are out of date."""
    for place in namesakes(project.package, project.source):
        if not is_own_copy(project, place):
            detail = f"{project.package} is also at {described(place)}; plain Python may import that one"
            yield Probe("package", State.WARNING, detail, OWN_ENVIRONMENT)
        elif not same_source(project, place):
            detail = f"{place} is an installed copy that is not the same as {project.source_path}"
            yield Probe("package", State.WARNING, detail, "pip install -e .")


def target_probes(target: Target) -> Iterator[Probe]:
    """Whether the target's database answers and what its user may do there."""
    try:
        connection = connect(target)
        backend = target.settings.text("database.backend")
        version = str(connection.query("SELECT version()").fetchone()[0]).split(" on ")[0]
        yield Probe(
            "target", State.OK, f"{target.description}: {version if backend != 'mysql' else 'MySQL ' + version}"
        )
        may_create = _may_create_schemas(connection, backend)
    except DJProjectError as error:
        yield Probe("target", State.FAILED, error.message, error.hint)
        return
    if may_create:
        yield Probe("privileges", State.OK, "may create schemas and tables")
    else:
        user = target.settings.text("database.user")
        database = target.settings.text("database.name") or "postgres"
        grant = {
            "mysql": f"GRANT ALL PRIVILEGES ON `%`.* TO '{user}'@'%'",
            "postgresql": f'GRANT CREATE ON DATABASE "{database}" TO "{user}"',
        }[backend]
        yield Probe("privileges", State.WARNING, f"{user} may not create schemas, which deploy needs", grant)


def store_probes(target: Target) -> Iterator[Probe]:
    """Whether an object can be written to, read from and removed from each store of the target."""
    for name, spec in target.settings.stores.items():
        if isinstance(spec, dict):
            try:
                yield Probe(f"store {name}", State.OK, f"{spec.get('protocol')}: {test_store(target, name)}")
            except DJProjectError as error:
                yield Probe(f"store {name}", State.FAILED, error.message, error.hint)


def test_store(target: Target, name: str) -> str:
    """Write an object to a store, read it back, remove it, and say where that was.

    Raises
    ------
    ConfigError
        The store's attributes are not what DataJoint accepts.
    EnvironmentUnavailableError
        The place does not answer, does not exist, or does not let us; in one sentence.
    """
    spec = target.settings.stores.get(name)
    if not isinstance(spec, dict):
        raise EnvironmentUnavailableError(
            f"There is no store called {name!r} at the target {target.name}.", hint="djproject stores list"
        )
    check_spec(name, spec)
    make_folders(target)
    apply_settings(target)
    import datajoint as dj
    from datajoint.storage import StorageBackend

    payload = f"djproject {uuid.uuid4()}".encode()
    path = f"djproject-test-{uuid.uuid4().hex}"
    try:
        backend = StorageBackend(dj.config.get_store_spec(name))
        backend.put_buffer(payload, path)
        read = backend.get_buffer(path)
        backend.remove(path)
    except Exception as error:
        raise store_error(name, spec, error) from error
    if read != payload:
        raise EnvironmentUnavailableError(
            f"The store {name!r} returned different bytes than were written.", hint=f"djproject stores show {name}"
        )
    return str(backend.get_url(""))


def store_error(name: str, spec: StoreSpec, error: Exception) -> DJProjectError:
    """The sentence for what a store's driver raised."""
    texts = _chain(error)
    low = " | ".join(texts).lower()
    place = spec.get("endpoint") or spec.get("location")
    show = f"djproject stores show {name}"
    for words, sentence, hint in STORE_FAILURES:
        if any(word in low for word in words):
            facts = {
                "name": name,
                "place": place,
                "location": spec.get("location"),
                "bucket": spec.get("bucket") or spec.get("container"),
                "protocol": spec.get("protocol"),
                "extra": _extra(spec),
            }
            return EnvironmentUnavailableError(
                f"The store {name!r} cannot be used: {sentence.format(**facts)}.",
                hint=hint.format(**facts) if hint else show,
            )
    reason = texts[0].rstrip(".")
    return EnvironmentUnavailableError(f"The store {name!r} cannot be used: {reason}.", hint=show)


def _extra(spec: StoreSpec) -> str:
    rules = PROTOCOLS.get(str(spec.get("protocol")))
    return rules.extra if rules else str(spec.get("protocol"))


def _chain(error: BaseException) -> list[str]:
    texts = []
    seen: BaseException | None = error
    while seen is not None:
        texts.append(f"{type(seen).__name__}: {seen}" if str(seen) else type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return texts


def _may_create_schemas(connection: object, backend: str) -> bool:
    query = getattr(connection, "query")  # noqa: B009 (datajoint is untyped)
    if backend == "postgresql":
        return bool(query("SELECT has_database_privilege(current_database(), 'CREATE')").fetchone()[0])
    grants = " ".join(row[0].upper() for row in query("SHOW GRANTS").fetchall())
    return "ALL PRIVILEGES" in grants or "CREATE," in grants or "CREATE ON" in grants


def _datajoint_probe() -> Probe:
    try:
        version = metadata.version("datajoint")
    except metadata.PackageNotFoundError:
        return Probe("datajoint", State.FAILED, "not installed", f"pip install '{DATAJOINT}'")
    if not is_supported(version):
        needed = f"{version}; djproject needs {NEEDED}"
        return Probe("datajoint", State.FAILED, needed, f"pip install '{DATAJOINT}'")
    return Probe("datajoint", State.OK, version)


def _extra_probe(extra: str, module: str) -> Probe:
    from importlib.util import find_spec

    if find_spec(module) is None:
        fix = f"pip install 'datajoint[{extra}]'"
        return Probe(f"datajoint[{extra}]", State.WARNING, f"{module} is not installed", fix)
    return Probe(f"datajoint[{extra}]", State.OK, f"{module} is installed")


def _docker_probes() -> Iterator[Probe]:
    if shutil.which("docker") is None:
        yield Probe("docker", State.WARNING, "not found; only the Docker stack needs it", "Install Docker Engine")
        return
    engine = _output("docker", "version", "--format", "{{.Server.Version}}")
    if not engine:
        fix = "Start Docker (systemctl start docker, or Docker Desktop)"
        yield Probe("docker", State.WARNING, "the engine does not answer; only the Docker stack needs it", fix)
    else:
        yield Probe("docker", State.OK, f"engine {engine}")
    compose = _output("docker", "compose", "version", "--short")
    if compose is None:
        yield Probe("compose", State.WARNING, "docker compose is missing", "Install the Docker Compose plugin")
    else:
        yield Probe("compose", State.OK, compose)


def _output(*command: str) -> str | None:
    """What a program prints, or None where it is missing or fails within ten seconds."""
    if shutil.which(command[0]) is None and not Path(command[0]).exists():
        return None
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None
