"""`djproject down`."""

import os

from djproject.cli import _render
from djproject.cli._options import new_app
from djproject.project.files import state_directory
from djproject.project.location import load_project
from djproject.targets.embedded import EmbeddedServer, stop

app = new_app()


@app.command()
def down() -> None:
    """Stop the embedded database.

    It starts again by itself when it is needed. Programs that use it now lose their connection.

    Example: djproject down
    """
    project = load_project()
    stopped = stop(EmbeddedServer(state_directory(project.root, os.environ)))
    _render.note("The embedded database is stopped." if stopped else "The embedded database was not running.")
