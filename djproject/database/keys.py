"""Primary keys as text: for people, and as JSON between processes."""

import json
from typing import Any


def key_json(key: dict[str, Any]) -> str:
    """A key as JSON, the same for the same key."""
    return json.dumps(key, default=str, sort_keys=True)


def key_text(key: dict[str, Any]) -> str:
    """A key in one line: `subject_id=1, session_id=2`."""
    return ", ".join(f"{name}={value}" for name, value in key.items())
