"""`up`: what is missing of a stack is made, what changed is made again, the rest is left alone."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from djproject.errors import ConfigError, EnvironmentUnavailableError, ProjectError
from djproject.project.files import locked, make_state_directory, replace_file, state_directory
from djproject.project.location import Project
from djproject.project.names import compose_name
from djproject.project.opening import read_regular
from djproject.stack.compose import Compose, StackPlan, compose_of
from djproject.stack.engine import check_compose, connect_engine
from djproject.stack.environment import NAME, SECRETS, change_environment, complete_environment
from djproject.stack.image import context_digest, put_wheel
from djproject.stack.ports import VARIABLES, busy_ports, fixed_port, foreign_ports, free_ports, moved_ports, refuse_busy
from djproject.stack.services import PROJECT_LABEL, Service, look, wait_until_done, wait_until_up
from djproject.targets.choice import use_target
from djproject.targets.prefix import VARIABLE as PREFIX
from djproject.targets.prefix import prefix_text
from djproject.targets.stack import STACK, read_variables

if TYPE_CHECKING:
    import docker

DEPLOY, WORKER = "deploy", "worker"
LONGEST_DEPLOY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class UpRequest:
    """How a stack is to be started.

    Attributes
    ----------
    workers
        How many worker containers; None leaves the number as it is.
    build, pull
        Build the workers' image, fetch the other images, even if they are there.
    deploy
        Make buckets and declare tables, where that was not done with this image.
    auto_ports
        Take free ports for those that are taken, and remember them.
    wait
        Seconds until a service must be healthy.
    rollback
        Take away what this call started, where it fails.
    """

    workers: int | None = None
    build: bool = False
    pull: bool = False
    deploy: bool = True
    auto_ports: bool = False
    wait: float = 120.0
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class Doing:
    """What is being done now."""

    text: str


Looked = tuple[Service, ...]
Event = Doing | Looked


class Stack:
    """One project's stack: Compose for doing, the engine for looking."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.compose: Compose = compose_of(project.root)
        self.client: docker.DockerClient = connect_engine()
        check_compose()
        self.state: Path = make_state_directory(state_directory(project.root, os.environ)) / "stack"
        self.state.mkdir(mode=0o700, exist_ok=True)

    @property
    def is_made(self) -> bool:
        """Whether `.env` is there: the stack was started before on this machine."""
        return (self.compose.folder / NAME).is_file()

    def plan(self) -> StackPlan:
        """What the compose file says; EnvironmentUnavailableError where the stack was never started."""
        if not self.is_made:
            raise EnvironmentUnavailableError(
                "This project's Docker stack was never started on this machine.", hint="djproject up"
            )
        return self.compose.plan()

    def services(self) -> tuple[Service, ...]:
        """Its containers."""
        return look(self.client, self.plan().name)

    def require_services(self, names: Sequence[str]) -> None:
        """Raise a ProjectError where one of the names is no service of the compose file."""
        known = self.plan().services
        for name in names:
            if name not in known:
                raise ProjectError(f"The stack has no service {name!r}.", hint=f"Services: {', '.join(known)}")

    def own_name(self) -> str:
        """A name for a new stack's containers and volumes, which no other stack has.

        Raises
        ------
        EnvironmentUnavailableError
            There are volumes of that name, whose passwords are lost with `.env`.
        """
        name = compose_name(self.project.root.name)
        label = f"{PROJECT_LABEL}={name}"
        found = self.client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        if {c.labels.get("com.docker.compose.project.working_dir") for c in found} - {str(self.compose.folder)}:
            name = f"{name}-{hashlib.sha256(str(self.project.root).encode()).hexdigest()[:6]}"
            label = f"{PROJECT_LABEL}={name}"
        volumes = [volume.name for volume in self.client.volumes.list(filters={"label": label})]
        if volumes:
            raise EnvironmentUnavailableError(
                f"There are volumes of a stack called {name}, and docker/{NAME} with their passwords is missing.",
                hint=f"Put docker/{NAME} back; or delete the data: docker volume rm --force {' '.join(volumes)}",
            )
        return name


def require_mounts(project: Project, plan: StackPlan) -> None:
    """Refuse to start workers that could not see a folder chosen for a store of the stack.

    Raises
    ------
    ConfigError
        The compose file does not mount it.
    """
    stores = project.managed["stack"].stores if "stack" in project.managed else {}
    for name, spec in stores.items():
        protocol = spec.get("protocol", project.datajoint.stores.get(name, {}).get("protocol"))
        if not plan.image or protocol != "file" or "location" not in spec:
            continue
        folder = Path(str(spec["location"])).expanduser()
        if not any(folder.is_relative_to(mount) for mount in plan.mounts):
            raise ConfigError(
                f"The containers do not see {folder}, where [tool.djproject.targets.stack] puts the store {name}.",
                hint=f"In docker/docker-compose.yaml, add this under volumes:  - {folder}:{folder}",
            )


