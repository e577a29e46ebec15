"""Packages in projects and installed, and the processes that import them."""

from pathlib import Path

from djproject.project.origin import Process, package_project


def package_file(root: Path, package: str = "workflow") -> str:
    return str(root.joinpath("src", *package.split("."), "__init__.py"))


def process(
    *folders: Path, path: tuple[Path, ...] = (), callers: tuple[str, ...] = (), configured: Path | None = None,
    root: Path | None = None,
) -> Process:  # fmt: skip
    environ = {} if root is None else {"DJPROJECT_ROOT": str(root)}
    return Process(environ, folders, tuple(map(str, path)), callers, configured)


def root_for(file: str, process: Process) -> Path | None:
    project = package_project(file, process)
    return None if project is None else project.root


def install(root: Path, site: Path, package: str = "workflow", owner: str = "") -> str:
    """A copy of a package as pip installs it; its `__init__.py`."""
    folder = site.joinpath(*package.split("."))
    folder.mkdir(parents=True)
    for source in root.joinpath("src", *package.split(".")).glob("*.py"):
        (folder / source.name).write_bytes(source.read_bytes())
    name = owner or root.name
    info = site / f"{name}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (info / "RECORD").write_text(f"{folder.relative_to(site)}/__init__.py,,\n")
    return str(folder / "__init__.py")
