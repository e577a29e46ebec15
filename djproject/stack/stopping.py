"""`down` and what else is done to a stack that runs."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from djproject.project.files import locked
from djproject.stack.environment import NAME, change_environment
from djproject.stack.services import PROJECT_LABEL, look, wait_until_up
from djproject.stack.starting import DEPLOY, WORKER, Doing, Event, Stack, expected
from djproject.targets.stack import read_variables

FOLDER_LABEL, SERVICE_LABEL = "com.docker.compose.project.working_dir", "com.docker.compose.service"
STOP_SECONDS = 600  # what a worker may need for its job, where `.env` does not say
SERVICE_SECONDS = 60  # stop_grace_period of the others in the compose file


def stop(stack: Stack, *, volumes: bool = False) -> Iterator[Event]:
    """Stop a stack in order, the workers first, which finish their jobs; its containers are gone afterwards.

    Parameters
    ----------
    stack
        Which.
    volumes
        Delete its data too.
    """
    with locked(stack.state / "lock"):
        plan = stack.plan()
        services = look(stack.client, plan.name)
        if any(s.service == WORKER and s.state in {"running", "restarting"} for s in services):
            grace = read_variables(stack.compose.folder / NAME).get("WORKER_GRACE") or "10m"
            yield Doing(f"Waiting for the workers to finish their jobs (up to {grace})")
            stack.compose.run("stop", WORKER, what="The workers could not be stopped")
        if services or volumes:
            yield Doing("Stopping the services" + (" and deleting their data" if volumes else ""))
            stack.compose.run("down", *(["--volumes"] if volumes else []), what="The stack could not be stopped")
        if volumes:
            _delete_folder(stack)


def stop_by_label(stack: Stack) -> list[str]:
    """Stop the containers of a project whose `docker/.env` is gone, so that Compose cannot read the file: their names.

    Compose labels each container with the folder of its file. Data are kept.
    """
    with locked(stack.state / "lock"):
        found = labelled(stack)
        workers = [container for container in found if container.labels.get(SERVICE_LABEL) == WORKER]
        _stop_together(workers, STOP_SECONDS)
        _stop_together([container for container in found if container not in workers], SERVICE_SECONDS)
        for name in {container.labels[PROJECT_LABEL] for container in found}:
            for network in stack.client.networks.list(filters={"label": f"{PROJECT_LABEL}={name}"}):
                network.remove()
        return sorted(str(container.name) for container in found)


def _stop_together(containers: Sequence[Any], seconds: int) -> None:
    """Stop containers at the same time and remove them; one that has not ended after so many seconds is killed."""
    if containers:
        with ThreadPoolExecutor(len(containers)) as pool:
            list(pool.map(lambda container: container.stop(timeout=seconds), containers))
    for container in containers:
        container.remove(force=True)


def labelled(stack: Stack) -> list[Any]:
    """The containers that were made of this project's compose file, whatever `.env` says."""
    label = f"{FOLDER_LABEL}={stack.compose.folder}"
    return list(stack.client.containers.list(all=True, filters={"label": label}, ignore_removed=True))


def is_there(stack: Stack, *, volumes: bool) -> bool:
    """Whether the stack has a container, or (where `volumes` count) data."""
    if not stack.is_made:
        return False
    name = stack.plan().name
    return bool(look(stack.client, name)) or (
        volumes and bool(stack.client.volumes.list(filters={"label": f"{PROJECT_LABEL}={name}"}))
    )


def scale(stack: Stack, workers: int, seconds: float) -> Iterator[Event]:
    """Run so many worker containers, now and at each `up`; those that are too many finish their jobs first."""
    with locked(stack.state / "lock"):
        change_environment(stack.compose.folder, {"WORKERS": str(workers)})
        yield Doing(f"Scaling to {workers} worker{'s' if workers != 1 else ''}")
        options = ("--detach", "--no-deps", "--no-recreate")
        stack.compose.run("up", *options, WORKER, what="The workers could not be started")
        if workers:
            yield from wait_until_up(stack.client, stack.plan().name, [WORKER], seconds)


def restart(stack: Stack, services: Sequence[str], seconds: float = 120.0) -> Iterator[Event]:
    """Stop services and start them as `.env` and the compose file say now; by default all that run for long."""
    with locked(stack.state / "lock"):
        plan = stack.plan()
        chosen = list(services) or [name for name in plan.services if name != DEPLOY]
        yield Doing(f"Restarting {', '.join(chosen)}")
        for name in sorted(chosen, key=lambda name: name != WORKER):  # workers first: they need the others
            stack.compose.run("stop", name, what=f"The service {name} could not be stopped")
        for name in sorted(chosen, key=lambda name: name == WORKER):
            stack.compose.run("up", "--detach", "--no-deps", name, what=f"The service {name} could not be started")
            yield from wait_until_up(stack.client, plan.name, expected(stack, [name]), seconds)


def own_store_folder(compose_folder: Path, state: Path, setting: str) -> Path | None:
    """The folder of stores that belongs to the stack; None where the user chose one elsewhere, or there is none."""
    path = (compose_folder / setting).resolve()
    return path if setting and path.is_relative_to(state.resolve()) else None


def _delete_folder(stack: Stack) -> None:
    setting = read_variables(stack.compose.folder / NAME).get("STORE_FOLDER", "")
    folder = own_store_folder(stack.compose.folder, stack.state, setting)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