def require_prefix(prefix: str, plan: StackPlan) -> None:
    """Refuse to start workers that would take other schemas than commands on this machine do.

    Raises
    ------
    ConfigError
        The compose file does not pass the prefix on.
    """
    if plan.image and (plan.environment.get(PREFIX) or "") != prefix:
        raise ConfigError(
            f"The containers would not use the schema prefix {prefix!r}.",
            hint=f"In docker/docker-compose.yaml, add this under environment:  {PREFIX}: ${{{PREFIX}:-}}",
        )


def planned(stack: Stack, request: UpRequest) -> list[str]:
    """What `up` would do, a sentence each; nothing is done."""
    if not stack.is_made:
        return [f"create docker/{NAME} with random passwords", "build the workers' image", "start all services"]
    plan = stack.compose.plan()
    running = {service.service for service in look(stack.client, plan.name) if service.is_up}
    steps = []
    image = _image_id(stack, plan.image)
    if _must_build(stack, image):
        steps.append(f"build the workers' image{' (its files changed)' if image else ''}")
    elif request.build:
        steps.append("build the workers' image (--build)")
    missing = [name for name in plan.services if name not in running and name != DEPLOY]
    if missing:
        steps.append(f"start {', '.join(missing)}")
    if request.deploy and DEPLOY in plan.services and (steps or not _is_deployed(stack, plan)):
        steps.append("create the buckets and declare the tables")
    if request.workers is not None:
        steps.append(f"run {request.workers} worker{'s' if request.workers != 1 else ''}")
    return steps


def start(stack: Stack, request: UpRequest) -> Iterator[Event]:
    """Bring the stack up; what it does and how the services are is yielded meanwhile.

    A second call beside this one waits, and then finds everything done.

    Raises
    ------
    EnvironmentUnavailableError
        A port is taken, an image cannot be had, or a service does not come up.
    """
    with locked(stack.state / "lock"):
        before = {service.container for service in _look_before(stack)}
        try:
            yield from _start(stack, request)
        except (EnvironmentUnavailableError, KeyboardInterrupt):
            if request.rollback and stack.is_made:
                _roll_back(stack, before)
            raise


def _start(stack: Stack, request: UpRequest) -> Iterator[Event]:
    _make_environment(stack)
    if request.workers is not None:
        change_environment(stack.compose.folder, {"WORKERS": str(request.workers)})
    plan = _with_ports(stack, request)
    require_mounts(stack.project, plan)
    require_prefix(prefix_text(stack.project, STACK), plan)
    if request.pull:
        yield Doing("Fetching images")
        stack.compose.run("pull", "--ignore-buildable", what="The images could not be fetched")
    put_wheel(stack.project.root)
    if plan.image and (request.build or _must_build(stack, _image_id(stack, plan.image))):
        yield Doing("Building the workers' image (the first time takes a minute or two)")
        _build(stack, plan)
    first = [name for name in plan.services if name in VARIABLES]
    if first:
        yield Doing(f"Starting {' and '.join(first)}")
        stack.compose.run("up", "--detach", "--no-deps", *first, what="The stack could not be started")
        yield from wait_until_up(stack.client, plan.name, first, request.wait)
    if request.deploy and DEPLOY in plan.services and not _is_deployed(stack, plan):
        yield Doing("Creating buckets and declaring tables")
        options = ("--detach", "--no-deps", "--force-recreate")
        stack.compose.run("up", *options, DEPLOY, what="The tables could not be declared")
        yield from wait_until_done(stack.client, plan.name, DEPLOY, LONGEST_DEPLOY_SECONDS)
        write_state(stack.state, DEPLOY, _deployed_by(stack, plan))
    rest = [name for name in plan.services if name not in (*first, DEPLOY)]
    if rest:
        yield Doing(f"Starting {', '.join(rest)}")
        stack.compose.run("up", "--detach", "--no-deps", *rest, what="The workers could not be started")
        yield from wait_until_up(stack.client, plan.name, expected(stack, rest), request.wait)
    use_target(stack.project, STACK)


def expected(stack: Stack, services: list[str]) -> list[str]:
    """The services that must have a container: no workers where WORKERS is 0."""
    none = read_variables(stack.compose.folder / NAME).get("WORKERS") == "0"
    return [name for name in services if not (none and name == WORKER)]


