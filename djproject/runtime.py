"""The one thing a generated package calls when it is imported: DataJoint gets the project's settings."""

import logging

from djproject.errors import DJProjectError
from djproject.project.location import find_package_root, load_project
from djproject.targets.choice import Target, load_target, start_target
from djproject.targets.connection import apply_settings


def configure(package_file: str) -> Target | None:
    """Hand the settings of the project that a package belongs to over to DataJoint, and start its target.

    Called as `configure(__file__)` from the package's `__init__.py`, before any schema module is imported, so
    that the CLI, a notebook, pytest and `python -c "from workflow import subject"` all see the same settings.

    Parameters
    ----------
    package_file
        The `__file__` of the package. The project is the first pyproject.toml about a pipeline found from
        `$DJPROJECT_ROOT`, from there upwards, or (for an installed package) from the current folder upwards.

    Returns
    -------
    Target or None
        What was configured; None where no project was found, and DataJoint's own configuration stands.

    Raises
    ------
    DJProjectError
        The configuration is wrong or the target does not start.
    """
    root = find_package_root(package_file)
    if root is None:
        return None
    try:
        target = load_target(load_project(root))
        start_target(target)
    except DJProjectError as error:
        if error.hint:
            error.add_note(f"Next: {error.hint}")
        raise
    if target.ignored:
        logging.getLogger("djproject").warning("Target: %s", target.description)
    apply_settings(target)
    return target
