"""Differences of two values, line by line, for people."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LINES_LIMIT = 60
CONTEXT = 2
WIDTH = 200


def difference(before: Any, after: Any) -> list[str]:
    """The lines that differ, with their neighbours: `-` as recorded, `+` now."""
    found = list(
        difflib.unified_diff(list(lines(before)), list(lines(after)), n=CONTEXT, lineterm="")
    )[2:]
    shown = [_short(line) for line in found if not line.startswith("@@")]
    cut = len(shown) - LINES_LIMIT
    return [*shown[:LINES_LIMIT], f"[{cut} more lines]"] if cut > 0 else shown


def lines(value: Any, name: str = "") -> Iterator[str]:
    """A JSON-able value as lines, a text with its own line breaks, each with its place."""
    head = f"{name}: " if name else ""
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from lines(value[key], f"{name}.{key}" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for index, part in enumerate(value):
            yield from lines(part, f"{name}[{index}]")
    elif isinstance(value, str):
        for line in value.split("\n"):
            yield f"{head}{line}"
    else:
        yield f"{head}{json.dumps(value, ensure_ascii=False)}"


def _short(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}… [{len(line) - WIDTH} more]"