def _look_before(stack: Stack) -> tuple[Service, ...]:
    return look(stack.client, stack.compose.plan().name) if stack.is_made else ()


def _make_environment(stack: Stack) -> None:
    """Make or complete `.env`, and the folder of stores that are folders."""
    variables = complete_environment(stack.compose.folder, "" if stack.is_made else stack.own_name())
    prefix = prefix_text(stack.project, STACK)
    if prefix != variables.get(PREFIX, ""):
        change_environment(stack.compose.folder, {PREFIX: prefix})
    if variables.get("STORE_FOLDER"):
        folder = (stack.compose.folder / variables["STORE_FOLDER"]).resolve()
        if not folder.exists():
            folder.mkdir(parents=True)
            if os.getuid() == 0:
                uid = int(variables.get("WORKER_UID") or 1000)
                os.chown(folder, uid, uid)


def _with_ports(stack: Stack, request: UpRequest) -> StackPlan:
    """The plan, once each of its ports is its own or free."""
    plan = stack.compose.plan()
    busy = busy_ports(foreign_ports(plan.ports, look(stack.client, plan.name)))
    if not busy:
        return plan
    fixed = fixed_port(busy, auto_ports=request.auto_ports)
    if fixed is not None:
        raise refuse_busy(fixed, stack.client)
    change_environment(stack.compose.folder, moved_ports(busy, free_ports(len(busy))))
    return stack.compose.plan()


def _must_build(stack: Stack, image: str) -> bool:
    return not image or read_state(stack.state, "build") != _built_from(stack, image)


def _build(stack: Stack, plan: StackPlan) -> None:
    stack.compose.run("build", *([WORKER] if WORKER in plan.services else []), what="The image could not be built")
    write_state(stack.state, "build", _built_from(stack, _image_id(stack, plan.image)))


def _built_from(stack: Stack, image: str) -> str:
    """An image and all that it is to be built from."""
    variables = read_variables(stack.compose.folder / NAME)
    arguments = f"{variables.get('PYTHON_IMAGE')} {variables.get('WORKER_UID')}"
    return f"{image} {context_digest(stack.project.root, arguments)}"


def _image_id(stack: Stack, image: str) -> str:
    from docker.errors import ImageNotFound

    if not image:
        return ""
    try:
        return str(stack.client.images.get(image).id)
    except ImageNotFound:
        return ""


def _is_deployed(stack: Stack, plan: StackPlan) -> bool:
    """Whether this image, with these passwords, has declared its tables in the volumes that are there now."""
    done = [s for s in look(stack.client, plan.name) if s.service == DEPLOY and s.state == "exited" and not s.exit_code]
    if not done or read_state(stack.state, DEPLOY) != _deployed_by(stack, plan):
        return False
    volumes = stack.client.volumes.list(filters={"label": f"{PROJECT_LABEL}={plan.name}"})
    return none_newer([volume.attrs.get("CreatedAt", "") for volume in volumes], done[0].finished)


def _deployed_by(stack: Stack, plan: StackPlan) -> str:
    """What the result of the deploy step depends on, besides the volumes."""
    variables = read_variables(stack.compose.folder / NAME)
    parts = [_image_id(stack, plan.image), *(variables.get(name, "") for name in (*SECRETS, PREFIX))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def none_newer(times: Sequence[str], limit: str) -> bool:
    """Whether no time is after `limit`; ISO 8601, in any time zone.

    Examples
    --------
    >>> none_newer(["2026-01-01T12:00:00+02:00"], "2026-01-01T10:00:01Z"), none_newer(["2026-01-02T00:00:00Z"], "")
    (True, False)
    """
    return all(_seconds(time) <= _seconds(limit) for time in times)


def _seconds(time: str) -> float:
    import datetime

    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() if time else 0.0


def _roll_back(stack: Stack, before: set[str]) -> None:
    services = {s.service for s in stack.services() if s.container not in before}
    what = "The services that were started could not be removed"
    if before and services:
        stack.compose.run("rm", "--stop", "--force", *sorted(services), what=what)
    elif services:
        stack.compose.run("down", what=what)


def read_state(folder: Path, name: str) -> str:
    """What was remembered of a step; empty where nothing was."""
    try:
        return str(json.loads(read_regular(folder / "state.json"))[name])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def write_state(folder: Path, name: str, value: str) -> None:
    """Remember what a step was done with."""
    known = {step: read_state(folder, step) for step in ("build", DEPLOY)}
    replace_file(folder / "state.json", json.dumps(known | {name: value}).encode())
