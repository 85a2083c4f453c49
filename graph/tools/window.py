"""The time a question is about: from a text such as `last 2h` to two moments in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST = timedelta(days=30)
_CLOCK_SKEW = timedelta(minutes=1)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LAST = re.compile(r"(?:last\s+)?(\d{1,5})\s*([mhd])", re.IGNORECASE)
_FORMS = "give 'last 2h' (m, h or d), or START/END in ISO 8601 with a zone; END may be 'now'"


@dataclass(frozen=True)
class Window:
    """Two moments in UTC, the first before the second."""

    start: datetime
    end: datetime

    @classmethod
    def parse(cls, text: str, now: datetime | None = None) -> "Window":
        """The window of `last 2h`, `START/END` or `START/now`.

        Raises ValueError, with the forms it takes, for anything else: a time without a zone,
        one in the future, an end before its start, more than 30 days.
        """
        now = (now or datetime.now(UTC)).replace(microsecond=0)
        if last := _LAST.fullmatch(text.strip()):
            amount, unit = int(last[1]), _UNITS[last[2].lower()]
            window = cls(now - timedelta(**{unit: amount}), now)
        elif "/" in text:
            start, _, end = (part.strip() for part in text.partition("/"))
            window = cls(_moment(start, now), _moment(end, now))
        else:
            raise ValueError(f"{text!r} is no window; {_FORMS}")
        if window.end > now + _CLOCK_SKEW:
            raise ValueError(f"{text!r} ends in the future; it is {iso(now)}")
        if window.start >= window.end:
            raise ValueError(f"{text!r} does not start before it ends")
        if window.end - window.start > LONGEST:
            raise ValueError(f"{text!r} is longer than {LONGEST.days} days")
        return window

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()

    def before(self) -> "Window":
        """The window of the same length that ends where this one starts."""
        return Window(self.start - (self.end - self.start), self.start)

    def __str__(self) -> str:
        return f"{iso(self.start)}/{iso(self.end)}"


def iso(moment: datetime) -> str:
    """The moment as ISO 8601 in UTC, to the second, with a `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _moment(text: str, now: datetime) -> datetime:
    if text.lower() == "now":
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no moment; {_FORMS}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; write it with a Z for UTC")
    return moment.astimezone(UTC)


def _readable(text: str) -> str:
    Window.parse(text)
    return text


WindowText = Annotated[
    str,
    Field(
        description="'last 2h' (m, h, d), or START/END in ISO 8601 with a zone; END may be 'now'"
    ),
    AfterValidator(_readable),
]
"""A tool's argument: a text that Window.parse takes."""
