"""`stats` of a Logs Insights query: `count(*) as c by bin(5m), @logStream`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from lab.aws.answers.insights_filter import Row, malformed

_ENTRY = re.compile(
    r"\s*(?P<call>[^,()\s]+(?:\([^()]*\))?)(?:\s+as\s+(?P<name>[^\s,]+))?\s*(?:,|$)"
)
_FUNCTION = re.compile(r"(?P<name>\w+)\((?P<inside>[^()]*)\)")
_BIN = re.compile(r"bin\(\s*(?P<number>\d+)\s*(?P<unit>[smhd])\w*\s*\)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_Gather = Callable[[list[Row]], str]


def stats(text: str) -> Callable[[list[Row]], tuple[list[Row], list[str]]]:
    """What gathers rows into groups: the new rows, and the names of their fields.

    Raises Refused (MalformedQueryException) for what the lab cannot compute.
    """
    gathered, *by = re.split(r"\s+by\s+", text, maxsplit=1)
    figures = [(name, _figure(call)) for call, name in _entries(gathered)]
    keys = [(name, _key(call)) for call, name in _entries(by[0])] if by else []
    names = [name for name, _ in keys] + [name for name, _ in figures]

    def gather(rows: list[Row]) -> tuple[list[Row], list[str]]:
        groups: dict[tuple[str, ...], list[Row]] = {} if keys else {(): []}
        for row in rows:
            groups.setdefault(tuple(key(row) for _, key in keys), []).append(row)
        made = [
            dict(zip(names, [*group, *(figure(each) for _, figure in figures)], strict=True))
            for group, each in groups.items()
        ]
        return made, names

    return gather


def _entries(text: str) -> list[tuple[str, str]]:
    """Each call with its name, which is the call itself without `as`."""
    found, place = [], 0
    while place < len(text):
        entry = _ENTRY.match(text, place)
        if entry is None:
            raise malformed(f"cannot read {text[place:]!r}")
        found.append((entry["call"], entry["name"] or entry["call"]))
        place = entry.end()
    return found


def _figure(call: str) -> _Gather:
    function = _FUNCTION.fullmatch(call)
    if function is None:
        raise malformed(f"the lab computes no {call!r}")
    inside = function["inside"].strip()

    def values(rows: list[Row]) -> list[str]:
        return [row[inside] for row in rows if inside in row]

    known: dict[str, _Gather] = {
        "count": lambda rows: str(len(rows if inside in ("", "*") else values(rows))),
        "count_distinct": lambda rows: str(len(set(values(rows)))),
        "min": lambda rows: min(values(rows), default=""),
        "max": lambda rows: max(values(rows), default=""),
        "earliest": lambda rows: _at_end(rows, inside, min),
        "latest": lambda rows: _at_end(rows, inside, max),
    }
    if function["name"] not in known:
        raise malformed(f"the lab computes no {call!r}")
    return known[function["name"]]


def _at_end(rows: list[Row], name: str, end: Callable[..., Row]) -> str:
    return end(rows, key=lambda row: row["@timestamp"]).get(name, "") if rows else ""


def _key(call: str) -> Callable[[Row], str]:
    if bucket := _BIN.fullmatch(call):
        width = int(bucket["number"]) * _SECONDS[bucket["unit"]]
        if not width:
            raise malformed("a bin is not empty")
        return lambda row: _begin(row["@timestamp"], width)
    if "(" in call:
        raise malformed(f"the lab groups by bin(...) or a field, not by {call!r}")
    return lambda row: row.get(call, "")


def _begin(timestamp: str, width_s: int) -> str:
    at = datetime.fromisoformat(timestamp).replace(tzinfo=UTC)
    begin = int(at.timestamp()) // width_s * width_s
    return datetime.fromtimestamp(begin, UTC).strftime("%Y-%m-%d %H:%M:%S.000")
