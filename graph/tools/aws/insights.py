"""The language of Logs Insights: queries written from plain text, and what their rows say."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from graph.tools.result import table
from graph.tools.series import SERIES_COLUMNS, Series, described
from graph.tools.window import Window
from graph.untrusted import printable

Mode = Literal["patterns", "raw", "count"]
Row = dict[str, str]
LINE_LIMIT = 500
"""Characters of a line or pattern that are shown."""
BINS = (1, 5, 10, 30, 60, 180, 360, 720)
"""Minutes of one count; the least that makes at most BIN_COUNT of them."""
BIN_COUNT = 75
_FEW_BINS = 4
"""Below that many whole bins, those at the ends count too: there is little else."""


def insights(text: str, mode: Mode, time: Window, limit: int) -> str:
    """The query for lines that hold that text, which is a value in it whatever it holds."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    wanted = [f'filter @message like "{escaped}"'] if text else []
    if mode == "raw":
        steps = ["fields @timestamp, @message", *wanted, "sort @timestamp desc", f"limit {limit}"]
    elif mode == "count":
        steps = [*wanted, f"stats count(*) by bin({bin_minutes(time)}m)"]
    else:
        # One more tells that there are more.
        steps = [*wanted, "pattern @message", "sort @sampleCount desc", f"limit {limit + 1}"]
    return " | ".join(steps)


def bin_minutes(time: Window) -> int:
    """How many minutes one count covers."""
    return next((m for m in BINS if time.seconds / 60 / m <= BIN_COUNT), BINS[-1])


def fields(results: Sequence[Sequence[dict[str, str]]]) -> list[Row]:
    """The rows of logs:GetQueryResults as the values by their fields."""
    return [{part.get("field", ""): part.get("value", "") for part in row} for row in results]


def shaped(mode: Mode, rows: Sequence[Row], time: Window, limit: int) -> tuple[Any, str]:
    """The rows as JSON-able data and as text."""
    if mode == "raw":
        return _lines(rows)
    if mode == "count":
        return _counts(rows, time)
    return _patterns(rows, limit)


def _lines(rows: Sequence[Row]) -> tuple[Any, str]:
    lines = [
        {"at": _iso(row.get("@timestamp", "")), "message": _shown(row.get("@message", ""))}
        for row in rows
    ]
    return lines, "\n".join(["at\tmessage", *(f"{x['at']}\t{x['message']}" for x in lines)])


def _patterns(rows: Sequence[Row], limit: int) -> tuple[Any, str]:
    patterns: list[dict[str, Any]] = [
        {
            "count": int(float(row.get("@sampleCount") or 0)),
            "level": row.get("@severityLabel") or None,
            "pattern": _shown(row.get("@pattern", "")),
        }
        for row in rows[:limit]
    ]
    patterns.sort(key=lambda pattern: -pattern["count"])
    lines = []
    if len(rows) > limit:
        # First, because a text that is too long is cut at its end.
        lines.append("[there are further patterns, of fewer lines; ask with a higher limit]")
    lines.append("count\tlevel\tpattern")
    lines += [f"{p['count']}\t{p['level'] or '-'}\t{p['pattern']}" for p in patterns]
    return patterns, "\n".join(lines)


def _counts(rows: Sequence[Row], time: Window) -> tuple[Any, str]:
    """A bin without lines has no row, but it is a count all the same."""
    minutes = bin_minutes(time)
    step = minutes * 60
    counted = {
        int(_moment(value).timestamp()): float(row.get("count(*)") or 0)
        for row in rows
        for field, value in row.items()
        if field.startswith("bin(")
    }
    first = int(time.start.timestamp()) // step * step
    points = [(at, counted.get(at, 0.0)) for at in range(first, int(time.end.timestamp()), step)]
    whole = [(at, n) for at, n in points if _is_whole(at, step, time)]
    left_out = ""
    if _FEW_BINS <= len(whole) < len(points):
        ends = " and ".join(f"{n:g}" for at, n in points if not _is_whole(at, step, time))
        left_out = f"\n[the bins at both ends are not whole; left out of the figures: {ends} lines]"
    row = described(Series(f"lines in {minutes} min", whole if left_out else points))
    return points, f"{table(SERIES_COLUMNS, [row])}{left_out}"


def _is_whole(at: int, step: int, time: Window) -> bool:
    return time.start.timestamp() <= at and at + step <= time.end.timestamp()


def _shown(text: str) -> str:
    line = printable(text)
    cut = len(line) - LINE_LIMIT
    return f"{line[:LINE_LIMIT]} [{cut} more characters]" if cut > 0 else line


def _moment(text: str) -> datetime:
    """Logs Insights writes its times in UTC without saying so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _iso(text: str) -> str:
    """To the millisecond, as a line has it; as it came when it is no time."""
    try:
        moment = _moment(text)
    except ValueError:
        return printable(text)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
