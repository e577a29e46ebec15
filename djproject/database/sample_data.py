"""The rows of an example project that a person would enter by hand."""

import contextlib
import importlib
import sys

from djproject.errors import ProjectError
from djproject.project.location import Project
from djproject.project.origin import check_origin


def insert_sample_data(project: Project) -> None:
    """Call `insert` of the package's module `sample_data`; the pipeline is loaded already.

    Raises
    ------
    ProjectError
        The package has no such module: it is not an example project.
    """
    name = f"{project.package}.sample_data"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            check_origin(project, name)
            importlib.import_module(name).insert()
    except ModuleNotFoundError as error:
        raise ProjectError(
            f"{project.root} is not an example project: it has no {name}.", hint="djproject demo FOLDER"
        ) from error
