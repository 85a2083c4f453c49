"""What an alert asks for, whoever sent it.

The question and the focus reach a model as our own words, so only what has the shape of a name
or a number goes into them. Everything else that the alert says goes into `alert`, which is
marked as coming from outside.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from graph.untrusted import printable

FOCUS_LIMIT = 20
NAME_LIMIT = 200
VALUE_LIMIT = 500
TEXT_LIMIT = 2000
"""Characters of the alert's free text."""
_NAME = re.compile(r"[A-Za-z0-9_][\w.:/@+-]*", re.ASCII)


@dataclass(frozen=True)
class Alarm:
    """An investigation that an alert asks for."""

    question: str
    focus: tuple[str, ...]
    """Components that the alert is about."""
    alert: dict[str, str]
    """What the alert says, in its own words, cut to size."""
    key: str
    """The same for every delivery of one alert."""
    thread_id: str
    """The same each time the same thing alerts, so that its conversation goes on."""


def plain(text: str, limit: int = VALUE_LIMIT) -> str:
    """The text on one line, in characters that any database takes, cut to the limit."""
    line = printable(text.encode("utf-8", "replace").decode()).strip()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def told(values: Mapping[str, str]) -> dict[str, str]:
    """The values that say something, each cut to size."""
    cut = {name: plain(text) for name, text in values.items()}
    return {name: text for name, text in cut.items() if text}


def name_in(text: str) -> str | None:
    """The text when it has the shape of a name, otherwise None: it could be a sentence."""
    fits = len(text) <= NAME_LIMIT and _NAME.fullmatch(text)
    return text if fits else None


def names(found: Iterable[str]) -> tuple[str, ...]:
    """Those that have the shape of a name, each once, in order, at most FOCUS_LIMIT."""
    fitting = (name for text in found if (name := name_in(text)))
    return tuple(dict.fromkeys(fitting))[:FOCUS_LIMIT]


def key_of(source: str, *parts: str) -> str:
    """A word of bounded length that these parts alone give."""
    return f"webhook:{source}:{sha256(_joined(parts)).hexdigest()}"


def thread_of(source: str, *parts: str) -> str:
    """The thread of what these parts identify."""
    return str(uuid5(NAMESPACE_URL, f"webhook:{source}:{sha256(_joined(parts)).hexdigest()}"))


def _joined(parts: Iterable[str]) -> bytes:
    return "\0".join(part.encode("utf-8", "replace").hex() for part in parts).encode()
