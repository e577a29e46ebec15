"""Durations as people write them."""

import re

DURATION = "90s, 2m or 1h"
DURATION_PATTERN = r"^\s*(\d+(?:\.\d+)?)\s*(s|m|h|)\s*$"


def read_duration(text: str) -> float | None:
    """The seconds that "90", "90s", "2m" or "1h" mean; None for anything else.

    Examples
    --------
    >>> read_duration("1.5h"), read_duration("soon")
    (5400.0, None)
    """
    match = re.match(DURATION_PATTERN, text)
    return float(match[1]) * {"s": 1, "": 1, "m": 60, "h": 3600}[match[2]] if match else None
