"""What memory holds: insights, patterns and baselines, each with its history.

An item is a JSON object of the store, in the namespace of its kind. What an older version did
not keep is filled in when it is read.
"""

from typing import Any, Literal, NotRequired, cast

from typing_extensions import TypedDict

TAG = "[MiniMax]"
"""In front of what the analyst wrote, wherever it is shown."""
Kind = Literal["insights", "patterns", "baselines"]
KINDS: tuple[Kind, ...] = ("insights", "patterns", "baselines")
MemoryStatus = Literal["open", "acknowledged", "resolved", "retired"]
MARKS_KEPT = 20
TURNS_KEPT = 200
"""What an item remembers of turns, so that one delivered twice is noticed: two entries of a turn in
which it was a hint and found again."""
LINKS_KEPT = 20


class Provenance(TypedDict):
    """Where an item comes from."""

    turn_id: str
    thread_id: str
    """The enrichment's thread."""
    model: str
    prompt_version: str
    at: str
    """ISO 8601, UTC: when the turn was asked."""


class Mark(TypedDict):
    """That somebody changed the status."""

    status: MemoryStatus
    by: str
    at: str


class Item(TypedDict):
    """One thing that was learned. The fields of the finding itself stand beside these."""

    components: list[str]
    evidence: list[str]
    """Ids of the evidence, in the turn of the provenance."""
    recommendation: str
    tag: str
    status: MemoryStatus
    marks: list[Mark]
    provenance: Provenance
    first_confirmed: str
    last_confirmed: str
    """ISO 8601, UTC: when the latest turn was asked that confirmed it."""
    turns: list[str]
    """The latest that changed it; with a verdict after it, a turn in which it was a hint."""
    occurrences: int
    """How often it was found, the first time included."""
    stated: float
    """The confidence that the analyst gave it, 0 to 1."""
    confirmed: int
    """How often it was found again, or live evidence confirmed it as a hint."""
    refuted: int
    """How often live evidence refuted it as a hint, or a finding contradicted it."""
    unused: int
    """How often it was shown as a hint and neither confirmed nor refuted."""
    confidence: float
    """By the rule of `graph.memory.confidence`."""
    contradicts: list[str]
    """Ids of items that it contradicts, or that contradict it."""
    category: NotRequired[str]
    severity: NotRequired[str]
    title: NotRequired[str]
    finding: NotRequired[str]
    type: NotRequired[str]
    description: NotRequired[str]
    trigger: NotRequired[str]
    metric: NotRequired[str]
    typical: NotRequired[float]
    spread: NotRequired[float]
    unit: NotRequired[str]
    window: NotRequired[str]


def text_of(item: Item) -> str:
    """What it says, as one text."""
    if "metric" in item:
        return (
            f"{item['metric']} is typically {item['typical']:g} {item.get('unit', '')} "
            f"(spread {item['spread']:g}, window {item.get('window', '')})"
        )
    return item.get("finding") or item.get("description") or ""


def name_of(item: Item) -> str:
    """What it is called: the title of an insight, the type of a pattern, a baseline's metric."""
    return item.get("title") or item.get("type") or item.get("metric") or ""


def whole(kept: dict[str, Any]) -> Item:
    """The item as it was kept, with what an older version did not keep."""
    stated = kept.get("stated", kept.get("confidence", 0.6))
    times = kept.get("occurrences", 1)
    filled = {**_BLANK, "stated": stated, "confirmed": max(0, times - 1), **kept}
    return cast(Item, filled)


_BLANK: dict[str, Any] = {
    "tag": TAG,
    "status": "open",
    "marks": [],
    "turns": [],
    "occurrences": 1,
    "refuted": 0,
    "unused": 0,
    "confidence": 0.6,
    "contradicts": [],
    "recommendation": "",
}
