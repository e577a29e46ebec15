"""The definition of each table in the pages that AutoAPI makes: an extension of Sphinx, named in conf.py."""

import textwrap
from pathlib import Path
from typing import Any

from djproject.errors import DJProjectError
from djproject.pipeline.source import load_pipeline
from djproject.project.location import load_project
from djproject.views.definition_text import shown_definition


def setup(app: Any) -> dict[str, bool]:
    """Connect to AutoAPI; what Sphinx calls when it loads an extension."""
    definitions = _definitions(Path(str(app.srcdir)))

    def show_definition(app: Any, what: str, name: str, member: Any, skip: bool, options: object) -> bool | None:  # noqa: ARG001
        """Add the definition to a table's text, and hide the attribute; None leaves AutoAPI's choice."""
        table, _, attribute = name.rpartition(".")
        if attribute == "definition" and table in definitions:
            return True
        if what != "class" or name not in definitions:
            return None
        block = f".. code-block:: text\n\n{textwrap.indent(definitions[name], '   ')}\n"
        if block not in member.docstring:
            member.docstring = f"{member.docstring.rstrip() or 'A table.'}\n\n{block}"
        return False

    app.connect("autoapi-skip-member", show_definition)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _definitions(folder: Path) -> dict[str, str]:
    """The definition of each table by the name that Python imports it by; empty outside a project."""
    try:
        project = load_project(folder)
        pipeline = load_pipeline(project)
    except DJProjectError:
        return {}
    return {
        f"{project.package}.{table.full_name}": shown_definition(table.text.value)
        for table in pipeline.tables
        if table.text is not None and table.text.value is not None
    }
