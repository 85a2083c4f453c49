"""Memory as JSON lines: one item a line, sorted, for a team to review and to move elsewhere.

A file is untrusted: each line is checked, and what it says is not kept when it would not be kept
of the analyst either.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from graph.codec import canonical, check_nesting, read_json
from graph.errors import NetForgeError
from graph.findings import Baseline, Finding, Insight, Pattern
from graph.memory.item import Item, Kind
from graph.memory.refusal import refusal
from graph.memory.shelf import Place

LINE_LIMIT = 100_000
"""Characters of one line."""
LINES_LIMIT = 200_000


class UnreadableMemory(NetForgeError):
    """A line of a memory file is not an item; says which and why."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Kind
    id: str
    item: dict[str, Any]


def exported(items: Mapping[Place, Item]) -> Iterator[str]:
    """A line for each, in the order of their kinds and keys."""
    for kind, key in sorted(items):
        yield canonical({"kind": kind, "id": key, "item": dict(items[kind, key])})


def imported(lines: Iterable[str]) -> tuple[dict[Place, Item], list[str]]:
    """The items in these lines, and for each that is refused a line that says why.

    Raises UnreadableMemory for a line that is not an item.
    """
    items: dict[Place, Item] = {}
    refused: list[str] = []
    for number, line in enumerate(lines, 1):
        if number > LINES_LIMIT or len(line) > LINE_LIMIT:
            raise UnreadableMemory(f"line {number}: more than a memory file may hold")
        if not line.strip():
            continue
        try:
            value = read_json(line)
            check_nesting(value)
            known = _Line.model_validate(value)
            item = _ITEM.validate_python(known.item, strict=True)
            finding = _finding(known.kind, item)
            _check_time(item["last_confirmed"])
        except (ValueError, ValidationError) as error:
            raise UnreadableMemory(f"line {number}: {_said(error)}") from None
        if why := refusal(finding):
            refused.append(f"line {number}: not kept, {why}")
        else:
            items[known.kind, known.id] = item
    return items, refused


def _finding(kind: Kind, item: Item) -> Finding:
    known = dict(item)
    if kind == "insights":
        return Insight.model_validate(known)
    return (Pattern if kind == "patterns" else Baseline).model_validate(known)


def _check_time(text: str) -> None:
    """Recall reckons with it."""
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"last_confirmed: {text!r} has no time zone")


def _said(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


_ITEM = TypeAdapter(Item)
