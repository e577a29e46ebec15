"""The one thing a generated package calls when it is imported: DataJoint gets the project's settings."""

import logging
from pathlib import Path

from djproject.errors import DJProjectError
from djproject.project.location import Project
from djproject.project.origin import package_project, this_process
from djproject.targets.choice import Target, load_target, start_target
from djproject.targets.connection import apply_settings

# DataJoint has one configuration and one connection in a process, so a process works for one project.
_configured: list[Path] = []


def configure(package_file: str) -> Target | None:
    """Hand the settings of the project that a package belongs to over to DataJoint, and start its target.

    Called as `configure(__file__)` from the package's `__init__.py`, before any schema module is imported, so
    that the CLI, a notebook, pytest and `python -c "from workflow import subject"` all see the same settings.

    Parameters
    ----------
    package_file
        The `__file__` of the package. The project is the first pyproject.toml about a pipeline found from
        `$DJPROJECT_ROOT`, from there upwards, or (for an installed package) from the current folder upwards. The
        first project that is configured in a process stays; packages it builds on get its settings.

    Returns
    -------
    Target or None
        What was configured; None where no project was found, and DataJoint's own configuration holds.

    Raises
    ------
    DJProjectError
        The package is another project's than the one at work, the configuration is wrong, or the target does not
        start.
    """
    try:
        project = project_of(package_file)
        if project is None:
            return None
        target = load_target(project)
        start_target(target)
    except DJProjectError as error:
        if error.hint:
            error.add_note(f"Next: {error.hint}")
        raise
    if target.ignored:
        logging.getLogger("djproject").warning("Target: %s", target.description)
    apply_settings(target)
    _configured[:] = [project.root]
    return target


def project_of(package_file: str) -> Project | None:
    """The project that a package belongs to or is used by in this process; None where there is none.

    Raises
    ------
    DJProjectError
        The package is another project's than the one at work, or a pyproject.toml is malformed.
    """
    return package_project(package_file, this_process(_configured[0] if _configured else None))
