"""The definition of each table in the pages that mkdocstrings makes: an extension of griffe, named in mkdocs.yml."""

import ast
from typing import Any

import griffe

from djproject.views.definition_text import shown_definition


class Definitions(griffe.Extension):
    """Add each table's definition to its documentation; nothing is imported."""

    def on_class_members(self, *, cls: griffe.Class, **options: Any) -> None:  # noqa: ARG002 (griffe's signature)
        """Read the text of `definition` from the source, and hide the attribute itself."""
        attribute = cls.members.get("definition")
        if not isinstance(attribute, griffe.Attribute) or attribute.value is None:
            return
        try:
            text = ast.literal_eval(str(attribute.value))
        except (ValueError, SyntaxError):
            return
        if not isinstance(text, str):
            return
        docstring = cls.docstring.value if cls.docstring else ""
        cls.docstring = griffe.Docstring(f"{docstring}\n\n```text\n{shown_definition(text)}\n```\n", parent=cls)
        del cls.members["definition"]
