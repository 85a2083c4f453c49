"""diff: what two runs did differently."""

import argparse
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from graph.untrusted import printable
from replay.comparing.contrast import Contrast, contrast
from replay.file.source import recording_of
from replay.terminal import say

LINES_SHOWN = 12
"""Lines of one difference; `--json` has more of them."""
PLACES_SHOWN = 4
WIDTH = 100


async def run(arguments: argparse.Namespace) -> int:
    """Compare them and print it; 0 when nothing differs, 1 when something does."""
    one, other = await recording_of(arguments.run), await recording_of(arguments.other)
    found = contrast(one, other)
    if arguments.json:
        say(json.dumps(found))
    else:
        for line in told(found):
            say(line)
    return 0 if found["same"] else 1


def told(found: Contrast) -> Iterator[str]:
    """The contrast for a terminal."""
    for name in ("a", "b"):
        run = found[name]
        came = f"{run['status']} {run['root_cause'] or ''}"
        yield f"{name.upper()}  {run['run_id']}  {run['asked_at'][:19]}Z  {came}".rstrip()
    if found["made_with"]:
        yield "made with, which does not count by itself:"
        yield from _cut(found["made_with"])
    counts = found["counts"]
    if found["same"]:
        yield f"no difference: {counts['same']} exchanges, and what came of them"
    else:
        yield (
            f"{counts['a']} exchanges in A, {counts['b']} in B: {counts['same']} the same, "
            f"{counts['differ']} differ, {counts['moved']} moved, {counts['only_a']} only in A, "
            f"{counts['only_b']} only in B"
        )
    spaced = True
    for entry in found["exchanges"]:
        lines = [*_exchange(entry)]
        detailed = bool(entry["request"] or entry["answer"])
        if spaced or detailed:
            yield ""
        yield from lines
        spaced = detailed
    if found["outcome"]:
        yield ""
        yield "outcome"
        for entry in found["outcome"]:
            yield from _outcome(entry)
    if found["times"]:
        yield ""
        where = ", ".join(dict.fromkeys(found["times"]))
        yield from _wrapped(f"answered the same but for times: {where}", "  ")


def _exchange(entry: Mapping[str, Any]) -> Iterator[str]:
    kind, a, b = entry["kind"], entry["a"], entry["b"]
    status = entry["status"]
    what = f"{entry['exchange']} {entry['asked']}"
    heads = {
        "differ": f"{a}  {what}: {_ways(entry)}",
        "moved": f"{b}  {what}: moved from {a} to {b}",
        "only_a": f"{a}  {what}: only in A, {status['a']}",
        "only_b": f"{b}  {what}: only in B, {status['b']}",
    }
    because = ", ".join(entry["because"][:PLACES_SHOWN])
    if (more := len(entry["because"]) - PLACES_SHOWN) > 0:
        because += f" and {more} more"
    if because and not entry["request"]:
        heads[kind] += f", by what differs at {because}"
    yield from _wrapped(heads[kind], "    ")
    for name in ("request", "answer"):
        if entry[name]:
            yield f"  {name}:"
            yield from _cut(entry[name])
            if name == "request" and because:
                yield from _wrapped(f"    and by what differs at {because}", "    ")


def _ways(entry: Mapping[str, Any]) -> str:
    asked = "asked otherwise" if entry["request"] or entry["because"] else ""
    answered = "answered otherwise" if entry["answer"] else ""
    return " and ".join(filter(None, (asked, answered)))


def _outcome(entry: Mapping[str, Any]) -> Iterator[str]:
    name, short = entry["name"], f"{_short(entry['a'])} → {_short(entry['b'])}"
    uncounted = "" if entry["counts"] else ", which does not count"
    if isinstance(entry["a"] or entry["b"], dict) or "\n" in short:
        yield f"  {name}:"
        yield from _cut(entry["lines"])
    else:
        yield from _wrapped(f"  {name}: {short}{uncounted}", "    ")


def _short(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cut(lines: list[str]) -> Iterator[str]:
    for line in lines[:LINES_SHOWN]:
        yield f"    {line}"
    if len(lines) > LINES_SHOWN:
        yield f"    [{len(lines) - LINES_SHOWN} more lines]"


def _wrapped(line: str, after: str) -> list[str]:
    return textwrap.wrap(
        printable(line), WIDTH, subsequent_indent=after, break_on_hyphens=False, tabsize=1
    )
