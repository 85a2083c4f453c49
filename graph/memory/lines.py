"""Memory as JSON lines: one item a line, sorted, for a team to review and to move elsewhere.

A line may also hold a finding without a history, `{"kind": "insights", "finding": {...}}`: it is
consolidated like one of the analyst's, and the same line again counts once.

A file is untrusted: each line is checked, and what it says is not kept when it would not be kept
of the analyst either.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from graph.codec import canonical, check_nesting, digest, read_json
from graph.errors import NetForgeError
from graph.findings import Baseline, Finding, Findings, Insight, Pattern
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
    id: str = ""
    item: dict[str, Any] | None = None
    finding: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.item is None) == (self.finding is None) or bool(self.id) != bool(self.item):
            raise ValueError("it has to hold an id and an item, or a finding alone")
        return self


@dataclass
class Imported:
    """What the lines of a file hold."""

    items: dict[Place, Item] = field(default_factory=dict)
    findings: list[tuple[Findings, str]] = field(default_factory=list)
    """Each alone, with what stands for its turn."""
    refused: list[str] = field(default_factory=list)
    """For each that is not kept a line that says why."""


def exported(items: Mapping[Place, Item]) -> Iterator[str]:
    """A line for each, in the order of their kinds and keys."""
    for kind, key in sorted(items):
        yield canonical({"kind": kind, "id": key, "item": dict(items[kind, key])})


def imported(lines: Iterable[str]) -> Imported:
    """What these lines hold. Raises UnreadableMemory for a line that is no item and no finding."""
    found = Imported()
    for number, line in enumerate(lines, 1):
        if number > LINES_LIMIT or len(line) > LINE_LIMIT:
            raise UnreadableMemory(f"line {number}: more than a memory file may hold")
        if not line.strip():
            continue
        try:
            why = _read(line, found)
        except (ValueError, ValidationError) as error:
            raise UnreadableMemory(f"line {number}: {_said(error)}") from None
        if why:
            found.refused.append(f"line {number}: not kept, {why}")
    return found


def _read(line: str, found: Imported) -> str | None:
    """Add what the line holds; why it is not kept, when it is not."""
    value = read_json(line)
    check_nesting(value)
    known = _Line.model_validate(value)
    if known.item is None:
        finding = _MODELS[known.kind].model_validate(known.finding)
        why = refusal(finding)
        if why is None:
            alone = Findings.model_validate({known.kind: [finding]})
            found.findings.append((alone, f"import:{digest([known.kind, known.finding])}"))
        return why
    item = _ITEM.validate_python(known.item, strict=True)
    why = refusal(_MODELS[known.kind].model_validate(dict(item)))
    _check_time(item["last_confirmed"])
    if why is None:
        found.items[known.kind, known.id] = item
    return why


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
_MODELS: dict[Kind, type[Finding]] = {
    "insights": Insight,
    "patterns": Pattern,
    "baselines": Baseline,
}
