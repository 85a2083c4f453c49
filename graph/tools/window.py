"""The time a question is about: from a text such as `last 2h` to two moments in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST = timedelta(days=30)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No source keeps anything that is older, and some fail at the edge of the calendar."""
UNREADABLE = datetime.min.replace(tzinfo=UTC)
_CLOCK_SKEW = timedelta(minutes=1)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LAST = re.compile(r"(?:last\s+)?(\d{1,5})\s*([mhd])", re.IGNORECASE)
_FORMS = "give 'last 2h' (m, h or d), or START/END in ISO 8601 with a zone; END may be 'now'"


@dataclass(frozen=True)
class Window:
    """Two moments in UTC, to the second, the first before the second."""

    start: datetime
    end: datetime

    @classmethod
    def parse(cls, text: str, now: datetime | None = None) -> "Window":
        """The window of `last 2h`, `START/END` or `START/now`.

        Raises ValueError, with the forms it takes, for anything else: a time without a zone,
        one in the future or before EARLIEST, an end before its start, more than 30 days.
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
            raise ValueError(f"{text!r} does not start a second before it ends")
        if window.end - window.start > LONGEST:
            raise ValueError(f"{text!r} is longer than {LONGEST.days} days")
        if window.start < EARLIEST:
            raise ValueError(f"{text!r} starts before the year {EARLIEST.year}")
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
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError(f"{text!r} is no moment; {_FORMS}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; write it with a Z for UTC")
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError(f"{text!r} is at the edge of the calendar") from None


def ordering(text: str) -> datetime:
    """The moment of a source's text, for the order alone; one without a zone is taken as UTC.

    One that cannot be read is UNREADABLE, which is before every other.
    """
    try:
        moment = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return UNREADABLE
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _resolved(text: str) -> str:
    # A tool parses it once more, and must not find it longer because a second has gone by.
    return str(Window.parse(text))


WindowText = Annotated[
    str,
    Field(
        description="'last 2h' (m, h, d), or START/END in ISO 8601 with a zone; END may be 'now'",
        max_length=100,
    ),
    AfterValidator(_resolved),
]
"""A tool's argument: a text that Window.parse takes; what is given is made START/END."""
