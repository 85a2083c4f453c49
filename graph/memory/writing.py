"""Consolidation: a finding confirms the item that says the same, contradicts one, or is new."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from graph.codec import digest
from graph.findings import Finding, Findings
from graph.memory.confidence import confidence
from graph.memory.item import (
    LINKS_KEPT,
    MARKS_KEPT,
    TURNS_KEPT,
    Item,
    Kind,
    Provenance,
    name_of,
    whole,
)
from graph.memory.refusal import sifted
from graph.memory.sameness import sameness
from graph.memory.shelf import Changes, Place, Shelf

STATED = {"low": 0.5, "medium": 0.6, "high": 0.7, "critical": 0.75}
"""What an insight counts as stated with, by its severity: it states no confidence."""
VERDICTS = ("confirmed", "refuted", "unused")
SEEN_LIMIT = 300
"""Items of one component that a finding is compared with, the latest confirmed."""


async def consolidated(
    shelf: Shelf, findings: Findings, provenance: Provenance
) -> tuple[Changes, int]:
    """What these findings change, and how many were refused.

    The same turn again changes nothing.
    """
    kept = sifted(findings)
    changes, refused = Changes(), kept.dropped - findings.dropped
    found: list[tuple[Kind, Finding]] = [
        *(("insights", one) for one in kept.insights),
        *(("patterns", one) for one in kept.patterns),
        *(("baselines", one) for one in kept.baselines),
    ]
    for kind, finding in found:
        await _place(shelf, changes, kind, _new(finding, provenance))
    return changes, refused


def merged(one: Finding, other: Finding) -> bool:
    """Whether two findings of one kind would be one item."""
    first, second = (_new(finding, _NOWHERE) for finding in (one, other))
    return sameness(first, second)[0] == "same"


def learned(item: Item, turn_id: str, verdict: str, at: str) -> Item | None:
    """The item after it was a hint in that turn; None when the turn was counted before."""
    if any(_as_hint(turn_id, known) in item["turns"] for known in VERDICTS):
        return None
    changed = item.copy()
    if verdict == "confirmed":
        changed["confirmed"] += 1
        changed["last_confirmed"] = max(item["last_confirmed"], at)
    elif verdict == "refuted":
        changed["refuted"] += 1
    else:
        changed["unused"] += 1
    return _settled(changed, _as_hint(turn_id, verdict))


async def _place(shelf: Shelf, changes: Changes, kind: Kind, item: Item) -> None:
    """Add what the finding changes."""
    key = digest([kind, name_of(item).lower(), sorted(map(str.lower, item["components"]))])
    known = await _candidates(shelf, changes, (kind, key), item)
    turn_id = item["provenance"]["turn_id"]
    found = {place: sameness(item, other) for place, other in known.items()}
    # What this turn refuted as a hint, it has not found again, however alike it sounds.
    refuted = [place for place, other in known.items() if _was_refuted(other, turn_id)]
    same = {
        place: alike
        for place, (how, alike) in found.items()
        if how == "same" and place not in refuted
    }
    if same:
        place = max(same, key=lambda one: same[one])
        if turn_id not in known[place]["turns"]:
            changes.items[place] = _confirmed(known[place], item)
        return
    if (kind, key) in known:
        key = digest([key, turn_id])
    for place, (how, _) in found.items():
        if how == "opposite":
            item["contradicts"] = [*item["contradicts"], place[1]][-LINKS_KEPT:]
            if turn_id not in known[place]["turns"]:
                changes.items[place] = _contradicted(known[place], key, turn_id)
    changes.items[kind, key] = item


async def _candidates(
    shelf: Shelf, changes: Changes, own: Place, item: Item
) -> Mapping[Place, Item]:
    """Items of the kind that share a component, with what this write has changed of them.

    The one at its own place too, however many came after it: it would be written over.
    """
    kind = own[0]
    lists = await shelf.lists(item["components"])
    places = [
        place for listed in lists.values() for place in [*listed][:SEEN_LIMIT] if place[0] == kind
    ]
    stored = await shelf.some(list(dict.fromkeys([*places, own])))
    written = {place: one for place, one in changes.items.items() if place[0] == kind}
    return {**stored, **written}


def _confirmed(known: Item, found: Item) -> Item:
    turn = found["provenance"]
    changed = known.copy()
    changed["occurrences"] += 1
    # One turn is one observation, also where the item was its hint.
    changed["confirmed"] += _as_hint(turn["turn_id"], "confirmed") not in known["turns"]
    changed["last_confirmed"] = max(known["last_confirmed"], turn["at"])
    if "metric" in found:
        for name in ("typical", "spread", "unit", "window", "evidence", "provenance"):
            changed[name] = found[name]
    if known["status"] == "resolved":
        mark: Any = {"status": "open", "by": "found again", "at": turn["at"]}
        changed["status"] = "open"
        changed["marks"] = [*known["marks"], mark][-MARKS_KEPT:]
    return _settled(changed, turn["turn_id"])


def _was_refuted(item: Item, turn_id: str) -> bool:
    return _as_hint(turn_id, "refuted") in item["turns"]


def _as_hint(turn_id: str, verdict: str) -> str:
    """How an item remembers what became of it as a hint in that turn."""
    return f"{turn_id} {verdict}"


def _contradicted(known: Item, by: str, turn_id: str) -> Item:
    changed = known.copy()
    changed["refuted"] += 1
    changed["contradicts"] = [*known["contradicts"], by][-LINKS_KEPT:]
    return _settled(changed, turn_id)


def _settled(item: Item, turn: str) -> Item:
    item["turns"] = [*item["turns"], turn][-TURNS_KEPT:]
    item["confidence"] = confidence(item["stated"], item["confirmed"], item["refuted"])
    return item


def _new(finding: Finding, provenance: Provenance) -> Item:
    said = finding.model_dump()
    stated = said.pop("confidence", None)
    if stated is None:
        stated = STATED.get(str(said.get("severity")), 0.6)
    known = {
        **said,
        "components": _names(finding.components),
        "provenance": dict(provenance),
        "first_confirmed": provenance["at"],
        "last_confirmed": provenance["at"],
        "turns": [provenance["turn_id"]],
        "stated": stated,
        "confirmed": 0,
        "confidence": confidence(stated, 0, 0),
    }
    return cast(Item, dict(whole(known)))


def _names(names: Sequence[str]) -> list[str]:
    """Each name once, as it was first written."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(name.lower(), name)
    return list(found.values())


_NOWHERE = Provenance(
    turn_id="", thread_id="", model="", prompt_version="", at="1970-01-01T00:00:00.000Z"
)
