"""How the stand-in finds out when the trouble began."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.standin.queries import WINDOW, errors_query, latency_query, logs_query
from lab.standin.reading import Result, TurnSoFar, moment
from lab.standin.trail import Trail

_SETTLING = timedelta(minutes=10)
"""What appears so long after the start of a window is new in it."""
_EARLIER = timedelta(hours=1)


@dataclass(frozen=True)
class Moment:
    """When something began, and which evidence shows it in which words."""

    at: datetime
    evidence: str
    shows: str

    def __str__(self) -> str:
        return f"{self.at:%FT%TZ}"


def began(turn: TurnSoFar, trail: Trail, name: str) -> Moment | None:
    """When the calls to that component got worse, else when it or its callers first complained."""
    for query, what in ((latency_query(name), "latency"), (errors_query(name), "number of errors")):
        for result in turn.of("query_metrics", query=query):
            for row in result.rows[:1]:
                at = moment(row.get("onset", ""))
                if at:
                    shows = f"the {what} of {name} changed at {row['onset']}"
                    return Moment(at, result.evidence, shows)
    writers = dict.fromkeys((name, *(edge.source for edge in trail.into(name))))
    told = [(result, row) for writer in writers for result, row in new_errors(turn, writer)]
    if not told:
        return None
    result, row = max(told, key=lambda entry: int(entry[1]["count"]))
    at = moment(row["first"])
    assert at is not None
    return Moment(at, result.evidence, f"new error lines since {row['first']}")


def new_errors(turn: TurnSoFar, writer: str) -> Iterator[tuple[Result, dict[str, str]]]:
    """The kinds of error lines of that component that were not there when the window began.

    Where the oldest lines were not read, the window began with the oldest one that was.
    """
    for result in turn.of("search_logs", query=logs_query(writer), window=WINDOW):
        start = _first_line_of(result)
        for row in _complaints(result):
            at = moment(row["first"])
            if at and start and at > start + _SETTLING:
                yield result, row


def ageless_errors(turn: TurnSoFar, writer: str) -> Iterator[tuple[Result, dict[str, str]]]:
    """The kinds of error lines of which nobody can say whether they are new: too much was cut."""
    for result in turn.of("search_logs", query=logs_query(writer), window=WINDOW):
        start = _first_line_of(result)
        for row in _complaints(result) if result.left_out else []:
            at = moment(row["first"])
            if at and start and at <= start + _SETTLING:
                yield result, row


def earlier_window(result: Result) -> str:
    """The first hour of that result's window."""
    start = moment(result.start)
    return f"{start:%FT%TZ}/{start + _EARLIER:%FT%TZ}" if start else ""


def _complaints(result: Result) -> list[dict[str, str]]:
    return [
        row
        for row in result.rows
        if row.get("level") in ("error", "warn") and row["count"].isdecimal() and "template" in row
    ]


def _first_line_of(result: Result) -> datetime | None:
    if not result.left_out:
        return moment(result.start)
    seen = (moment(row["first"]) for row in result.rows)
    return min((at for at in seen if at), default=None)
