"""DJP0xx: what containers and scripts run."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.checks.store_rules import toml_place
from djproject.findings import Location

GONE_IMAGES = {
    "minio/minio": "chrislusf/seaweedfs, or quay.io/minio/minio with a tag",
    "minio/mc": "chrislusf/seaweedfs",
}


@rule
def commands_name_modules_that_exist(examined: Examined) -> Iterator[Found]:
    """DJP010 error: Dockerfiles, compose files and `[project.scripts]` run modules that exist.

    What it does: looks for `python -m PACKAGE.module` in Dockerfiles and compose files, and for
    `PACKAGE.module:function` in `[project.scripts]`.

    Why it matters: the container starts, and stops immediately with "No module named …".

    Example:
        CMD ["python", "-m", "workflow.worker"]   # and no src/workflow/worker.py

    Use instead: name a module that exists.

    Source: book, Docker Configuration; aeon_mecha, whose compose file still runs a worker that was removed.
    """
    package = examined.project.package
    pattern = re.compile(rf"""-m["',\s]+(?P<module>{re.escape(package)}(?:\.\w+)*)\b""")
    for path in container_files(examined):
        for number, line in enumerate(examined.lines(path), start=1):
            for match in pattern.finditer(line):
                started = _inside(match["module"], package) or "__main__"
                if not line.lstrip().startswith("#") and started not in examined.pipeline.sources:
                    where = Location(examined.relative(path), number, match.start("module") + 1, match.end() + 1)
                    yield Found(where, f"There is no module {match['module']}.")
    project = examined.document.get("project")
    scripts = project.get("scripts", {}) if isinstance(project, Mapping) else {}
    for name, entry in scripts.items() if isinstance(scripts, Mapping) else ():
        module = str(entry).partition(":")[0].strip()
        mine = f"{module}.".startswith(f"{package}.")
        if mine and _inside(module, package) not in examined.pipeline.sources:
            yield Found(
                toml_place(examined, "project.scripts", name),
                f"The script {name} names {module}, which does not exist.",
            )


@rule
def images_exist(examined: Examined) -> Iterator[Found]:
    """DJP011 error: No container image is one that was removed from Docker Hub.

    What it does: looks for `minio/minio` and `minio/mc`, which were removed from Docker Hub in 2026. Other images are
    not checked.

    Why it matters: on a machine that has not downloaded the image before, the containers cannot start.

    Example:
        image: minio/minio

    Use instead:
        image: chrislusf/seaweedfs:4.48

    Source: esmero/archipelago-deployment issue 301 and others of September 2026.
    """
    for path, number, image, column in _images(examined):
        plain = image.partition("@")[0].removeprefix("docker.io/")
        name = plain.rpartition(":")[0] or plain
        if name in GONE_IMAGES:
            where = Location(examined.relative(path), number, column, column + len(image))
            yield Found(where, f"The image {name} is no longer in its registry.", f"Use {GONE_IMAGES[name]}.")


@rule
def images_are_pinned(examined: Examined) -> Iterator[Found]:
    """DJP012 warning: Every container image has a tag other than `latest`.

    What it does: looks at `image:` in compose files and `FROM` in Dockerfiles. A digest (`@sha256:…`) is accepted as
    well.

    Why it matters: without a fixed tag, the database server can change its version overnight, and the new version may
    be unable to read the existing data files.

    Example:
        image: mysql:latest

    Use instead:
        image: mysql:8.4

    Source: Docker, Building best practices.
    """
    for path, number, image, column in _images(examined):
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@" not in image and "$" not in image and image != "scratch" and tag in {"", "latest"}:
            where = Location(examined.relative(path), number, column, column + len(image))
            yield Found(where, f"The image {image} has no fixed tag.", f"{image.removesuffix(':latest')}:VERSION")


def container_files(examined: Examined) -> list[Path]:
    """The Dockerfiles and compose files."""
    return [
        p
        for p in examined.files
        if p.name.startswith("Dockerfile") or re.fullmatch(r"(docker-)?compose.*\.ya?ml", p.name)
    ]


def _images(examined: Examined) -> Iterator[tuple[Path, int, str, int]]:
    pattern = re.compile(r"""^\s*(?:image:\s*["']?|FROM\s+(?:--\S+\s+)?)(?P<image>[^\s"'#]+)""", re.IGNORECASE)
    for path in container_files(examined):
        stages = set(re.findall(r"(?im)^\s*FROM\s+(?:--\S+\s+)?\S+\s+AS\s+(\S+)", examined.text(path)))
        for number, line in enumerate(examined.lines(path), start=1):
            match = pattern.match(line)
            if match and match["image"] not in stages:
                default = re.fullmatch(r"\$\{\w+:-([^}]+)\}", match["image"])
                image, start = (default[1], default.start(1)) if default else (match["image"], 0)
                yield path, number, image, match.start("image") + start + 1


def _inside(module: str, package: str) -> str:
    """A module of the package as the pipeline names it; "" for the package itself."""
    return module.removeprefix(package).lstrip(".")
