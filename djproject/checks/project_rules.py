"""DJP0xx: the project's files, its dependencies, what is kept secret, and what containers are told to run."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from djproject.checks.examined import Examined
from djproject.checks.rule import Found, rule
from djproject.checks.store_rules import toml_place
from djproject.findings import Location
from djproject.project.stores import looks_secret

FLOOR = (2, 3, 2)
NEEDED_FILES = ("README.md", "LICENSE", ".gitignore")
NEEDED_FOLDERS = ("notebooks", "docs", "docker", "tests")
# Images that their registry no longer has → what to use.
GONE_IMAGES = {
    "minio/minio": "chrislusf/seaweedfs, or quay.io/minio/minio with a tag",
    "minio/mc": "chrislusf/seaweedfs",
}
_PASSWORD = re.compile(
    r"""(?ix)
    \bdj(?:datajoint)?\.conn\s*\([^)\n]*\bpassword\s*=\s*(?P<q>["'])(?P<a>[^"'\n]+)(?P=q)
    |\b(?:config|dj\.config)\s*\[\s*["'](?:database\.password|stores\.[\w.]*(?:secret|access)_key)["']\s*\]\s*=\s*
      (?P<r>["'])(?P<b>[^"'\n]+)(?P=r)
    |\bconfig\.database\.password\s*=\s*(?P<s>["'])(?P<c>[^"'\n]+)(?P=s)
    |["']?(?:secret_key|access_key|account_key|connection_string)["']?\s*[:=]\s*(?P<t>["'])(?P<d>[^"'\n]{4,})(?P=t)
    |\b(?P<e>AKIA[0-9A-Z]{16})\b
    """
)


@rule
def the_standard_files_exist(examined: Examined) -> Iterator[Found]:
    """DJP001 warning: README.md, LICENSE, .gitignore and the folders notebooks, docs, docker and tests exist.

    What it does: looks for them beside pyproject.toml. README and LICENSE may have another ending.

    Why it matters: people find their way in a project that looks like the others.

    Example: a project without LICENSE.

    Use instead: `djproject init . --adopt`, which adds what is missing.

    Source: book, Standard Project Structure.
    """
    stems = {name.partition(".")[0].upper() for name in examined.names if "/" not in name and name[:1] != "."}
    for name in NEEDED_FILES:
        present = name in examined.names or (name[:1] != "." and name.partition(".")[0] in stems)
        if not present and not (name == "LICENSE" and "COPYING" in stems):
            yield Found(Location(name), f"The project has no {name}.", "djproject init . --adopt")
    for name in NEEDED_FOLDERS:
        if name not in examined.names:
            yield Found(Location(name), f"The project has no folder {name}.", "djproject init . --adopt")


@rule
def the_project_is_a_git_repository(examined: Examined) -> Iterator[Found]:
    """DJP002 warning: The project is in a Git repository.

    What it does: looks for `.git` in the project's folder and above.

    Why it matters: the repository is the pipeline's single source of truth.

    Example: a folder without `.git`.

    Use instead: `git init`.

    Source: book, Pipeline ≡ Git Repository.
    """
    if not examined.in_git:
        yield Found(Location("pyproject.toml"), "The project is not in a Git repository.", "git init")


@rule
def the_package_is_below_src(examined: Examined) -> Iterator[Found]:
    """DJP003 warning: The package is in `src/`.

    What it does: looks for `src/PACKAGE/__init__.py`.

    Why it matters: tests run against the installed package, and nothing is imported by accident.

    Example: `workflow/__init__.py` beside pyproject.toml.

    Use instead: `src/workflow/__init__.py`.

    Source: book, Use the src Layout.
    """
    package = examined.project.package
    if examined.project.source / "__init__.py" not in examined.files:
        message = f"There is no src/{package}/__init__.py."
        yield Found(Location("pyproject.toml"), message, "djproject init . --adopt, or set [tool.djproject] package")


@rule
def private_files_are_ignored(examined: Examined) -> Iterator[Found]:
    """DJP004 error: `.env`, `.secrets/` and other private files are ignored by Git and not tracked.

    What it does: asks Git about the private files that exist: `.env`, `docker/.env`, `.secrets/`, `.djproject/`,
    `dj_local_conf.json`, `*.local.toml`.

    Why it matters: what is committed once is public for ever.

    Example: `.env` in `git ls-files`.

    Use instead: a line in .gitignore, `git rm --cached .env`, and a new password.

    Source: book, Version Control Configuration.
    """
    for name in sorted(examined.tracked):
        yield Found(
            Location(name), f"{name} is private and Git tracks it.", f"git rm --cached {name}; change its secrets"
        )
    for name in sorted(examined.unignored - examined.tracked):
        yield Found(Location(name), f"{name} is private and no .gitignore covers it.", f"echo '{name}' >> .gitignore")


@rule
def pyproject_holds_no_secrets(examined: Examined) -> Iterator[Found]:
    """DJP005 error: There are no credentials in pyproject.toml.

    What it does: looks below `[tool.datajoint]` and `[tool.djproject]` for settings such as password, secret_key,
    token.

    Why it matters: pyproject.toml is committed.

    Example:
        [tool.datajoint.stores.main]
        secret_key = "…"

    Use instead: `djproject stores set main --secret secret_key`, which keeps it in .secrets/.

    Source: book, Version Control Configuration.
    """
    tool = examined.document.get("tool")
    for section in ("datajoint", "djproject"):
        table = tool.get(section) if isinstance(tool, Mapping) else None
        for path in _secret_keys(table, f"tool.{section}"):
            parent, _, key = path.rpartition(".")
            where = toml_place(examined, parent, key)
            yield Found(
                where, f"pyproject.toml has a secret, {path}.", "Remove it and change it; keep it in .secrets/."
            )


@rule
def sources_hold_no_secrets(examined: Examined) -> Iterator[Found]:
    """DJP006 error: There are no credentials in the source.

    What it does: looks for `dj.conn(password="…")`, `dj.config["database.password"] = "…"`, keys of stores and AWS
    access keys as literals in Python files of the package.

    Why it matters: whoever can read the repository can read, change and delete the data.

    Example:
        dj.config["database.password"] = "simple"

    Use instead: `.secrets/database.password`, or DJ_PASS in the environment.

    Source: book, Version Control Configuration.
    """
    for path, data in examined.files.items():
        if path.suffix == ".py":
            yield from _secrets_in(examined, path, data, "This line holds a credential.")


@rule
def notebooks_hold_no_secrets(examined: Examined) -> Iterator[Found]:
    """DJP007 error: There are no credentials in notebooks, their outputs included.

    What it does: looks through the cells and outputs of `notebooks/*.ipynb` for the same as DJP006, and for settings
    printed with a password.

    Why it matters: an output keeps what was printed long after the cell was mended.

    Example:
        dj.conn(host="db", user="root", password="simple")

    Use instead: the project's settings, which `import workflow` brings; clear the outputs before a commit.

    Source: book, Version Control Configuration.
    """
    printed = re.compile(rb"""(?i)password[\\"']*\s*[:=]\s*[\\"']+(?!\*+[\\"']|[\\"']|None)[^\\"'\s]{3,}""")
    for path, data in examined.files.items():
        if path.suffix != ".ipynb":
            continue
        try:
            cells = json.loads(data).get("cells", [])
        except (ValueError, AttributeError, RecursionError):
            yield Found(examined.of_file(examined.relative(path)), f"{examined.relative(path)} is not a notebook.")
            continue
        for number, cell in enumerate(cells if isinstance(cells, list) else [], start=1):
            text = json.dumps(cell)
            source = cell.get("source", "") if isinstance(cell, dict) else ""
            code = "".join(source) if isinstance(source, list) else str(source)
            outputs = json.dumps(cell.get("outputs", "")) if isinstance(cell, dict) else ""
            if (
                _PASSWORD.search(code)
                or _PASSWORD.search(outputs.replace('\\"', '"'))
                or printed.search(outputs.encode())
            ):
                where = examined.of_file(examined.relative(path))
                yield Found(
                    where,
                    f"Cell {number} of the notebook holds a credential.",
                    f"Clear its output ({len(text)} bytes).",
                )


@rule
def container_files_hold_no_secrets(examined: Examined) -> Iterator[Found]:
    """DJP008 error: There are no credentials in the Dockerfile and the compose file.

    What it does: looks for literal values of variables such as MYSQL_ROOT_PASSWORD; `${VARIABLE}` and empty values are
    fine.

    Why it matters: both files are committed, and an image layer keeps what ENV and ARG say.

    Example:
        MYSQL_ROOT_PASSWORD: simple

    Use instead:
        MYSQL_ROOT_PASSWORD: ${MYSQL_ROOT_PASSWORD:?}

    Source: book, Docker Configuration.
    """
    pattern = re.compile(
        r"^\s*(?:-\s*|ENV\s+|ARG\s+)?(?P<name>\w*(?:PASSWORD|PASS|SECRET|SECRET_KEY|ACCESS_KEY|TOKEN))\s*[:=]\s*(?P<value>.+?)\s*$"
    )
    for path in _container_files(examined):
        for number, line in enumerate(examined.lines(path), start=1):
            match = pattern.match(line)
            value = match["value"].partition(" #")[0].strip().strip("\"'") if match else ""
            if match and value and "${" not in value and not value.startswith(("$", "/run/secrets")):
                where = Location(examined.relative(path), number, match.start("name") + 1, match.end("value") + 1)
                yield Found(
                    where,
                    f"{match['name']} has its value in a committed file.",
                    f"{match['name']}: ${{{match['name']}:?}}",
                )


@rule
def datajoint_is_new_enough(examined: Examined) -> Iterator[Found]:
    """DJP009 warning, fix: The project depends on datajoint, 2.3.2 or newer.

    What it does: reads `[project] dependencies`.

    Why it matters: before 2.3.2 workers could reserve one job twice, ignore restrictions, and fail to make job tables.

    Example:
        dependencies = ["datajoint>=0.14"]

    Use instead:
        dependencies = ["datajoint>=2.3.2"]

    Source: datajoint-python issues 1398, 1413, 1515.
    """
    project = examined.document.get("project")
    listed = project.get("dependencies", []) if isinstance(project, Mapping) else []
    if not isinstance(project, Mapping) or "dependencies" in project.get("dynamic", []):
        return
    found = [
        item for item in listed if isinstance(item, str) and re.match(r"\s*datajoint\s*(\[|[<>=!~;]|$)", item, re.I)
    ]
    if not found:
        where = toml_place(examined, "project", "dependencies")
        yield Found(where, "The project does not depend on datajoint.", 'dependencies = ["datajoint>=2.3.2", …]')
    for requirement in found:
        if _floor(requirement) < FLOOR and "@" not in requirement:
            where = _quoted(examined, requirement)
            better = _with_floor(requirement)
            edits = examined.replacement(where, better) if where.column > 1 and better else ()
            message = f"{requirement!r} allows versions of DataJoint without the fixes of jobs (2.3.2)."
            yield Found(where, message, better or "datajoint>=2.3.2", edits)


@rule
def commands_name_modules_that_exist(examined: Examined) -> Iterator[Found]:
    """DJP010 error: The commands of Dockerfile, compose file and `[project.scripts]` name modules that exist.

    What it does: looks for `python -m PACKAGE.module` and for `script = "PACKAGE.module:function"`.

    Why it matters: the container starts, and ends at once with "No module named …".

    Example:
        CMD ["python", "-m", "workflow.worker"]   # and no src/workflow/worker.py

    Use instead: a module that exists.

    Source: book, Docker Configuration; aeon_mecha, whose compose file outlived its worker.
    """
    package = examined.project.package
    pattern = re.compile(rf"""-m["',\s]+(?P<module>{re.escape(package)}(?:\.\w+)*)""")
    for path in _container_files(examined):
        for number, line in enumerate(examined.lines(path), start=1):
            for match in pattern.finditer(line):
                if not line.lstrip().startswith("#") and not _module_exists(examined, match["module"]):
                    where = Location(examined.relative(path), number, match.start("module") + 1, match.end() + 1)
                    yield Found(where, f"There is no module {match['module']}.")
    project = examined.document.get("project")
    scripts = project.get("scripts", {}) if isinstance(project, Mapping) else {}
    for name, entry in scripts.items() if isinstance(scripts, Mapping) else ():
        module = str(entry).partition(":")[0].strip()
        if module.partition(".")[0] == package and not _module_exists(examined, module):
            yield Found(
                toml_place(examined, "project.scripts", name),
                f"The script {name} names {module}, which does not exist.",
            )


@rule
def images_exist(examined: Examined) -> Iterator[Found]:
    """DJP011 error: Container images are still in their registry.

    What it does: looks for `minio/minio` and `minio/mc`, which left Docker Hub in 2026.

    Why it matters: the stack no longer starts on a new machine.

    Example:
        image: minio/minio

    Use instead:
        image: chrislusf/seaweedfs:4.20

    Source: esmero/archipelago-deployment issue 301 and others of September 2026.
    """
    for path, number, image, column in _images(examined):
        name = image.partition("@")[0].rpartition(":")[0] or image
        name = name.removeprefix("docker.io/")
        if name in GONE_IMAGES:
            where = Location(examined.relative(path), number, column, column + len(image))
            yield Found(where, f"The image {name} is no longer in its registry.", f"Use {GONE_IMAGES[name]}.")


@rule
def images_are_pinned(examined: Examined) -> Iterator[Found]:
    """DJP012 warning: Container images have a tag, and not `latest`.

    What it does: looks at `image:` in the compose file and `FROM` in the Dockerfile.

    Why it matters: a database server that changes its version overnight may not read its own files.

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
            yield Found(
                where, f"The image {image} floats: it has no tag that stays.", f"{image.partition(':')[0]}:VERSION"
            )


@rule
def settings_can_be_understood(examined: Examined) -> Iterator[Found]:
    """DJP013 error: `[tool.datajoint]` and `[tool.djproject]` have only settings that exist, with values of their type.

    What it does: reads both tables as every command does.

    Why it matters: no other command works before.

    Example:
        [tool.datajoint.database]
        hots = "db.lab.org"

    Use instead:
        host = "db.lab.org"

    Source: datajoint/settings.py; `djproject config show`.
    """
    if examined.setting_problem and not any(True for _ in pyproject_holds_no_secrets.check(examined)):
        yield Found(Location("pyproject.toml"), examined.setting_problem)


def _secret_keys(table: object, path: str) -> Iterator[str]:
    if isinstance(table, Mapping):
        for key, value in table.items():
            if isinstance(value, Mapping):
                yield from _secret_keys(value, f"{path}.{key}")
            elif looks_secret(str(key)) and value not in ("", None):
                yield f"{path}.{key}"


def _secrets_in(examined: Examined, path: Path, data: bytes, message: str) -> Iterator[Found]:
    lowered = data.lower()
    if not any(word in lowered for word in (b"password", b"_key", b"connection_string", b"akia")):
        return
    for number, line in enumerate(examined.lines(path), start=1):
        match = None if line.lstrip().startswith("#") or len(line) > 10_000 else _PASSWORD.search(line)
        if match:
            where = Location(examined.relative(path), number, match.start() + 1, match.end() + 1)
            yield Found(where, message, "Remove it, change it, and keep the new one in .secrets/ (mode 0600).")


def _container_files(examined: Examined) -> list[Path]:
    return [
        p
        for p in examined.files
        if p.name.startswith("Dockerfile") or re.fullmatch(r"(docker-)?compose.*\.ya?ml", p.name)
    ]


def _images(examined: Examined) -> Iterator[tuple[Path, int, str, int]]:
    pattern = re.compile(r"""^\s*(?:image:\s*["']?|FROM\s+(?:--\S+\s+)?)(?P<image>[^\s"'#]+)""", re.IGNORECASE)
    for path in _container_files(examined):
        stages = set(re.findall(r"(?im)^\s*FROM\s+\S+\s+AS\s+(\S+)", examined.text(path)))
        for number, line in enumerate(examined.lines(path), start=1):
            match = pattern.match(line)
            if match and match["image"] not in stages:
                image = re.sub(r"^\$\{\w+:-([^}]+)\}$", r"\1", match["image"])
                yield path, number, image, match.start("image") + 1


def _module_exists(examined: Examined, module: str) -> bool:
    inside = module.partition(".")[2]
    if inside in examined.pipeline.sources:
        return f"{inside}.__main__".lstrip(".") in examined.pipeline.sources or bool(inside)
    return False


def _floor(requirement: str) -> tuple[int, ...]:
    found = re.findall(r"(?:>=|==|~=|>)\s*(\d+(?:\.\d+)*)", requirement.partition(";")[0])
    versions = [tuple(int(part) for part in version.split(".")) for version in found]
    return max((version + (0,) * (3 - len(version)) for version in versions), default=(0, 0, 0))


def _with_floor(requirement: str) -> str:
    """The requirement with its floor raised; empty where an upper bound or an exact version stands in the way."""
    specifiers, semicolon, marker = requirement.partition(";")
    if re.search(r"==|~=|<", specifiers):
        return ""
    name = re.match(r"\s*datajoint\s*(\[[^\]]*\])?", specifiers, re.IGNORECASE)
    rest = re.sub(r",?\s*>=?\s*[\d.]+", "", specifiers[name.end() :]) if name else ""
    return f"{name[0].strip()}>=2.3.2{rest}{semicolon}{marker}" if name else ""


def _quoted(examined: Examined, requirement: str) -> Location:
    for number, line in enumerate(examined.lines(examined.project.root / "pyproject.toml"), start=1):
        column = line.find(requirement)
        if column > 0 and line[column - 1] in "\"'":
            return Location("pyproject.toml", number, column + 1, column + 1 + len(requirement))
    return Location("pyproject.toml")
