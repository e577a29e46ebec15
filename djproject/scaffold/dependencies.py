"""Names that belong to the libraries a project depends on, so that its own package does not hide one of them."""

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from djproject.errors import DJProjectError, ProjectError
from djproject.project.names import PACKAGE_HINT, normalized
from djproject.project.opening import read_text

REQUIRED = ("datajoint", "djproject", "numpy", "matplotlib")
TOOLS = """
    ipykernel nbconvert pytest ruff mkdocs mkdocs-material mkdocstrings sphinx furo myst-parser sphinx-autoapi
    setuptools pip wheel
"""
# What pipelines import so often that a package of the same name breaks them one day, installed here or not.
COMMON_IMPORTS = """
    scipy pandas polars xarray sklearn skimage cv2 torch torchvision tensorflow jax keras h5py zarr dask numba sympy
    networkx seaborn plotly bokeh ipywidgets jupyter jupyterlab tqdm requests click rich typer yaml statsmodels pynwb
    spikeinterface allensdk suite2p caiman deeplabcut mne nibabel s3fs fsspec pymysql psycopg2 psycopg boto3 botocore
    docker sqlalchemy pydantic pyarrow snakemake dateutil pytz attr attrs git gitdb jinja2 markupsafe packaging
    pkg_resources pylab mpl_toolkits six dotenv psutil tomlkit prometheus_client autoapi material
"""


def refuse_dependency_names(name: str, package: str, root: Path) -> None:
    """Raise ProjectError where a project or its package has the name of a library that it depends on.

    Parameters
    ----------
    name
        Of the distribution.
    package
        What code will import.
    root
        The project's folder, for the dependencies that its pyproject.toml names already.
    """
    required = _closure((*REQUIRED, *TOOLS.split(), *_declared_dependencies(root / "pyproject.toml")))
    if normalized(name) in required:
        raise ProjectError(
            f"{name!r} is the name of a library that the project depends on, so it cannot be the project's name.",
            hint="djproject init DIRECTORY --name NAME",
        )
    library = _library(package, required)
    if library:
        raise ProjectError(
            f"A package called {package!r} would hide the library {library}, because both are imported by that name.",
            hint=PACKAGE_HINT,
        )


def _library(package: str, required: frozenset[str]) -> str:
    """The library that `import package` means already; empty where there is none."""
    if package in COMMON_IMPORTS.split():
        return package
    if normalized(package) in required:
        return normalized(package)
    if find_spec(package) is None:  # asked first: the list of all installed packages takes half a second
        return ""
    installed = metadata.packages_distributions().get(package, ())
    return next((each for each in installed if normalized(each) in required), "")


@lru_cache(maxsize=8)
def _closure(names: tuple[str, ...]) -> frozenset[str]:
    """These distributions and all that they require, as far as they are installed here."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = normalized(waiting.pop())
        if name not in found:
            found.add(name)
            waiting += _names(line for line in _requirements(name) if "extra ==" not in line)
    return frozenset(found)


def _requirements(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def _declared_dependencies(path: Path) -> list[str]:
    """What `[project]` of a pyproject.toml depends on; nothing where it cannot be read, which is reported elsewhere."""
    try:
        table = tomllib.loads(read_text(path)).get("project", {})
    except (OSError, ValueError, RecursionError, DJProjectError):
        return []
    lines = table.get("dependencies", []) if isinstance(table, dict) else []
    return _names(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else []


def _names(requirements: Iterable[str]) -> list[str]:
    return [match[0] for line in requirements if (match := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line))]
