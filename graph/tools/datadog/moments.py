"""Moments as Datadog counts and writes them."""

from datetime import datetime
from typing import Any

from graph.tools.window import Window, iso


def milliseconds(window: Window) -> tuple[int, int]:
    """Start and end of the window in milliseconds since the epoch."""
    return round(window.start.timestamp() * 1000), round(window.end.timestamp() * 1000)


def moment(told: Any) -> str | None:
    """A moment of an answer as ISO 8601 to the second; what is none stays as it is."""
    if not told:
        return None
    try:
        return iso(datetime.fromisoformat(str(told)))
    except (ValueError, OverflowError):
        return str(told)
